/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scheduling points on the real machine: there are none, the CPUs interleave by themselves.
 */
#ifndef HAL_POINT_H
#define HAL_POINT_H

static inline void hal_point(enum hal_point_kind kind, const volatile void *subject)
{
    (void)kind;
    (void)subject;
}

/* Nor are stores kept back but by the CPU itself. */
static inline bool hal_store_kept(volatile void *at, uint64_t value, unsigned size)
{
    (void)at;
    (void)value;
    (void)size;
    return false;
}

static inline bool hal_store_found(const volatile void *at, uint64_t *value)
{
    (void)at;
    (void)value;
    return false;
}

static inline void hal_stores_perform(void)
{
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What hal/point.h is on a machine whose CPUs interleave by themselves: there are no scheduling points, and
 * only the CPU itself keeps stores back. See hal/atomic.h.
 */
#ifndef HAL_NO_POINT_H
#define HAL_NO_POINT_H

static inline void hal_point(enum hal_point_kind kind, const volatile void *subject)
{
    (void)kind;
    (void)subject;
}

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

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scheduling points of the hosted machine: here time passes, interrupts arrive, and another simulated CPU may
 * run. Included by hal/atomic.h, which defines `enum hal_point_kind` first.
 */
#ifndef HAL_POINT_H
#define HAL_POINT_H

/* Out of line on purpose: the machine's state must not be seen by the caller's sanitizer instrumentation. */
void hosted_point(enum hal_point_kind kind);

static inline void hal_point(enum hal_point_kind kind, const volatile void *address)
{
    (void)address;
    hosted_point(kind);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scheduling points of the hosted machine: here time passes, interrupts arrive, and another simulated CPU may
 * run. Included by hal/atomic.h, which defines `enum hal_point_kind` first.
 */
#ifndef HAL_POINT_H
#define HAL_POINT_H

/* `address`: of the word that the operation is on, for the explorer; NULL where there is none. Out of line on
 * purpose: the machine's state must not be seen by the caller's sanitizer instrumentation, and the return
 * address says where in the source the point is. */
void hosted_point(enum hal_point_kind kind, const volatile void *address);

static inline void hal_point(enum hal_point_kind kind, const volatile void *address)
{
    hosted_point(kind, address);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scheduling points on the native machine: there are none, the host's threads interleave by themselves.
 */
#ifndef HAL_POINT_H
#define HAL_POINT_H

static inline void hal_point(enum hal_point_kind kind, const volatile void *subject)
{
    (void)kind;
    (void)subject;
}

#endif

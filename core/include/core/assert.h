/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Assertions say what core's callers owe core. They are never reachable from outside: what a client, a user,
 * a device or a policy can cause is answered by a status, never asserted.
 */
#ifndef CORE_ASSERT_H
#define CORE_ASSERT_H

#include "hal/machine.h"

#define CORE_STRINGIFY_1(x) #x
#define CORE_STRINGIFY(x)   CORE_STRINGIFY_1(x)
#ifdef KEEL_UNCHECKED /* for one benchmark only, see docs/benchmarks.md */
#define CORE_ASSERT(condition) ((void)sizeof(!(condition)))
#else
#define CORE_ASSERT(condition)                                                                               \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            hal_panic(__FILE__ ":" CORE_STRINGIFY(__LINE__) ": " #condition);                                \
        }                                                                                                    \
    } while (0)
#endif

#endif

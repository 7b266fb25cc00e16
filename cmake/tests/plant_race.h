/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two unordered writes, by two of ThreadSanitizer's fibers on one host thread: what two real threads do to
 * each other depends on their timing, and a race that both run at the same instant can escape it. Without
 * ThreadSanitizer there is none.
 */
#ifndef PLANT_RACE_H
#define PLANT_RACE_H

#include <stddef.h>

__attribute__((weak)) void *__tsan_get_current_fiber(void);
__attribute__((weak)) void *__tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void *fiber);
__attribute__((weak)) void __tsan_switch_to_fiber(void *fiber, unsigned flags);

static inline void plant_race(void)
{
    static volatile int shared; /* no compiler leaves them out */
    if (__tsan_create_fiber == NULL) {
        return;
    }
    void *self = __tsan_get_current_fiber();
    void *other = __tsan_create_fiber(0);
    shared++;
    __tsan_switch_to_fiber(other, 1); /* 1: the switch itself orders nothing */
    shared++;
    __tsan_switch_to_fiber(self, 1);
    __tsan_destroy_fiber(other);
}

#endif

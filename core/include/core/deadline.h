/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Deadlines of waiting tasks (core/wait.h), timers (core/timer.h) and interrupt lines (core/irq.h): a heap,
 * the earliest on top, with a place for every one there can be. One lock, taken under a queue's or a line's;
 * only the scheduler's is taken under it. Interrupts are off for all calls.
 */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include "hal/types.h"

enum deadline_kind {
    DEADLINE_WAIT,  /* part of a struct wait_entry: wait_expire, under the lock */
    DEADLINE_TIMER, /* part of a struct timer: timer_expire under the lock, then timer_run without */
    DEADLINE_LINE,  /* part of a struct irq_line: irq_line_ring, without the lock */
};

struct deadline {
    enum deadline_kind kind;
    uint64_t time;  /* in hal_time_now's nanoseconds; fixed while it is in the heap */
    uint32_t place; /* in the heap, plus 1, under the lock; 0: not there */
};

void deadline_init(struct deadline *deadline, enum deadline_kind kind);

/* Boot CPU, once, after the objects. False: no memory. */
bool deadlines_init(void);

/* Puts it in, or at another time, and sets this CPU's timer for it if it is the earliest of all. Answers
 * whether it was in already. */
bool deadline_set(struct deadline *deadline, uint64_t time);
/* Takes it out. Answers whether it was still there. */
bool deadline_remove(struct deadline *deadline);
/* Passes every one whose time has come; answers what this CPU's timer has to be set to for the next one:
 * UINT64_MAX if there is none, or another CPU's timer is. From the timer interrupt. */
uint64_t deadline_expire(uint64_t now);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Timers that call a handler.
 *
 * Handlers run in interrupt context: with interrupts off, on whatever the CPU was doing, one at a time on
 * each CPU. They may make the calls that list irq among their contexts (api/calls.tbl): wake tasks, take
 * spinlocks that keep interrupts off, arm timers again. Guards and locks that a handler does not give back
 * are given back when it returns. It must return to its caller, soon: what it interrupted waits, and so may
 * other CPUs. One that jumps out (longjmp) stops the machine when the task ends in whose place it then runs.
 *
 * E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated below. An
 * armed timer stays, and fires, when its last handle is released. Context of all calls below: task, atomic,
 * irq.
 */
#ifndef KEEL_TIMER_H
#define KEEL_TIMER_H

#include "keel/handle.h"

/* Shorter delays are as long as this, in nanoseconds. */
#define KEEL_TIMER_DELAY_MIN UINT64_C(10000)

struct keel_timer_options {
    /* Function and context must stay valid while the timer lives, and while its handler runs (the pointer
     * rule). */
    void (*handler)(void *context);
    void *context;
};

/* Not armed. Errors: E_INVALID (NULL, handler NULL), E_LIMIT (no free slot). */
keel_status_t keel_timer_create(const struct keel_timer_options *timer_options, keel_timer_t *timer);
keel_status_t keel_timer_ref(keel_timer_t timer);
keel_status_t keel_timer_release(keel_timer_t timer);

/* Fires once, `nanoseconds` from now or soon after; if it was armed, then instead of what it was armed for.
 * Armed by its own handler, or while that runs on another CPU, it may come to run on two CPUs at once. */
keel_status_t keel_timer_arm(keel_timer_t timer, uint64_t nanoseconds);
/* KEEL_OK: it was armed, and does not fire for that. Errors: E_NOT_FOUND (it was not armed, or has fired, and
 * its handler does not run), E_BUSY (it was not armed, and at some moment of the call its handler runs).
 *
 * KEEL_OK says nothing about a handler that runs since before the timer was armed again, and E_BUSY nothing
 * about what that will do. Who wants the handler over for good first keeps everybody from arming the timer,
 * then calls until the answer is E_NOT_FOUND. */
keel_status_t keel_timer_cancel(keel_timer_t timer);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One-shot timers: a handler of the client's, called in interrupt context when the time has come, on the CPU
 * whose timer rang.
 *
 * An armed timer has a reference of its own; when it fires, that is the handler's until it returns. A timer
 * that is armed again while its handler runs may fire on another CPU meanwhile.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "core/deadline.h"
#include "core/object.h"

struct timer {
    struct object object; /* first */
    struct deadline deadline;
    void (*handler)(void *context);
    void *context;
    atomic_u32_t running; /* CPUs that run the handler */
};

/* A handler that arms its timer again must leave room for others between two interrupts. */
#define TIMER_DELAY_MIN UINT64_C(10000)

/* (Not "create": the hosted machine links the C library, which has a function of that name.) E_LIMIT. */
keel_status_t timer_make(void (*handler)(void *context), void *context, uint64_t *handle);
void timer_put(struct timer *timer);
/* To fire `delay` nanoseconds from now, at least TIMER_DELAY_MIN, instead of when it was armed for. E_LIMIT:
 * its references are at their limit. */
keel_status_t timer_arm(struct timer *timer, uint64_t delay);
/* It does not fire any more. E_NOT_FOUND: it was not armed; E_BUSY: nor was it, and its handler runs. */
keel_status_t timer_cancel(struct timer *timer);

/* For core/deadline.c, from the timer interrupt. Its time has come; under the deadlines' lock. */
void timer_expire(struct timer *timer);
/* Calls the handler. */
void timer_run(struct timer *timer);

#endif

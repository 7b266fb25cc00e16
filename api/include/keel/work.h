/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Works: handlers that run soon after they were queued. An interrupt handler does what cannot wait, the top
 * half, and queues a work for the rest, the first bottom half; what has to wait for something belongs in a
 * task, the second (services/work_queue.h).
 *
 * A work runs once for each time it was queued, on the CPU that queued it, in soft context: on top of a
 * task's plain code or of the idle CPU, with interrupts on, one at a time on each CPU, in the order of
 * queueing. Interrupts may come on top of it, tasks not. It may make the calls that list irq among their
 * contexts (api/calls.tbl) and, unlike interrupt handlers, take any spinlock: no work runs while what is
 * below it is in atomic mode or has interrupts off. Guards and locks that it does not give back are given
 * back when it returns. It must return to its caller, soon: no task runs on its CPU meanwhile. One that jumps
 * out (longjmp) stops the machine when the task ends in whose place it then runs.
 *
 * When it runs: queued by a task in plain code, before that call returns; by a task in atomic mode, when that
 * ends; by an interrupt handler, when that has returned and nothing below it is in atomic mode. But works
 * leave time to tasks, whoever queues them, themselves included: after some have run, for as long as they
 * took (at least KEEL_WORK_PAUSE nanoseconds, at most 10 ms) no others come on top of a task, unless that
 * itself queues one or leaves atomic mode.
 *
 * E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated below. A
 * queued work stays, and runs, when its last handle is released. Context of all calls below: task, atomic,
 * irq.
 */
#ifndef KEEL_WORK_H
#define KEEL_WORK_H

#include "keel/handle.h"

#define KEEL_WORK_PAUSE UINT64_C(10000)

struct keel_work_options {
    /* Function and context must stay valid while the work lives, and while its handler runs (the pointer
     * rule). */
    void (*handler)(void *context);
    void *context;
};

/* Not queued. Errors: E_INVALID (NULL, handler NULL), E_LIMIT (no free slot). */
keel_status_t keel_work_create(const struct keel_work_options *work_options, keel_work_t *work);
keel_status_t keel_work_ref(keel_work_t work);
keel_status_t keel_work_release(keel_work_t work);

/* Runs once more, after what this CPU has queued already. Queued while it runs, by itself or anybody, it runs
 * on the same CPU again, after that: a work never runs on two CPUs at once. Errors: E_EXISTS (it is queued
 * already, and has not begun that run: it sees what the caller has done before). */
keel_status_t keel_work_schedule(keel_work_t work);
/* KEEL_OK: it was queued, and does not run for that. Errors: E_NOT_FOUND (it was not queued, or has run, and
 * does not run now), E_BUSY (it was not queued, and at some moment of the call it runs).
 *
 * KEEL_OK says nothing about a run that goes on since before the work was queued again, and E_BUSY nothing
 * about what that will do. Who wants the handler over for good first keeps everybody from queueing the work,
 * then calls until the answer is E_NOT_FOUND; not on top of it, of course: in an interrupt handler that has
 * interrupted the work, or in the work, it is not over. */
keel_status_t keel_work_cancel(keel_work_t work);

#endif

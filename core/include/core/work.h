/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Bottom halves: works, which are handlers of the client's that run soon after they were queued, in soft
 * context: with interrupts on, between interrupts and tasks. Each CPU has a queue, which passes empty:
 *
 *   a pass begins         when a CPU is about to go on with, or is in, a task's plain code or the idle loop:
 *                         after an interrupt, when atomic mode ends, when a task queues a work
 *   and runs              what was queued when it began, one after the other
 *   what is queued later  waits for another pass; the timer is set, so that there is one
 *   tasks have their turn since interrupts begin no pass for a while after one (WORK_PAUSE)
 *
 * Soft context is atomic mode with a list of its own of what is held (core/hold.h): no other pass and no task
 * begins on top of it. Interrupts do, and their handlers have their own list. So at most three of the
 * client's functions stand on a stack: a task's, a work's, an interrupt handler's (T8). No pass begins on top
 * of atomic mode: works may take the spinlocks that interrupt handlers may not.
 *
 * A work is queued at most once, and runs on one CPU at a time:
 *
 *   nowhere         is queued     -> QUEUED
 *   QUEUED          is cancelled  -> nowhere
 *   QUEUED          a pass        -> RUNNING
 *   RUNNING         returns       -> nowhere
 *   RUNNING         is queued     -> RUNNING|QUEUED
 *   RUNNING|QUEUED  is cancelled  -> RUNNING
 *   RUNNING|QUEUED  returns       -> QUEUED
 *
 * With the bits stands the one CPU that they are about. Its queue's lock covers every step; the first one is
 * a compare-and-swap besides, since until then it is no CPU's. What is queued while it runs is queued where
 * it runs. To be queued is a reference, which becomes the handler's.
 */
#ifndef CORE_WORK_H
#define CORE_WORK_H

#include "core/cpu.h"
#include "core/object.h"

struct work {
    struct object object; /* first */
    void (*handler)(void *context);
    void *context;
    atomic_u32_t state;           /* enum work_state's bits, and above them the CPU; 0: nowhere */
    struct work *next, *previous; /* in the queue, under its lock */
    uint64_t number;              /* its place among all that ever were in the queue */
};

enum work_state { WORK_QUEUED = 1u << 0, WORK_RUNNING = 1u << 1 };
#define WORK_CPU_SHIFT 8u

/* After a pass, interrupts begin no other one for as long as it took, within these bounds, in nanoseconds: so
 * tasks have about half of the time, whatever interrupts queue. */
#define WORK_PAUSE     UINT64_C(10000)
#define WORK_PAUSE_MAX UINT64_C(10000000)

/* Boot CPU, once: one of Keel's own, which has no handle and never goes. */
void work_init(struct work *work, void (*handler)(void *context));
/* E_LIMIT. */
keel_status_t work_create(void (*handler)(void *context), void *context, uint64_t *handle);
void work_put(struct work *work);
/* E_EXISTS: it is queued already; E_LIMIT: its references are at their limit. */
keel_status_t work_schedule(struct work *work);
/* It does not run for having been queued. E_NOT_FOUND: it was not queued; E_BUSY: nor was it, and its handler
 * runs. */
keel_status_t work_cancel(struct work *work);

/* A pass, if one may begin here. Interrupts off. */
KEEL_COLD void works_run_pass(void);
/* The same, unless there is a pause since the last one: then when that is over. */
KEEL_COLD void works_run_later_or_now(void);
/* The same on this CPU, `cpu`, if anything is queued: a look at what only it adds to, or another one while a
 * pass runs. */
static inline void works_run(const struct cpu *cpu)
{
    if (atomic_u32_peek(&cpu->works.count) != 0) {
        works_run_pass();
    }
}
/* The same at the end of an interrupt of a task. */
static inline void works_run_after_interrupt(void)
{
    if (atomic_u32_peek(&cpu_this()->works.count) != 0) {
        works_run_later_or_now();
    }
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Choosing and switching. The scheduler's lock makes what the policy is told and what the task states say one
 * thing. The policy's answers are claims: a task is run only if it is RUNNABLE, off every CPU (T1, P1), and
 * may run on this one; a wrong answer is counted and the built-in fallback, first come, first served, chooses
 * instead.
 *
 * A CPU that runs a task ticks. An idle one does not, unless tasks are runnable that nobody runs: it keeps to
 * its part of the deadlines (core/deadline.h) and waits to be kicked.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/audit.h"
#include "core/cpu.h"
#include "core/task.h"
#include "keel/cold.h"

#define SCHED_TICK_NS UINT64_C(10000000)
/* A policy that answers "none" for a CPU at this many of its ticks in a row, while a task is runnable that
 * may run there, has lost it. */
#define SCHED_PATIENCE_TICKS 10u

void sched_init(void);

/* A NEW task becomes RUNNABLE. */
void sched_start(struct task *task);
/* A BLOCKED task becomes RUNNABLE. Who ended its wait calls this, once (core/wait.h). */
void sched_wake(struct task *task);

/* Of a task to which the caller holds a reference. */
void sched_set_priority(struct task *task, uint32_t priority);
/* `affinity`: at least one of its CPUs is online. If the task runs on another one, it leaves that as soon as
 * the CPU takes interrupts; if it is the calling task, here. */
void sched_set_affinity(struct task *task, uint64_t affinity);

/* The calling task, interrupts off, no lock held. */
/* Runs others first. (Not "yield": the hosted machine links the C library, which has a function of that
 * name.) */
void sched_give_way(void);
/* Its state is BLOCKED|ON already, unless a wake came in between. */
void sched_block(void);
/* Its state is DEAD|ON already. */
_Noreturn void sched_exit(void);

/* The second half of every switch, on the stack of the task that was switched to. Interrupts off; the
 * scheduler's lock is held, and released here. */
void sched_tail(void);
/* Switches, if a task runs that may be switched away from. Interrupts off. */
KEEL_COLD void sched_preempt_now(void);
/* The same on this CPU, `cpu`, if it was asked to. */
static inline void sched_preempt(const struct cpu *cpu)
{
    if (atomic_u32_load_relaxed(&cpu->resched) != 0) {
        sched_preempt_now();
    }
}
/* The timer interrupt's part. */
void sched_tick(void);
/* The idle context of this CPU. Interrupts off. */
_Noreturn void sched_idle(void);

/* The scheduler's lock, which the policy's functions run under. */
bool sched_lock(void);
void sched_unlock(bool interrupts);
/* For injection: every idle CPU asks the policy, and so makes itself known. */
void sched_kick_all_idle(void);
/* Calls `step` for every RUNNABLE task that is queued; under the lock: for injection. */
void sched_for_each_queued(void (*step)(struct task *task));
/* The audit's part: what can be picked (T1, T9). */
void sched_audit(audit_report_t *report);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Choosing and switching. The scheduler's lock makes what the policy is told and what the task states say one
 * thing. The policy's answers are claims: a task is run only if it is RUNNABLE and off every CPU (T1, P1); a
 * wrong answer is counted and the built-in fallback, a round-robin scan over the task slots, chooses instead.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/task.h"

#define SCHED_TICK_NS UINT64_C(10000000)
/* A policy that answers "none" this many times in a row at ticks of idle CPUs while tasks are runnable has
 * lost them. */
#define SCHED_PATIENCE_TICKS 10u

void sched_init(void);

/* A NEW task becomes RUNNABLE. */
void sched_start(struct task *task);
/* A BLOCKED task becomes RUNNABLE. Who ended its wait calls this, once (core/wait.h). */
void sched_wake(struct task *task);

/* The calling task, interrupts off, no lock held. */
/* Runs others first. (Not "yield": the hosted machine links the C library, which has a function of that
 * name.) */
void sched_give_way(void);
/* Its state is BLOCKED|ON already, unless a wake came in between. */
void sched_block(void);
/* Its state is DEAD|ON already. */
_Noreturn void sched_exit(void);

/* The second half of every switch, on the stack of the task that was switched to. Interrupts off. */
void sched_tail(void);
/* Switches if this CPU was asked to. Interrupts off. */
void sched_preempt(void);
/* The timer interrupt's part. */
void sched_tick(void);
/* The idle context of this CPU. Interrupts off. */
_Noreturn void sched_idle(void);

/* The scheduler's lock, which the policy's functions run under. */
bool sched_lock(void);
void sched_unlock(bool interrupts);
/* Calls `step` for every RUNNABLE task that is queued; under the lock: for injection. */
void sched_for_each_queued(void (*step)(struct task *task));

#endif

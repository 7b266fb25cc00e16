/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Atomic mode: a task that holds a guard, or a spinlock (keel/spinlock.h), stays on its CPU and is not
 * preempted. In atomic mode a call that may have to wait answers E_CONTEXT, whether or not it would have had
 * to (T2); api/calls.tbl says which calls are left.
 *
 * A guard is the calling task's own, or the handler's. Guards may be released in any order; another
 * task's, and one that was released, is E_BAD_HANDLE. Interrupts come back when nothing is left that keeps
 * them off (T5). What a task still holds when it exits is released; so is what an interrupt handler or a
 * work returns with, and what a page-fault handler does; the access that that served fails.
 *
 * A task that stays in atomic mode for long keeps its CPU from all others; with interrupts off it may keep
 * other CPUs waiting, unless it spins with keel_cpu_relax.
 *
 * A task can hold KEEL_HOLDS_MAX guards and locks of all kinds together. Context of all calls below: task,
 * atomic, irq.
 */
#ifndef KEEL_GUARD_H
#define KEEL_GUARD_H

#include "keel/handle.h"

#define KEEL_HOLDS_MAX 32u

/* No preemption while the guard is held. Errors: E_LIMIT (KEEL_HOLDS_MAX; or this CPU has given 2^50 guards),
 * E_INVALID. */
keel_status_t keel_preempt_disable(keel_guard_t *guard);
/* The same, and no interrupts on this CPU. */
keel_status_t keel_irq_disable(keel_guard_t *guard);
/* Errors: E_BAD_HANDLE (no guard of the calling task). */
keel_status_t keel_guard_release(keel_guard_t guard);

#endif

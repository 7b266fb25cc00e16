/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Spinlocks: for what is short, and for data that interrupt handlers touch. Who holds one, alone or shared
 * with others (a reader-writer lock), is in atomic mode (keel/guard.h). CPUs that wait queue up, readers and
 * writers alike, and are served in order.
 *
 * Locks may be released in any order, by the task or handler that took them. An interrupt handler can take
 * only locks made with KEEL_SPINLOCK_IRQ_OFF; others, whose holder it may have interrupted, are E_CONTEXT. A
 * work (keel/work.h) can take them: none runs on top of who holds one. On an error of the locking calls the
 * caller is not in atomic mode by it. CPUs that take each other's locks in the wrong order and would wait for
 * ever do not: one of them, or more, gets E_BUSY.
 *
 * E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated below. A
 * locked spinlock whose last handle is released stays, and stays locked until its holder exits or returns (a
 * handle that is closed unlocks nothing). Context of all calls below: task, atomic, irq.
 */
#ifndef KEEL_SPINLOCK_H
#define KEEL_SPINLOCK_H

#include "keel/guard.h"

/* Interrupts are off on a CPU that holds the lock, or waits for it. */
#define KEEL_SPINLOCK_IRQ_OFF 1u

/* `flags`: 0 or KEEL_SPINLOCK_IRQ_OFF. Errors: E_INVALID, E_LIMIT (no free slot). */
keel_status_t keel_spinlock_create(uint32_t flags, keel_spinlock_t *spinlock);
keel_status_t keel_spinlock_ref(keel_spinlock_t spinlock);
keel_status_t keel_spinlock_release(keel_spinlock_t spinlock);

/* Alone. Errors: E_BUSY (the caller holds it already, or see above), E_LIMIT (KEEL_HOLDS_MAX). */
keel_status_t keel_spinlock_lock(keel_spinlock_t spinlock);
/* The same without waiting. Errors: E_BUSY, E_LIMIT. */
keel_status_t keel_spinlock_try_lock(keel_spinlock_t spinlock);
/* Shared with others who take it so. */
keel_status_t keel_spinlock_lock_shared(keel_spinlock_t spinlock);
keel_status_t keel_spinlock_try_lock_shared(keel_spinlock_t spinlock);
/* Errors: E_DENIED (the caller does not hold it). */
keel_status_t keel_spinlock_unlock(keel_spinlock_t spinlock);

#endif

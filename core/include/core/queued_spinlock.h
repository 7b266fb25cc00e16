/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The spinlock of the clients (keel/spinlock.h), for one or, shared, for many CPUs. Who finds it taken queues
 * up and spins on a word of its own; who releases it hands it over, in order. (Core's own lock is
 * core/spinlock.h.)
 *
 * A CPU that spins can be waited for by others: it serves flushes and stands still when the machine does
 * (spin_turn). CPUs that wait for each other's locks in a circle would spin for ever: one that finds the
 * circle leaves the queue.
 *
 * Holders are CPUs: who holds a spinlock stays on its CPU (core/hold.h).
 */
#ifndef CORE_QUEUED_SPINLOCK_H
#define CORE_QUEUED_SPINLOCK_H

#include "core/object.h"
#include "core/spinlock.h"

struct hold;
struct spin_waiter;

struct queued_spinlock {
    struct object object; /* first */
    bool irq_off;         /* interrupts are off while it is held or waited for */
    struct spinlock lock; /* over the rest */
    bool shared;          /* how its holders hold it */
    atomic_u64_t holders; /* bit mask of CPUs; others may look */
    struct spin_waiter *head, *tail;
};

void queued_spinlock_init(void);

/* E_LIMIT. */
keel_status_t queued_spinlock_create(bool irq_off, uint64_t *handle);
void queued_spinlock_put(struct queued_spinlock *lock);
/* On success the caller's reference is the hold's, until it is unlocked. E_BUSY: the caller holds it, or
 * would wait for ever, or with `try`, would wait; E_LIMIT: HOLDS_MAX; E_CONTEXT: the caller is an interrupt
 * handler, and the lock does not keep interrupts off. */
keel_status_t queued_spinlock_lock(struct queued_spinlock *lock, bool shared, bool try);
/* `hold` is the caller's own. */
void queued_spinlock_unlock(struct hold *hold);

/* While a handler runs, which does not stand in the circles of what it interrupted. */
uint64_t spin_hide(void);
void spin_unhide(uint64_t lock);

/* One turn of a spin-wait of the clients', with interrupts on or off. */
void spin_turn(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What running code holds until it gives it back: guards, spinlocks, mutexes. A task has one such list, and
 * each CPU one for its interrupt handlers and one for its works. An entry can be given back by the code whose
 * list it is in and by nobody else, in any order, and once (T5); what is left when the task exits, or the
 * handler returns, is given back by Keel.
 *
 * Entries other than mutexes keep the holder in atomic mode: it stays on its CPU and may not wait (T2). The
 * CPU's word then says CONTEXT_ATOMIC, so that the check of contexts that every call makes refuses those that
 * may have to wait. Entries that keep interrupts off are counted apart, so that none comes on early, whatever
 * the order.
 *
 * The code whose list it is changes it, with interrupts off; but who hands a mutex over puts it into the list
 * of the task that waits, before waking it (core/mutex.h).
 */
#ifndef CORE_HOLD_H
#define CORE_HOLD_H

#include "core/spinlock.h"
#include "keel/status.h"

struct task;

#define HOLDS_MAX 32u

enum hold_kind {
    HOLD_GUARD,
    HOLD_GUARD_RCU, /* a read section (core/rcu.h) */
    HOLD_SPINLOCK,
    HOLD_SPINLOCK_SHARED,
    HOLD_MUTEX,
    HOLD_MUTEX_SHARED,
};

struct hold {
    enum hold_kind kind;
    bool irq_off;   /* it keeps interrupts off */
    void *object;   /* the lock */
    uint64_t token; /* of a guard */
};

struct holds {
    uint32_t count;
    uint32_t atomic;  /* of them, those that make the mode atomic */
    uint32_t irq_off; /* of them, those that keep interrupts off */
    struct hold entries[HOLDS_MAX];
};

/* Guards are named by the CPU that they were taken on and a number that the CPU uses once. */
#define GUARD_NUMBER_BITS 50u

void holds_init(struct holds *holds);

/* All below: of the code that runs. */

/* Its list. A task may move to another CPU meanwhile: the list stays its own. NULL: the idle context. */
struct holds *holds_current(void);

/* Preemption off; interrupts off as well; an RCU read section as well. E_LIMIT: HOLDS_MAX, or the CPU has no
 * number left. */
keel_status_t guard_take(uint64_t *token);
keel_status_t guard_take_irq_off(uint64_t *token);
keel_status_t guard_take_rcu(uint64_t *token);
/* NULL: it has none of that name. */
struct hold *guard_find(uint64_t token);
void guard_release(struct hold *guard);

/* The parts of locking. Interrupts are off for those that change something.
 *
 * How it holds the lock, alone or shared; NULL: it does not. */
struct hold *hold_find(struct holds *holds, const void *object);
bool holds_full(const struct holds *holds);
struct hold *hold_add(struct holds *holds, enum hold_kind kind, bool irq_off, void *object);
void hold_remove(struct holds *holds, struct hold *hold);

/* Gives back what makes the mode atomic, and answers whether there was anything. */
bool holds_release_atomic(void);
/* The task exits: gives back everything. */
void holds_release_all(void);

#endif

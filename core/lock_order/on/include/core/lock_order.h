/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The order in which clients take their locks: finds deadlocks that have not happened (yet). In builds
 * without KEEL_LOCK_ORDER, core/lock_order/off has functions of the same names that do nothing.
 *
 * A graph over spinlocks and mutexes, named by their handles: an edge A -> B says that code which held A was
 * ready to wait for B. A lock that has ended is in no way through the graph, and the next one in its slot has
 * another name. When an edge closes a circle, a few warnings in the log say who made which edge; that
 * happens once for each edge. The call goes on: a wrong order is its client's affair.
 *
 *   - Who tries, or waits for no time, makes no edge to what it tries for; what it got is held like any
 *     other lock.
 *   - Shared or alone makes no difference: who wants to share a lock waits behind those who want it alone
 *     and they for those who share it. Who upgrades a mutex waits for those who share it with him.
 *   - Each kind of lock has its own graph: who holds a spinlock never waits for a mutex (T2), so no circle
 *     goes over both.
 *   - Who holds a lock that handlers take has interrupts off (KEEL_SPINLOCK_IRQ_OFF, or E_CONTEXT), so no
 *     handler waits for what it interrupted. But what it waits for, the interrupted task waits for with it:
 *     edges go from the task's spinlocks, too, if the interrupt does come while it holds them.
 */
#ifndef CORE_LOCK_ORDER_H
#define CORE_LOCK_ORDER_H

#include "core/hold.h"
#include "core/object.h"

void lock_order_init(void);

/* `holds` is the list of the code that runs, which is about to make `call`: to wait for `wanted`, an
 * OBJECT_SPINLOCK or OBJECT_MUTEX on which it has a reference. No lock of core's is held. */
void lock_order_note(const struct holds *holds, enum object_kind kind, const struct object *wanted,
                     const char *call);

/* Circles reported so far. False: nobody looks for them. */
bool lock_order_count(uint64_t *count);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The lock of core: a fair ticket lock that keeps interrupts off while it is held, so a holder is never
 * preempted and an interrupt handler may take it.
 *
 * Lock order, outermost first; no lock is taken while a later one is held:
 *
 *   [range] -> frame allocator -> (allocator policy) -> console
 *   [range] -> wait queue -> deadlines -> scheduler -> (scheduler policy) -> console
 *   deadlines alone, for timers
 *   interrupt line -> deadlines; interrupt line -> interrupt controller (core/irq.c)
 *   messages (core/pci_message.c) -> interrupt line -> PCI; messages -> PCI
 *   order of the clients' locks -> console (core/lock_order.c, in builds that look at it)
 *   list; kernel window; a client's spinlock's queue; retired handles; a CPU's works (nothing is taken under
 *   them)
 *   [range] -> ranges of I/O memory (core/io_memory.c; nothing is taken under it); those of ports likewise
 *   domain (core/domain.h) -> PCI (core/pci.c); domain -> remapping hardware (core/iommu.c)
 *   a class's kept slabs (core/slab.c), alone; (slab policy) with no lock of Keel's
 *
 * Nobody waits for another CPU's flush (core/tlb.h) while holding any of them, or switches context, but with
 * the scheduler's. Range locks (core/range.h) are no spinlocks: who holds one may be preempted and may flush,
 * and who waits for one lets other tasks run.
 */
#ifndef CORE_SPINLOCK_H
#define CORE_SPINLOCK_H

#include "hal/atomic.h"
#include "hal/cpu.h"
#include "keel/cold.h"

struct spinlock {
    atomic_u32_t next_ticket;
    atomic_u32_t serving;
};

static inline void spinlock_init(struct spinlock *lock)
{
    atomic_u32_init(&lock->next_ticket, 0);
    atomic_u32_init(&lock->serving, 0);
}

/* Until the lock serves the ticket. Interrupts are off. */
KEEL_COLD void spinlock_wait(const struct spinlock *lock, uint32_t ticket);

/* Where interrupts are off anyway. */
static inline void spinlock_acquire_irq_off(struct spinlock *lock)
{
    uint32_t ticket = atomic_u32_fetch_add(&lock->next_ticket, 1);
    if (atomic_u32_load_acquire(&lock->serving) != ticket) {
        spinlock_wait(lock, ticket);
    }
}

/* Answers whether interrupts were on, for spinlock_release. */
static inline bool spinlock_acquire(struct spinlock *lock)
{
    bool interrupts = hal_irq_disable();
    spinlock_acquire_irq_off(lock);
    return interrupts;
}

/* Releases the lock and leaves interrupts off. */
static inline void spinlock_release_irq_off(struct spinlock *lock)
{
    uint32_t ticket = atomic_u32_peek(&lock->serving);
    atomic_u32_store_release(&lock->serving, ticket + 1);
}

static inline void spinlock_release(struct spinlock *lock, bool interrupts)
{
    spinlock_release_irq_off(lock);
    hal_irq_restore(interrupts);
}

#endif

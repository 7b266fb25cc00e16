/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tickets of flushes (hal/iommu.h), whoever made the remapping units: each is posted to all of them with its
 * ticket, and done when all of them say so. A ticket may be done only if all that was posted with it was.
 *
 * Tickets are given out one at a time, with the lock, and looked at by anybody at any moment. When a unit
 * does not start over they are lost: those that were done then are done, and no other one will ever be.
 */
#ifndef HAL_REMAP_TICKETS_H
#define HAL_REMAP_TICKETS_H

#include "hal/atomic.h"
#include "hal/cpu.h"

struct remap_tickets {
    atomic_u32_t locked;
    atomic_u64_t last;
    atomic_u32_t lost;
    atomic_u64_t lost_done; /* the last one that was done */
};

static inline void remap_tickets_begin(struct remap_tickets *tickets)
{
    atomic_u32_init(&tickets->locked, 0);
    atomic_u64_init(&tickets->last, 0);
    atomic_u32_init(&tickets->lost, 0);
    atomic_u64_init(&tickets->lost_done, 0);
}

static inline void remap_tickets_lock(struct remap_tickets *tickets)
{
    while (atomic_u32_exchange(&tickets->locked, 1) != 0) {
        hal_cpu_relax();
    }
}

static inline void remap_tickets_unlock(struct remap_tickets *tickets)
{
    atomic_u32_store_release(&tickets->locked, 0);
}

static inline uint64_t remap_tickets_next(struct remap_tickets *tickets)
{
    const uint64_t ticket = atomic_u64_peek(&tickets->last) + 1;

    atomic_u64_store_release(&tickets->last, ticket);
    return ticket;
}

static inline bool remap_tickets_are_lost(const struct remap_tickets *tickets)
{
    return atomic_u32_load_acquire(&tickets->lost) != 0;
}

/* `done`: the last ticket that every unit is done with. */
static inline void remap_tickets_lose(struct remap_tickets *tickets, uint64_t done)
{
    if (!remap_tickets_are_lost(tickets)) {
        atomic_u64_store_relaxed(&tickets->lost_done, done);
        atomic_u32_store_release(&tickets->lost, 1);
    }
}

#endif

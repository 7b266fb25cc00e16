/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Range locks: who may edit which page tables of a space (A3). There is one lock a table, in its frame's
 * metadata, and no lock a space, so that edits of disjoint ranges run in parallel.
 *
 * Locking a range locks the lowest table that covers it whole, and then, table by table in ascending order,
 * every table below that serves a part of it. Whoever edits overlapping ranges meets at one table at
 * least: of two covering tables on one path, one lies below the other or is it. Nobody waits upwards, so
 * waiting never closes a circle.
 *
 * The descent to the covering table takes no lock. It runs with interrupts off and a mark that says under
 * which root this CPU walks; who takes a table off its link frees it only when no CPU walks under that root
 * any more (range_wait_for_walks). Such a stray table stays locked until it is free, so a walk that still
 * comes to it fails to lock it and begins again at the root.
 *
 *   FREE     linked, nobody edits it
 *   HELD     an operation in progress edits it, or has taken it off its link; others wait
 *   KEPT     a client's cursor keeps it between its calls, as long as it likes; others get E_BUSY
 */
#ifndef CORE_RANGE_H
#define CORE_RANGE_H

#include "core/space.h"
#include "hal/mmu.h"

struct range {
    struct space *space;
    uint64_t start, end; /* whole pages of the user half */
    hal_paddr_t cover;   /* the lowest table that covers them, of `level` */
    struct frame *frame; /* the cover's */
    unsigned level;
    enum table_lock lock; /* how its tables are locked: HELD or KEPT */
};

/* The lowest level whose tables can cover the range. */
unsigned range_level(uint64_t start, uint64_t end);

/* Locks [start, end) of the space, with a covering table of `level_min` or higher. The calling task may be
 * preempted and may wait. E_BUSY: a cursor keeps some of the tables; nothing is locked. */
keel_status_t range_lock(struct range *range, struct space *space, uint64_t start, uint64_t end,
                         unsigned level_min);
void range_unlock(struct range *range);
/* Makes the tables on the way from the covering table to the lowest one that could cover the range, which
 * becomes it. E_NO_MEMORY: as before. */
keel_status_t range_narrow(struct range *range);
/* HELD becomes KEPT: between calls. */
void range_keep(struct range *range);

/* Is the covering table empty, and not the root? */
bool range_is_bare(const struct range *range);

/* The entry that translates `va` or says that nothing does, without any lock: it was there at some moment of
 * the call. Where the size of a page is changing, it waits the moment that this takes; interrupts on. */
uint64_t range_look(struct space *space, uint64_t va, struct hal_pte_slot *slot);

/* Returns when every walk under the space's root that was going on has ended; those that begin meanwhile are
 * not waited for. */
void range_wait_for_walks(const struct space *space);

#endif

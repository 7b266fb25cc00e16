/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the mapping operations share: arithmetic on entries of locked tables, and walking through them.
 */
#ifndef TABLE_ENTRIES_H
#define TABLE_ENTRIES_H

#include "core/pagetable.h"
#include "core/range.h"

/* First address that the entry for `va` in a table of `level` translates. */
static inline uint64_t entry_base(uint64_t va, unsigned level)
{
    return va & ~(hal_pt_span(level) - 1);
}

/* Where the entry for `va` ends, or `end` if that comes first. */
static inline uint64_t entry_end(uint64_t va, unsigned level, uint64_t end)
{
    uint64_t next = entry_base(va, level) + hal_pt_span(level);
    return next < end ? next : end;
}

/* Does all that the entry for `va` translates lie in the range? */
static inline bool entry_is_whole(const struct range *range, uint64_t va, unsigned level)
{
    uint64_t base = entry_base(va, level);
    return base >= range->start && base + hal_pt_span(level) <= range->end;
}

static inline struct hal_pte_slot entry_slot(const struct range *range, hal_paddr_t table, unsigned level,
                                             uint64_t va)
{
    return (struct hal_pte_slot){.root = range->space->root, .table = table, .va = va, .level = level};
}

/* The CPU sets these whenever it likes. */
#define ENTRY_STICKY (HAL_PTE_ACCESSED | HAL_PTE_DIRTY)

static inline struct frame *entry_frame(uint64_t entry)
{
    return frame_at(hal_frame_number(hal_pte_target(entry)));
}

/* Pages that one leaf of `level` maps. */
static inline uint64_t entry_pages(unsigned level)
{
    return hal_pt_span(level) >> HAL_PAGE_SHIFT;
}

/* Writes an entry; accessed and dirty bits that a CPU set in the one before, meanwhile, come along, but for
 * `clear`. */
static inline void entry_replace(const struct hal_pte_slot *slot, uint64_t entry, uint64_t clear)
{
    uint64_t late;
    do {
        late = hal_pte_exchange(slot, entry) & ENTRY_STICKY & ~clear & ~entry;
        entry |= late;
    } while (late != 0); /* at most once for each of the bits */
}

/* First half of the change from one page size to another: the entry is not present and no CPU knows it any
 * more (A2). The other half is to write what follows it, before interrupts are on again, so that whoever
 * waits for it waits for a running CPU. Answers the entry with all the marks that CPUs made in it. Interrupts
 * off. */
static inline uint64_t entry_begin_change(const struct range *range, const struct hal_pte_slot *slot,
                                          uint64_t entry)
{
    uint64_t base = entry_base(slot->va, slot->level);
    entry_replace(slot, hal_pte_changing(entry), 0);
    space_flush(range->space, base, base + hal_pt_span(slot->level));
    return entry | (hal_pte_load(slot) & ENTRY_STICKY);
}

/* --- The entries of a table that stand for something in a range --- */

struct entries {
    const struct range *range;
    struct hal_pte_slot slot; /* of the entry that entries_next answered */
    uint64_t base;            /* what entry 0 of the table translates */
    unsigned index, end;
};

/* Those of the covering table, of `level`. */
static inline struct entries entries_of_cover(const struct range *range, unsigned level)
{
    uint64_t base = entry_base(range->start, level + 1);
    return (struct entries){.range = range,
                            .slot = entry_slot(range, range->cover, level, base),
                            .base = base,
                            .index = hal_pt_index(range->start, level),
                            .end = hal_pt_index(range->end - 1, level) + 1};
}

/* Those of the table that `entry`, the current one, links. */
static inline struct entries entries_below(const struct entries *entries, uint64_t entry)
{
    const struct range *range = entries->range;
    unsigned level = entries->slot.level - 1, shift = HAL_PAGE_SHIFT + 9 * level;
    uint64_t base = entry_base(entries->slot.va, entries->slot.level);
    uint64_t end = ((range->end - 1 - base) >> shift) + 1;
    return (struct entries){.range = range,
                            .slot = entry_slot(range, hal_pte_target(entry), level, base),
                            .base = base,
                            .index = range->start > base ? (unsigned)((range->start - base) >> shift) : 0,
                            .end = end < HAL_PT_ENTRIES ? (unsigned)end : HAL_PT_ENTRIES};
}

/* The next entry that is not empty; 0: there is none. */
static inline uint64_t entries_next(struct entries *entries)
{
    hal_paddr_t table = entries->slot.table;
    unsigned i = entries->index;
    uint64_t entry = i < entries->end ? hal_table_peek(table, i) : 0;
    if (entry == 0 && i < entries->end) { /* a hole, of which there are few or large ones */
        i = hal_table_next(table, i + 1, entries->end);
        entry = i < entries->end ? hal_table_peek(table, i) : 0;
    }
    entries->index = i + 1;
    entries->slot.va = entries->base + i * hal_pt_span(entries->slot.level);
    return entry;
}

/* Those of a lowest table, for entries_next_lowest: in a copy of the caller's own, which compilers keep in
 * registers. */
static inline struct entries entries_lowest(const struct entries *entries)
{
    struct entries lowest = *entries;
    lowest.slot.level = 0;
    return lowest;
}

/* The same in a lowest table: what bulk operations spend their time with. */
static inline uint64_t entries_next_lowest(struct entries *entries)
{
    uint64_t entry = 0;
    while (entry == 0 && entries->index < entries->end) {
        entries->slot.va = entries->base + entries->index * HAL_PAGE_SIZE;
        entry = hal_table_peek(entries->slot.table, entries->index++);
    }
    return entry;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See table_entries.h.
 */
#include "table_entries.h"

static struct entries entries_of(const struct range *range, hal_paddr_t table, unsigned level, uint64_t base)
{
    unsigned shift = HAL_PAGE_SHIFT + 9 * level;
    uint64_t end = ((range->end - 1 - base) >> shift) + 1;
    return (struct entries){.range = range,
                            .slot = entry_slot(range, table, level, base),
                            .base = base,
                            .index = range->start > base ? (unsigned)((range->start - base) >> shift) : 0,
                            .end = end < HAL_PT_ENTRIES ? (unsigned)end : HAL_PT_ENTRIES};
}

struct entries entries_of_cover(const struct range *range)
{
    return entries_of(range, range->cover, range->level, entry_base(range->start, range->level + 1));
}

struct entries entries_below(const struct entries *entries, uint64_t entry)
{
    return entries_of(entries->range, hal_pte_target(entry), entries->slot.level - 1,
                      entry_base(entries->slot.va, entries->slot.level));
}

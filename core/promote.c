/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Promotion: one large leaf in the place of a table full of neighbours, see core/mapping.h.
 */
#include "core/mapping.h"

#include "hal/cpu.h"
#include "table_entries.h"

/* Do the leaves of a full table make one leaf of the level above? Then that leaf, without their marks. */
static bool joined(hal_paddr_t table, unsigned level, uint64_t *leaf)
{
    uint64_t first = hal_table_peek(table, 0);
    if (!hal_pte_is_leaf(first, level) || hal_pte_is_io(first) ||
        hal_pte_target(first).value % hal_pt_span(level + 1) != 0) {
        return false;
    }
    for (unsigned i = 0; i < HAL_PT_ENTRIES; i++) {
        uint64_t expected = first + i * hal_pt_span(level);
        if (((hal_table_peek(table, i) ^ expected) & ~ENTRY_STICKY) != 0) {
            return false;
        }
    }
    *leaf = hal_pte_leaf_at(hal_pte_target(first), level + 1, hal_pte_prot(first));
    return true;
}

/* The accessed and dirty bits of a table's leaves, all together. */
static uint64_t marks_in(hal_paddr_t table)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < HAL_PT_ENTRIES; i++) {
        bits |= hal_table_peek(table, i) & ENTRY_STICKY;
    }
    return bits;
}

/* Puts `leaf` in the place of the table that `entry` links. No CPU marks anything there after the flush. */
static void join(const struct range *range, const struct hal_pte_slot *slot, uint64_t entry, uint64_t leaf)
{
    bool interrupts = hal_irq_disable();
    (void)entry_begin_change(range, slot, entry);
    hal_pte_exchange(slot, leaf | marks_in(hal_pte_target(entry)));
    hal_irq_restore(interrupts);
}

/* Joins what can be joined, the lower levels first; the tables in the place of which leaves stand now go to
 * `old`. */
static uint64_t promote(struct entries entries, struct frame **old)
{
    uint64_t page_count = 0;
    for (uint64_t entry = entries_next(&entries); entry != 0; entry = entries_next(&entries)) {
        unsigned level = entries.slot.level;
        uint64_t leaf;
        if (hal_pte_is_leaf(entry, level)) {
            continue;
        }
        uint64_t below = level > 1 ? promote(entries_below(&entries, entry), old) : 0;
        struct frame *table = entry_frame(entry);
        if (level <= hal_pt_leaf_level_max() && table->table.entries == HAL_PT_ENTRIES &&
            entry_is_whole(entries.range, entries.slot.va, level) &&
            joined(frame_address(table), level - 1, &leaf)) {
            join(entries.range, &entries.slot, entry, leaf);
            tables_add(old, table);
            below = entry_pages(level);
        }
        page_count += below;
    }
    return page_count;
}

void mapping_promote(struct range *range, uint64_t *page_count)
{
    struct frame *old = NULL;
    *page_count = promote(entries_of_cover(range, range->level), &old);
    if (old != NULL) {
        range_wait_for_walks(range->space);
        tables_free(&old);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Withdrawing mappings and changing their leaves, see core/mapping.h.
 */
#include "core/mapping.h"

#include "core/assert.h"
#include "core/pagetable.h"
#include "hal/cpu.h"
#include "table_entries.h"

/* --- Splitting --- */

/* The leaf that translates `va`; 0: there is none. */
static uint64_t find_leaf(const struct range *range, uint64_t va, struct hal_pte_slot *slot)
{
    *slot = entry_slot(range, range->cover, range->level, va);
    uint64_t entry = hal_pte_load(slot);
    while (entry != 0 && !hal_pte_is_leaf(entry, slot->level)) {
        slot->table = hal_pte_target(entry);
        slot->level--;
        entry = hal_pte_load(slot);
    }
    return entry;
}

/* Does `border` lie inside an entry of that level? */
static bool is_inside(uint64_t border, unsigned level)
{
    return border % hal_pt_span(level) != 0;
}

/* Tables that splitting at both ends of the range takes. */
static uint64_t count_splits(const struct range *range)
{
    struct hal_pte_slot slot;
    uint64_t last = range->end - 1, needed = 0;
    unsigned start_level = find_leaf(range, range->start, &slot) != 0 ? slot.level : 0;
    unsigned end_level = find_leaf(range, last, &slot) != 0 ? slot.level : 0;
    for (unsigned level = 1; level <= start_level || level <= end_level; level++) {
        bool at_start = level <= start_level && is_inside(range->start, level);
        bool at_end = level <= end_level && is_inside(range->end, level);
        bool one = at_start && at_end && entry_base(range->start, level) == entry_base(last, level);
        needed += (uint64_t)at_start + (uint64_t)at_end - (uint64_t)one;
    }
    return needed;
}

/* Puts a table of smaller leaves in the place of a large one. */
static void split(const struct range *range, const struct hal_pte_slot *slot, uint64_t entry,
                  struct frame *table)
{
    struct hal_pte_slot part = entry_slot(range, frame_address(table), slot->level - 1, 0);
    bool interrupts = hal_irq_disable();
    entry = entry_begin_change(range, slot, entry); /* of which part its marks are, nobody knows */
    for (unsigned i = 0; i < HAL_PT_ENTRIES; i++) {
        part.va = entry_base(slot->va, slot->level) + i * hal_pt_span(part.level);
        hal_pte_exchange(&part, hal_pte_part(entry, slot->level, i));
    }
    table->table.entries = HAL_PT_ENTRIES;
    hal_pte_exchange(slot, hal_pte_table(frame_address(table), hal_pte_prot(entry)));
    hal_irq_restore(interrupts);
}

/* Makes `border` a border between leaves; `inside` is the range's page next to it. */
static void split_at(const struct range *range, uint64_t inside, uint64_t border, struct frame **spare)
{
    struct hal_pte_slot slot;
    uint64_t entry = find_leaf(range, inside, &slot);
    while (entry != 0 && is_inside(border, slot.level)) {
        split(range, &slot, entry, tables_take(spare));
        entry = find_leaf(range, inside, &slot);
    }
}

/* Makes leaves end where the range does. E_NO_MEMORY: nothing is split. */
static keel_status_t split_borders(const struct range *range)
{
    struct frame *spare;
    if (range->level == 0) {
        return KEEL_OK; /* no leaf in a lowest table can be split */
    }
    keel_status_t status = tables_reserve(count_splits(range), range->lock, &spare);
    if (status == KEEL_OK) {
        split_at(range, range->start, range->start, &spare);
        split_at(range, range->end - 1, range->end, &spare);
        CORE_ASSERT(spare == NULL);
    }
    return status;
}

/* --- Unmapping --- */

struct withdrawal {
    bool any, tables; /* something, a table among it, is withdrawn */
    uint64_t page_count;
};

/* First step: whatever lies in the range as a whole loses its present bit. */
static void withhold_lowest(const struct entries *lowest, struct withdrawal *withdrawal)
{
    struct entries entries = entries_lowest(lowest);
    for (uint64_t entry = entries_next_lowest(&entries); entry != 0; entry = entries_next_lowest(&entries)) {
        hal_pte_exchange(&entries.slot, hal_pte_withheld(entry));
        withdrawal->any = true;
    }
}

static void withhold(struct entries entries, struct withdrawal *withdrawal)
{
    if (entries.slot.level == 0) {
        withhold_lowest(&entries, withdrawal);
        return;
    }
    for (uint64_t entry = entries_next(&entries); entry != 0; entry = entries_next(&entries)) {
        bool leaf = hal_pte_is_leaf(entry, entries.slot.level);
        if (leaf || entry_is_whole(entries.range, entries.slot.va, entries.slot.level)) {
            hal_pte_exchange(&entries.slot, hal_pte_withheld(entry));
            withdrawal->any = true;
            withdrawal->tables = withdrawal->tables || !leaf;
        } else {
            withhold(entries_below(&entries, entry), withdrawal);
        }
    }
}

/* Third step, after the flush. */
static void empty_lowest(const struct entries *lowest, struct withdrawal *withdrawal)
{
    struct entries entries = entries_lowest(lowest);
    unsigned emptied = 0;
    for (uint64_t entry = entries_next_lowest(&entries); entry != 0; entry = entries_next_lowest(&entries)) {
        hal_pte_exchange(&entries.slot, 0);
        pagetable_put_leaf(entry);
        emptied++;
    }
    struct frame *table = frame_at(hal_frame_number(entries.slot.table));
    table->table.entries = (uint16_t)(table->table.entries - emptied);
    withdrawal->page_count += emptied;
}

static void empty(struct entries entries, struct withdrawal *withdrawal)
{
    if (entries.slot.level == 0) {
        empty_lowest(&entries, withdrawal);
        return;
    }
    struct frame *table = frame_at(hal_frame_number(entries.slot.table));
    for (uint64_t entry = entries_next(&entries); entry != 0; entry = entries_next(&entries)) {
        if (hal_pte_present(entry)) {
            empty(entries_below(&entries, entry), withdrawal);
        } else {
            hal_pte_exchange(&entries.slot, 0);
            table->table.entries--;
            withdrawal->page_count += pagetable_release(entry, entries.slot.level);
        }
    }
}

/* In a lowest table there is nothing to split, and no table to withdraw. */
static void unmap_lowest(struct range *range, struct withdrawal *withdrawal)
{
    struct entries entries = entries_of_cover(range, 0);
    withhold_lowest(&entries, withdrawal);
    if (withdrawal->any) {
        space_flush(range->space, range->start, range->end);
        empty_lowest(&entries, withdrawal);
    }
}

static keel_status_t unmap_tables(struct range *range, struct withdrawal *withdrawal)
{
    keel_status_t status = split_borders(range);
    if (status != KEEL_OK) {
        return status;
    }
    withhold(entries_of_cover(range, range->level), withdrawal);
    if (withdrawal->any) {
        space_flush(range->space, range->start, range->end);
    }
    if (withdrawal->tables) {
        range_wait_for_walks(range->space);
    }
    if (withdrawal->any) {
        empty(entries_of_cover(range, range->level), withdrawal);
    }
    return KEEL_OK;
}

keel_status_t mapping_unmap(struct range *range, uint64_t *page_count)
{
    struct withdrawal withdrawal = {.any = false};
    keel_status_t status = KEEL_OK;
    if (range->level == 0) {
        unmap_lowest(range, &withdrawal);
    } else {
        status = unmap_tables(range, &withdrawal);
    }
    if (status == KEEL_OK) {
        *page_count = withdrawal.page_count;
    }
    return status;
}

/* The link to the lowest table on the way to `va`. False: no table is below the covering one. */
static bool lowest_link(const struct range *range, uint64_t va, struct hal_pte_slot *link)
{
    struct hal_pte_slot slot = entry_slot(range, range->cover, range->level, va);
    bool found = false;
    while (slot.level > 0) {
        uint64_t entry = hal_pte_load(&slot);
        if (entry == 0 || hal_pte_is_leaf(entry, slot.level)) {
            break;
        }
        *link = slot;
        found = true;
        slot.table = hal_pte_target(entry);
        slot.level--;
    }
    return found;
}

void mapping_prune(struct range *range, uint64_t va)
{
    struct hal_pte_slot link;
    while (lowest_link(range, va, &link)) {
        uint64_t entry = hal_pte_load(&link);
        if (entry_frame(entry)->table.entries != 0) {
            return;
        }
        hal_pte_exchange(&link, hal_pte_withheld(entry));
        space_flush(range->space, va & ~(HAL_PAGE_SIZE - 1), (va & ~(HAL_PAGE_SIZE - 1)) + HAL_PAGE_SIZE);
        range_wait_for_walks(range->space);
        hal_pte_exchange(&link, 0);
        frame_at(hal_frame_number(link.table))->table.entries--;
        frame_free_private(entry_frame(entry), 1);
    }
}

/* --- Changing leaves --- */

static uint64_t protect_lowest(const struct entries *lowest, unsigned prot, bool *changed)
{
    struct entries entries = entries_lowest(lowest);
    uint64_t page_count = 0;
    for (uint64_t entry = entries_next_lowest(&entries); entry != 0; entry = entries_next_lowest(&entries)) {
        uint64_t wanted = hal_pte_with_prot(entry, prot);
        page_count++;
        if (entry != wanted) {
            entry_replace(&entries.slot, wanted, 0);
            *changed = true;
        }
    }
    return page_count;
}

static uint64_t protect(struct entries entries, unsigned prot, bool *changed)
{
    uint64_t page_count = 0;
    if (entries.slot.level == 0) {
        return protect_lowest(&entries, prot, changed);
    }
    for (uint64_t entry = entries_next(&entries); entry != 0; entry = entries_next(&entries)) {
        if (!hal_pte_is_leaf(entry, entries.slot.level)) {
            page_count += protect(entries_below(&entries, entry), prot, changed);
            continue;
        }
        page_count += entry_pages(entries.slot.level);
        uint64_t wanted = hal_pte_with_prot(entry, prot);
        if (entry != wanted) {
            entry_replace(&entries.slot, wanted, 0);
            *changed = true;
        }
    }
    return page_count;
}

/* Does some leaf lead to I/O memory? */
static bool has_io(struct entries entries)
{
    for (uint64_t entry = entries_next(&entries); entry != 0; entry = entries_next(&entries)) {
        bool leaf = hal_pte_is_leaf(entry, entries.slot.level);
        if (leaf ? hal_pte_is_io(entry) : has_io(entries_below(&entries, entry))) {
            return true;
        }
    }
    return false;
}

keel_status_t mapping_protect(struct range *range, unsigned prot, uint64_t *page_count)
{
    bool changed = false;
    if ((prot & HAL_PROT_EXEC) != 0 && has_io(entries_of_cover(range, range->level))) {
        return KEEL_E_DENIED;
    }
    keel_status_t status = split_borders(range);
    if (status != KEEL_OK) {
        return status;
    }
    *page_count = protect(entries_of_cover(range, range->level), prot, &changed);
    if (changed) {
        space_flush(range->space, range->start, range->end);
    }
    return KEEL_OK;
}

static uint64_t age(struct entries entries, uint64_t bits)
{
    uint64_t page_count = 0;
    for (uint64_t entry = entries_next(&entries); entry != 0; entry = entries_next(&entries)) {
        unsigned level = entries.slot.level;
        if (!hal_pte_is_leaf(entry, level)) {
            page_count += age(entries_below(&entries, entry), bits);
        } else if ((entry & bits) != 0 && entry_is_whole(entries.range, entries.slot.va, level)) {
            entry_replace(&entries.slot, entry & ~bits, bits);
            page_count += entry_pages(level);
        }
    }
    return page_count;
}

void mapping_age(struct range *range, uint64_t bits, uint64_t *page_count)
{
    *page_count = age(entries_of_cover(range, range->level), bits & ENTRY_STICKY);
    if (*page_count > 0) {
        /* Only a CPU that has forgotten the entry sets the bits again. */
        space_flush(range->space, range->start, range->end);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mapping, see core/mapping.h. Withdrawing stands in unmap.c.
 */
#include "core/mapping.h"

#include "core/assert.h"
#include "core/io_memory.h"
#include "table_entries.h"

/* What is to be mapped. */
struct plan {
    const struct range *range;
    hal_paddr_t first; /* what range->start will lead to */
    unsigned prot;
    uint64_t io_bits;    /* of leaves that lead to I/O memory; 0: they lead to frames */
    uint64_t needed;     /* tables that are missing */
    struct frame *spare; /* those tables, ready to be linked */
};

static hal_paddr_t target_of(const struct plan *plan, uint64_t va)
{
    return hal_paddr_add(plan->first, va - plan->range->start);
}

/* Can one leaf of a table of `level` translate all that its entry for `va` stands for? */
static bool leaf_fits(const struct plan *plan, unsigned level, uint64_t va)
{
    return level == 0 ||
           (plan->io_bits == 0 && level <= hal_pt_leaf_level_max() &&
            entry_is_whole(plan->range, va, level) && target_of(plan, va).value % hal_pt_span(level) == 0);
}

/* Counts the tables that are missing for [va, end) below an entry that is empty. */
static void plan_below(struct plan *plan, unsigned level, uint64_t va, uint64_t end)
{
    plan->needed++;
    for (uint64_t next; level > 0 && va < end; va = next) {
        next = entry_end(va, level, end);
        if (!leaf_fits(plan, level, va)) {
            plan_below(plan, level - 1, va, next);
        }
    }
}

/* Is [va, end) free in a lowest table? */
static keel_status_t plan_lowest(hal_paddr_t table, uint64_t va, uint64_t end)
{
    unsigned last = hal_pt_index(end - 1, 0);
    return hal_table_next(table, hal_pt_index(va, 0), last + 1) > last ? KEEL_OK : KEEL_E_EXISTS;
}

/* Looks whether [va, end) is free below `table`, and counts the tables that are missing. */
static keel_status_t plan_table(struct plan *plan, hal_paddr_t table, unsigned level, uint64_t va,
                                uint64_t end)
{
    if (level == 0) {
        return plan_lowest(table, va, end);
    }
    keel_status_t status = KEEL_OK;
    for (uint64_t next; va < end && status == KEEL_OK; va = next) {
        next = entry_end(va, level, end);
        uint64_t entry = hal_table_peek(table, hal_pt_index(va, level));
        if (entry == 0) {
            if (!leaf_fits(plan, level, va)) {
                plan_below(plan, level - 1, va, next);
            }
        } else if (hal_pte_is_leaf(entry, level)) {
            status = KEEL_E_EXISTS;
        } else {
            status = plan_table(plan, hal_pte_target(entry), level - 1, va, next);
        }
    }
    return status;
}

/* Writes the entries for [va, end), which all are empty, in a lowest table. */
static void fill_lowest(const struct plan *plan, struct frame *table, uint64_t va, uint64_t end)
{
    struct hal_pte_slot slot = entry_slot(plan->range, frame_address(table), 0, va);
    uint64_t leaf = hal_pte_leaf(target_of(plan, va), plan->prot) | plan->io_bits;
    table->table.entries = (uint16_t)(table->table.entries + ((end - va) >> HAL_PAGE_SHIFT));
    for (; slot.va < end; slot.va += HAL_PAGE_SIZE, leaf += HAL_PAGE_SIZE) {
        hal_pte_exchange(&slot, leaf);
    }
}

/* Writes the entries for [va, end) in `table` and below it. What may fail has been done. */
static void fill(struct plan *plan, struct frame *table, unsigned level, uint64_t va, uint64_t end)
{
    struct hal_pte_slot slot = entry_slot(plan->range, frame_address(table), level, va);
    unsigned made = 0;
    if (level == 0) {
        fill_lowest(plan, table, va, end);
        return;
    }
    for (uint64_t next; va < end; va = next) {
        next = entry_end(va, level, end);
        slot.va = va;
        uint64_t entry = hal_pte_load(&slot);
        if (entry != 0) {
            fill(plan, entry_frame(entry), level - 1, va, next);
        } else if (leaf_fits(plan, level, va)) {
            hal_pte_exchange(&slot, hal_pte_leaf_at(target_of(plan, va), level, plan->prot));
            made++;
        } else {
            struct frame *lower = tables_take(&plan->spare);
            fill(plan, lower, level - 1, va, next);
            hal_pte_exchange(&slot, hal_pte_table(frame_address(lower), plan->prot));
            made++;
        }
    }
    table->table.entries = (uint16_t)(table->table.entries + made);
}

KEEL_COLD static void put_references(struct frame *first, uint64_t count)
{
    while (count > 0) {
        frame_put(first + --count);
    }
}

static keel_status_t take_references(struct frame *first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        keel_status_t status = ref_get_more(&first[i].ref);
        if (status != KEEL_OK) {
            put_references(first, i);
            return status;
        }
    }
    return KEEL_OK;
}

/* Looks whether the range is free, and what tables are missing. */
static keel_status_t look(struct plan *plan)
{
    const struct range *range = plan->range;
    return range->level == 0 ? plan_lowest(range->cover, range->start, range->end)
                             : plan_table(plan, range->cover, range->level, range->start, range->end);
}

/* Makes the missing tables, then writes the entries. E_NO_MEMORY: nothing happened. */
static keel_status_t carry_out(struct plan *plan)
{
    const struct range *range = plan->range;
    if (range->level == 0) { /* no table is missing */
        fill_lowest(plan, range->frame, range->start, range->end);
        return KEEL_OK;
    }
    keel_status_t status = tables_reserve(plan->needed, range->lock, &plan->spare);
    if (status == KEEL_OK) {
        fill(plan, range->frame, range->level, range->start, range->end);
        CORE_ASSERT(plan->spare == NULL);
    }
    return status;
}

keel_status_t mapping_map(struct range *range, struct frame *first, unsigned prot)
{
    struct plan plan = {.range = range, .first = frame_address(first), .prot = prot};
    uint64_t page_count = (range->end - range->start) >> HAL_PAGE_SHIFT;
    CORE_ASSERT(first->type == FRAME_UNTYPED);
    keel_status_t status = look(&plan);
    if (status == KEEL_OK) {
        status = take_references(first, page_count);
    }
    if (status != KEEL_OK) {
        return status;
    }
    status = carry_out(&plan);
    if (status != KEEL_OK) {
        put_references(first, page_count);
    }
    return status;
}

keel_status_t mapping_map_io(struct range *range, struct io_memory *io, hal_paddr_t first, unsigned prot)
{
    struct plan plan = {.range = range, .first = first, .prot = prot, .io_bits = hal_pte_io_bits(io->cache)};
    uint64_t page_count = (range->end - range->start) >> HAL_PAGE_SHIFT;
    CORE_ASSERT((prot & HAL_PROT_EXEC) == 0);
    keel_status_t status = look(&plan);
    if (status == KEEL_OK) {
        status = io_memory_hold_pages(io, first, page_count);
    }
    if (status != KEEL_OK) {
        return status;
    }
    status = carry_out(&plan);
    for (uint64_t i = 0; i < page_count && status != KEEL_OK; i++) {
        io_memory_put(io);
    }
    return status;
}

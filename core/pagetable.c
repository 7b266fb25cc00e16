/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Page tables, see core/pagetable.h.
 */
#include "core/pagetable.h"

#include "core/assert.h"
#include "core/io_memory.h"

/* Root entries below this index belong to the user half. */
#define USER_ENTRIES (HAL_PT_ENTRIES / 2)

bool pagetable_find(hal_paddr_t root, uint64_t va, struct hal_pte_slot *slot)
{
    *slot = (struct hal_pte_slot){.root = root, .table = root, .va = va, .level = HAL_PT_TOP_LEVEL};
    while (slot->level > 0) {
        uint64_t entry = hal_pte_load(slot);
        if (!hal_pte_present(entry)) {
            return false;
        }
        CORE_ASSERT(!hal_pte_is_leaf(entry, slot->level));
        slot->table = hal_pte_target(entry);
        slot->level--;
    }
    return true;
}

uint64_t pagetable_set(const struct hal_pte_slot *slot, uint64_t entry)
{
    uint64_t old = hal_pte_exchange(slot, entry);
    uint64_t number = hal_frame_number(slot->table);
    /* The kernel root and the tables that the backend made are not counted: they are never freed. */
    if (number < frame_end() && frame_at(number)->type == FRAME_TABLE) {
        struct frame *table = frame_at(number);
        table->table.entries = (uint16_t)(table->table.entries + (entry != 0) - (old != 0));
    }
    return old;
}

keel_status_t tables_reserve(uint64_t count, enum table_lock lock, struct frame **list)
{
    *list = NULL;
    for (uint64_t i = 0; i < count; i++) {
        struct frame *table;
        keel_status_t status = frame_alloc(FRAME_TABLE, 1, 1, &table);
        if (status != KEEL_OK) {
            tables_free(list);
            return status;
        }
        atomic_u32_init(&table->table.lock, lock);
        tables_add(list, table);
    }
    return KEEL_OK;
}

void tables_free(struct frame **list)
{
    while (*list != NULL) {
        frame_free_private(tables_take(list), 1);
    }
}

void pagetable_link(hal_paddr_t root, uint64_t va, unsigned prot, struct frame **spare,
                    struct hal_pte_slot *slot)
{
    (void)pagetable_find(root, va, slot);
    while (slot->level > 0) {
        CORE_ASSERT(*spare != NULL);
        hal_paddr_t table = frame_address(tables_take(spare));
        uint64_t old = pagetable_set(slot, hal_pte_table(table, prot));
        CORE_ASSERT(old == 0);
        slot->table = table;
        slot->level--;
    }
}

void pagetable_put_leaf(uint64_t entry)
{
    if (hal_pte_is_io(entry)) {
        io_memory_put_page(hal_pte_target(entry));
        return;
    }
    struct frame *frame = frame_at(hal_frame_number(hal_pte_target(entry)));
    if (!ref_put_quick(&frame->ref)) {
        frame_put(frame);
    }
}

uint64_t pagetable_release(uint64_t entry, unsigned level)
{
    uint64_t page_count = 0;
    if (level == 0) {
        pagetable_put_leaf(entry);
        return 1;
    }
    struct frame *target = frame_at(hal_frame_number(hal_pte_target(entry)));
    if (hal_pte_is_leaf(entry, level)) {
        for (; page_count < hal_pt_span(level) >> HAL_PAGE_SHIFT; page_count++) {
            frame_put(target + page_count);
        }
        return page_count;
    }
    hal_paddr_t table = frame_address(target);
    for (unsigned i = hal_table_next(table, 0, HAL_PT_ENTRIES); i < HAL_PT_ENTRIES;
         i = hal_table_next(table, i + 1, HAL_PT_ENTRIES)) {
        page_count += pagetable_release(hal_table_peek(table, i), level - 1); /* as deep as the tables are */
    }
    frame_free_private(target, 1);
    return page_count;
}

void pagetable_destroy(hal_paddr_t root)
{
    for (unsigned i = hal_table_next(root, 0, USER_ENTRIES); i < USER_ENTRIES;
         i = hal_table_next(root, i + 1, USER_ENTRIES)) {
        pagetable_release(hal_table_peek(root, i), HAL_PT_TOP_LEVEL);
    }
}

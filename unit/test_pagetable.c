/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/pagetable.c: finding, making and taking down tables.
 */
#include "core/pagetable.h"

#include "support.h"

static struct frame *new_root(void)
{
    struct frame *root = NULL;
    CHECK_OK(frame_alloc(FRAME_TABLE, 1, 1, &root));
    hal_root_init(frame_address(root));
    return root;
}

/* The tables on the way to `va`, made and linked. */
static void prepare(const struct frame *root, uint64_t va, struct hal_pte_slot *slot)
{
    struct frame *spare = NULL;
    if (!pagetable_find(frame_address(root), va, slot)) {
        CHECK_OK(tables_reserve(slot->level, TABLE_FREE, &spare));
    }
    pagetable_link(frame_address(root), va, HAL_PROT_USER, &spare, slot);
    CHECK(spare == NULL && slot->level == 0);
}

static void A1_find_stops_at_the_missing_level(void)
{
    struct frame *root = new_root();
    struct hal_pte_slot slot;
    CHECK(!pagetable_find(frame_address(root), 0x1000, &slot));
    CHECK_EQUAL(slot.level, HAL_PT_LEVELS - 1);
    prepare(root, 0x1000, &slot);
    CHECK_EQUAL(slot.level, 0);
    CHECK(pagetable_find(frame_address(root), 0x1ff000, &slot));
    CHECK(!pagetable_find(frame_address(root), 0x200000, &slot));
    CHECK_EQUAL(slot.level, 1);
    CHECK(!pagetable_find(frame_address(root), 0x40000000, &slot));
    CHECK_EQUAL(slot.level, 2);
    CHECK(!pagetable_find(frame_address(root), UINT64_C(0x8000000000), &slot));
    CHECK_EQUAL(slot.level, 3);
    pagetable_destroy(frame_address(root));
    frame_free_private(root, 1);
}

static void A1_set_keeps_the_count_of_entries(void)
{
    struct frame *root = new_root(), *leaf = NULL;
    struct hal_pte_slot slot;
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &leaf));
    prepare(root, 0x1000, &slot);
    const struct frame *table = frame_at(hal_frame_number(slot.table));
    CHECK_EQUAL(root->table.entries, 1);
    CHECK_EQUAL(table->table.entries, 0);
    uint64_t entry = hal_pte_leaf(frame_address(leaf), HAL_PROT_USER | HAL_PROT_WRITE);
    CHECK_EQUAL(pagetable_set(&slot, entry), 0);
    CHECK_EQUAL(table->table.entries, 1);
    CHECK_EQUAL(pagetable_set(&slot, entry & ~HAL_PTE_WRITE), entry);
    CHECK_EQUAL(table->table.entries, 1);
    CHECK_EQUAL(pagetable_set(&slot, 0), entry & ~HAL_PTE_WRITE);
    CHECK_EQUAL(table->table.entries, 0);
    CHECK_EQUAL(pagetable_set(&slot, 0), 0);
    CHECK_EQUAL(table->table.entries, 0);
    frame_put(leaf);
    pagetable_destroy(frame_address(root));
    frame_free_private(root, 1);
}

static void M8_reserve_is_all_or_nothing(void)
{
    static keel_frame_t taken[4096];
    struct frame *spare;
    size_t count = 0;
    while (keel_frame_alloc(&taken[count]) == KEEL_OK) {
        count++;
    }
    for (unsigned left = 0; left < HAL_PT_LEVELS - 1; left++) {
        CHECK_EQUAL(frame_free_count(), left);
        CHECK_STATUS(tables_reserve(HAL_PT_LEVELS - 1, TABLE_FREE, &spare), KEEL_E_NO_MEMORY);
        CHECK_EQUAL(frame_free_count(), left);
        CHECK_OK(keel_frame_release(taken[--count]));
    }
    CHECK_OK(tables_reserve(HAL_PT_LEVELS - 1, TABLE_FREE, &spare));
    CHECK_EQUAL(frame_free_count(), 0);
    tables_free(&spare);
    CHECK(spare == NULL);
    CHECK_EQUAL(frame_free_count(), HAL_PT_LEVELS - 1);
    CHECK_OK(tables_reserve(0, TABLE_FREE, &spare));
    CHECK(spare == NULL);
    while (count > 0) {
        CHECK_OK(keel_frame_release(taken[--count]));
    }
}

/* Tables that are there already are left alone, and the spare ones too. */
static void A1_link_takes_what_is_missing_alone(void)
{
    struct frame *root = new_root(), *spare = NULL;
    struct hal_pte_slot slot;
    prepare(root, 0x1000, &slot);
    hal_paddr_t table = slot.table;
    CHECK_OK(tables_reserve(2, TABLE_FREE, &spare));
    pagetable_link(frame_address(root), 0x2000, HAL_PROT_USER, &spare, &slot);
    CHECK_EQUAL(slot.table.value, table.value);
    pagetable_link(frame_address(root), 0x200000, HAL_PROT_USER, &spare, &slot);
    CHECK(slot.table.value != table.value && spare != NULL && spare->table.next == 0);
    tables_free(&spare);
    pagetable_destroy(frame_address(root));
    frame_free_private(root, 1);
}

static void M1_destroy_gives_back_every_table_and_leaf(void)
{
    uint64_t before = frame_free_count();
    struct frame *root = new_root();
    for (uint64_t i = 0; i < 20; i++) {
        struct hal_pte_slot slot;
        struct frame *leaf = NULL;
        CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &leaf));
        prepare(root, i * UINT64_C(0x61234567000), &slot);
        pagetable_set(&slot, hal_pte_leaf(frame_address(leaf), HAL_PROT_USER));
    }
    pagetable_destroy(frame_address(root));
    frame_free_private(root, 1);
    CHECK_EQUAL(frame_free_count(), before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(A1_find_stops_at_the_missing_level),
        UNIT(A1_set_keeps_the_count_of_entries),
        UNIT(A1_link_takes_what_is_missing_alone),
        UNIT(M8_reserve_is_all_or_nothing, .config.ram_size = 2 << 20),
        UNIT(M1_destroy_gives_back_every_table_and_leaf),
    };
    return unit_main(tests, argc, argv);
}

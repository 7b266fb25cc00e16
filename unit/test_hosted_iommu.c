/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine's remapping units themselves (hal/hosted/iommu_*.c, vtd*.c, amdvi*.c), told what to do
 * by their registers: planted mistakes that the model promises to see, and what a driver may rely on.
 */
#include "hal/machine.h"
#include "hosted_iommu.h"

#define PAGE(n) (IOVA + (n) * HAL_PAGE_SIZE)

static bool reads(uint64_t address)
{
    uint64_t value = 0;
    return iommu_dma(address, &value, false);
}

static bool writes(uint64_t address)
{
    uint64_t value = 0x1234;
    return iommu_dma(address, &value, true);
}

static void free_frame(void)
{
    hal_frame_use(iommu_frame, 1, HAL_FRAME_UNUSED);
}

/* --- Translation --- */

static void map_and_reach(void)
{
    uint64_t value = 0x1234, back = 0;
    iommu_begin(iommu_tried);
    mini_expect(!reads(PAGE(3)) && iommu_was(6) && !writes(PAGE(3)) && iommu_was(5));
    iommu_map(3, READS | WRITES);
    iommu_forget_page(3);
    mini_expect(iommu_dma(PAGE(3) + 8, &value, true));
    hal_phys_read(&back, hal_paddr(iommu_frame.value + 8), sizeof back);
    mini_expect(back == 0x1234);
    mini_expect(!reads(PAGE(2)) && !reads(PAGE(4)) && !reads(iommu_frame.value));
    iommu_map(4, READS);
    iommu_map(5, WRITES);
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried)), 0);
    (void)iommu_reason();
    mini_expect(reads(PAGE(4)) && !writes(PAGE(4)) && iommu_was(5));
    mini_expect(writes(PAGE(5)) && !reads(PAGE(5)) && iommu_was(6));
    mini_expect(!hosted_dma(DEVICE(iommu_tried) ^ 1, PAGE(3), &value, 8, true) && iommu_was(2));
    mini_expect(!hosted_dma(DEVICE(iommu_tried) ^ 0x200, PAGE(3), &value, 8, true) && iommu_was(1));
    mini_audit();
    mini_expect(mini_audit_lines == 0);
}

static void rights_of_all_levels(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS | WRITES);
    iommu_put(iommu_tables[2], hal_pt_index(IOVA, 2), iommu_link(iommu_tables[1], 2, READS));
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried)), 0);
    mini_expect(reads(PAGE(0)) && !writes(PAGE(0)) && iommu_was(5));
}

static void entries_that_are_wrong(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS | WRITES | UINT64_C(1) << 62);
    iommu_forget_page(0);
    mini_expect(!reads(PAGE(0)) && iommu_was(12) && !reads(UINT64_C(1) << 48) && iommu_was(4));
    iommu_map(0, READS);
    const struct {
        uint64_t low, high;
        unsigned reason;
    } wrong[] = {{1, CONTEXT_HIGH(DOMAIN(iommu_tried), 5), 3}, /* the unit has no five levels */
                 {5, CONTEXT_HIGH(DOMAIN(iommu_tried), 4), 3}, /* nor another type */
                 {17, CONTEXT_HIGH(DOMAIN(iommu_tried), 4), 11},
                 {1, CONTEXT_HIGH(DOMAIN(iommu_tried), 3), 4}}; /* IOVA is not beyond, but this is: */
    for (unsigned i = 0; i < 4; i++) {
        iommu_detach(DEVICE(iommu_tried));
        iommu_do(FORGET_CONTEXTS, 0);
        iommu_do(FORGET_ALL, 0);
        iommu_attach_words(DEVICE(iommu_tried), iommu_tables[i < 3 ? 3 : 2].value | wrong[i].low,
                           wrong[i].high);
        iommu_do(FORGET_CONTEXTS, 0);
        iommu_do(FORGET_ALL, 0);
        mini_expect(!reads(UINT64_C(1) << 40) && iommu_was(wrong[i].reason));
    }
}

static void large_pages(void)
{
    uint64_t value = 7;
    iommu_begin(iommu_tried);
    hal_paddr_t block = hal_paddr(UINT64_C(2) << 20);
    hal_frame_use(block, HAL_PT_ENTRIES, HAL_FRAME_UNTYPED);
    iommu_put(iommu_tables[1], hal_pt_index(IOVA, 1) + 1, iommu_leaf(block, 1, READS | WRITES));
    iommu_do(FORGET_PAGES(DOMAIN(iommu_tried)), (IOVA + (UINT64_C(2) << 20)) | 9);
    mini_expect(iommu_dma(IOVA + (UINT64_C(3) << 20), &value, true));
    iommu_put(iommu_tables[1], hal_pt_index(IOVA, 1) + 1, 0);
    iommu_do(FORGET_PAGES(DOMAIN(iommu_tried)), (IOVA + (UINT64_C(2) << 20)) | 8); /* half of it */
    mini_expect(reads(IOVA + (UINT64_C(3) << 20)) && !reads(IOVA + (UINT64_C(2) << 20)));
    iommu_do(FORGET_PAGES(DOMAIN(iommu_tried)), (IOVA + (UINT64_C(3) << 20)) | 8);
    mini_expect(!reads(IOVA + (UINT64_C(3) << 20)));
    hal_frame_use(block, HAL_PT_ENTRIES, HAL_FRAME_UNUSED);
}

/* 1 GiB likewise. */
static void largest_page(void)
{
    const uint64_t gib = UINT64_C(1) << 30, at = IOVA + gib;
    uint64_t value = 7;
    iommu_begin(iommu_tried);
    hal_frame_use(hal_paddr(gib), gib / HAL_PAGE_SIZE, HAL_FRAME_UNTYPED);
    iommu_put(iommu_tables[2], hal_pt_index(at, 2), iommu_leaf(hal_paddr(gib), 2, READS | WRITES));
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried)), 0);
    mini_expect(iommu_dma(at, &value, true) && iommu_dma(at + gib - 8, &value, true));
    iommu_put(iommu_tables[2], hal_pt_index(at, 2), 0);
    iommu_do(FORGET_PAGES(DOMAIN(iommu_tried)), at | WITHOUT_TABLES); /* one page of it */
    mini_expect(!reads(at) && reads(at + gib - 8));
    iommu_do(FORGET_PAGES(DOMAIN(iommu_tried)), at | WITHOUT_TABLES | 18);
    mini_expect(!reads(at + gib - 8));
    hal_frame_use(hal_paddr(2 * gib - HAL_PAGE_SIZE), 1, HAL_FRAME_UNUSED); /* of its frames */
}

/* The first unit has domains of three levels only, or both are told by registers. */
static void other_machines(void)
{
    iommu_begin(iommu_tried);
    iommu_detach(DEVICE(iommu_tried));
    iommu_do(FORGET_CONTEXTS, 0);
    iommu_do(FORGET_ALL, 0);
    iommu_attach(DEVICE(iommu_tried), iommu_tables[2], 3, DOMAIN(iommu_tried));
    iommu_map(0, READS);
    iommu_do(FORGET_CONTEXTS, 0);
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried)), 0);
    mini_expect(reads(PAGE(0)) && !reads(PAGE(1)));
    iommu_unmap(0);
    iommu_do(FORGET_PAGES(DOMAIN(iommu_tried) + 1), PAGE(0));
    mini_expect(reads(PAGE(0)));
    iommu_forget_page(0);
    mini_expect(!reads(PAGE(0)));
    free_frame();
}

static void no_unit_at_all(void)
{
    uint64_t value = 0x77, back = 0;
    iommu_frame = mini_take_frame(HAL_FRAME_UNTYPED);
    mini_expect(hosted_dma(DEVICE(0), iommu_frame.value, &value, 8, true) &&
                hosted_dma(DEVICE(1), iommu_frame.value, &back, 8, false) && back == 0x77);
}

static void D1_other_units(void **state)
{
    static const unsigned variants[] = {HOSTED_IOMMU_REGISTERS, HOSTED_IOMMU_NARROW,
                                        HOSTED_IOMMU_REGISTERS | HOSTED_IOMMU_NARROW, HOSTED_IOMMU_RANGE};
    struct hosted_config config = mini_small;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        config.iommu = variants[i];
        for (iommu_tried = 0; iommu_tried < UNITS_TRIED; iommu_tried++) {
            iommu_run_tried(&config, other_machines, "");
        }
    }
    config.iommu = HOSTED_IOMMU_NONE;
    mini_run_showing(&config, no_unit_at_all, NULL, "");
}

static void D1_device_reaches_what_is_mapped(void **state)
{
    struct hosted_config config = mini_small;
    (void)state;
    iommu_run(map_and_reach, "");
    iommu_run(rights_of_all_levels, "");
    for (iommu_tried = 0; iommu_tried < AMD_FIRST; iommu_tried++) {
        iommu_run_tried(&mini_small, entries_that_are_wrong, "");
    }
    config.ram_size = UINT64_C(4) << 20;
    for (iommu_tried = 0; iommu_tried < UNITS_TRIED; iommu_tried++) {
        iommu_run_tried(&config, large_pages, "");
    }
    config.ram_size = UINT64_C(2) << 30;
    iommu_tried = 0;
    iommu_run_tried(&config, largest_page, "");
}

/* --- What is cached --- */

static void stale_translation_is_used(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS | WRITES);
    iommu_forget_page(0);
    iommu_unmap(0);
    mini_expect(writes(PAGE(0)));
    iommu_forget_page(1);
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried) + 1), 0);
    iommu_do(FORGET_CONTEXTS, 0);
    mini_expect(writes(PAGE(0)));
    iommu_post(FORGET_PAGES(DOMAIN(iommu_tried)), PAGE(0));
    mini_expect(writes(PAGE(0))); /* it is only posted */
    uint32_t ticket = iommu_post_wait();
    while (!iommu_is_done(ticket)) {
    }
    mini_expect(!writes(PAGE(0)));
    free_frame();
    iommu_map(1, READS); /* of an unused frame */
}

static void freed_while_mapped(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_forget_page(0);
    free_frame();
}

static void freed_before_the_flush(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_unmap(0);
    free_frame();
}

static void freed_after_another_flush(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_unmap(0);
    iommu_forget_page(1);
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried) + 1), 0);
    free_frame();
}

static void freed_before_the_flush_is_done(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_unmap(0);
    iommu_post(FORGET_PAGES(DOMAIN(iommu_tried)), PAGE(0));
    free_frame();
}

static void lower_right_is_not_flushed(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS | WRITES);
    iommu_forget_page(0);
    iommu_map(0, READS);
    mini_expect(writes(PAGE(0)));
    iommu_forget_page(0);
    mini_expect(!writes(PAGE(0)) && reads(PAGE(0)));
}

static void unlink_table(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_put(iommu_tables[1], hal_pt_index(IOVA, 1), 0);
    mini_expect(reads(PAGE(0)));
}

static void table_freed_without_its_flush(void)
{
    unlink_table();
    iommu_forget_page(0);        /* but not of tables */
    mini_expect(reads(PAGE(0))); /* which are cached still, and so what they lead to again */
    hal_frame_use(iommu_tables[0], 1, HAL_FRAME_UNUSED);
}

static void table_freed_after_its_flush(void)
{
    unlink_table();
    iommu_do(FORGET_PAGES(DOMAIN(iommu_tried)), PAGE(0) | 9);
    mini_expect(!reads(PAGE(0)));
    hal_frame_use(iommu_tables[0], 1, HAL_FRAME_UNUSED);
    free_frame();
}

static void frame_behind_a_cached_table(void)
{
    unlink_table();
    iommu_put(iommu_tables[0], 0, 0);
    iommu_forget_page(0);
    mini_expect(!reads(PAGE(0)));
    iommu_map(1, READS); /* in the table that is cached */
    free_frame();
}

static void detach(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried)), 0);
    iommu_detach(DEVICE(iommu_tried));
    mini_expect(reads(PAGE(0)));
}

static void all_freed_after_detach(void)
{
    detach();
    iommu_do(FORGET_CONTEXT(DOMAIN(iommu_tried), DEVICE(iommu_tried)), 0);
    mini_expect(!reads(PAGE(0)) && iommu_was(2));
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried)), 0);
    free_frame();
    for (unsigned level = 0; level < 4; level++) {
        hal_frame_use(iommu_tables[level], 1, HAL_FRAME_UNUSED);
    }
}

static void translations_flushed_before_contexts(void)
{
    detach();
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried)), 0);
    iommu_do(FORGET_CONTEXT(DOMAIN(iommu_tried), DEVICE(iommu_tried)), 0);
    free_frame();
}

static void root_freed_without_context_flush(void)
{
    detach();
    iommu_do(FORGET_DOMAIN(DOMAIN(iommu_tried)), 0);
    iommu_do(FORGET_CONTEXT(DOMAIN(iommu_tried), DEVICE(iommu_tried) ^ 1), 0);
    hal_frame_use(iommu_tables[3], 1, HAL_FRAME_UNUSED);
}

static void domain_used_again_too_early(void)
{
    detach();
    iommu_do(FORGET_CONTEXTS, 0);
    iommu_attach(DEVICE(iommu_tried) ^ 1, iommu_tables[2], 3, DOMAIN(iommu_tried));
}

static void D2_what_is_cached_is_used_until_it_is_flushed(void **state)
{
    (void)state;
    iommu_run(stale_translation_is_used, "M3");
    iommu_run(lower_right_is_not_flushed, "");
    iommu_run(table_freed_after_its_flush, "");
    iommu_run(all_freed_after_detach, "");
}

static void D2_missed_flush_is_reported(void **state)
{
    (void)state;
    iommu_run(freed_before_the_flush, "D2");
    iommu_run(freed_after_another_flush, "D2");
    iommu_run(freed_before_the_flush_is_done, "D2");
    iommu_run(table_freed_without_its_flush, "D2");
    iommu_run(frame_behind_a_cached_table, "D2");
    iommu_run(translations_flushed_before_contexts, "D2");
    iommu_run(root_freed_without_context_flush, "D2");
    iommu_run(domain_used_again_too_early, "D2");
}

static void root_freed_while_attached(void)
{
    iommu_begin(iommu_tried);
    hal_frame_use(iommu_tables[3], 1, HAL_FRAME_UNUSED);
}

static void table_freed_while_linked(void)
{
    iommu_begin(iommu_tried);
    hal_frame_use(iommu_tables[0], 1, HAL_FRAME_UNUSED);
}

static void M1_frame_that_a_device_reaches_is_reported(void **state)
{
    (void)state;
    iommu_run(freed_while_mapped, "M1");
    iommu_run(root_freed_while_attached, "M1");
    iommu_run(table_freed_while_linked, "M1");
}

/* --- What leads where it must not --- */

static void maps_a_table(void)
{
    iommu_begin(iommu_tried);
    iommu_put(iommu_tables[0], 0, iommu_leaf(iommu_tables[0], 0, READS));
    mini_audit();
    mini_expect(mini_audit_lines == 1);
}

static void links_a_frame(void)
{
    iommu_begin(iommu_tried);
    iommu_put(iommu_tables[1], 0, iommu_link(iommu_frame, 1, READS));
}

static void attaches_to_wrong_tables(void)
{
    iommu_begin(iommu_tried);
    hal_paddr_t root = mini_take_frame(HAL_FRAME_TABLE);
    iommu_put(root, 0, iommu_leaf(mini_take_frame(HAL_FRAME_OBJECT), 3, READS));
    iommu_attach(DEVICE(iommu_tried) ^ 1, root, 4, DOMAIN(iommu_tried) + 1);
}

static void zeroes_a_linked_table(void)
{
    iommu_begin(iommu_tried);
    hal_phys_zero(iommu_tables[0], HAL_PAGE_SIZE);
}

static void shares_a_domain(void)
{
    iommu_begin(iommu_tried);
    iommu_attach(DEVICE(iommu_tried) ^ 1, iommu_tables[2], 3, DOMAIN(iommu_tried));
}

static void M3_typed_frame_for_a_device_is_reported(void **state)
{
    (void)state;
    iommu_run(maps_a_table, "M3");
    iommu_run(links_a_frame, "M3");
    iommu_run(attaches_to_wrong_tables, "M3");
    iommu_run(zeroes_a_linked_table, "M3");
    iommu_run(shares_a_domain, "D1");
}

/* --- Memory that the unit does not see, and absence that it caches --- */

static void hidden_unmap(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_forget_page(0);
    iommu_put_hidden(iommu_tables[0], 0, 0);
    iommu_forget_page(0);
    mini_expect(reads(PAGE(0)));
    iommu_write_back(iommu_tables[0]); /* the write buffer has it */
    iommu_forget_page(0);
    mini_expect(reads(PAGE(0)));
    iommu_flush_buffer();
    mini_expect(reads(PAGE(0))); /* it may have cached it meanwhile */
    iommu_forget_page(0);
    mini_expect(!reads(PAGE(0)));
    free_frame();
}

static void freed_while_the_unit_sees_it(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_put_hidden(iommu_tables[0], 0, 0);
    iommu_write_back(iommu_tables[0]);
    iommu_forget_page(0);
    free_frame();
}

static void absence_is_cached(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    mini_expect(!reads(PAGE(0)) && iommu_was(6));
    iommu_forget_page(0);
    mini_expect(reads(PAGE(0)));
    iommu_attach(DEVICE(1) ^ 1, iommu_tables[3], 4, DOMAIN(1));
    mini_expect(!hosted_dma(DEVICE(1) ^ 1, PAGE(0), &(uint64_t){0}, 8, false) && iommu_was(2));
    iommu_do(FORGET_CONTEXT(DOMAIN(1), DEVICE(1) ^ 1), 0); /* absence has no domain */
    mini_expect(!hosted_dma(DEVICE(1) ^ 1, PAGE(0), &(uint64_t){0}, 8, false));
    iommu_do(FORGET_CONTEXT(0, DEVICE(1) ^ 1), 0);
    mini_expect(hosted_dma(DEVICE(1) ^ 1, PAGE(0), &(uint64_t){0}, 8, false));
}

static void table_that_was_not_written_back(void)
{
    iommu_begin(iommu_tried);
    hal_paddr_t table = mini_take_frame(HAL_FRAME_TABLE);
    iommu_put(iommu_tables[1], 7, table.value | READS);
    iommu_do(FORGET_DOMAIN(DOMAIN(1)), 0);
    mini_expect(
        hosted_dma(DEVICE(1), UINT64_C(7) << 21 | IOVA, &(uint64_t){0}, 8, false)); /* by what was there */
    mini_audit();
    mini_expect(mini_audit_lines == 1);
    iommu_write_back(table);
    iommu_flush_buffer();
    mini_expect(!hosted_dma(DEVICE(1), UINT64_C(7) << 21 | IOVA, &(uint64_t){0}, 8, false));
    mini_audit();
    mini_expect(mini_audit_lines == 1);
}

/* No half of an entry is ever seen with the other's past: nothing was cached by it. */
static void entry_that_arrives_as_a_whole(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_forget_page(0);
    iommu_attach_at_once(DEVICE(1) ^ 1, iommu_tables[3].value | 1, CONTEXT_HIGH(DOMAIN(1), 4));
    mini_audit();
    mini_expect(mini_audit_lines == 0);
    iommu_do(FORGET_CONTEXT(0, DEVICE(1) ^ 1), 0);
    mini_expect(hosted_dma(DEVICE(1) ^ 1, PAGE(0), &(uint64_t){0}, 8, false));
}

static void D2_unit_that_sees_old_memory(void **state)
{
    (void)state;
    iommu_tried = 1;
    mini_run_showing(&mini_small, hidden_unmap, NULL, "");
    mini_run_showing(&mini_small, freed_while_the_unit_sees_it, NULL, "M1");
    mini_run_showing(&mini_small, absence_is_cached, NULL, "");
    mini_run_showing(&mini_small, table_that_was_not_written_back, NULL, "");
    mini_run_showing(&mini_small, entry_that_arrives_as_a_whole, NULL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D1_device_reaches_what_is_mapped),
        cmocka_unit_test(D1_other_units),
        cmocka_unit_test(D2_what_is_cached_is_used_until_it_is_flushed),
        cmocka_unit_test(D2_missed_flush_is_reported),
        cmocka_unit_test(M1_frame_that_a_device_reaches_is_reported),
        cmocka_unit_test(M3_typed_frame_for_a_device_is_reported),
        cmocka_unit_test(D2_unit_that_sees_old_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The drivers of remapping units (hal/iommu.h, hal/x86_common/vtd*.c, amdvi*.c) on the hosted machine, whose
 * units do what they may do at the worst: with it no device reaches a frame after its flush was done.
 */
#include "hal/iommu.h"
#include "hal/machine.h"
#include "hosted_kernel.h"

#define DOMAIN UINT32_C(7)
#define IOVA   UINT64_C(0x40000000)
#define POLLS  10000u

static uint16_t source; /* of the device */
static hal_paddr_t tables[4], frame;
static unsigned levels;

/* With all units, and a device behind each. */
static void run_everywhere(void (*body)(void), void (*second)(void), unsigned seeds, const char *violation)
{
    static const unsigned variants[] = {0, HOSTED_IOMMU_REGISTERS, HOSTED_IOMMU_NARROW,
                                        HOSTED_IOMMU_REGISTERS | HOSTED_IOMMU_NARROW, HOSTED_IOMMU_AMD};
    struct hosted_config config = mini_small;
    for (unsigned i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        config.iommu = variants[i];
        for (config.seed = 1; config.seed <= seeds; config.seed++) {
            source = 0x0028;
            mini_run_showing(&config, body, second, violation);
            source = 0x0128;
            mini_run_showing(&config, body, second, violation);
        }
    }
}

static bool comes_to_an_end(uint64_t ticket)
{
    for (unsigned i = 0; i < POLLS; i++) {
        if (hal_iommu_is_done(ticket)) {
            return true;
        }
    }
    return false;
}

static void await(uint64_t ticket)
{
    mini_expect(comes_to_an_end(ticket));
}

static bool dma(uint64_t address, bool write)
{
    uint64_t value = 0x1234;
    return hosted_dma(source, address, &value, sizeof value, write);
}

static void attach(void)
{
    levels = hal_iommu_describe()->levels;
    for (unsigned level = 0; level < levels; level++) {
        tables[level] = mini_take_frame(HAL_FRAME_TABLE);
        if (level > 0) {
            hal_iommu_fill(tables[level], hal_pt_index(IOVA, level), 1,
                           hal_iommu_table_entry(tables[level - 1], level), 0);
        }
    }
    if (hal_iommu_wants_page(source)) {
        hal_iommu_give_page(source, mini_take_frame(HAL_FRAME_TABLE));
    }
    await(hal_iommu_attach(source, DOMAIN, tables[levels - 1]));
    frame = mini_take_frame(HAL_FRAME_UNTYPED);
}

static void map(unsigned page, unsigned count, bool may_write)
{
    hal_iommu_fill(tables[0], page, count, hal_iommu_leaf_entry(frame, 0, true, may_write), 0);
    if (hal_iommu_describe()->caches_absence) {
        await(hal_iommu_flush(DOMAIN, IOVA + page * HAL_PAGE_SIZE, count, false));
    }
}

static uint64_t unmap(unsigned page, unsigned count)
{
    hal_iommu_fill(tables[0], page, count, 0, 0);
    return hal_iommu_flush(DOMAIN, IOVA + page * HAL_PAGE_SIZE, count, false);
}

static void from_attach_to_detach(void)
{
    attach();
    mini_expect(!dma(IOVA, false));
    map(0, 9, true);
    map(9, 1, false);
    mini_expect(dma(IOVA + 8 * HAL_PAGE_SIZE, true) && dma(IOVA + 9 * HAL_PAGE_SIZE, false));
    mini_expect(!dma(IOVA + 9 * HAL_PAGE_SIZE, true) && !dma(IOVA + 10 * HAL_PAGE_SIZE, false));
    await(unmap(0, 9));
    mini_expect(!dma(IOVA, false) && !dma(IOVA + 8 * HAL_PAGE_SIZE, false));
    await(unmap(9, 1));
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
    mini_audit();
    await(hal_iommu_detach(source, DOMAIN));
    for (unsigned level = 0; level < levels; level++) {
        hal_frame_use(tables[level], 1, HAL_FRAME_UNUSED);
    }
    attach(); /* the number is free again */
    map(0, 1, true);
    mini_expect(dma(IOVA, true));
    await(hal_iommu_detach(source, DOMAIN)); /* as it stands */
    mini_expect(!dma(IOVA, true));
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
    mini_audit();
    mini_expect(mini_audit_lines == 0);
}

static void table_goes(void)
{
    attach();
    map(0, 1, true);
    hal_iommu_fill(tables[1], hal_pt_index(IOVA, 1), 1, 0, 0);
    await(hal_iommu_flush(DOMAIN, IOVA, HAL_IOMMU_ENTRIES, true));
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
    hal_frame_use(tables[0], 1, HAL_FRAME_UNUSED);
    mini_expect(!dma(IOVA, true));
}

static void D2_flushed_frames_are_out_of_reach(void **state)
{
    (void)state;
    struct hosted_config config = mini_small;
    run_everywhere(from_attach_to_detach, NULL, 1, "");
    run_everywhere(table_goes, NULL, 1, "");
    config.iommu = HOSTED_IOMMU_AMD | HOSTED_IOMMU_REGISTERS; /* start-up has many commands */
    mini_run_showing(&config, from_attach_to_detach, NULL, "");
}

/* --- What core must not do --- */

static void freed_while_mapped(void)
{
    attach();
    map(0, 1, true);
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
}

static void freed_without_flush(void)
{
    attach();
    map(0, 1, true);
    hal_iommu_fill(tables[0], 0, 1, 0, 0);
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
}

static void table_freed_after_flush_of_leaves(void)
{
    attach();
    hal_iommu_fill(tables[1], hal_pt_index(IOVA, 1), 1, 0, 0);
    await(hal_iommu_flush(DOMAIN, IOVA, 1, false));
    hal_frame_use(tables[0], 1, HAL_FRAME_UNUSED);
}

static void root_freed_without_detach(void)
{
    attach();
    hal_frame_use(tables[levels - 1], 1, HAL_FRAME_UNUSED);
}

static void D2_core_that_forgets_a_flush_is_reported(void **state)
{
    static const unsigned queues[] = {0, HOSTED_IOMMU_NARROW, HOSTED_IOMMU_AMD};
    struct hosted_config config = mini_small;
    (void)state;
    run_everywhere(freed_while_mapped, NULL, 1, "M1");
    run_everywhere(freed_without_flush, NULL, 1, "D2");
    run_everywhere(root_freed_without_detach, NULL, 1, "M1");
    source = 0x0028; /* by registers the other knows no pages */
    for (unsigned i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        config.iommu = queues[i];
        mini_run_showing(&config, table_freed_after_flush_of_leaves, NULL, "D2");
    }
}

/* --- Meanwhile --- */

static void device_writes(void)
{
    while (atomic_u32_load_acquire(&mini_finished) == 0) {
        (void)dma(IOVA, true);
    }
}

static void unmap_meanwhile(void)
{
    attach();
    for (unsigned i = 0; i < 3; i++) {
        map(0, 1, true);
        for (unsigned j = 0; j < 10; j++) {
            hal_point(HAL_POINT_RELAX, NULL);
        }
        uint64_t ticket = unmap(0, 1);
        while (!hal_iommu_is_done(ticket)) {
            hal_point(HAL_POINT_RELAX, NULL);
        }
        hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
        hal_frame_use(frame, 1, HAL_FRAME_UNTYPED);
    }
    atomic_u32_store_release(&mini_finished, 1);
}

static void D2_frame_is_free_only_when_all_accesses_arrived(void **state)
{
    (void)state;
    run_everywhere(unmap_meanwhile, device_writes, 12, "");
}

/* --- Units that stand still --- */

static void flush_until_it_stalls(void)
{
    uint64_t ticket;
    attach();
    map(0, 1, true);
    do {
        ticket = hal_iommu_flush(DOMAIN, IOVA + HAL_PAGE_SIZE, 1, false);
    } while (comes_to_an_end(ticket));
}

static void starts_over(void)
{
    flush_until_it_stalls();
    uint64_t ticket = unmap(0, 1);
    mini_expect(!comes_to_an_end(ticket));
    mini_expect(hal_iommu_recover() && hal_iommu_is_done(ticket) && !dma(IOVA, true));
    hal_frame_use(frame, 1, HAL_FRAME_UNUSED);
    await(hal_iommu_flush(DOMAIN, IOVA, UINT64_MAX, true));
}

static void is_lost(void)
{
    flush_until_it_stalls();
    uint64_t ticket = unmap(0, 1);
    mini_expect(!hal_iommu_recover() && !comes_to_an_end(ticket));
    mini_expect(!hal_iommu_recover() && !comes_to_an_end(hal_iommu_flush(DOMAIN, IOVA, 1, false)));
    mini_expect(dma(IOVA, true)); /* the frame is the device's for ever */
}

static void D2_unit_that_stalls_starts_over_or_is_lost(void **state)
{
    struct hosted_config config = mini_small;
    (void)state;
    config.step_limit = UINT64_C(1) << 30;
    config.iommu_stalls = 20;
    source = 0x0028;
    mini_run_showing(&config, starts_over, NULL, "");
    config.iommu = HOSTED_IOMMU_DIES;
    mini_run_showing(&config, is_lost, NULL, "");
    config.iommu = HOSTED_IOMMU_REGISTERS;
    mini_run_showing(&config, is_lost, NULL, "");
    config.iommu = HOSTED_IOMMU_AMD;
    mini_run_showing(&config, starts_over, NULL, "");
    config.iommu = HOSTED_IOMMU_AMD | HOSTED_IOMMU_DIES;
    mini_run_showing(&config, is_lost, NULL, "");
}

/* --- What is there --- */

static unsigned wanted_levels, wanted_leaf_level = 1;
static uint32_t wanted_domains = 64;

static void describes(void)
{
    struct hal_iommu_range range;
    const struct hal_iommu *iommu = hal_iommu_describe();
    mini_expect(iommu->levels == wanted_levels && (iommu->levels == 0 || iommu->caches_absence));
    mini_expect(iommu->levels == 0 ||
                (iommu->leaf_level_max == wanted_leaf_level && iommu->domain_count == wanted_domains));
    mini_expect(!hal_iommu_range(0, &range));
}

/* Its device reaches it, and nobody else does. */
static void has_a_range(void)
{
    struct hal_iommu_range range;
    uint64_t value = 0x77, back = 0;
    mini_expect(hal_iommu_range(0, &range) && range.first == 0 && range.last == HAL_PAGE_SIZE - 1);
    mini_expect(range.source == HOSTED_IOMMU_RANGE_SOURCE && !range.any_source && range.mapped &&
                !hal_iommu_range(1, &range));
    mini_expect(hosted_dma(HOSTED_IOMMU_RANGE_SOURCE, HAL_PAGE_SIZE - 8, &value, 8, true) &&
                hosted_dma(HOSTED_IOMMU_RANGE_SOURCE, HAL_PAGE_SIZE - 8, &back, 8, false) && back == 0x77);
    mini_expect(!hosted_dma(HOSTED_IOMMU_RANGE_SOURCE, HAL_PAGE_SIZE, &value, 8, true));
    mini_expect(!hosted_dma(HOSTED_IOMMU_RANGE_SOURCE ^ 1, 0, &value, 8, true));
    mini_audit();
    mini_expect(mini_audit_lines == 0);
}

/* Where core has the memory, nobody reaches it. */
static void has_a_wrong_range(void)
{
    struct hal_iommu_range range;
    uint64_t value = 0x77;
    mini_expect(hal_iommu_range(0, &range) && range.source == HOSTED_IOMMU_RANGE_SOURCE && !range.mapped);
    mini_expect(!hosted_dma(HOSTED_IOMMU_RANGE_SOURCE, range.first, &value, 8, true));
}

static void D1_segment_offers_what_all_units_have(void **state)
{
    struct hosted_config config = mini_small;
    (void)state;
    wanted_levels = 3; /* the fewest */
    mini_run_showing(&config, describes, NULL, "");
    config.iommu = HOSTED_IOMMU_NARROW;
    mini_run_showing(&config, describes, NULL, "");
    wanted_levels = 0;
    config.iommu = HOSTED_IOMMU_NONE;
    mini_run_showing(&config, describes, NULL, "");
    config.iommu = HOSTED_IOMMU_AMD | HOSTED_IOMMU_NONE;
    mini_run_showing(&config, describes, NULL, "");
    config.iommu = HOSTED_IOMMU_RANGE;
    mini_run_showing(&config, has_a_range, NULL, "");
    config.iommu = HOSTED_IOMMU_AMD | HOSTED_IOMMU_RANGE;
    mini_run_showing(&config, has_a_range, NULL, "");
    config.iommu = HOSTED_IOMMU_RANGE | HOSTED_IOMMU_RANGE_WRONG;
    mini_run_showing(&config, has_a_wrong_range, NULL, "");
    config.iommu |= HOSTED_IOMMU_AMD;
    mini_run_showing(&config, has_a_wrong_range, NULL, "");
    wanted_levels = 3;
    wanted_leaf_level = 2;
    wanted_domains = 65536;
    config.iommu = HOSTED_IOMMU_AMD;
    mini_run_showing(&config, describes, NULL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D2_flushed_frames_are_out_of_reach),
        cmocka_unit_test(D2_core_that_forgets_a_flush_is_reported),
        cmocka_unit_test(D2_frame_is_free_only_when_all_accesses_arrived),
        cmocka_unit_test(D2_unit_that_stalls_starts_over_or_is_lost),
        cmocka_unit_test(D1_segment_offers_what_all_units_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine's remapping units: their queues, what a driver must not do with them, accesses that are
 * on their way, and units that stand still (hal/hosted/vtd_queue.c, iommu_dma.c).
 */
#include "hal/cpu.h"
#include "hal/irq.h"
#include "hal/machine.h"
#include "hosted_iommu.h"

#define COMMAND       0x18u
#define STATUS        0x1cu
#define CONTEXT       0x28u
#define FAULT_STATUS  0x34u
#define HEAD          0x80u
#define TAIL          0x88u
#define QUEUE_ADDRESS 0x90u
#define QUEUE_ON      (UINT32_C(1) << 26)
#define QUEUE_ERROR   0x10u
#define KEPT          UINT32_C(0x96ffffff)

static uint32_t ticket;

static bool comes_to_an_end(uint32_t of)
{
    for (unsigned i = 0; i < 100; i++) {
        if (iommu_is_done(of)) {
            return true;
        }
    }
    return false;
}

/* --- The queue --- */

/* More than the queue has places, some at a time. */
static void queue_wraps(void)
{
    iommu_begin(iommu_tried);
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned j = 0; j < i % 7; j++) {
            iommu_post(FORGET_ALL, 0);
        }
        ticket = iommu_post_wait();
        mini_expect(!iommu_is_done(ticket)); /* not at once */
        mini_expect(comes_to_an_end(ticket));
    }
}

/* Nobody looks, but time passes. */
static void queue_is_done_some_time(void)
{
    iommu_begin(iommu_tried);
    for (unsigned i = 0; i < 50; i++) {
        iommu_post(FORGET_ALL, 0);
    }
    ticket = iommu_post_wait();
    hal_timer_arm(hal_time_now() + 1000);
    hal_irq_restore(true);
    while (mini_timer_count == 0) {
        hal_point(HAL_POINT_RELAX, NULL);
    }
    mini_expect(vtd_read64(iommu_tried, HEAD) == vtd_read64(iommu_tried, TAIL) && iommu_is_done(ticket));
}

static void queue_stops_at_a_mistake(void)
{
    static const uint64_t wrong[][2] = {{0, 0},
                                        {0xf, 0},                 /* no such descriptor */
                                        {0x1, 0},                 /* no granularity */
                                        {FORGET_CONTEXTS, 1},     /* reserved */
                                        {FORGET_ALL | 1 << 8, 0}, /* the same */
                                        {0x24, 0},                /* the same, of interrupts */
                                        {0x4, 1},                 /* the same */
                                        {0x14 | 5 << 27, 0},      /* more entries than the unit can */
                                        {FORGET_PAGES(5), 0x80},  /* the same */
                                        {FORGET_PAGES(5), 0x3f}}; /* more than the unit can */
    iommu_begin(iommu_tried);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t at = vtd_read64(iommu_tried, TAIL);
        iommu_post(wrong[i][0], wrong[i][1]);
        ticket = iommu_post_wait();
        mini_expect(!comes_to_an_end(ticket) && vtd_read64(iommu_tried, HEAD) == at);
        mini_expect((vtd_read32(iommu_tried, FAULT_STATUS) & QUEUE_ERROR) != 0);
        iommu_command(QUEUE_ON, false);
        mini_expect((vtd_read32(iommu_tried, FAULT_STATUS) & QUEUE_ERROR) == 0);
        iommu_queue_begin();
    }
}

static void queue_sleeps_after_a_mistake(void)
{
    iommu_begin(iommu_tried);
    uint64_t at = vtd_read64(iommu_tried, QUEUE_ADDRESS) + vtd_read64(iommu_tried, TAIL);
    iommu_post(0xf, 0);
    ticket = iommu_post_wait();
    mini_expect(!comes_to_an_end(ticket));
    remap_store(hal_paddr(at), FORGET_ALL);
    vtd_write64(iommu_tried, TAIL, vtd_read64(iommu_tried, TAIL));
    mini_expect(!comes_to_an_end(ticket));
    vtd_write32(iommu_tried, FAULT_STATUS, QUEUE_ERROR);
    mini_expect(!comes_to_an_end(ticket));
    vtd_write64(iommu_tried, TAIL, vtd_read64(iommu_tried, TAIL));
    mini_expect(comes_to_an_end(ticket));
}

static void D2_queue_is_done_in_order_and_late(void **state)
{
    (void)state;
    iommu_run(queue_wraps, "");
    iommu_run_intel(queue_is_done_some_time, "");
    iommu_run_intel(queue_stops_at_a_mistake, "");
    iommu_run_intel(queue_sleeps_after_a_mistake, "");
}

/* --- What a driver must not do --- */

static void tail_beyond_the_queue(void)
{
    iommu_begin(iommu_tried);
    vtd_write64(iommu_tried, TAIL, 4096);
}

static void tail_over_the_head(void)
{
    iommu_begin(iommu_tried);
    for (unsigned i = 0; i < 256; i++) {
        iommu_post(FORGET_ALL, 0);
    }
}

static void registers_beside_the_queue(void)
{
    iommu_begin(iommu_tried);
    vtd_write64(iommu_tried, CONTEXT, UINT64_C(5) << 61);
}

static void two_commands_at_once(void)
{
    iommu_begin(iommu_tried);
    vtd_write32(iommu_tried, COMMAND, vtd_read32(iommu_tried, STATUS) & KEPT & ~QUEUE_ON);
    vtd_write32(iommu_tried, COMMAND, vtd_read32(iommu_tried, STATUS) & KEPT & ~QUEUE_ON);
}

static void queue_off_while_it_works(void)
{
    iommu_begin(iommu_tried);
    iommu_post(FORGET_ALL, 0);
    iommu_command(QUEUE_ON, false);
}

static void half_of_a_context_entry(void)
{
    iommu_begin(iommu_tried);
    hal_paddr_t contexts = hal_paddr(
        remap_load(hal_paddr(vtd_read64(iommu_tried, 0x20) + (unsigned)(DEVICE(iommu_tried) >> 8) * 16)) - 1);
    iommu_put(contexts, (DEVICE(iommu_tried) & 0xff) * 2u + 1, 0);
}

static void D2_driver_that_does_wrong_is_reported(void **state)
{
    (void)state;
    iommu_run_intel(tail_beyond_the_queue, "HAL: iommu_queue_write_tail: the tail is not in the queue");
    iommu_run_intel(tail_over_the_head, "HAL: iommu_queue_write_tail: the tail runs over the head");
    iommu_run_intel(registers_beside_the_queue, "HAL: write_invalidation: invalidation by registers beside");
    iommu_run_intel(two_commands_at_once, "HAL: write_command: a command while another");
    iommu_run_intel(queue_off_while_it_works, "HAL: write_command: the queue is not empty");
    iommu_run_intel(half_of_a_context_entry, "HAL: edit_pair: half of a context entry");
}

/* --- Accesses that are on their way --- */

static uint64_t flush;

/* The second CPU plays the device. */
static void write_all_the_time(void)
{
    uint64_t value = 1;
    while (atomic_u32_load_acquire(&mini_word) == 0) {
        hal_point(HAL_POINT_RELAX, NULL);
    }
    while (atomic_u32_load_acquire(&mini_finished) == 0) {
        (void)iommu_dma(IOVA, &value, true);
    }
}

/* Without a turn for the device. */
static void flush_at_once(void)
{
    iommu_post(flush, IOVA);
    ticket = iommu_post_wait();
    while (!iommu_is_done(ticket)) {
    }
}

static void unmap_meanwhile(void)
{
    iommu_begin(iommu_tried);
    for (unsigned i = 0; i < 5; i++) {
        iommu_map(0, READS | WRITES);
        iommu_do(flush, IOVA);
        atomic_u32_store_release(&mini_word, 1);
        for (unsigned j = 0; j < 10; j++) {
            hal_point(HAL_POINT_RELAX, NULL);
        }
        iommu_unmap(0);
        flush_at_once();
        hal_frame_use(iommu_frame, 1, HAL_FRAME_UNUSED);
        hal_frame_use(iommu_frame, 1, HAL_FRAME_UNTYPED);
    }
    atomic_u32_store_release(&mini_finished, 1);
}

static unsigned count_seeds_with_violations(void)
{
    struct hosted_config config = mini_small;
    unsigned count = 0;
    config.iommu = iommu_is_amd() ? HOSTED_IOMMU_AMD : 0;
    for (config.seed = 1; config.seed <= 40; config.seed++) {
        struct hosted_result result = mini_run_with(&config, unmap_meanwhile, write_all_the_time);
        assert_int_equal(result.end, HOSTED_POWER_OFF);
        assert_int_equal(result.status, 0);
        count += result.violations > 0;
    }
    return count;
}

static void D2_accesses_on_their_way_are_waited_for(void **state)
{
    (void)state;
    for (iommu_tried = 0; iommu_tried < UNITS_TRIED; iommu_tried++) {
        flush = FORGET_PAGES(DOMAIN(iommu_tried));
        assert_int_equal(count_seeds_with_violations(), 0);
        flush &= ~UINT64_C(0xc0); /* not waiting for them, which AMD's always do */
        assert_true(iommu_is_amd() || count_seeds_with_violations() > 0);
    }
}

/* --- Units that stand still --- */

static void stalls_once(void)
{
    iommu_begin(iommu_tried);
    while (comes_to_an_end(iommu_post_wait())) {
    }
    iommu_queue_begin();
    for (unsigned i = 0; i < 50; i++) {
        iommu_do(FORGET_ALL, 0);
    }
}

static void dies(void)
{
    iommu_begin(iommu_tried);
    while (comes_to_an_end(iommu_post_wait())) {
    }
    vtd_write32(0, COMMAND, vtd_read32(0, STATUS) & KEPT & ~QUEUE_ON);
    for (unsigned i = 0; i < 100; i++) {
        mini_expect((vtd_read32(0, STATUS) & QUEUE_ON) != 0);
    }
    mini_expect(!hosted_dma(DEVICE(0), 0x1000, &ticket, 4, false)); /* but lets nobody through */
}

static void D2_units_that_stand_still(void **state)
{
    struct hosted_config config = mini_small;
    (void)state;
    iommu_tried = 0;
    config.iommu_stalls = 20;
    mini_run_showing(&config, stalls_once, NULL, "");
    iommu_tried = AMD_FIRST;
    iommu_run_tried(&config, stalls_once, "");
    iommu_tried = 0;
    config.iommu = HOSTED_IOMMU_DIES;
    mini_run_showing(&config, dies, NULL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D2_queue_is_done_in_order_and_late),
        cmocka_unit_test(D2_driver_that_does_wrong_is_reported),
        cmocka_unit_test(D2_accesses_on_their_way_are_waited_for),
        cmocka_unit_test(D2_units_that_stand_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What is AMD's own in the hosted machine's remapping units (hal/hosted/amdvi*.c): the device table, the ring
 * of commands, which overtake each other, the log, and what a driver must not do. What they have in common
 * with Intel's is in test_hosted_iommu.c.
 */
#include "hosted_amdvi.h"

#define PAGE(n)     (IOVA + (n) * HAL_PAGE_SIZE)
#define PAGE_FAULT  2u
#define BAD_ENTRY   1u
#define LEAF(frame) ((frame).value | 1 | READS << 61)

/* Violations are those of each of AMD's units. */
static void run(void (*body)(void), const char *violation)
{
    for (iommu_tried = AMD_FIRST; iommu_tried < UNITS_TRIED; iommu_tried++) {
        iommu_run_tried(&mini_small, body, violation);
    }
}

static bool reads(uint64_t address)
{
    uint64_t value = 0;
    return iommu_dma(address, &value, false);
}

static bool comes_to_an_end(uint32_t ticket)
{
    for (unsigned i = 0; i < 100; i++) {
        if (iommu_is_done(ticket)) {
            return true;
        }
    }
    return false;
}

static void fence(void)
{
    uint32_t ticket = iommu_post_wait();
    while (!iommu_is_done(ticket)) {
    }
}

/* --- Entries --- */

static void entries_that_are_wrong(void)
{
    static const uint64_t wrong[] = {UINT64_C(1) << 52, /* reserved */
                                     UINT64_C(1) << 58, /* the same */
                                     UINT64_C(7) << 9,  /* a size of its own */
                                     UINT64_C(1) << 9}; /* a table below the lowest */
    iommu_begin(iommu_tried);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        iommu_put(iommu_tables[0], 0, LEAF(iommu_frame) | wrong[i]);
        iommu_forget_page(0);
        mini_expect(!reads(PAGE(0)) && amdvi_last_event() == PAGE_FAULT);
    }
}

static void levels_that_are_left_out(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_put(iommu_tables[2], hal_pt_index(IOVA, 2), iommu_link(iommu_tables[0], 1, READS));
    iommu_post_amd(AMD_ALL, 0);
    fence();
    mini_expect(!reads(PAGE(0)) && amdvi_last_event() == PAGE_FAULT);
}

static void attach_wrongly(uint64_t low, uint64_t high)
{
    uint16_t source = DEVICE(iommu_tried);
    iommu_detach(source);
    iommu_post_amd(AMD_ALL, 0);
    fence();
    amdvi_set_device(source, AMD_DEVICE(iommu_tables[3], 4) | low, high);
    iommu_post_amd(AMD_ALL, 0);
    fence();
}

static void devices_that_are_wrong(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    attach_wrongly(0, DOMAIN(iommu_tried));
    mini_expect(reads(PAGE(0)));
    attach_wrongly(UINT64_C(1) << 7, DOMAIN(iommu_tried));
    mini_expect(!reads(PAGE(0)) && amdvi_last_event() == BAD_ENTRY);
    attach_wrongly(UINT64_C(3) << 9, DOMAIN(iommu_tried)); /* seven levels */
    mini_expect(!reads(PAGE(0)) && amdvi_last_event() == BAD_ENTRY);
    attach_wrongly(0, DOMAIN(iommu_tried) | UINT64_C(1) << 32); /* it may say what is translated */
    mini_expect(!reads(PAGE(0)) && amdvi_last_event() == BAD_ENTRY);
}

static void rights_of_the_device(void)
{
    uint64_t value = 1;
    iommu_begin(iommu_tried);
    iommu_map(0, READS | WRITES);
    attach_wrongly(0, DOMAIN(iommu_tried));
    mini_expect(iommu_dma(PAGE(0), &value, true));
    iommu_detach(DEVICE(iommu_tried));
    iommu_post_amd(AMD_ALL, 0);
    fence();
    amdvi_set_device(DEVICE(iommu_tried), AMD_DEVICE(iommu_tables[3], 4) & ~(WRITES << 61),
                     DOMAIN(iommu_tried));
    iommu_post_amd(AMD_ALL, 0);
    fence();
    mini_expect(reads(PAGE(0)) && !iommu_dma(PAGE(0), &value, true) && amdvi_last_event() == PAGE_FAULT);
}

static void D1_only_what_is_right_is_gone_by(void **state)
{
    (void)state;
    run(entries_that_are_wrong, "");
    run(levels_that_are_left_out, "");
    run(devices_that_are_wrong, "");
    run(rights_of_the_device, "");
}

/* --- What is cached --- */

/* Whatever the device table says is cached, also that nothing passes. */
static void blocked_device_is_cached(void)
{
    uint16_t other = DEVICE(iommu_tried) ^ 1;
    uint64_t value;
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_forget_page(0);
    iommu_attach(other, iommu_tables[3], 4, DOMAIN(iommu_tried));
    mini_expect(!hosted_dma(other, PAGE(0), &value, 8, false));
    iommu_post_amd(AMD_SOURCE(DEVICE(iommu_tried)), 0);
    iommu_post_amd(AMD_PAGES(DOMAIN(iommu_tried)), AMD_EVERY_PAGE | AMD_TABLES | AMD_SEVERAL);
    fence();
    mini_expect(!hosted_dma(other, PAGE(0), &value, 8, false));
    iommu_post_amd(AMD_SOURCE(other), 0);
    fence();
    mini_expect(hosted_dma(other, PAGE(0), &value, 8, false));
}

static void absence_is_cached_by_the_second(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    mini_expect(reads(PAGE(0)) == (iommu_unit == 0));
    iommu_forget_page(0);
    mini_expect(reads(PAGE(0)));
}

/* The smallest block: 2 pages have no ones below the zero. */
static void blocks_of_pages(void)
{
    iommu_begin(iommu_tried);
    for (unsigned page = 0; page < 4; page++) {
        iommu_map(page, READS);
    }
    iommu_post_amd(AMD_ALL, 0);
    fence();
    for (unsigned page = 0; page < 4; page++) {
        iommu_unmap(page);
    }
    iommu_post_amd(AMD_PAGES(DOMAIN(iommu_tried)), PAGE(2) | AMD_SEVERAL);
    fence();
    mini_expect(reads(PAGE(0)) && reads(PAGE(1)) && !reads(PAGE(2)) && !reads(PAGE(3)));
    iommu_post_amd(AMD_PAGES(DOMAIN(iommu_tried)), PAGE(1) | AMD_SEVERAL);
    fence();
    mini_expect(!reads(PAGE(0)) && !reads(PAGE(1)));
    hal_frame_use(iommu_frame, 1, HAL_FRAME_UNUSED);
}

static void detach_and_forget(bool fenced)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_post_amd(AMD_ALL, 0);
    fence();
    iommu_detach(DEVICE(iommu_tried));
    iommu_post_amd(AMD_SOURCE(DEVICE(iommu_tried)), 0);
    if (fenced) {
        iommu_post_amd(AMD_WAIT | AMD_FENCE, 0);
    }
    iommu_post_amd(AMD_PAGES(DOMAIN(iommu_tried)), AMD_EVERY_PAGE | AMD_TABLES | AMD_SEVERAL);
    fence();
    hal_frame_use(iommu_frame, 1, HAL_FRAME_UNUSED);
}

static void commands_in_order(void)
{
    detach_and_forget(true);
    mini_expect(!reads(PAGE(0)));
}

static void commands_that_overtake(void)
{
    detach_and_forget(false);
}

/* A wait that neither stores nor holds back what follows promises nothing. */
static void wait_that_is_none(void)
{
    iommu_begin(iommu_tried);
    iommu_map(0, READS);
    iommu_post_amd(AMD_ALL, 0);
    fence();
    iommu_detach(DEVICE(iommu_tried));
    iommu_post_amd(AMD_SOURCE(DEVICE(iommu_tried)), 0);
    iommu_post_amd(AMD_WAIT, 0);
    iommu_post_amd(AMD_PAGES(DOMAIN(iommu_tried)), AMD_EVERY_PAGE | AMD_TABLES | AMD_SEVERAL);
    fence();
    hal_frame_use(iommu_frame, 1, HAL_FRAME_UNUSED);
}

static void D2_commands_do_what_they_say(void **state)
{
    (void)state;
    run(blocked_device_is_cached, "");
    run(absence_is_cached_by_the_second, "");
    run(blocks_of_pages, "");
    run(commands_in_order, "");
    run(commands_that_overtake, "D2");
    run(wait_that_is_none, "D2");
}

/* --- The ring --- */

static void command_that_is_wrong(uint64_t low, uint64_t high)
{
    iommu_begin(iommu_tried);
    uint64_t at = amdvi_read(iommu_unit, AMD_HEAD);
    iommu_post_amd(low, high);
    mini_expect(!comes_to_an_end(iommu_post_wait()) && amdvi_read(iommu_unit, AMD_HEAD) == at);
    mini_expect((amdvi_read(iommu_unit, AMD_STATUS) & AMD_COMMANDS_RUN) == 0 && amdvi_last_event() == 5);
    iommu_queue_begin();
    fence();
}

static uint64_t wrong_low, wrong_high;

static void command_of_the_table(void)
{
    command_that_is_wrong(wrong_low, wrong_high);
}

static void D2_ring_stops_at_a_mistake(void **state)
{
    static const uint64_t wrong[][2] = {{0, 0},
                                        {UINT64_C(4) << 60, 0}, /* no device has translations of its own */
                                        {UINT64_C(9) << 60, 0},
                                        {AMD_SOURCE(5) | 1 << 16, 0},
                                        {AMD_SOURCE(5), 1},
                                        {AMD_PAGES(5) | 1, 0}, /* of a process */
                                        {AMD_PAGES(5), 4},
                                        {AMD_WAIT | UINT64_C(1) << 52, 0},
                                        {UINT64_C(5) << 60 | 1 << 16, 0},
                                        {AMD_ALL | 1, 0},
                                        {AMD_ALL, 1}};
    (void)state;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        wrong_low = wrong[i][0];
        wrong_high = wrong[i][1];
        run(command_of_the_table, "HAL: unit");
    }
}

/* --- What a driver must not do --- */

static void tail_beyond_the_ring(void)
{
    iommu_begin(iommu_tried);
    amdvi_write(iommu_unit, AMD_TAIL, 4096);
}

static void tail_over_the_head(void)
{
    iommu_begin(iommu_tried);
    for (unsigned i = 0; i < 256; i++) {
        iommu_post_amd(AMD_ALL, 0);
    }
}

static void ring_changed_while_it_runs(void)
{
    iommu_begin(iommu_tried);
    amdvi_write(iommu_unit, AMD_RING, mini_take_frame(HAL_FRAME_TABLE).value | AMD_PAGE);
}

static void ring_is_nobodys(void)
{
    iommu_begin(iommu_tried);
    amdvi_switch(AMD_COMMANDS, false);
    amdvi_write(iommu_unit, AMD_RING, mini_take_frame(HAL_FRAME_UNTYPED).value | AMD_PAGE);
}

static void ring_off_while_it_works(void)
{
    iommu_begin(iommu_tried);
    iommu_post_amd(AMD_ALL, 0);
    amdvi_switch(AMD_COMMANDS, false);
}

static void on_before_it_is_off(void)
{
    iommu_begin(iommu_tried);
    uint64_t control = amdvi_read(iommu_unit, AMD_CONTROL);
    amdvi_write(iommu_unit, AMD_CONTROL, control & ~AMD_COMMANDS);
    amdvi_write(iommu_unit, AMD_CONTROL, control);
}

static void translation_off(void)
{
    iommu_begin(iommu_tried);
    mini_expect(!reads(0x5000));
    amdvi_switch(AMD_TRANSLATES, false);
    mini_expect(reads(0x5000));
    mini_audit();
    mini_expect(mini_audit_lines == 1);
}

static void past_the_caches(void)
{
    iommu_begin(iommu_tried);
    amdvi_write(iommu_unit, AMD_CONTROL, amdvi_read(iommu_unit, AMD_CONTROL) & ~(UINT64_C(1) << 10));
}

static void unasked_interrupts(void)
{
    iommu_begin(iommu_tried);
    amdvi_write(iommu_unit, AMD_CONTROL, amdvi_read(iommu_unit, AMD_CONTROL) | 8);
}

static void part_of_the_table(void)
{
    iommu_begin(iommu_tried);
    amdvi_write(iommu_unit, AMD_TABLE, amdvi_device_at(0).value | 255);
}

static void open_entry(void)
{
    iommu_begin(iommu_tried);
    remap_store(amdvi_device_at(DEVICE(iommu_tried) ^ 1), 0);
    mini_expect(hosted_dma(DEVICE(iommu_tried) ^ 1, 0x5000, &(uint64_t){0}, 8, false));
}

static void entry_without_levels(void)
{
    iommu_begin(iommu_tried);
    remap_store(amdvi_device_at(DEVICE(iommu_tried) ^ 1), AMD_VALID | READS << 61);
}

static void half_of_an_entry(void)
{
    iommu_begin(iommu_tried);
    remap_store(hal_paddr(amdvi_device_at(DEVICE(iommu_tried)).value + 8), 9);
}

static void word_of_no_meaning(void)
{
    iommu_begin(iommu_tried);
    remap_store(hal_paddr(amdvi_device_at(DEVICE(iommu_tried)).value + 24), 1);
}

static void table_that_lets_all_pass(void)
{
    iommu_begin(iommu_tried);
    remap_store(amdvi_device_at(0x7777), 0);
    amdvi_write(iommu_unit, AMD_TABLE, amdvi_device_at(0).value | 511);
    mini_expect(reads(0x5000)); /* by what another table let be cached */
}

/* Whatever was cached by another table is forgotten only with each source and each domain, or with all. */
static void table_that_is_set_again(void)
{
    iommu_begin(iommu_tried);
    mini_expect(!reads(0x5000));
    amdvi_write(iommu_unit, AMD_TABLE, amdvi_device_at(0).value | 511);
    mini_expect(reads(0x5000));
    iommu_post_amd(AMD_SOURCE(DEVICE(iommu_tried)), 0);
    fence();
    iommu_post_amd(AMD_PAGES(DOMAIN(iommu_tried)), AMD_EVERY_PAGE | AMD_TABLES | AMD_SEVERAL);
    fence();
    mini_expect(reads(0x5000));
    iommu_post_amd(AMD_ALL, 0);
    fence();
    mini_expect(!reads(0x5000));
}

static void memory_left_out(void)
{
    iommu_begin(iommu_tried);
    mini_expect(!reads(0x6000));
    amdvi_write(iommu_unit, AMD_EXCLUSION + 8, 0x6000);
    amdvi_write(iommu_unit, AMD_EXCLUSION, 0x5003);
    mini_expect(reads(0x5000) && reads(0x6000) && !reads(0x4000) && !reads(0x7000));
    amdvi_write(iommu_unit, AMD_EXCLUSION, 0);
    mini_expect(!reads(0x5000));
}

static void D3_driver_that_does_wrong_is_reported(void **state)
{
    (void)state;
    run(tail_beyond_the_ring, "HAL: amdvi_commands_write_tail: the tail is not in the ring");
    run(tail_over_the_head, "HAL: amdvi_commands_write_tail: the tail runs over the head");
    run(ring_changed_while_it_runs, "HAL: write_commands: commands are carried out");
    run(ring_is_nobodys, "HAL: is_ring: the ring is not the driver's");
    run(ring_off_while_it_works, "HAL: write_control: there are commands in the ring");
    run(on_before_it_is_off, "HAL: write_control: what goes off is switched on");
    run(translation_off, "HAL: write_control: translation is switched off");
    run(past_the_caches, "HAL: write_control: tables are not looked for");
    run(unasked_interrupts, "HAL: write_control: something is on that nobody asks for");
    run(part_of_the_table, "HAL: write_table: not the device table, or not all of it");
    run(open_entry, "D3");
    run(entry_without_levels, "D3");
    run(half_of_an_entry, "HAL: edit: half of an entry");
    run(word_of_no_meaning, "HAL: amdvi_table_store: nobody knows");
    run(table_that_lets_all_pass, "D3");
    run(table_that_is_set_again, "");
    run(memory_left_out, "");
}

/* --- The log --- */

static void log_that_is_full(void)
{
    iommu_begin(iommu_tried);
    for (unsigned i = 0; i < 255; i++) {
        mini_expect((amdvi_read(iommu_unit, AMD_STATUS) & AMD_OVERFLOW) == 0 && !reads(PAGE(i)));
    }
    mini_expect((amdvi_read(iommu_unit, AMD_STATUS) & (AMD_OVERFLOW | AMD_LOG_RUNS)) == AMD_LOG_RUNS);
    mini_expect(!reads(PAGE(255)));
    mini_expect((amdvi_read(iommu_unit, AMD_STATUS) & (AMD_OVERFLOW | AMD_LOG_RUNS)) == AMD_OVERFLOW);
    uint64_t last = amdvi_read(iommu_unit, AMD_EVENT_TAIL);
    amdvi_write(iommu_unit, AMD_EVENT_HEAD, last); /* room does not help it */
    amdvi_write(iommu_unit, AMD_STATUS, AMD_OVERFLOW);
    mini_expect(!reads(PAGE(0)) && amdvi_read(iommu_unit, AMD_EVENT_TAIL) == last);
    mini_expect((amdvi_read(iommu_unit, AMD_STATUS) & (AMD_OVERFLOW | AMD_LOG_RUNS)) == 0);
    mini_expect(amdvi_last_event() == PAGE_FAULT); /* which switches it off and on */
    mini_expect(!reads(PAGE(0)) && amdvi_last_event() == PAGE_FAULT && amdvi_last_event() == 0);
}

static void head_over_the_tail(void)
{
    iommu_begin(iommu_tried);
    mini_expect(!reads(PAGE(0)));
    amdvi_write(iommu_unit, AMD_EVENT_HEAD, 32);
}

static void log_changed_while_it_is_written(void)
{
    iommu_begin(iommu_tried);
    amdvi_write(iommu_unit, AMD_EVENT_TAIL, 0);
}

static void D8_log_that_is_full_stops(void **state)
{
    (void)state;
    run(log_that_is_full, "");
    run(head_over_the_tail, "HAL: write_events: the head runs over the tail");
    run(log_changed_while_it_is_written, "HAL: write_events: the log is written");
}

/* --- Units that die --- */

static void dies(void)
{
    iommu_begin(iommu_tried);
    while (comes_to_an_end(iommu_post_wait())) {
    }
    amdvi_write(0, AMD_CONTROL, amdvi_read(0, AMD_CONTROL) & ~AMD_COMMANDS);
    for (unsigned i = 0; i < 100; i++) {
        mini_expect((amdvi_read(0, AMD_STATUS) & AMD_COMMANDS_RUN) != 0);
    }
    mini_expect(!reads(0x1000)); /* but lets nobody through */
}

static void D2_unit_that_dies(void **state)
{
    struct hosted_config config = mini_small;
    (void)state;
    config.iommu_stalls = 20;
    config.iommu = HOSTED_IOMMU_DIES;
    iommu_tried = AMD_FIRST;
    iommu_run_tried(&config, dies, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D1_only_what_is_right_is_gone_by),
        cmocka_unit_test(D2_commands_do_what_they_say),
        cmocka_unit_test(D2_ring_stops_at_a_mistake),
        cmocka_unit_test(D3_driver_that_does_wrong_is_reported),
        cmocka_unit_test(D8_log_that_is_full_stops),
        cmocka_unit_test(D2_unit_that_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The driver of AMD's remapping units (hal/x86_common/amdvi*.c) on registers that the test has: how units are
 * started, which sources can be attached, and what is made of their event logs.
 */
#include <string.h>

#include "amdvi_registers.h"

#define BLOCKED(empty) ((empty) | 3 | UINT64_C(3) << 9)
#define EVENT(code)    ((uint64_t)(code) << 60)
#define WRITES         (UINT64_C(1) << 53)

static void check_well(const struct registers *u)
{
    assert_false(u->unfenced || u->overrun || u->ring_at_work || u->early);
}

/* Every source's entry lets nothing through, whoever it is. */
static void check_all_blocked(uint64_t table)
{
    const uint64_t entry = test_word(table);
    const uint64_t empty = entry & UINT64_C(0xffffffffff000);
    assert_true(entry == BLOCKED(empty));
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(test_word(empty + 8 * i), 0);
    }
    for (uint64_t at = table; at < table + AMDVI_TABLE_SIZE; at += 32) {
        assert_true(test_word(at) == entry);
        assert_true((test_word(at + 8) | test_word(at + 16) | test_word(at + 24)) == 0);
    }
}

/* --- Start-up --- */

static void D3_all_is_blocked_from_the_start(void **state)
{
    (void)state;
    reset();
    begin(1);
    const struct registers *u = &units[0];
    assert_true(u->table == (TABLES | 511));
    check_all_blocked(TABLES);
    assert_true(u->control == (ENABLE | LOG | COMMANDS | UINT64_C(1) << 10));
    assert_int_equal(u->exclusion | u->exclusion_limit, 0);
    assert_true(amdvi_is_there() && amdvi_all_translate());
    assert_string_equal(
        lines, "keel: iommu: 1 unit, all DMA blocked\n"
               "keel: iommu: WARNING: interrupts are not remapped: a device can raise those of others\n");
    assert_int_equal(amdvi_describe()->levels, 3);
    assert_int_equal(amdvi_describe()->address_bits, 39);
    check_well(u);
    units[0].control &= ~ENABLE;
    assert_false(amdvi_all_translate());
}

/* What is cached is forgotten when translation is on, and nothing of firmware's is left but what the board
 * needs. */
static void D3_what_firmware_left_on(void **state)
{
    (void)state;
    reset();
    units[0].control = UINT64_MAX >> 8 | ENABLE;
    units[0].commands = units[0].events = UINT64_C(8) << 56 | PAGES;
    units[0].status = OVERFLOW | 6;
    units[0].exclusion = 0x1003;
    units[0].table = 0x7000;
    amdvi_begin(&(struct acpi_ivrs){.unit_count = 1, .units = {{.address = 0xfed80000}}});
    assert_true(units[0].control == (ENABLE | LOG | COMMANDS | UINT64_C(0xf02)));
    assert_string_equal(done, "Aw");
    assert_true(units[0].table == (TABLES | 511) && units[0].exclusion == 0 && units[0].status == 0);
    assert_int_equal(amdvi_describe()->levels, 3);
    check_well(&units[0]);
}

static void D3_unit_without_a_command_for_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        reset();
        units[0].features = 0;
        units[0].lazy = i == 1;
        ivrs.unit_count = 1;
        ivrs.units[0].address = 0xfed80000;
        amdvi_begin(&ivrs);
        assert_int_equal(units[0].sources, 65536);
        assert_int_equal(units[0].entries, 65536);
        assert_int_equal(units[0].pages, 65536);
        assert_true(units[0].low == (UINT64_C(3) << 60 | UINT64_C(0xffff) << 32));
        assert_true(units[0].high == UINT64_C(0x7ffffffffffff003));
        assert_int_equal(amdvi_describe()->levels, 3);
        check_well(&units[0]);
    }
    reset();
    units[0].features = 0;
    units[0].stands = true;
    begin(1);
    assert_int_equal(amdvi_describe()->levels, 0);
}

/* At whatever access it goes, start-up ends and does not claim that it blocks. */
static void D7_unit_that_goes_away(void **state)
{
    (void)state;
    reset();
    begin(1);
    unsigned total = accesses;
    for (unsigned from = 0; from < total; from++) {
        reset();
        gone_from = from;
        begin(1);
        assert_int_equal(amdvi_describe()->levels, 0);
        assert_non_null(strstr(lines, "WARNING: the unit at 0xfed80000 does not "));
        assert_non_null(strstr(lines, "keel: iommu: 0 of 1 units block DMA\n"));
        assert_non_null(strstr(lines, "no device can be let through: not every unit blocks DMA\n"));
    }
}

static void D3_unit_that_does_not_obey_is_told_of(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        reset();
        units[1].stays_on = i == 0;
        units[1].stands = i == 1;
        units[1].is_off = i == 2;
        units[1].refuses = i == 3 ? 1 << 8 : 0;
        begin(3);
        assert_int_equal(amdvi_describe()->levels, 0);
        assert_non_null(strstr(lines, "WARNING: the unit at 0xfed84000 does not obey: DMA behind it is NOT"));
        assert_non_null(strstr(lines, "keel: iommu: 2 of 3 units block DMA\n"));
        assert_true(amdvi_is_there() && amdvi_all_translate()); /* those that did */
    }
}

static void D3_what_firmware_does_not_say_well(void **state)
{
    (void)state;
    reset();
    ivrs.units_left_out = 1;
    begin(1);
    assert_int_equal(amdvi_describe()->levels, 0);
    assert_non_null(strstr(lines, "firmware lists 1 more that cannot be used"));
    reset();
    ivrs.ranges_left_out = 1;
    begin(1);
    assert_int_equal(amdvi_describe()->levels, 0);
    reset();
    ivrs.units[0].segment = 1;
    begin(1);
    assert_int_equal(amdvi_describe()->levels, 0);
    reset();
    amdvi_begin(&ivrs);
    assert_false(amdvi_is_there());
    assert_int_equal(line_count + amdvi_describe()->levels + accesses, 0);
    reset();
    ivrs.units_left_out = 1;
    amdvi_begin(&ivrs);
    assert_true(amdvi_is_there());
    assert_int_equal(amdvi_describe()->levels, 0);
}

/* --- Sources --- */

/* A unit of another segment never sees what stands there for a source of the first. */
static void D1_other_segments_have_a_table_of_their_own(void **state)
{
    (void)state;
    reset();
    ivrs.units[1].segment = ivrs.units[2].segment = 7;
    begin(3);
    assert_true(units[0].table == (TABLES | 511));
    assert_true(units[1].table == ((TABLES + AMDVI_TABLE_SIZE) | 511) && units[2].table == units[1].table);
    uint64_t ticket = amdvi_attach(0x28, 1, hal_paddr(0x5000));
    assert_true(amdvi_is_done(ticket));
    assert_int_equal(units[1].sources + units[2].sources, 0);
    check_all_blocked(TABLES + AMDVI_TABLE_SIZE);
    log_event(1, EVENT(2) | 0x28, 0x1000);
    amdvi_watch();
    assert_int_equal(mini_fault_count, 0);
    assert_non_null(strstr(lines, "blocked: 00:05.0 reads at 0x1000 (unit 1, reason 2)\n"));
}

static void D1_sources_that_cannot_be_held(void **state)
{
    (void)state;
    struct hal_iommu_range range;
    reset();
    ivrs.aliased[0] = UINT64_C(1) << 5;
    ivrs.ranges[0] = (struct acpi_ivrs_range){0x1000, 0x1fff, 8, 8, true, true};
    ivrs.ranges[1] = (struct acpi_ivrs_range){0x5000, 0x7fff, 62, 65, true, true};
    ivrs.range_count = 2;
    begin(1);
    assert_false(amdvi_can_hold(5) || amdvi_can_hold(62) || amdvi_can_hold(65));
    assert_true(amdvi_can_hold(4) && amdvi_can_hold(8) && amdvi_can_hold(61) && amdvi_can_hold(66));
    assert_true(amdvi_range(0, &range) && !amdvi_range(1, &range));
    assert_true(range.first == 0x1000 && range.last == 0x1fff && range.source == 8 && !range.any_source);
    assert_non_null(strstr(lines, "firmware wants 0x1000 to 0x1fff for 00:01.0: blocked as well\n"));
    assert_non_null(strstr(lines, "firmware wants 0x5000 to 0x7fff for 4 devices, or one behind a bridge"));
    memset(ivrs.named, 0, sizeof ivrs.named);
    ivrs.named[1023] = UINT64_C(1) << 63;
    amdvi_begin(&ivrs);
    assert_true(!amdvi_can_hold(4) && amdvi_can_hold(0xffff));
}

/* --- Memory of firmware's devices --- */

/* Where the source's access to the address leads, and the entry that leads there; 0: nowhere. */
static uint64_t walk(uint16_t source, uint64_t address, uint64_t *entry)
{
    uint64_t table = test_word(TABLES + 32 * source) & UINT64_C(0xffffffffff000);
    for (unsigned level = 2;; level--) {
        uint64_t span = HAL_PAGE_SIZE << 9 * level;
        *entry = test_word(table + address / span % 512 * 8);
        if (*entry == 0 || amdvi_entry_is_leaf(*entry, level)) {
            return *entry == 0 ? 0 : amdvi_entry_target(*entry).value + address % span;
        }
        table = amdvi_entry_target(*entry).value;
    }
}

static void D1_firmwares_devices_reach_their_memory(void **state)
{
    (void)state;
    struct hal_iommu_range range;
    uint64_t entry;
    reset();
    reserved_first = 0x7b800000;
    reserved_last = 0x7fffffff;
    ivrs.aliased[0] = UINT64_C(1) << 5;
    ivrs.ranges[0] = (struct acpi_ivrs_range){0x7b9ff000, 0x7be00fff, 8, 8, true, true};
    ivrs.ranges[1] = (struct acpi_ivrs_range){0x7c000000, 0x7c000fff, 9, 9, true, false};
    ivrs.ranges[2] = (struct acpi_ivrs_range){0x7c000000, 0x7c000fff, 10, 10, false, false};
    ivrs.ranges[3] = (struct acpi_ivrs_range){0x7c000000, 0x7c000fff, 5, 5, true, true}; /* as another */
    ivrs.ranges[4] = (struct acpi_ivrs_range){0x7c000000, 0x7c000fff, 11, 11, true, true};
    ivrs.ranges[5] =
        (struct acpi_ivrs_range){0x7d000000, 0x7d000fff, 11, 12, true, true}; /* and one shared */
    ivrs.range_count = 6;
    begin(1);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(amdvi_range(i, &range));
        assert_int_equal(range.mapped, i < 2);
        assert_int_equal(range.any_source, i == 3);
    }
    assert_false(amdvi_range(5, &range) || amdvi_can_hold(11));
    for (uint64_t at = 0x7b9ff000; at < 0x7be01000; at += HAL_PAGE_SIZE) {
        assert_true(walk(8, at, &entry) == at && amdvi_entry_may_read(entry) && amdvi_entry_may_write(entry));
    }
    assert_true(walk(8, 0x7b9fe000, &entry) == 0 && walk(8, 0x7be01000, &entry) == 0);
    assert_true(walk(9, 0x7c000000, &entry) == 0x7c000000 && !amdvi_entry_may_write(entry));
    assert_true(walk(8, 0x7c000000, &entry) == 0 && walk(10, 0x7c000000, &entry) == 0);
    assert_true(test_word(TABLES + 32 * 8 + 8) == 65535 && test_word(TABLES + 32 * 9 + 8) == 65534);
    assert_int_equal(amdvi_describe()->domain_count, 65534);
    assert_false(units[0].early);
    assert_non_null(
        strstr(lines, "firmware wants 0x7c000000 to 0x7c000fff for 00:01.1: mapped for it alone\n"));
    assert_non_null(strstr(lines, "firmware wants 0x7c000000 to 0x7c000fff for 00:01.2: blocked as well\n"));
    ivrs.units_left_out = 1; /* then no device is held */
    amdvi_begin(&ivrs);
    assert_true(amdvi_range(0, &range) && !range.mapped);
}

/* --- Events --- */

static void D7_events_are_taken_in_order(void **state)
{
    (void)state;
    reset();
    begin(1);
    amdvi_watch();
    assert_int_equal(mini_fault_count, 0);
    for (unsigned i = 0; i < 1000; i++) {
        log_event(0, EVENT(2) | (i % 2 == 0 ? WRITES : 0) | i, UINT64_C(0x3456789abc) + i * HAL_PAGE_SIZE);
        log_event(0, EVENT(5) | 0x28, 0x1000); /* of a command */
        log_event(0, 0, 0x1000);               /* not there yet */
        amdvi_watch();
        assert_int_equal(mini_fault_count, i + 1);
        assert_true(mini_fault.source == i && mini_fault.is_read == (i % 2 != 0) && mini_fault.reason == 2);
        assert_true(mini_fault.address == UINT64_C(0x3456789000) + i * HAL_PAGE_SIZE);
        assert_true(units[0].event_head == units[0].event_tail);
    }
    amdvi_watch();
    assert_int_equal(mini_fault_count, 1000);
    check_well(&units[0]);
}

/* Addresses of tables are no business of a device's client. */
static void D7_events_of_every_kind(void **state)
{
    (void)state;
    static const struct {
        unsigned code;
        bool told, has_address;
    } kinds[] = {{0, false, false}, {1, true, true},   {2, true, true},   {3, true, false},
                 {4, true, false},  {5, false, false}, {6, false, false}, {7, false, false},
                 {8, true, true},   {15, false, false}};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        reset();
        begin(1);
        log_event(0, EVENT(kinds[i].code) | 0x28, 0x5678);
        amdvi_watch();
        assert_int_equal(mini_fault_count, kinds[i].told);
        assert_true(!kinds[i].told || mini_fault.address == (kinds[i].has_address ? 0x5000 : 0));
    }
}

/* A slot is empty once it was read: nothing is told twice, and what a tail beyond the log says is bounded. */
static void D7_tail_that_lies(void **state)
{
    (void)state;
    reset();
    begin(1);
    log_event(0, EVENT(2) | 0x28, 0x1000);
    amdvi_watch();
    units[0].event_tail = 0;
    amdvi_watch();
    assert_int_equal(mini_fault_count, 1);
    units[0].event_tail = UINT64_C(0xffffffffffff0020);
    amdvi_watch();
    assert_int_equal(mini_fault_count, 1);
    assert_int_equal(units[0].event_head, 0x20);
    gone_from = accesses;
    amdvi_watch();
    gone_from = accesses + 1;
    amdvi_watch();
    assert_int_equal(mini_fault_count, 1);
}

static void D8_log_that_was_full_goes_on(void **state)
{
    (void)state;
    reset();
    begin(1);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < 300; i++) {
            log_event(0, EVENT(2) | WRITES | 0x28, 0x1000);
        }
        amdvi_watch();
        assert_int_equal(mini_fault_count, 255 * round);
        assert_int_equal(units[0].status, 0);
        assert_true((units[0].control & LOG) != 0 && units[0].event_tail == 0);
        check_well(&units[0]);
    }
    assert_non_null(strstr(lines, "blocked: more attempts than unit 0 can record\n"));
    units[0].stays_on = true; /* it does not go off: another time */
    units[0].status = OVERFLOW;
    amdvi_watch();
    assert_int_equal(units[0].status, OVERFLOW);
    units[0].stays_on = false;
    amdvi_watch();
    assert_int_equal(units[0].status, 0);
    check_well(&units[0]);
    log_event(0, EVENT(2) | 0x30, 0x1000);
    amdvi_watch();
    assert_int_equal(mini_fault.source, 0x30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D3_all_is_blocked_from_the_start),
        cmocka_unit_test(D3_what_firmware_left_on),
        cmocka_unit_test(D3_unit_without_a_command_for_all),
        cmocka_unit_test(D7_unit_that_goes_away),
        cmocka_unit_test(D3_unit_that_does_not_obey_is_told_of),
        cmocka_unit_test(D3_what_firmware_does_not_say_well),
        cmocka_unit_test(D1_other_segments_have_a_table_of_their_own),
        cmocka_unit_test(D1_sources_that_cannot_be_held),
        cmocka_unit_test(D1_firmwares_devices_reach_their_memory),
        cmocka_unit_test(D7_events_are_taken_in_order),
        cmocka_unit_test(D7_events_of_every_kind),
        cmocka_unit_test(D7_tail_that_lies),
        cmocka_unit_test(D8_log_that_was_full_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt remapping (hal/x86_common/vtd_interrupt.c): entries that verify their source, in force when the
 * call returns, and nothing in the old format.
 */
#include <string.h>

#include "hal/ioapic.h"
#include "vtd_registers.h"

#define SOURCE  UINT16_C(0xf0f8)
#define PRESENT UINT64_C(1)

static struct acpi_dmar dmar;

static void name_units(unsigned count)
{
    dmar = (struct acpi_dmar){.unit_count = count, .flags = 1};
    for (unsigned unit = 0; unit < count; unit++) {
        (void)reset(unit, CAPABLE, COHERENT | QUEUED | REMAPS | IOTLB_AT(0x50));
        dmar.units[unit] =
            (struct acpi_dmar_unit){.address = 0xfed90000 + unit * 0x1000, .include_all = unit == 0};
    }
}

/* Answers where the table is. */
static uint64_t begin(unsigned count)
{
    name_units(count);
    vtd_begin(&dmar);
    assert_true(vtd_remaps_interrupts());
    store_count = 0;
    written_back = 0;
    done[0] = '\0';
    return units[0].interrupts & ~UINT64_C(0xfff);
}

/* --- Start-up --- */

static void D4_old_messages_are_blocked_from_the_start(void **state)
{
    (void)state;
    name_units(1);
    units[0].status = OLD_INTERRUPTS | INTERRUPTS;
    vtd_begin(&dmar);
    assert_true(vtd_remaps_interrupts());
    assert_string_equal(done, "NQRcwiwTOEecwiwN");
    assert_int_equal(units[0].status & (OLD_INTERRUPTS | INTERRUPTS), INTERRUPTS);
    assert_int_equal(units[0].interrupts & 0xfff, 7);
    assert_int_not_equal(units[0].interrupts & ~UINT64_C(0xfff), units[0].root);
    assert_false(units[0].several_commands || units[0].too_early || units[0].queue.unfenced);
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(test_word((units[0].interrupts & ~UINT64_C(0xfff)) + 8 * i), 0);
    }
    assert_null(strstr(lines, "interrupts are not remapped"));
    assert_true(vtd_all_translate());
    units[0].status &= ~INTERRUPTS;
    assert_false(vtd_all_translate()); /* the audit sees it */
}

static void check_refused(void)
{
    uint64_t address = 0;
    uint32_t data = 0;
    lines[0] = '\0';
    vtd_begin(&dmar);
    assert_false(vtd_remaps_interrupts());
    assert_non_null(strstr(lines, "WARNING: interrupts are not remapped"));
    store_count = 0;
    assert_false(vtd_interrupt_set(3, SOURCE, 0x43, 1, false));
    assert_false(vtd_interrupt_clear(3));
    assert_int_equal(store_count, 0);
    vtd_interrupt_message(3, &address, &data);
    for (unsigned unit = 0; unit < dmar.unit_count; unit++) {
        assert_true((units[unit].status & INTERRUPTS) == 0 || units[unit].stuck != 0);
    }
}

static void D4_every_unit_remaps_or_none(void **state)
{
    (void)state;
    (void)begin(1);
    name_units(0);
    vtd_begin(&dmar);
    assert_false(vtd_remaps_interrupts());
    name_units(2);
    dmar.flags = 2;
    check_refused();
    name_units(2);
    dmar.units_left_out = 1;
    check_refused();
    for (unsigned unit = 0; unit < 2; unit++) {
        name_units(2);
        units[unit].extended &= ~REMAPS;
        check_refused();
        name_units(2);
        units[unit].extended &= ~QUEUED;
        check_refused();
        static const uint32_t commands[] = {TRANSLATE, SET_INTERRUPTS, INTERRUPTS};
        for (unsigned i = 0; i < 3; i++) {
            name_units(2);
            units[unit].stuck = commands[i];
            check_refused();
        }
        name_units(2);
        units[unit].queue.refuses = 1 << 4;
        check_refused();
    }
}

/* Their sources have the same numbers. */
static void D4_other_segments_have_other_entries(void **state)
{
    (void)state;
    name_units(2);
    dmar.units[1].segment = 1;
    vtd_begin(&dmar);
    assert_true(vtd_remaps_interrupts());
    assert_true(vtd_interrupt_set(5, SOURCE, 0x45, 1, false));
    assert_true(vtd_interrupt_is_for(5, SOURCE));
    assert_false(vtd_interrupt_is_for(5, 0x28) || vtd_interrupt_is_for(6, SOURCE));
    uint64_t others = units[1].interrupts & ~UINT64_C(0xfff);
    assert_true(others != 0 && others != (units[0].interrupts & ~UINT64_C(0xfff)) && others != units[1].root);
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(test_word(others + 8 * i), 0);
    }
}

/* In x2APIC mode all units know long ids, or none remaps. */
static void D4_cpus_with_long_ids(void **state)
{
    (void)state;
    long_ids = true;
    for (unsigned unit = 0; unit < 2; unit++) {
        name_units(2);
        units[unit].extended |= KNOWS_LONG_IDS;
        check_refused();
    }
    name_units(2);
    units[0].extended |= KNOWS_LONG_IDS;
    units[1].extended |= KNOWS_LONG_IDS;
    vtd_begin(&dmar);
    assert_true(vtd_remaps_interrupts());
    assert_true((units[0].interrupts & 0xfff) == 0x807 && (units[1].interrupts & 0xfff) == 0x807);
    assert_true(vtd_interrupt_set(20, SOURCE, IOAPIC_VECTOR_FIRST + 20, 0x2d, false));
    assert_true(vtd_interrupt_is_for(20, SOURCE));
    assert_true(test_word((units[0].interrupts & ~UINT64_C(0xfff)) + 16 * 20) >> 32 == 0x2d);
    long_ids = false;
}

/* --- Entries --- */

static void D4_entry_says_who_may_raise_what(void **state)
{
    (void)state;
    uint64_t table = begin(2);
    assert_int_equal(units[1].interrupts & ~UINT64_C(0xfff), table);
    assert_true(vtd_interrupt_set(200, SOURCE, 0x9c, 0x2d, true));
    assert_false(vtd_interrupt_is_for(200, SOURCE)); /* by the vector of another */
    assert_true(test_word(table + 16 * 200) == UINT64_C(0x2d00009c0011));
    assert_true(test_word(table + 16 * 200 + 8) == UINT64_C(0x4f0f8));
    for (unsigned unit = 0; unit < 2; unit++) {
        assert_true(units[unit].queue.interrupt == (UINT64_C(200) << 32 | 0x14));
    }
    assert_true(vtd_interrupt_set(0, 0x28, 0x41, 0, false));
    assert_true(test_word(table) == 0x410001 && test_word(table + 8) == 0x40028);
    for (unsigned i = 1; i < 256; i++) {
        assert_true(i == 200 || (test_word(table + 16 * i) | test_word(table + 16 * i + 8)) == 0);
    }
    assert_false(vtd_interrupt_set(256, SOURCE, 0x41, 0, false));
    assert_false(vtd_interrupt_set(1, SOURCE, 0x41, 255, false)); /* all CPUs */
    assert_false(vtd_interrupt_set(1, SOURCE, 0x41, 256, false));
    assert_false(vtd_interrupt_clear(256));
    assert_true(vtd_interrupt_clear(200));
    assert_true(test_word(table + 16 * 200) == 0 && test_word(table + 16 * 200 + 8) == 0);
    uint64_t address;
    uint32_t data;
    vtd_interrupt_message(200, &address, &data);
    assert_true(address == UINT64_C(0xfee01910) && data == 0);
    vtd_interrupt_message(0, &address, &data);
    assert_true(address == UINT64_C(0xfee00010) && data == 0);
}

/* The unit may read at any moment: an entry that is present is the old one or the new one. */
static void D4_half_an_entry_raises_nothing(void **state)
{
    (void)state;
    uint64_t at = begin(1) + 16 * 9;
    assert_true(vtd_interrupt_set(9, SOURCE, 0x49, 1, false));
    assert_true(stores[0].address == at && stores[0].value == 0);
    assert_int_equal(stores[1].address, at + 8);
    assert_true(stores[2].address == at && (stores[2].value & PRESENT) != 0);
    store_count = 0;
    assert_true(vtd_interrupt_set(9, SOURCE, 0x49, 2, false)); /* goes elsewhere, in one piece */
    assert_true(stores[0].address == at && stores[0].value == UINT64_C(0x20000490001));
    assert_int_not_equal(stores[1].address, at + 8);
    store_count = 0;
    assert_true(vtd_interrupt_set(9, 0x28, 0x49, 2, false));
    assert_true(stores[0].address == at && stores[0].value == 0);
    assert_true(stores[1].address == at + 8 && stores[1].value == 0x40028);
    store_count = 0;
    assert_true(vtd_interrupt_clear(9));
    assert_true(stores[0].address == at && stores[0].value == 0);
}

static void D4_entry_is_in_force_when_the_call_returns(void **state)
{
    (void)state;
    (void)begin(2);
    units[1].queue.lazy = true;
    assert_true(vtd_interrupt_set(9, SOURCE, 0x49, 1, false));
    assert_int_equal(units[1].queue.head, units[1].queue.tail);
    assert_true(units[1].queue.interrupt == (UINT64_C(9) << 32 | 0x14));
    name_units(1); /* looks into no cache */
    units[0].extended &= ~COHERENT;
    vtd_begin(&dmar);
    written_back = 0;
    assert_true(vtd_interrupt_set(9, SOURCE, 0x49, 1, false));
    assert_int_equal(written_back, 16);
    assert_int_equal(written_back_end, (units[0].interrupts & ~UINT64_C(0xfff)) + 16 * 10);
}

static void D4_unit_that_does_not_obey_lets_nothing_pass(void **state)
{
    (void)state;
    uint64_t at = begin(2) + 16 * 9;
    units[1].queue.stands = true;
    assert_false(vtd_interrupt_set(9, SOURCE, 0x49, 1, false));
    assert_int_equal(test_word(at) & PRESENT, 0);
    assert_false(vtd_interrupt_clear(9));
    units[1].queue.stands = false;
    done[0] = '\0';
    units[1].queue.interrupt = 0;
    assert_true(vtd_recover()); /* entries are forgotten as well */
    assert_int_equal(units[1].queue.interrupt, 4);
    assert_true(vtd_interrupt_set(9, SOURCE, 0x49, 1, false));
}

/* --- Who is who, and who tried --- */

static void D4_io_apics_are_known_by_firmware(void **state)
{
    (void)state;
    name_units(1);
    dmar.ioapic_count = 3;
    dmar.ioapics[0] = (struct acpi_dmar_ioapic){.segment = 1, .source = 0x1111, .id = 2};
    dmar.ioapics[1] = (struct acpi_dmar_ioapic){.source = SOURCE, .id = 8};
    dmar.ioapics[2] = (struct acpi_dmar_ioapic){.source = 0x28, .id = 0};
    vtd_begin(&dmar);
    uint16_t source = 0;
    assert_true(vtd_ioapic_source(8, &source) && source == SOURCE);
    assert_true(vtd_ioapic_source(0, &source) && source == 0x28);
    assert_false(vtd_ioapic_source(2, &source)); /* not behind these units */
    assert_false(vtd_ioapic_source(9, &source));
}

static void D4_forged_interrupts_are_told_of(void **state)
{
    (void)state;
    (void)begin(1);
    lines[0] = '\0';
    record(&units[0], 0, 0, 0x0028, true);
    units[0].high[0] |= UINT64_C(0x25) << 32;
    vtd_watch();
    assert_string_equal(lines, "keel: iommu: blocked: 00:05.0 sends an interrupt (unit 0, reason 37)\n");
    assert_int_equal(mini_fault_count, 0); /* nothing of memory */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D4_old_messages_are_blocked_from_the_start),
        cmocka_unit_test(D4_every_unit_remaps_or_none),
        cmocka_unit_test(D4_other_segments_have_other_entries),
        cmocka_unit_test(D4_cpus_with_long_ids),
        cmocka_unit_test(D4_entry_says_who_may_raise_what),
        cmocka_unit_test(D4_half_an_entry_raises_nothing),
        cmocka_unit_test(D4_entry_is_in_force_when_the_call_returns),
        cmocka_unit_test(D4_unit_that_does_not_obey_lets_nothing_pass),
        cmocka_unit_test(D4_io_apics_are_known_by_firmware),
        cmocka_unit_test(D4_forged_interrupts_are_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

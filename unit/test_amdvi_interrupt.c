/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt remapping by AMD's units (hal/x86_common/amdvi_interrupt.c) on registers that the test has: a
 * table for each source that may raise something, in force when the call returns, and nothing for all others.
 */
#include <string.h>

#include "amdvi_registers.h"
#include "hal/ioapic.h"

#define SOURCE  UINT16_C(0x0128)
#define OTHER   UINT16_C(0x0210)
#define IOAPIC  UINT16_C(0x00a0)
#define BLOCKED UINT64_C(1)
#define SIZE    AMDVI_INTERRUPT_TABLE_SIZE
/* A table of 256 entries that counts. */
#define REMAPPED(table) (INTERRUPT_TABLES + SIZE * UINT64_C(table) + (1 | 8 << 1) + (UINT64_C(2) << 60))

static void name_ioapic(uint8_t id, uint16_t source)
{
    ivrs.ioapics[ivrs.ioapic_count++] = (struct acpi_ivrs_ioapic){.source = source, .id = id};
    ivrs.aliased[source / 64] |= UINT64_C(1) << source % 64;
}

/* Units of which firmware names I/O APIC 2. */
static void start(unsigned count)
{
    reset();
    name_ioapic(2, IOAPIC);
    begin(count);
    assert_true(amdvi_remaps_interrupts());
}

/* What says which interrupts of the source pass. */
static uint64_t word_of(uint16_t source)
{
    return test_word(TABLES + source * UINT64_C(32) + 16);
}

/* The entry of a source of hal/irq.h. */
static uint32_t entry_of(unsigned table, unsigned index)
{
    unsigned vector = IOAPIC_VECTOR_FIRST + index;
    uint64_t word = test_word(INTERRUPT_TABLES + SIZE * table + vector / 2 * 8);
    return (uint32_t)(word >> vector % 2 * 32);
}

static bool is_empty(unsigned table)
{
    bool empty = true;
    for (unsigned at = 0; at < SIZE; at += 8) {
        empty = empty && test_word(INTERRUPT_TABLES + SIZE * table + at) == 0;
    }
    return empty;
}

static void check_well(const struct registers *u)
{
    assert_false(u->unfenced || u->overrun || u->ring_at_work || u->early);
}

/* --- Start-up --- */

static void check_words(uint64_t table, uint64_t word)
{
    for (uint64_t at = table; at < table + AMDVI_TABLE_SIZE; at += 32) {
        assert_true(test_word(at + 16) == word && test_word(at + 24) == 0);
    }
}

static void D4_nobody_raises_anything_from_the_start(void **state)
{
    (void)state;
    start(1);
    check_words(TABLES, BLOCKED);
    assert_string_equal(lines, "keel: iommu: 1 unit, all DMA blocked\n");
    assert_false(amdvi_interrupt_is_set(9));
    check_well(&units[0]);
    reset(); /* sources of another segment have the same numbers */
    name_ioapic(2, IOAPIC);
    ivrs.units[1].segment = 7;
    begin(2);
    assert_true(amdvi_remaps_interrupts());
    assert_true(amdvi_interrupt_set(9, SOURCE, 1));
    check_words(TABLES + AMDVI_TABLE_SIZE, BLOCKED);
}

static void check_refused(void)
{
    assert_false(amdvi_remaps_interrupts());
    assert_false(amdvi_interrupt_set(9, SOURCE, 1) || amdvi_interrupt_clear(9) || amdvi_interrupt_is_set(9));
    assert_non_null(strstr(lines, "WARNING: interrupts are not remapped"));
}

/* Where nothing is known of I/O APICs, or one unit does not obey, interrupts pass as they were sent, and the
 * log says so. */
static void D4_all_units_remap_or_none(void **state)
{
    (void)state;
    reset();
    begin(1);
    check_refused();
    check_words(TABLES, 0);
    reset();
    name_ioapic(2, IOAPIC);
    ivrs.units_left_out = 1;
    begin(1);
    check_refused();
    reset();
    name_ioapic(2, IOAPIC);
    ivrs.units[0].segment = 3;
    units[1].stays_on = true;
    begin(3);
    check_refused();
    check_words(TABLES, 0);
    check_words(TABLES + AMDVI_TABLE_SIZE, 0);
    assert_int_equal(amdvi_describe()->levels, 0);
    reset();
    name_ioapic(2, IOAPIC);
    ivrs.unit_count = 2;
    ivrs.units[0].address = 0xfed80000;
    ivrs.units[1].address = 0xfed84000;
    units[1].is_off = true;
    amdvi_begin(&ivrs);
    check_refused();
    assert_string_equal(done, "AwAwAw"); /* the first one forgets that they were blocked */
}

static void D4_io_apics_are_known_by_firmware(void **state)
{
    (void)state;
    uint16_t source = 0;
    reset();
    name_ioapic(2, IOAPIC);
    name_ioapic(9, OTHER);
    ivrs.ioapics[1].doubtful = true;
    begin(1);
    assert_true(amdvi_ioapic_source(2, &source) && source == IOAPIC);
    assert_false(amdvi_ioapic_source(9, &source) || amdvi_ioapic_source(3, &source));
    assert_true(amdvi_interrupt_set(5, IOAPIC, 1));
    assert_false(amdvi_interrupt_set(6, OTHER, 1)); /* nobody knows whose that is */
}

/* --- Entries --- */

static void D4_table_says_what_its_source_may_raise(void **state)
{
    (void)state;
    uint64_t address;
    uint32_t data;
    start(2);
    assert_true(amdvi_interrupt_set(100, SOURCE, 0x2d));
    assert_true(amdvi_interrupt_set(101, OTHER, 0xfe));
    assert_true(amdvi_interrupt_set(102, SOURCE, 0));
    assert_true(word_of(SOURCE) == REMAPPED(0) && word_of(OTHER) == REMAPPED(1));
    assert_true(word_of(SOURCE - 1) == BLOCKED && word_of(SOURCE + 1) == BLOCKED);
    assert_int_equal(entry_of(0, 100), 0xa42d01);
    assert_int_equal(entry_of(1, 101), 0xa5fe01);
    assert_int_equal(entry_of(0, 102), 0xa60001);
    assert_int_equal(entry_of(0, 101) | entry_of(1, 100) | entry_of(1, 102), 0);
    assert_true(amdvi_interrupt_is_set(100) && amdvi_interrupt_is_set(101) && !amdvi_interrupt_is_set(103));
    assert_true(amdvi_interrupt_is_for(100, SOURCE) && amdvi_interrupt_is_for(101, OTHER));
    assert_false(amdvi_interrupt_is_for(100, OTHER) || amdvi_interrupt_is_for(103, SOURCE));
    amdvi_interrupt_message(100, &address, &data);
    assert_true(address == 0xfee00000 && data == IOAPIC_VECTOR_FIRST + 100);
    for (unsigned table = 2; table < AMDVI_INTERRUPT_TABLES; table++) {
        assert_true(is_empty(table));
    }
    assert_false(amdvi_interrupt_set(HAL_IRQ_SOURCES_MAX, SOURCE, 1));
    assert_false(amdvi_interrupt_clear(HAL_IRQ_SOURCES_MAX) || amdvi_interrupt_is_set(HAL_IRQ_SOURCES_MAX));
    assert_false(amdvi_interrupt_set(9, SOURCE, 255)); /* all CPUs */
    assert_false(amdvi_interrupt_set(9, SOURCE, 256));
    assert_true(amdvi_interrupt_clear(9)); /* it has none */
}

/* A table is not another's before everybody knows that it is not the first one's any more. */
static void D4_tables_come_and_go(void **state)
{
    (void)state;
    start(1);
    assert_true(amdvi_interrupt_set(100, SOURCE, 1) && amdvi_interrupt_set(101, SOURCE, 1));
    done[0] = '\0';
    assert_true(amdvi_interrupt_clear(100));
    assert_string_equal(done, "Iw");
    assert_true(word_of(SOURCE) == REMAPPED(0) && entry_of(0, 100) == 0 && entry_of(0, 101) != 0);
    assert_false(amdvi_interrupt_is_set(100));
    store_count = 0;
    done[0] = '\0';
    assert_true(amdvi_interrupt_clear(101));
    assert_true(word_of(SOURCE) == BLOCKED && is_empty(0));
    assert_string_equal(done, "SfIw");
    assert_true(amdvi_interrupt_clear(101));
    assert_true(amdvi_interrupt_set(101, OTHER, 1));
    assert_true(word_of(OTHER) == REMAPPED(0) && word_of(SOURCE) == BLOCKED);
    assert_true(amdvi_interrupt_set(101, SOURCE, 1)); /* goes to another one at once */
    assert_true(word_of(OTHER) == BLOCKED && word_of(SOURCE) == REMAPPED(0));
    check_well(&units[0]);
    for (unsigned index = 0; index < HAL_IRQ_SOURCES_MAX; index++) {
        assert_true(amdvi_interrupt_set(index, (uint16_t)(0x1000 + index), 1));
    }
    for (unsigned index = 0; index < HAL_IRQ_SOURCES_MAX; index++) {
        assert_true(amdvi_interrupt_is_set(index));
        assert_true(amdvi_interrupt_clear(index) && word_of((uint16_t)(0x1000 + index)) == BLOCKED);
    }
}

/* The unit may read at any moment. */
static void D4_half_an_entry_raises_nothing(void **state)
{
    (void)state;
    const uint64_t word = TABLES + SOURCE * UINT64_C(32) + 16;
    const uint64_t entry = INTERRUPT_TABLES + (IOAPIC_VECTOR_FIRST + 9) / 2 * 8;
    start(1);
    assert_true(amdvi_interrupt_set(9, SOURCE, 1));
    /* What it may raise stands before it may. */
    assert_true(stores[0].address == entry && stores[0].value >> 32 == 0x490101);
    assert_true(stores[1].address == word && stores[1].value == REMAPPED(0));
    assert_string_equal(done, "SfIw");
    assert_true(amdvi_interrupt_set(8, SOURCE, 1)); /* its neighbour */
    store_count = 0;
    done[0] = '\0';
    assert_true(amdvi_interrupt_set(9, SOURCE, 2)); /* goes elsewhere, in one piece */
    assert_true(stores[0].address == entry && stores[0].value == UINT64_C(0x49020100480101));
    assert_true(stores[1].address != word && stores[1].address != entry);
    assert_string_equal(done, "Iw");
    assert_true(units[0].low == (UINT64_C(5) << 60 | SOURCE));
    store_count = 0;
    assert_true(amdvi_interrupt_clear(9) && amdvi_interrupt_clear(8));
    assert_true(stores[0].address == entry && stores[0].value == 0x480101);
    check_well(&units[0]);
}

static void D4_who_comes_under_another_raises_nothing(void **state)
{
    (void)state;
    reset();
    name_ioapic(2, IOAPIC);
    ivrs.aliased[SOURCE / 64] |= UINT64_C(1) << SOURCE % 64;
    begin(1);
    assert_false(amdvi_interrupt_can_hold(SOURCE) || amdvi_interrupt_can_hold(IOAPIC));
    assert_true(amdvi_interrupt_can_hold(OTHER));
    assert_false(amdvi_interrupt_set(9, SOURCE, 1));
    assert_true(word_of(SOURCE) == BLOCKED);
    reset(); /* the other one is no unit's */
    name_ioapic(2, IOAPIC);
    ivrs.unit_count = 1;
    ivrs.units[0].address = 0xfed80000;
    ivrs.named[SOURCE / 64] = UINT64_C(1) << SOURCE % 64;
    amdvi_begin(&ivrs);
    assert_true(amdvi_interrupt_can_hold(SOURCE) && !amdvi_interrupt_can_hold(OTHER));
    assert_false(amdvi_interrupt_set(9, OTHER, 1));
}

/* --- When it is in force --- */

static void D4_entry_is_in_force_when_the_call_returns(void **state)
{
    (void)state;
    start(2);
    units[1].lazy = true;
    assert_true(amdvi_interrupt_set(9, SOURCE, 1));
    assert_int_equal(units[1].head, units[1].tail);
    assert_true(units[1].entries == 1 && units[1].sources == 1);
    assert_true(amdvi_interrupt_clear(9));
    assert_true(units[1].entries == 2 && units[1].sources == 2);
}

/* And keeps out whoever comes until all has started over. */
static void D4_unit_that_does_not_obey_lets_nothing_pass(void **state)
{
    (void)state;
    start(2);
    assert_true(amdvi_interrupt_set(8, SOURCE, 1));
    units[1].stands = true;
    assert_false(amdvi_interrupt_set(9, OTHER, 1) || amdvi_interrupt_is_set(9));
    assert_true(word_of(OTHER) == BLOCKED);
    assert_false(amdvi_interrupt_clear(8));
    assert_true(word_of(SOURCE) == BLOCKED && is_empty(0) && is_empty(1));
    units[1].stands = false;
    store_count = 0;
    assert_false(amdvi_interrupt_set(9, OTHER, 1)); /* what was not forgotten was not asked for again */
    assert_int_equal(store_count, 0);
    assert_true(amdvi_recover());
    assert_int_equal(units[1].all, 1);
    assert_true(amdvi_interrupt_set(9, OTHER, 1));
    units[0].stands = true;
    gone_from = accesses;
    assert_false(amdvi_interrupt_set(9, OTHER, 2) || amdvi_interrupt_is_set(9));
}

/* --- Who tried --- */

static void D4_forged_interrupts_are_told_of(void **state)
{
    (void)state;
    start(1);
    lines[0] = '\0';
    log_event(0, UINT64_C(2) << 60 | UINT64_C(1) << 53 | UINT64_C(1) << 51 | 0x28, 0xfee00000);
    amdvi_watch();
    assert_string_equal(lines, "keel: iommu: blocked: 00:05.0 sends an interrupt (unit 0, reason 2)\n");
    assert_int_equal(mini_fault_count, 0); /* nothing of memory */
    log_event(0, UINT64_C(2) << 60 | UINT64_C(1) << 53 | UINT64_C(1) << 51 | 0x28, 0xfef00000);
    amdvi_watch();
    assert_non_null(strstr(lines, "00:05.0 writes to 0xfef00000 "));
    assert_int_equal(mini_fault_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D4_nobody_raises_anything_from_the_start),
        cmocka_unit_test(D4_all_units_remap_or_none),
        cmocka_unit_test(D4_io_apics_are_known_by_firmware),
        cmocka_unit_test(D4_table_says_what_its_source_may_raise),
        cmocka_unit_test(D4_tables_come_and_go),
        cmocka_unit_test(D4_half_an_entry_raises_nothing),
        cmocka_unit_test(D4_who_comes_under_another_raises_nothing),
        cmocka_unit_test(D4_entry_is_in_force_when_the_call_returns),
        cmocka_unit_test(D4_unit_that_does_not_obey_lets_nothing_pass),
        cmocka_unit_test(D4_forged_interrupts_are_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

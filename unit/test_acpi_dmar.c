/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the DMAR says of DMA remapping hardware (hal/x86_common/acpi_dmar.c): sound tables, and broken ones.
 */
#include <string.h>

#include "acpi_image.h"
#include "hosted_kernel.h"

#define ENTRIES 48u

static uint8_t table_bytes[4096];
static uint32_t table_size;

static bool parse(struct acpi_dmar *dmar)
{
    struct acpi_image image = {table_bytes, table_size};
    const struct acpi_memory memory = {acpi_image_read, &image};
    const struct acpi_table table = {.address = 0, .length = table_size, .revision = 1};
    memset(dmar, 0xa5, sizeof *dmar);
    return acpi_parse_dmar(&memory, &table, dmar);
}

static void begin(void)
{
    memset(table_bytes, 0, sizeof table_bytes);
    table_size = ENTRIES;
    table_bytes[36] = 47 - 1;
    table_bytes[37] = 5;
}

static void put(uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        table_bytes[table_size++] = (uint8_t)(value >> (8 * i));
    }
}

static void unit(uint64_t address, uint8_t flags, uint8_t size, uint16_t segment, uint16_t scope_bytes)
{
    put(0, 2);
    put(16u + scope_bytes, 2);
    put(flags, 1);
    put(size, 1);
    put(segment, 2);
    put(address, 8);
}

static void range(uint64_t first, uint64_t last, uint16_t scope_bytes)
{
    put(1, 2);
    put(24u + scope_bytes, 2);
    put(0, 2);
    put(3, 2);
    put(first, 8);
    put(last, 8);
}

/* Behind `hops` bridges: 8 + 2 * hops bytes. */
static void scope_of(uint8_t type, uint8_t id, uint8_t bus, uint8_t device, uint8_t function, uint8_t hops)
{
    put(type, 1);
    put(8u + 2u * hops, 1);
    put(0, 2);
    put(id, 1);
    put(bus, 1);
    put(device, 1);
    put(function, 1);
    for (unsigned i = 0; i < hops; i++) {
        put(0x0100, 2);
    }
}

static void scope(uint8_t bus, uint8_t device, uint8_t function, uint8_t hops)
{
    scope_of(1, 0, bus, device, function, hops);
}

static void D4_dmar_names_io_apics(void **state)
{
    (void)state;
    struct acpi_dmar found;
    begin();
    unit(0xfed90000, 0, 0, 0, 8 + 10 + 8);
    scope_of(3, 2, 0xf0, 31, 7, 0);
    scope_of(3, 4, 0, 1, 0, 1); /* behind a bridge */
    scope_of(4, 5, 0, 15, 0, 0);
    unit(0xfed91000, 1, 0, 6, 8);
    scope_of(3, 9, 0, 0, 3, 0);
    range(0x1000, 0x1fff, 8);
    scope_of(3, 10, 0, 0, 4, 0);
    range(0x1000, 0x1fff, 8);
    scope(0, 20, 3, 0);
    assert_true(parse(&found));
    assert_int_equal(found.ioapic_count, 2);
    assert_true(found.ioapics[0].id == 2 && found.ioapics[0].source == 0xf0ff &&
                found.ioapics[0].segment == 0);
    assert_true(found.ioapics[1].id == 9 && found.ioapics[1].source == 3 && found.ioapics[1].segment == 6);
    assert_true(!found.ranges[0].is_endpoint && found.ranges[1].is_endpoint);
    assert_int_equal(found.named[20 * 8 + 3], 0); /* by a range alone */
    begin();
    for (uint64_t i = 0; i < 3; i++) {
        unit((i + 1) << 20, 0, 0, 0, 8 * 5);
        for (uint8_t j = 0; j < 5; j++) {
            scope_of(3, j, 0, j, 0, 0);
        }
    }
    assert_true(parse(&found));
    assert_int_equal(found.ioapic_count, ACPI_IOAPICS_MAX);
}

static void D3_dmar_names_functions(void **state)
{
    (void)state;
    struct acpi_dmar found;
    begin();
    unit(0xfed90000, 0, 0, 0, 8 + 8 + 10 + 8 + 8);
    scope(0, 2, 1, 0);
    scope_of(2, 0, 0, 31, 7, 0);
    scope(0, 3, 0, 1);
    scope(1, 4, 0, 0);
    scope_of(4, 0, 0, 5, 0, 0);
    unit(0xfed91000, 0, 0, 1, 8);
    scope(0, 6, 0, 0); /* of another segment */
    unit(0xfed92000, 0, 0, 0, 8);
    scope(0, 31, 7, 0);
    assert_true(parse(&found));
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(found.named[i], i == 0x11   ? ACPI_DMAR_ENDPOINT
                                         : i == 0xff ? ACPI_DMAR_ENDPOINT | ACPI_DMAR_HIERARCHY
                                                     : 0);
    }
}

static void D7_dmar_names_units_and_ranges(void **state)
{
    (void)state;
    struct acpi_dmar found;
    begin();
    unit(0xfed90000, 0, 0, 0, 8 + 10);
    scope(0, 2, 0, 0);
    scope(0, 28, 1, 1);
    put(5, 2); /* a type of no interest */
    put(8, 2);
    put(UINT32_MAX, 4);
    unit(0xfed91000, 1, 0, 0, 0);
    unit(0xfee00000, 0, 2, 1, 0);
    range(0x7b800000, 0x7b8fffff, 10 + 8);
    scope(0, 20, 3, 1);
    scope(0, 26, 0, 0);
    assert_true(parse(&found));
    assert_int_equal(found.address_bits, 47);
    assert_int_equal(found.flags, 5);
    assert_int_equal(found.unit_count, 3);
    assert_int_equal(found.units_left_out, 0);
    assert_int_equal(found.units[0].address, 0xfed90000);
    assert_int_equal(found.units[0].size, 4096);
    assert_int_equal(found.units[0].scope_count, 2);
    assert_true(!found.units[0].include_all && found.units[1].include_all);
    assert_int_equal(found.units[2].segment, 1);
    assert_int_equal(found.units[2].size, 4 * 4096);
    assert_int_equal(found.range_count, 2); /* for a device each */
    for (unsigned i = 0; i < 2; i++) {
        assert_true(found.ranges[i].first == 0x7b800000 && found.ranges[i].last == 0x7b8fffff);
        assert_int_equal(found.ranges[i].segment, 3);
    }
    assert_true(found.ranges[0].device == 20 && found.ranges[0].function == 3 && found.ranges[0].depth == 2);
    assert_true(found.ranges[1].device == 26 && found.ranges[1].function == 0 && found.ranges[1].depth == 1);
}

static void D7_dmar_units_that_make_no_sense_are_left_out(void **state)
{
    (void)state;
    struct acpi_dmar found;
    begin();
    unit(0xfed90000, 0, 1, 0, 0);
    unit(0xfed90000, 1, 0, 0, 0);          /* the same once more */
    unit(0xfed90000, 0, 0, 1, 0);          /* of another segment */
    unit(0xfed91000, 0, 0, 0, 0);          /* the first one's second page */
    unit(0xfed8f000, 0, 4, 0, 0);          /* around it */
    unit(0, 0, 0, 0, 0);                   /* nowhere */
    unit(0xfed92800, 0, 0, 0, 0);          /* no page's beginning */
    unit(0xffffffffffffe000, 0, 1, 0, 0);  /* ends where addresses end */
    unit(0xfffffffffffff000, 0, 15, 0, 0); /* wraps */
    unit(0xfed92000, 0, 0, 0, 0);          /* right behind the first */
    range(0x2000, 0x1fff, 8);
    scope(0, 26, 0, 0);
    range(0x1000, 0x1fff, 0); /* nobody's */
    assert_true(parse(&found));
    assert_int_equal(found.unit_count, 2);
    assert_int_equal(found.units[1].address, 0xfed92000);
    assert_int_equal(found.units_left_out, 7);
    assert_int_equal(found.range_count, 0);
    assert_int_equal(found.ranges_left_out, 2);
}

static void D7_dmar_with_too_much(void **state)
{
    (void)state;
    struct acpi_dmar found;
    begin();
    for (uint64_t i = 0; i < ACPI_DMAR_UNITS_MAX + 3; i++) {
        unit((i + 1) << 20, 0, 0, 0, 0);
    }
    for (uint64_t i = 0; i < ACPI_DMAR_RANGES_MAX + 2; i++) {
        range(i << 12, i << 12 | 0xfff, 8);
        scope(0, 26, 0, 0);
    }
    assert_true(parse(&found));
    assert_int_equal(found.unit_count, ACPI_DMAR_UNITS_MAX);
    assert_int_equal(found.units_left_out, 3);
    assert_int_equal(found.range_count, ACPI_DMAR_RANGES_MAX);
    assert_int_equal(found.ranges_left_out, 2);
    for (unsigned count = 16; count <= 17; count++) { /* devices of one */
        begin();
        range(0, 0xfff, (uint16_t)(count * 8));
        for (uint8_t i = 0; i < count; i++) {
            scope(0, i, 0, 0);
        }
        assert_true(parse(&found));
        assert_int_equal(found.range_count, count == 16 ? 16 : 0);
        assert_int_equal(found.ranges_left_out, count == 16 ? 0 : 1);
        assert_true(count > 16 || found.ranges[15].device == 15);
    }
}

static void D7_dmar_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct acpi_dmar found;
    begin();
    unit(0xfed90000, 0, 0, 0, 8);
    scope(0, 2, 0, 0);
    const uint32_t first = table_size;
    range(0x1000, 0x1fff, 10);
    scope(0, 3, 0, 1);
    const uint32_t whole = table_size;
    assert_true(parse(&found));
    for (table_size = 0; table_size < whole; table_size++) {
        const bool ends_there = table_size == ENTRIES || table_size == first;
        assert_int_equal(parse(&found), ends_there);
        assert_int_equal(found.unit_count, table_size >= first);
        assert_int_equal(found.range_count, 0);
    }
}

/* The byte at `offset` of the one entry is wrong. */
static bool parse_with(uint32_t offset, uint8_t value)
{
    struct acpi_dmar found;
    begin();
    unit(0xfed90000, 0, 0, 0, 8);
    scope(0, 2, 0, 0);
    table_bytes[ENTRIES + offset] = value;
    return parse(&found);
}

static void D7_dmar_lengths_are_bounded(void **state)
{
    (void)state;
    assert_true(parse_with(0, 0));
    assert_false(parse_with(2, 0));     /* the entry: nothing */
    assert_false(parse_with(2, 3));     /* less than its header */
    assert_false(parse_with(2, 15));    /* less than a unit */
    assert_false(parse_with(2, 20));    /* a scope cut off */
    assert_false(parse_with(2, 25));    /* more than there is */
    assert_false(parse_with(3, 0xff));  /* far more */
    assert_false(parse_with(17, 0));    /* the scope: nothing */
    assert_false(parse_with(17, 7));    /* less than one hop */
    assert_false(parse_with(17, 9));    /* beyond the entry */
    assert_false(parse_with(17, 0xff)); /* far beyond */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D4_dmar_names_io_apics),
        cmocka_unit_test(D3_dmar_names_functions),
        cmocka_unit_test(D7_dmar_names_units_and_ranges),
        cmocka_unit_test(D7_dmar_units_that_make_no_sense_are_left_out),
        cmocka_unit_test(D7_dmar_with_too_much),
        cmocka_unit_test(D7_dmar_cut_anywhere_is_refused),
        cmocka_unit_test(D7_dmar_lengths_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the IVRS says of AMD's remapping hardware (hal/x86_common/acpi_ivrs.c): sound tables, and broken ones.
 */
#include <string.h>

#include "acpi_image.h"
#include "hosted_kernel.h"

#define BLOCKS 48u

static uint8_t table_bytes[16384];
static uint32_t table_size, block_start;
static struct acpi_ivrs found;

static bool parse(void)
{
    struct acpi_image image = {table_bytes, table_size};
    const struct acpi_memory memory = {acpi_image_read, &image};
    const struct acpi_table table = {.address = 0, .length = table_size, .revision = 2};
    memset(&found, 0xa5, sizeof found);
    return acpi_parse_ivrs(&memory, &table, &found);
}

static void begin(void)
{
    memset(table_bytes, 0, sizeof table_bytes);
    table_size = BLOCKS;
}

static void put(uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        table_bytes[table_size++] = (uint8_t)(i < 8 ? value >> (8 * i) : 0);
    }
}

/* A block of hardware; its device entries follow, and then end_block. */
static void unit(uint8_t type, uint64_t address, uint16_t segment)
{
    block_start = table_size;
    put(type, 4);
    put(0x10, 2); /* its source */
    put(0x40, 2);
    put(address, 8);
    put(segment, 2);
    put(0, type == 0x10 ? 6 : 22);
}

static void end_block(void)
{
    uint32_t length = table_size - block_start;
    table_bytes[block_start + 2] = (uint8_t)length;
    table_bytes[block_start + 3] = (uint8_t)(length >> 8);
}

static void empty_unit(uint64_t address, uint16_t segment)
{
    unit(0x10, address, segment);
    end_block();
}

static void device(uint8_t type, uint16_t source)
{
    put(type, 1);
    put(source, 2);
    put(0, 1);
}

/* One of 8 bytes. */
static void long_device(uint8_t type, uint16_t source, uint16_t other)
{
    device(type, source);
    put(0, 1);
    put(other, 2);
    put(1, 1);
}

static uint16_t memory_segment; /* of the devices of memory_block */

/* The type, and flags from its bit 8 on. */
static void memory_block(unsigned type, uint16_t source, uint16_t last, uint64_t first, uint64_t size)
{
    put(type | 32 << 16, 4);
    put(source, 2);
    put(last, 2);
    put(memory_segment, 2);
    put(0, 6);
    put(first, 8);
    put(size, 8);
}

/* As a list of sources; -1 ends it. */
static void check_sources(const uint64_t *sources, const int *expected)
{
    for (unsigned source = 0; source < 65536; source++) {
        bool listed = *expected == (int)source;
        assert_int_equal(acpi_ivrs_has(sources, (uint16_t)source), listed);
        expected += listed;
    }
    assert_int_equal(*expected, -1);
}

static void D7_ivrs_names_units_and_sources(void **state)
{
    (void)state;
    begin();
    unit(0x10, 0xfed80000, 0);
    device(0, 0);    /* a pad */
    device(2, 0x28); /* one */
    device(3, 0x3e); /* a row, over the border of a word */
    device(4, 0x42);
    long_device(70, 0x100, 0);  /* one, with more said of it */
    long_device(71, 0xfffe, 0); /* a row, likewise */
    device(4, 0xffff);
    long_device(66, 0x200, 0x208); /* one that comes as another */
    long_device(67, 0x210, 0x218); /* a row, likewise */
    device(4, 0x211);
    device(3, 0x400); /* a row that does not end */
    end_block();
    unit(0x11, 0xfed80000, 0); /* the same */
    device(4, 0x500);          /* the end of no row */
    device(3, 0x600);          /* one that ends before it begins */
    device(4, 0x5ff);
    device(2, 0x28);
    end_block();
    assert_true(parse());
    assert_int_equal(found.unit_count, 1);
    assert_int_equal(found.units_left_out, 0);
    assert_true(found.units[0].address == 0xfed80000 && found.units[0].source == 0x10);
    check_sources(found.named, (int[]){0x28, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x100, 0x200, 0x210, 0x211, 0xfffe,
                                       0xffff, -1});
    check_sources(found.aliased, (int[]){0x200, 0x208, 0x210, 0x211, 0x218, -1});
}

static void special(uint8_t handle, uint16_t source, uint8_t variety)
{
    device(72, 0);
    put(handle, 1);
    put(source, 2);
    put(variety, 1);
}

/* And nobody else has their source ids. */
static void D4_ivrs_names_io_apics(void **state)
{
    (void)state;
    begin();
    unit(0x10, 0xfed80000, 0);
    special(8, 0xa0, 1);
    special(0, 0xa2, 2); /* a timer */
    special(9, 0xf0f8, 1);
    end_block();
    unit(0x11, 0xfed80000, 0); /* the same once more, but for one */
    special(8, 0xa0, 1);
    special(9, 0xf0f9, 1);
    end_block();
    unit(0x10, 0xfed84000, 5);
    special(10, 0xb0, 1);
    end_block();
    assert_true(parse());
    assert_int_equal(found.ioapic_count, 2);
    assert_true(found.ioapics[0].id == 8 && found.ioapics[0].source == 0xa0 && !found.ioapics[0].doubtful);
    assert_true(found.ioapics[1].id == 9 && found.ioapics[1].doubtful);
    check_sources(found.aliased, (int[]){0xa0, 0xa2, 0xf0f8, 0xf0f9, -1});
    check_sources(found.named, (int[]){-1});
    begin();
    unit(0x10, 0xfed80000, 0);
    for (unsigned id = 0; id < ACPI_IOAPICS_MAX + 1; id++) {
        special((uint8_t)id, (uint16_t)(0xa0 + id), 1);
    }
    end_block();
    assert_true(parse());
    assert_int_equal(found.ioapic_count, ACPI_IOAPICS_MAX);
}

static void D7_ivrs_of_all_sources_and_of_other_segments(void **state)
{
    (void)state;
    begin();
    unit(0x40, 0xfed80000, 3);
    device(1, 0);
    put(0xff, 1); /* not looked at */
    end_block();
    assert_true(parse());
    assert_int_equal(found.units[0].segment, 3);
    check_sources(found.named, (int[]){-1});
    unit(0x40, 0xfee00000, 0);
    put(240, 1); /* a named one */
    put(0, 20);
    put(3, 1);
    put(0x414243, 3);
    put(128, 1); /* of 16 bytes */
    put(0, 15);
    put(192, 1); /* of 32 */
    put(0, 31);
    device(1, 0);
    end_block();
    assert_true(parse());
    assert_int_equal(found.unit_count, 2);
    for (unsigned word = 0; word < ACPI_IVRS_SOURCE_WORDS; word++) {
        assert_true(found.named[word] == UINT64_MAX && found.aliased[word] == 0);
    }
}

static void D7_ivrs_units_that_make_no_sense_are_left_out(void **state)
{
    (void)state;
    begin();
    empty_unit(0xfed80000, 0);
    empty_unit(0xfed80000, 1);         /* of another segment */
    empty_unit(0, 0);                  /* nowhere */
    empty_unit(0xfed85000, 0);         /* no beginning */
    empty_unit(0xfed82000, 0);         /* in the midst of it */
    empty_unit(0xffffffffffffc000, 0); /* ends where addresses end */
    empty_unit(0xfed84000, 0);         /* right behind the first */
    assert_true(parse());
    assert_int_equal(found.unit_count, 2);
    assert_int_equal(found.units_left_out, 5);
    begin();
    for (unsigned i = 0; i < ACPI_IVRS_UNITS_MAX + 3; i++) {
        empty_unit((i + UINT64_C(1)) << 20, 0);
    }
    assert_true(parse());
    assert_int_equal(found.unit_count, ACPI_IVRS_UNITS_MAX);
    assert_int_equal(found.units_left_out, 3);
}

static void D7_ivrs_names_ranges(void **state)
{
    (void)state;
    begin();
    memory_block(0x20, 7, 9, 0x1000, 0x1000);
    memory_block(0x21, 7, 9, 0x3000, 1);
    memory_block(0x22, 7, 9, UINT64_C(0xfffffffffffff000), 0x1000);
    memory_block(0x22, 9, 7, 0x1000, 0x1000);                       /* no row */
    memory_block(0x21, 7, 9, 0x1000, 0);                            /* no bytes */
    memory_block(0x21, 7, 9, UINT64_C(0xfffffffffffff000), 0x1001); /* wraps */
    memory_segment = 1;                                             /* other devices with the same numbers */
    memory_block(0x22, 7, 9, 0x1000, 0x1000);
    memory_segment = 0;
    put(0x23 | 8 << 16, 4); /* a type of no interest */
    put(0, 4);
    assert_true(parse());
    assert_int_equal(found.range_count, 3);
    assert_int_equal(found.ranges_left_out, 3);
    assert_true(found.ranges[0].first_source == 0 && found.ranges[0].last_source == 0xffff);
    assert_true(found.ranges[0].first == 0x1000 && found.ranges[0].last == 0x1fff);
    assert_true(found.ranges[1].first_source == 7 && found.ranges[1].last_source == 7);
    assert_true(found.ranges[1].last == 0x3000);
    assert_true(found.ranges[2].first_source == 7 && found.ranges[2].last_source == 9);
    assert_true(found.ranges[2].last == UINT64_MAX);
    for (unsigned flags = 0; flags < 16; flags++) {
        bool unity = (flags & 9) == 1; /* and not excluded from translation */
        begin();
        memory_block(0x21 | flags << 8, 7, 9, 0x3000, 1);
        assert_true(parse());
        assert_int_equal(found.ranges[0].may_read, !unity || (flags & 2) != 0);
        assert_int_equal(found.ranges[0].may_write, !unity || (flags & 4) != 0);
    }
    begin();
    for (unsigned i = 0; i < ACPI_IVRS_RANGES_MAX + 2; i++) {
        memory_block(0x21, 7, 9, 0x1000, 1);
    }
    assert_true(parse());
    assert_int_equal(found.range_count, ACPI_IVRS_RANGES_MAX);
    assert_int_equal(found.ranges_left_out, 2);
}

static void D7_ivrs_cut_anywhere_is_refused(void **state)
{
    (void)state;
    begin();
    unit(0x10, 0xfed80000, 0);
    device(2, 0x28);
    end_block();
    const uint32_t first = table_size;
    memory_block(0x21, 7, 9, 0x1000, 1);
    const uint32_t whole = table_size;
    assert_true(parse());
    for (table_size = 0; table_size < whole; table_size++) {
        const bool ends_there = table_size == BLOCKS || table_size == first;
        assert_int_equal(parse(), ends_there);
        assert_int_equal(found.unit_count, table_size >= first);
        assert_int_equal(found.range_count, 0);
    }
}

/* The byte at `offset` of the one block, whose last entry is named by three letters, is wrong. */
static bool parse_with(uint32_t offset, uint8_t value)
{
    begin();
    unit(0x10, 0xfed80000, 0);
    long_device(66, 0x28, 0x30);
    put(240, 1);
    put(0, 20);
    put(3, 1);
    put(0x414243, 3);
    end_block();
    table_bytes[BLOCKS + offset] = value;
    return parse();
}

static void D7_ivrs_lengths_are_bounded(void **state)
{
    (void)state;
    assert_true(parse_with(0, 0x10));
    assert_false(parse_with(2, 0));    /* the block: nothing */
    assert_false(parse_with(2, 3));    /* less than its header */
    assert_false(parse_with(2, 23));   /* less than a unit */
    assert_false(parse_with(0, 0x11)); /* entries begin elsewhere: cut off */
    assert_false(parse_with(2, 28));   /* an entry cut off */
    assert_false(parse_with(2, 40));   /* the last one cut off before it says its size */
    assert_false(parse_with(2, 58));   /* more than there is */
    assert_false(parse_with(3, 0xff)); /* far more */
    assert_false(parse_with(53, 4));   /* the last one: beyond the block */
    assert_false(parse_with(53, 255)); /* far beyond */
    assert_true(parse_with(24, 2));    /* two of 4 bytes */
    assert_false(parse_with(24, 193)); /* of 32 bytes, in the midst of the last */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D7_ivrs_names_units_and_sources),
        cmocka_unit_test(D4_ivrs_names_io_apics),
        cmocka_unit_test(D7_ivrs_of_all_sources_and_of_other_segments),
        cmocka_unit_test(D7_ivrs_units_that_make_no_sense_are_left_out),
        cmocka_unit_test(D7_ivrs_names_ranges),
        cmocka_unit_test(D7_ivrs_cut_anywhere_is_refused),
        cmocka_unit_test(D7_ivrs_lengths_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All DMA remapping units, and what is said of them (hal/x86_common/vtd_watch.c).
 */
#include <string.h>

#include "vtd_registers.h"

static struct acpi_dmar dmar;

static void begin(unsigned unit_count)
{
    dmar = (struct acpi_dmar){.unit_count = unit_count};
    for (unsigned unit = 0; unit < unit_count; unit++) {
        (void)reset_capable(unit);
        dmar.units[unit].address = 0xfed90000 + unit * 0x1000;
        dmar.units[unit].include_all = unit == 0;
    }
}

static void D3_log_says_what_is_not_blocked(void **state)
{
    (void)state;
    begin(0);
    lines[0] = '\0';
    vtd_begin(&dmar);
    assert_string_equal(
        lines, "keel: iommu: WARNING: firmware names no remapping unit: DMA is NOT blocked\n"
               "keel: iommu: WARNING: interrupts are not remapped: a device can raise those of others\n");
    begin(3);
    units[1].version = 0;
    units[2].stuck = SET_ROOT;
    dmar.units_left_out = 4;
    dmar.range_count = 2;
    dmar.ranges[0] =
        (struct acpi_dmar_range){.first = 0x1000, .last = 0x2fff, .depth = 1, .device = 26, .function = 7};
    dmar.ranges[1] = (struct acpi_dmar_range){.first = 0x5000, .last = 0x5fff, .depth = 2};
    vtd_begin(&dmar);
    assert_string_equal(
        lines,
        "keel: iommu: WARNING: the unit at 0xfed91000 does not answer: DMA behind it is NOT blocked\n"
        "keel: iommu: WARNING: the unit at 0xfed92000 does not obey: DMA behind it is NOT blocked\n"
        "keel: iommu: WARNING: firmware lists 4 more that cannot be used: DMA behind them is NOT blocked\n"
        "keel: iommu: firmware wants 0x1000 to 0x2fff for 00:1a.7: blocked as well\n"
        "keel: iommu: firmware wants 0x5000 to 0x5fff for a device behind a bridge: blocked as well\n"
        "keel: iommu: 1 of 7 units block DMA\n"
        "keel: iommu: WARNING: no device can be let through: not every unit blocks DMA\n"
        "keel: iommu: WARNING: interrupts are not remapped: a device can raise those of others\n");
    assert_true(vtd_all_translate()); /* all that did */
    units[0].status = 0;
    assert_false(vtd_all_translate());
    begin(2);
    vtd_begin(&dmar);
    assert_string_equal(
        lines, "keel: iommu: 2 units, all DMA blocked\n"
               "keel: iommu: WARNING: interrupts are not remapped: a device can raise those of others\n");
    assert_true(units[0].root == ROOT && units[1].root == ROOT);
    units[1].status = 0;
    assert_false(vtd_all_translate());
}

static void attempt(unsigned unit, uint16_t source)
{
    record(&units[unit], 0, UINT64_C(0x123456000), source, false);
    vtd_watch();
}

static void D8_storm_is_told_of_less_and_less(void **state)
{
    (void)state;
    begin(3);
    units[2].version = 0;
    vtd_begin(&dmar);
    lines[0] = '\0';
    attempt(1, 0x0235);
    assert_string_equal(lines, "keel: iommu: blocked: 02:06.5 writes to 0x123456000 (unit 1, reason 1)\n");
    line_count = 0;
    for (unsigned i = 1; i < 5000; i++) {
        attempt(1, 0x0235);
    }
    assert_int_equal(line_count, 7 + 9); /* up to 8, then 16, 32, ... 4096 */
    assert_non_null(strstr(lines, " (unit 1, reason 1), time 4096: told of less and less\n"));
    assert_null(strstr(lines, "reason 1), time 7"));
    record(&units[2], 0, 0, 1, false);
    attempt(0, 0x0235); /* another unit's, another device */
    assert_int_equal(line_count, 7 + 9 + 1);
    assert_int_not_equal(units[2].fault_status, 0); /* it is not asked */
    lines[0] = '\0';
    line_count = 0;
    for (unsigned source = 0; source < 0x10000; source += 3) {
        lines[0] = '\0';
        attempt(0, (uint16_t)source);
    }
    assert_true(line_count >= 14 && line_count < 14 + 8 + 16);
}

static void D8_one_look_has_few_lines(void **state)
{
    (void)state;
    begin(1);
    units[0].capability = (CAPABLE & ~FAULTS_AT(0x3ff, 256)) | FAULTS_AT(0x60, 256);
    vtd_begin(&dmar);
    line_count = 0;
    for (unsigned i = 0; i < 256; i++) {
        record(&units[0], i, 0x1000, (uint16_t)(i % 5), true);
    }
    vtd_watch();
    assert_int_equal(line_count, 8);
    assert_int_equal(units[0].high[255] & RECORD_FAULT, 0);
    attempt(0, 0x1234);
    assert_int_equal(line_count, 9);
}

static void D8_overflow_is_told_of_less_and_less(void **state)
{
    (void)state;
    begin(1);
    vtd_begin(&dmar);
    lines[0] = '\0';
    line_count = 0;
    for (unsigned i = 0; i < 100; i++) {
        units[0].fault_status |= 1;
        vtd_watch();
    }
    assert_int_equal(line_count, 8 + 3);
    assert_memory_equal(lines, "keel: iommu: blocked: more attempts than unit 0 can record\n", 59);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D3_log_says_what_is_not_blocked),
        cmocka_unit_test(D8_storm_is_told_of_less_and_less),
        cmocka_unit_test(D8_one_look_has_few_lines),
        cmocka_unit_test(D8_overflow_is_told_of_less_and_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

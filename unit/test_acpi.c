/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI tables: finding them, and what the MADT, FADT, DSDT, MCFG and HPET tables say
 * (hal/x86_common/acpi_*.c); sound ones, and broken ones.
 */
#include <string.h>

#include "acpi_image.h"
#include "hosted_kernel.h"

#define TABLE 0x1000u

static uint8_t bytes[0x10000];
static struct acpi_image image;
static const struct acpi_memory memory = {acpi_image_read, &image};

static void begin(void)
{
    memset(bytes, 0, sizeof bytes);
    image = (struct acpi_image){bytes, sizeof bytes};
}

static void put(uint32_t at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        bytes[at + i] = (uint8_t)(value >> (8 * i));
    }
}

/* Makes the sum of the bytes zero, by the one at `at`. */
static void balance(uint32_t start, uint32_t size, uint32_t at)
{
    uint8_t sum = 0;
    for (uint32_t i = start; i < start + size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[at] = (uint8_t)(bytes[at] - sum);
}

static void header(uint32_t at, const char *signature, uint32_t length)
{
    memcpy(bytes + at, signature, 4);
    put(at + 4, length, 4);
    bytes[at + 8] = 3;
    balance(at, length, at + 9);
}

static struct acpi_table table_of(uint32_t length)
{
    return (struct acpi_table){.address = TABLE, .length = length, .revision = 3};
}

static void tables_are_checked(void **state)
{
    (void)state;
    struct acpi_table table;
    begin();
    put(TABLE + 40, 0x1234, 2);
    header(TABLE, "ABCD", 600); /* longer than what is read at once */
    assert_true(acpi_check_table(&memory, TABLE, "ABCD", &table));
    assert_true(table.address == TABLE && table.length == 600 && table.revision == 3);
    assert_false(acpi_check_table(&memory, TABLE, "ABCE", &table));
    assert_false(acpi_check_table(&memory, 0, "ABCD", &table));
    assert_false(acpi_check_table(&memory, sizeof bytes, "ABCD", &table));
    assert_false(acpi_check_table(&memory, UINT64_MAX - 8, "ABCD", &table));
    bytes[TABLE + 599]++;
    assert_false(acpi_check_table(&memory, TABLE, "ABCD", &table));
    bytes[TABLE + 599]--;
    image.size = TABLE + 599; /* its end cannot be read */
    assert_false(acpi_check_table(&memory, TABLE, "ABCD", &table));
    image.size = sizeof bytes;
    header(TABLE, "ABCD", 600);
    put(TABLE + 4, 35, 4);
    assert_false(acpi_check_table(&memory, TABLE, "ABCD", &table));
    put(TABLE + 4, ACPI_TABLE_SIZE_MAX + 1, 4);
    assert_false(acpi_check_table(&memory, TABLE, "ABCD", &table));
}

/* Every byte can be read, and is none that a table could begin with. */
static bool read_same(void *context, uint64_t physical, void *to, size_t size)
{
    (void)physical;
    memcpy(to, context, size < 36 ? size : 36);
    return true;
}

static void table_at_the_end_of_all_addresses(void **state)
{
    (void)state;
    uint8_t same[36] = {'A', 'B', 'C', 'D', 200};
    const struct acpi_memory all = {read_same, same};
    struct acpi_table table;
    assert_false(acpi_check_table(&all, UINT64_MAX - 100, "ABCD", &table));
}

/* An RSDP of revision 2 at 0x100, an XSDT at 0x200 and an RSDT at 0x300, of one table each. */
static void put_roots(uint32_t in_xsdt, uint32_t in_rsdt)
{
    memcpy(bytes + 0x100, "RSD PTR ", 8);
    bytes[0x10f] = 2;
    put(0x110, 0x300, 4);
    put(0x118, 0x200, 8);
    balance(0x100, 20, 0x108);
    balance(0x100, 36, 0x120);
    put(0x200 + ACPI_HEADER_SIZE, in_xsdt, 8);
    header(0x200, "XSDT", ACPI_HEADER_SIZE + 8);
    put(0x300 + ACPI_HEADER_SIZE, in_rsdt, 4);
    header(0x300, "RSDT", ACPI_HEADER_SIZE + 4);
}

static void root_is_the_xsdt_or_the_rsdt(void **state)
{
    (void)state;
    struct acpi_root root;
    begin();
    put_roots(0x400, 0x500);
    assert_true(acpi_find_root(&memory, 0x100, &root));
    assert_true(root.address == 0x200 && root.entry_size == 8 && root.entry_count == 1);
    bytes[0x204]++; /* the XSDT is broken */
    assert_true(acpi_find_root(&memory, 0x100, &root));
    assert_true(root.address == 0x300 && root.entry_size == 4 && root.entry_count == 1);
    put_roots(0x400, 0x500);
    bytes[0x123]++; /* the longer sum is wrong */
    assert_true(acpi_find_root(&memory, 0x100, &root) && root.address == 0x300);
    image.size = 0x100 + 20; /* there is no longer one, nor a table */
    assert_false(acpi_find_root(&memory, 0x100, &root));
    image.size = sizeof bytes;
    begin();
    put_roots(0x400, 0x500);
    bytes[0x10f] = 0;
    balance(0x100, 20, 0x108);
    assert_true(acpi_find_root(&memory, 0x100, &root) && root.address == 0x300);
}

static void broken_roots_are_refused(void **state)
{
    (void)state;
    struct acpi_root root;
    begin();
    put_roots(0x400, 0x500);
    assert_false(acpi_find_root(&memory, 0, &root));
    assert_false(acpi_find_root(&memory, sizeof bytes - 8, &root));
    assert_false(acpi_find_root(&memory, 0x101, &root));
    bytes[0x113]++;
    assert_false(acpi_find_root(&memory, 0x100, &root));
}

static void roots_are_looked_at_up_to_a_limit(void **state)
{
    (void)state;
    struct acpi_root root;
    struct acpi_table table;
    begin();
    put_roots(0, 0);
    put(0x110, 0x2000, 4);
    put(0x118, 0, 8);
    bytes[0x108] = 0;
    balance(0x100, 20, 0x108);
    const uint32_t last = 0x2000 + ACPI_HEADER_SIZE + 4 * ACPI_TABLE_COUNT_MAX;
    put(last, TABLE, 4);
    header(TABLE, "ABCD", 36);
    header(0x2000, "RSDT", ACPI_HEADER_SIZE + 4 * ACPI_TABLE_COUNT_MAX + 4);
    assert_true(acpi_find_root(&memory, 0x100, &root));
    assert_int_equal(root.entry_count, ACPI_TABLE_COUNT_MAX);
    assert_false(acpi_find_table(&memory, &root, "ABCD", 0, &table));
}

static void tables_are_found_by_number(void **state)
{
    (void)state;
    const struct acpi_root root = {.address = 0x200, .entry_count = 4, .entry_size = 8};
    struct acpi_table table;
    begin();
    const uint64_t at[] = {0x1000, 0x2000, 0x3000, 0x3800};
    for (unsigned i = 0; i < 4; i++) {
        put(0x200 + ACPI_HEADER_SIZE + 8 * i, at[i], 8);
        header((uint32_t)at[i], i == 1 ? "OTHR" : "SSDT", 40);
    }
    bytes[0x3001]++; /* this one is broken, and is not counted */
    assert_true(acpi_find_table(&memory, &root, "SSDT", 0, &table) && table.address == 0x1000);
    assert_true(acpi_find_table(&memory, &root, "SSDT", 1, &table) && table.address == 0x3800);
    assert_false(acpi_find_table(&memory, &root, "SSDT", 2, &table));
    image.size = 0x200 + ACPI_HEADER_SIZE + 4; /* the entries cannot be read */
    assert_false(acpi_find_table(&memory, &root, "SSDT", 0, &table));
}

/* --- The MADT --- */

static uint32_t madt_end;

static void begin_madt(void)
{
    begin();
    put(TABLE + 36, 0xfee00000, 4);
    madt_end = TABLE + 44;
}

static void cpu_entry(uint8_t id, uint32_t flags)
{
    put(madt_end, 0 | 8 << 8 | (uint32_t)id << 24, 4);
    put(madt_end + 4, flags, 4);
    madt_end += 8;
}

static void x2apic_entry(uint32_t id, uint32_t flags)
{
    put(madt_end, 9 | 16 << 8, 4);
    put(madt_end + 4, id, 4);
    put(madt_end + 8, flags, 4);
    madt_end += 16;
}

static bool parse_madt(struct acpi_cpus *cpus)
{
    const struct acpi_table table = table_of(madt_end - TABLE);
    return acpi_parse_madt(&memory, &table, cpus);
}

static void madt_lists_each_cpu_once(void **state)
{
    (void)state;
    struct acpi_cpus cpus;
    begin_madt();
    cpu_entry(7, 1);
    cpu_entry(8, 0); /* not enabled */
    cpu_entry(7, 1);
    x2apic_entry(300, 1);
    x2apic_entry(300, 1);
    put(madt_end, 1 | 12 << 8, 2); /* an I/O APIC */
    madt_end += 12;
    put(madt_end, 0x7f | 2 << 8, 2); /* of no interest */
    madt_end += 2;
    assert_true(parse_madt(&cpus));
    assert_true(cpus.local_apic == 0xfee00000 && cpus.enabled_count == 2 && cpus.listed_count == 2);
    assert_true(cpus.apic_id[0] == 7 && cpus.apic_id[1] == 300);
    put(madt_end, 5 | 12 << 8, 4);
    put(madt_end + 4, UINT64_C(0x123456789000), 8);
    madt_end += 12;
    assert_true(parse_madt(&cpus) && cpus.local_apic == UINT64_C(0x123456789000));
}

static void madt_of_too_many_cpus(void **state)
{
    (void)state;
    struct acpi_cpus cpus;
    begin_madt();
    for (unsigned i = 0; i < HAL_CPU_MAX + 3; i++) {
        x2apic_entry(i, 1);
    }
    assert_true(parse_madt(&cpus));
    assert_true(cpus.enabled_count == HAL_CPU_MAX + 3 && cpus.listed_count == HAL_CPU_MAX);
}

static void broken_madts_are_refused(void **state)
{
    (void)state;
    struct acpi_cpus cpus;
    struct acpi_table table = table_of(43);
    begin_madt();
    assert_false(acpi_parse_madt(&memory, &table, &cpus));
    table.length = 39;
    assert_false(acpi_parse_madt(&memory, &table, &cpus));
    for (uint8_t size = 0; size < 8; size++) { /* shorter than its type, or than any entry */
        begin_madt();
        cpu_entry(7, 1);
        bytes[madt_end - 7] = size;
        assert_false(parse_madt(&cpus));
    }
    begin_madt();
    cpu_entry(7, 1);
    cpu_entry(8, 1);
    bytes[madt_end - 7] = 9; /* beyond the end */
    assert_false(parse_madt(&cpus));
    assert_true(cpus.enabled_count == 1 && cpus.apic_id[0] == 7);
    bytes[madt_end - 7] = 8;
    image.size = madt_end - 1; /* its end cannot be read */
    assert_false(parse_madt(&cpus));
    image.size = madt_end - 8; /* nor its beginning */
    assert_false(parse_madt(&cpus));
}

/* --- The FADT --- */

static void put_fadt(void)
{
    begin();
    put(TABLE + 40, 0x5000, 4);
    put(TABLE + 64, 0x604, 4);
    put(TABLE + 68, 0x10604, 4); /* no port */
    put(TABLE + 76, 0x608, 4);
    bytes[TABLE + 91] = 4;
    bytes[TABLE + 108] = 50;
    put(TABLE + 112, 1 << 8 | 1 << 10, 4);
    bytes[TABLE + 116] = ACPI_SPACE_IO;
    put(TABLE + 120, 0xcf9, 8);
    bytes[TABLE + 128] = 6;
    put(TABLE + 140, UINT64_C(0x100005000), 8);
}

static struct acpi_power parse_fadt(uint32_t length)
{
    struct acpi_power power;
    const struct acpi_table table = table_of(length);
    assert_true(acpi_parse_fadt(&memory, &table, &power));
    return power;
}

static void fadt_says_how_to_switch_off(void **state)
{
    (void)state;
    put_fadt();
    struct acpi_power power = parse_fadt(148);
    assert_true(power.dsdt == UINT64_C(0x100005000) && power.pm1a_control == 0x604 &&
                power.pm1b_control == 0);
    assert_true(power.pm_timer == 0x608 && power.pm_timer_is_32_bit && power.rtc_century == 50);
    assert_true(!power.has_no_rtc && power.has_reset && power.reset_space == ACPI_SPACE_IO);
    assert_true(power.reset_address == 0xcf9 && power.reset_value == 6);
    put(TABLE + 140, 0, 8);
    assert_true(parse_fadt(148).dsdt == 0x5000);
    assert_true(parse_fadt(147).dsdt == 0x5000);
    bytes[TABLE + 91] = 3; /* no timer of a length that there is */
    put(TABLE + 109, 1 << 5, 2);
    power = parse_fadt(148);
    assert_true(power.pm_timer == 0 && power.has_no_rtc);
}

static void fadt_without_a_reset_register(void **state)
{
    (void)state;
    put_fadt();
    assert_true(parse_fadt(129).has_reset);
    assert_false(parse_fadt(128).has_reset); /* the value is cut off */
    assert_false(parse_fadt(127).has_reset); /* the register is */
    put(TABLE + 120, 0, 8);
    assert_false(parse_fadt(148).has_reset);
    put_fadt();
    bytes[TABLE + 116] = ACPI_SPACE_PCI + 1;
    assert_false(parse_fadt(148).has_reset);
    put_fadt();
    put(TABLE + 112, 1 << 8, 4);
    assert_false(parse_fadt(148).has_reset);
    struct acpi_power power;
    const struct acpi_table table = table_of(115);
    assert_false(acpi_parse_fadt(&memory, &table, &power));
}

/* --- The DSDT --- */

#define AML(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static bool find_s5(const uint8_t *code, size_t size, uint8_t slp_typ[2])
{
    begin();
    memcpy(bytes + TABLE + ACPI_HEADER_SIZE, code, size);
    const struct acpi_table table = table_of((uint32_t)(ACPI_HEADER_SIZE + size));
    slp_typ[0] = slp_typ[1] = 0xff;
    return acpi_find_s5(&memory, &table, slp_typ);
}

static void dsdt_has_sleep_types(void **state)
{
    (void)state;
    uint8_t types[2];
    assert_true(find_s5(AML(8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 0xff, 0, 0), types));
    assert_true(types[0] == 5 && types[1] == 7); /* three bits */
    assert_true(find_s5(AML(8, '\\', '_', 'S', '5', '_', 0x12, 6, 4, 1, 0, 0, 0), types));
    assert_true(types[0] == 1 && types[1] == 0);
    /* The length of the package in two bytes; before it something that looks alike. */
    assert_true(find_s5(AML('_', 'S', '5', '_', 0, 8, '_', 'S', '5', '_', 0x12, 0x46, 0, 2, 1, 1), types));
    assert_true(types[0] == 1 && types[1] == 1);
}

static void dsdt_without_sleep_types(void **state)
{
    (void)state;
    uint8_t types[2];
    assert_false(find_s5(AML(8, '_', 'S', '5', 'X', 0x12, 6, 4, 1, 1), types));
    assert_false(find_s5(AML(9, '_', 'S', '5', '_', 0x12, 6, 4, 1, 1), types)); /* no name */
    assert_false(find_s5(AML(9, '\\', '_', 'S', '5', '_', 0x12, 6, 4, 1, 1), types));
    assert_false(find_s5(AML(8, '_', 'S', '5', '_', 0x11, 6, 4, 1, 1), types)); /* no package */
    assert_false(find_s5(AML(8, '_', 'S', '5', '_', 0x12, 6, 1, 1, 1), types)); /* of one element */
    assert_false(find_s5(AML(8, '_', 'S', '5', '_', 0x12, 6, 4, 2, 1), types)); /* no small integer */
    assert_false(find_s5(AML(8, '_', 'S', '5', '_', 0x12, 6, 4, 1, 2), types));
    const uint8_t code[] = {8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 1, 0x0a, 1};
    for (size_t size = 0; size < sizeof code; size++) { /* cut off anywhere */
        assert_false(find_s5(code, size, types));
    }
    assert_true(find_s5(code, sizeof code, types));
}

/* A name whose beginning lies in what is read at once before. */
static void dsdt_across_windows(void **state)
{
    (void)state;
    static uint8_t code[700];
    const uint8_t name[] = {8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 3, 0x0a, 2};
    for (size_t at = 1; at + sizeof name < sizeof code; at++) {
        uint8_t types[2];
        memset(code, '_', sizeof code);
        memcpy(code + at, name, sizeof name);
        assert_true(find_s5(code, sizeof code, types));
        assert_true(types[0] == 3 && types[1] == 2);
    }
}

/* --- The MCFG and the HPET table --- */

static void mcfg_entry(uint32_t index, uint64_t address, uint16_t segment, uint8_t first, uint8_t last)
{
    const uint32_t at = TABLE + 44 + 16 * index;
    put(at, address, 8);
    put(at + 8, segment, 2);
    bytes[at + 10] = first;
    bytes[at + 11] = last;
}

static void mcfg_says_where_configuration_space_is(void **state)
{
    (void)state;
    struct acpi_ecam ecam;
    uint64_t first, last;
    struct acpi_table table = table_of(44 + 32);
    begin();
    mcfg_entry(0, 0xe0000000, 1, 0, 255);
    mcfg_entry(1, 0xb0000000, 0, 2, 63);
    assert_true(acpi_parse_mcfg(&memory, &table, &ecam));
    assert_true(ecam.address == 0xb0000000 && ecam.bus_first == 2 && ecam.bus_last == 63);
    assert_true(acpi_mcfg_window(&memory, &table, 1, &first, &last));
    assert_true(first == 0xb0200000 && last == 0xb3ffffff);
    assert_false(acpi_mcfg_window(&memory, &table, 2, &first, &last));
    table.length = 44 + 16;
    assert_false(acpi_parse_mcfg(&memory, &table, &ecam)); /* of the other segment alone */
    table.length = 44 + 31;
    assert_false(acpi_parse_mcfg(&memory, &table, &ecam));
}

static void mcfgs_that_make_no_sense(void **state)
{
    (void)state;
    struct acpi_ecam ecam;
    uint64_t first, last;
    struct acpi_table table = table_of(44 + 16);
    const uint64_t addresses[] = {0, 0xb0080000, UINT64_C(1) << 52};
    begin();
    for (unsigned i = 0; i < 3; i++) {
        mcfg_entry(0, addresses[i], 0, 0, 255);
        assert_false(acpi_parse_mcfg(&memory, &table, &ecam));
    }
    mcfg_entry(0, 0xb0000000, 0, 3, 2);
    assert_false(acpi_parse_mcfg(&memory, &table, &ecam));
    for (uint32_t i = 0; i <= ACPI_ECAM_WINDOWS_MAX; i++) {
        mcfg_entry(i, 0xb0000000, i < ACPI_ECAM_WINDOWS_MAX, 0, 255);
    }
    table.length = 44 + 16 * (ACPI_ECAM_WINDOWS_MAX + 1);
    assert_false(acpi_parse_mcfg(&memory, &table, &ecam)); /* more are not looked at */
    assert_false(acpi_mcfg_window(&memory, &table, ACPI_ECAM_WINDOWS_MAX, &first, &last));
}

static void hpet_says_where_its_registers_are(void **state)
{
    (void)state;
    uint64_t address = 0;
    const struct acpi_table table = table_of(56), cut = table_of(55);
    begin();
    put(TABLE + 44, 0xfed00000, 8);
    assert_true(acpi_parse_hpet(&memory, &table, &address) && address == 0xfed00000);
    assert_false(acpi_parse_hpet(&memory, &cut, &address));
    put(TABLE + 44, 0xfed00200, 8);
    assert_false(acpi_parse_hpet(&memory, &table, &address));
    put(TABLE + 44, 0, 8);
    assert_false(acpi_parse_hpet(&memory, &table, &address));
    put(TABLE + 44, 0xfed00000, 8);
    bytes[TABLE + 40] = ACPI_SPACE_IO;
    assert_false(acpi_parse_hpet(&memory, &table, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(table_at_the_end_of_all_addresses),
        cmocka_unit_test(root_is_the_xsdt_or_the_rsdt),
        cmocka_unit_test(broken_roots_are_refused),
        cmocka_unit_test(roots_are_looked_at_up_to_a_limit),
        cmocka_unit_test(tables_are_found_by_number),
        cmocka_unit_test(madt_lists_each_cpu_once),
        cmocka_unit_test(madt_of_too_many_cpus),
        cmocka_unit_test(broken_madts_are_refused),
        cmocka_unit_test(fadt_says_how_to_switch_off),
        cmocka_unit_test(fadt_without_a_reset_register),
        cmocka_unit_test(dsdt_has_sleep_types),
        cmocka_unit_test(dsdt_without_sleep_types),
        cmocka_unit_test(dsdt_across_windows),
        cmocka_unit_test(mcfg_says_where_configuration_space_is),
        cmocka_unit_test(mcfgs_that_make_no_sense),
        cmocka_unit_test(hpet_says_where_its_registers_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

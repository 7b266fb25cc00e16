/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What DMA remapping units offer together (hal/x86_common/vtd_segment.c), and what is written for them into
 * tables (vtd_tables.c).
 */
#include <string.h>

#include "vtd_registers.h"

static struct acpi_dmar dmar;

/* Before: `reset` of each. All are of segment 0, the first covers the rest. */
static void name_units(unsigned count)
{
    dmar = (struct acpi_dmar){.unit_count = count};
    for (unsigned unit = 0; unit < count; unit++) {
        dmar.units[unit] =
            (struct acpi_dmar_unit){.address = 0xfed90000 + unit * 0x1000, .include_all = unit == 0};
    }
}

static const struct hal_iommu *begin(uint64_t capability, uint64_t extended)
{
    (void)reset(0, capability, extended | IOTLB_AT(0x50));
    name_units(1);
    vtd_begin(&dmar);
    store_count = 0;
    written_back = 0;
    return vtd_describe();
}

static const struct hal_iommu *begin_plain(void)
{
    return begin(CAPABLE, COHERENT | QUEUED);
}

/* --- What the units offer --- */

#define BARE         (FAULTS_AT(0x20, 4) | DRAINS | ADDRESS_BITS(48))
#define LEVELS(bits) ((uint64_t)(bits) << 8)
#define LEAVES(bits) ((uint64_t)(bits) << 34)

static void D1_capabilities_are_those_of_the_unit(void **state)
{
    (void)state;
    static const struct {
        unsigned bits, expected;
    } levels[] = {{0, 0}, {1, 0}, {2, 3}, {3, 3}, {4, 4}, {6, 3}, {8, 5}, {12, 4}, {16, 0}, {31, 3}};
    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        assert_int_equal(begin(BARE | LEVELS(levels[i].bits), COHERENT)->levels, levels[i].expected);
    }
    static const unsigned address_bits[] = {39, 48, 48}; /* of three levels to five */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(begin(BARE | LEVELS(2u << i), COHERENT)->address_bits, address_bits[i]);
    }
    static const unsigned leaves[] = {0, 1, 0, 2};
    for (unsigned bits = 0; bits < 4; bits++) {
        assert_int_equal(begin(BARE | LEVELS(2) | LEAVES(bits), COHERENT)->leaf_level_max, leaves[bits]);
    }
    static const uint32_t domains[] = {16, 64, 256, 1024, 4096, 16384, 65536, 65536};
    for (unsigned bits = 0; bits < 8; bits++) {
        assert_int_equal(begin(BARE | LEVELS(2) | bits, COHERENT)->domain_count, domains[bits]);
    }
    assert_false(begin(CAPABLE, COHERENT)->caches_absence);
    assert_true(begin(CAPABLE | CACHES_ABSENCE, COHERENT)->caches_absence);
    assert_true(begin(CAPABLE | FLUSHES_BUFFERS, COHERENT)->caches_absence);
}

static void D1_capabilities_are_those_of_all_units(void **state)
{
    (void)state;
    (void)reset(0, BARE | LEVELS(6) | LEAVES(3) | 6, COHERENT | IOTLB_AT(0x50));
    (void)reset(1, FAULTS_AT(0x20, 4) | DRAINS | ADDRESS_BITS(42) | LEVELS(4) | LEAVES(1) | 4,
                IOTLB_AT(0x50));
    (void)reset(2, BARE | LEVELS(2) | CACHES_ABSENCE, IOTLB_AT(0x50)); /* another segment's */
    name_units(3);
    dmar.units[2].segment = 1;
    vtd_begin(&dmar);
    const struct hal_iommu *iommu = vtd_describe();
    assert_int_equal(iommu->levels, 4);
    assert_int_equal(iommu->address_bits, 42);
    assert_int_equal(iommu->leaf_level_max, 1);
    assert_int_equal(iommu->domain_count, 4096);
    assert_false(iommu->caches_absence);
    assert_true(units[0].root == ROOT && units[1].root == ROOT);
    assert_int_not_equal(units[2].root, ROOT); /* source ids there are others */
    assert_int_not_equal(units[2].root, 0);
    done[0] = '\0';
    (void)vtd_flush(1, 0, UINT64_MAX, true);
    assert_string_equal(done, "II"); /* of the two */
}

static void refused(const char *why)
{
    lines[0] = '\0';
    vtd_begin(&dmar);
    assert_int_equal(vtd_describe()->levels, 0);
    assert_non_null(strstr(lines, why));
}

static void D3_one_unit_missing_and_nobody_is_let_through(void **state)
{
    (void)state;
    (void)reset_capable(0);
    (void)reset_capable(1);
    name_units(2);
    dmar.units_left_out = 1;
    refused("no device can be let through: not every unit blocks DMA\n");
    for (unsigned unit = 0; unit < 4; unit++) {
        (void)reset_capable(0);
        (void)reset_capable(1);
        name_units(2);
        dmar.units[1].segment = unit >= 2;
        units[unit % 2].stuck = TRANSLATE;
        refused("no device can be let through: not every unit blocks DMA\n");
    }
    (void)reset(0, BARE | LEVELS(2), COHERENT | IOTLB_AT(0x50));
    (void)reset(1, BARE | LEVELS(4), COHERENT | IOTLB_AT(0x50));
    name_units(2);
    refused("no device can be let through: the units want different tables\n");
    for (unsigned drain = 0; drain < 3; drain++) {
        (void)reset(0, (CAPABLE & ~DRAINS) | (uint64_t)drain << 54, COHERENT | IOTLB_AT(0x50));
        name_units(1);
        refused("no device can be let through: a unit does not wait for what is on its way\n");
    }
    (void)reset(0, (CAPABLE & ~ADDRESS_BITS(64)) | ADDRESS_BITS(31), COHERENT | IOTLB_AT(0x50));
    name_units(1);
    refused("no device can be let through: a unit translates too few addresses\n");
    (void)begin_plain();
    dmar = (struct acpi_dmar){.unit_count = 0};
    refused("names no remapping unit");
    config_size = 256;
    memset(functions, 0, sizeof functions);
    vtd_cover();
    assert_int_equal(vtd_describe()->levels, 0);
}

static void begin_uncovered(void)
{
    (void)reset_capable(0);
    (void)reset_capable(1);
    name_units(2);
    dmar.units[0].include_all = false;
    memset(functions, 0, sizeof functions);
    config_size = 256;
}

static void check_cover(unsigned levels)
{
    lines[0] = '\0';
    vtd_begin(&dmar);
    assert_null(strstr(lines, "no device can be let through"));
    assert_int_equal(vtd_describe()->levels, 0); /* not yet */
    vtd_cover();
    assert_int_equal(vtd_describe()->levels, levels);
    assert_true((levels == 0) == (strstr(lines, "let through: firmware does not name a unit for") != NULL));
}

static void D3_device_that_no_unit_covers(void **state)
{
    (void)state;
    begin_uncovered();
    functions[0x28].exists = functions[0xff].exists = true;
    functions[0xff].header = 0x80;
    dmar.named[0x28] = dmar.named[0xff] = ACPI_DMAR_ENDPOINT;
    check_cover(3);
    functions[0xff].header = 0x81; /* a bridge is more than itself */
    check_cover(0);
    dmar.named[0xff] = ACPI_DMAR_HIERARCHY;
    check_cover(3);
    dmar.named[0x28] = 0;
    check_cover(0);
    functions[0x28].exists = false;
    check_cover(3);
    config_size = 0; /* nobody can look */
    check_cover(0);
    config_size = 256;
    dmar.units[0].include_all = true; /* of another segment */
    dmar.units[0].segment = 1;
    functions[1].exists = true;
    check_cover(0);
    dmar.units[1].include_all = true;
    vtd_begin(&dmar);
    assert_int_equal(vtd_describe()->levels, 3);
    vtd_cover();
    assert_int_equal(vtd_describe()->levels, 3);
    dmar.units_left_out = 1;
    dmar.units[1].include_all = false;
    functions[1].exists = false;
    vtd_begin(&dmar);
    vtd_cover();
    assert_int_equal(vtd_describe()->levels, 0);
}

static void D1_ranges_of_firmware_are_told(void **state)
{
    (void)state;
    (void)reset_capable(0);
    name_units(1);
    dmar.range_count = 4;
    dmar.ranges[0] = (struct acpi_dmar_range){
        .first = 0x1000, .last = 0x2fff, .depth = 1, .bus = 3, .device = 26, .function = 7};
    for (unsigned i = 1; i < 4; i++) {
        dmar.ranges[i] = dmar.ranges[0];
    }
    dmar.ranges[0].is_endpoint = true;
    dmar.ranges[1].segment = 1;
    dmar.ranges[3].is_endpoint = true;
    dmar.ranges[3].depth = 2;
    vtd_begin(&dmar);
    struct hal_iommu_range range;
    assert_true(vtd_range(0, &range));
    assert_true(range.first == 0x1000 && range.last == 0x2fff);
    assert_true(range.source == 0x03d7 && !range.any_source);
    for (unsigned i = 1; i < 3; i++) {
        assert_true(vtd_range(i, &range));
        assert_true(range.first == 0x1000 && range.any_source);
    }
    assert_false(vtd_range(3, &range));
    assert_true(vtd_describe()->levels > 0);
    for (unsigned i = 0; i < 2; i++) { /* a place that there is not is no other device's */
        (void)reset_capable(0);
        name_units(1);
        dmar.range_count = 1;
        dmar.ranges[0] = (struct acpi_dmar_range){.first = 0x1000,
                                                  .last = 0x2fff,
                                                  .depth = 1,
                                                  .is_endpoint = true,
                                                  .device = i == 0 ? 32 : 26,
                                                  .function = i == 0 ? 7 : 8};
        vtd_begin(&dmar);
        assert_true(vtd_range(0, &range) && range.any_source);
    }
    (void)reset_capable(0); /* of one that is not known, any device may be meant */
    name_units(1);
    dmar.ranges_left_out = 1;
    vtd_begin(&dmar);
    assert_int_equal(vtd_describe()->levels, 0);
}

/* The leaf by which the source on bus 0 reaches the address, and its level; 0: none. By tables of three. */
static uint64_t leaf(uint16_t source, uint64_t address, unsigned *level)
{
    uint64_t contexts = test_word(ROOT) & ~UINT64_C(0xfff), table;
    uint64_t low = contexts == 0 ? 0 : test_word(contexts + 16 * source);
    if ((low & 1) == 0 || address >> 39 != 0) {
        return 0;
    }
    table = low & ~UINT64_C(0xfff);
    for (*level = 2;; --*level) {
        uint64_t span = HAL_PAGE_SIZE << 9 * *level;
        uint64_t entry = test_word(table + address / span % 512 * 8);
        if (entry == 0 || vtd_entry_is_leaf(entry, *level)) {
            return entry;
        }
        table = vtd_entry_target(entry).value;
    }
}

/* Where the access of the source leads; 0: nowhere. */
static uint64_t walk(uint16_t source, uint64_t address)
{
    unsigned level;
    uint64_t entry = leaf(source, address, &level);
    return entry == 0 ? 0 : vtd_entry_target(entry).value + address % (HAL_PAGE_SIZE << 9 * level);
}

static uint32_t domain_of(uint16_t source)
{
    uint64_t contexts = test_word(ROOT) & ~UINT64_C(0xfff);
    return (uint32_t)(test_word(contexts + 16 * source + 8) >> 8);
}

static void want(uint8_t bus, uint8_t device, uint64_t first, uint64_t last)
{
    dmar.ranges[dmar.range_count++] = (struct acpi_dmar_range){
        .first = first, .last = last, .depth = 1, .bus = bus, .device = device, .is_endpoint = true};
}

static void begin_firmware(void)
{
    (void)reset_capable(0);
    name_units(1);
    reserved_first = 0x7b800000;
    reserved_last = UINT64_C(0x9fffffff);
}

static void D1_firmwares_devices_reach_their_memory(void **state)
{
    (void)state;
    struct hal_iommu_range range;
    begin_firmware();
    want(0, 1, 0x7b9ff000, 0x7be00fff); /* pages around two entries of 2 MiB */
    want(0, 2, 0x7c000000, 0x7c000fff);
    want(0, 1, 0x7f000000, 0x7f000fff);
    vtd_begin(&dmar);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(vtd_range(i, &range) && range.mapped);
    }
    for (uint64_t at = 0x7b9ff000; at < 0x7be01000; at += HAL_PAGE_SIZE) {
        assert_true(walk(8, at) == at && walk(16, at) == 0 && walk(9, at) == 0);
    }
    assert_true(walk(8, 0x7b9fe000) == 0 && walk(8, 0x7be01000) == 0 && walk(8, 0x7f000000) == 0x7f000000);
    assert_true(walk(16, 0x7c000000) == 0x7c000000 && walk(8, 0x7c000000) == 0);
    assert_true(walk(16, 0x7c001000) == 0 && walk(16, 0x7bfff000) == 0);
    assert_true(domain_of(8) == 255 && domain_of(16) == 254);
    assert_int_equal(vtd_describe()->domain_count, 254);
    assert_non_null(
        strstr(lines, "firmware wants 0x7c000000 to 0x7c000fff for 00:02.0: mapped for it alone\n"));
}

static void D3_firmwares_memory_is_mapped_before_translation(void **state)
{
    (void)state;
    begin_firmware();
    want(0, 2, 0x7c000000, 0x7c000fff);
    vtd_begin(&dmar);
    const char *root = strchr(done, 'R');
    assert_true(strspn(done, "W") >= 4); /* a table of each level, and the context table */
    assert_true(root != NULL && strrchr(done, 'W') < root);
}

/* Whatever is wrong with one range of a device, nothing is mapped for it, and others' are. */
static void D1_firmware_that_is_not_to_be_believed(void **state)
{
    (void)state;
    static const struct {
        uint64_t first, last;
    } wrong[] = {{0x7b7ff000, 0x7b800fff}, {0x9ffff000, 0xa0000fff}, /* somebody else's, in part */
                 {0x7c000800, 0x7c000fff}, {0x7c000000, 0x7c0007ff}, /* no whole pages */
                 {0x7c000000, 0x8c000fff},                           /* too many */
                 {0x7d000fff, 0x7d000000}, {0x7b800000, 0x7b800fff}, /* over another one of its own */
                 {0, UINT64_MAX}};
    struct hal_iommu_range range;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin_firmware();
        want(0, 1, 0x7b800000, 0x7b800fff);
        want(0, 2, 0x7b800000, 0x7b800fff);
        want(0, 1, wrong[i].first, wrong[i].last);
        vtd_begin(&dmar);
        assert_true(walk(8, 0x7b800000) == 0 && walk(16, 0x7b800000) == 0x7b800000);
        assert_true(vtd_range(0, &range) && !range.mapped && vtd_range(1, &range) && range.mapped);
        assert_int_equal(vtd_describe()->domain_count, 255);
    }
    begin_firmware();
    reserved_first = 0xfe000000;
    reserved_last = UINT64_MAX - 1;
    want(0, 1, 0xfedff000, 0xfee00fff); /* interrupts */
    want(0, 2, UINT64_C(0x8000000000), UINT64_C(0x8000000fff));
    want(3, 3, 0xff000000, 0xff000fff);
    vtd_begin(&dmar);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(vtd_range(i, &range) && !range.mapped);
    }
    assert_int_equal(test_word(ROOT), 0);
}

/* More than there is room for are blocked as all others. */
static void M8_firmwares_devices_are_bounded(void **state)
{
    (void)state;
    struct hal_iommu_range range;
    unsigned mapped = 0;
    begin_firmware();
    for (uint8_t device = 1; device <= 10; device++) {
        want(0, device, 0x7c000000, 0x7c000fff);
    }
    vtd_begin(&dmar);
    for (unsigned i = 0; vtd_range(i, &range); i++) {
        assert_int_equal(range.mapped, walk((uint16_t)(range.source), 0x7c000000) == 0x7c000000);
        mapped += range.mapped;
    }
    assert_int_equal(mapped, 8);
    begin_firmware();
    want(0, 1, 0x80000000, 0x8fffffff); /* in pages it would take 129 tables */
    want(0, 2, 0x80000000, 0x8fffffff);
    want(0, 3, 0x7c000000, 0x7c000fff);
    vtd_begin(&dmar);
    assert_true(vtd_range(0, &range) && range.mapped && vtd_range(1, &range) && !range.mapped);
    assert_true(vtd_range(2, &range) && range.mapped && walk(8, 0x8ffff000) == 0x8ffff000);
}

/* What is left out may be anybody's; without tables that all units know, there are none. */
static void D3_firmwares_memory_without_units_that_obey(void **state)
{
    (void)state;
    struct hal_iommu_range range;
    for (unsigned i = 0; i < 3; i++) {
        begin_firmware();
        want(0, 1, 0x7c000000, 0x7c000fff);
        dmar.ranges_left_out = i == 0;
        dmar.units_left_out = i == 1;
        units[0].capability &= i == 2 ? ~LEVELS(31) : UINT64_MAX;
        vtd_begin(&dmar);
        assert_true(vtd_range(0, &range) && !range.mapped);
        assert_int_equal(walk(8, 0x7c000000), 0);
    }
}

/* --- Entries --- */

static void D1_entries_say_what_they_were_made_of(void **state)
{
    (void)state;
    (void)begin_plain();
    assert_true(vtd_table_entry(hal_paddr(0x7000), 1) == 0x7003);
    assert_true(vtd_leaf_entry(hal_paddr(0x7000), 0, true, false) == 0x7001);
    assert_true(vtd_leaf_entry(hal_paddr(0x7000), 0, false, true) == 0x7002);
    assert_true(vtd_leaf_entry(hal_paddr(0x600000), 1, true, true) == 0x600083);
    assert_true(vtd_leaf_entry(hal_paddr(UINT64_C(0xfffff40000000)), 2, true, true) ==
                UINT64_C(0xfffff40000083));
    assert_true(vtd_entry_is_leaf(0x7001, 0) && vtd_entry_is_leaf(0x600083, 1));
    assert_false(vtd_entry_is_leaf(0x7003, 1));
    assert_true(vtd_entry_target(UINT64_C(0xfffff40000083)).value == UINT64_C(0xfffff40000000));
    assert_true(vtd_entry_may_read(1) && !vtd_entry_may_read(2));
    assert_true(vtd_entry_may_write(2) && !vtd_entry_may_write(1));
    assert_int_equal(written_back, 0);
}

/* All of the units that share tables: the bit is reserved for one that cannot. */
static void M9_devices_are_snooped_where_units_can(void **state)
{
    (void)state;
    for (unsigned can = 0; can < 4; can++) {
        (void)reset_capable(1);
        begin_firmware();
        name_units(2);
        units[0].extended |= (can & 1) != 0 ? SNOOPS : 0;
        units[1].extended |= (can & 2) != 0 ? SNOOPS : 0;
        want(0, 2, 0x7c000000, 0x7c000fff);
        vtd_begin(&dmar);
        const uint64_t bit = can == 3 ? 0x800 : 0;
        assert_true(vtd_leaf_entry(hal_paddr(0x7000), 0, true, false) == (0x7001 | bit));
        assert_true(vtd_leaf_entry(hal_paddr(0x600000), 1, true, true) == (0x600083 | bit));
        assert_true(vtd_table_entry(hal_paddr(0x7000), 1) == 0x7003);
        unsigned level;
        assert_true(leaf(16, 0x7c000000, &level) == (0x7c000003 | bit));
    }
}

static void D2_filled_entries_are_seen(void **state)
{
    (void)state;
    for (unsigned coherent = 0; coherent < 2; coherent++) {
        (void)begin(CAPABLE, coherent ? COHERENT : 0);
        hal_paddr_t table = remap_page();
        vtd_fill(table, 509, 3, 0x5003, 0x1000);
        for (unsigned i = 0; i < 3; i++) {
            assert_true(remap_load(hal_paddr_add(table, (509 + i) * 8)) == 0x5003 + 0x1000 * i);
            assert_true(stores[i].address == table.value + 8 * (509 + i));
        }
        assert_int_equal(remap_load(hal_paddr_add(table, 508 * 8)), 0);
        assert_int_equal(store_count, 3);
        assert_int_equal(written_back, coherent ? 0 : 24);
        assert_true(coherent || written_back_end == table.value + 4096);
        written_back = 0;
        (void)vtd_table_entry(table, 1);
        assert_int_equal(written_back, coherent ? 0 : 4096);
        (void)vtd_leaf_entry(table, 0, true, true);
        assert_int_equal(written_back, coherent ? 0 : 4096);
    }
}

/* --- Sources --- */

#define SOURCE UINT16_C(0xfe2f)

static void D1_source_finds_its_domain(void **state)
{
    (void)state;
    for (unsigned levels = 3; levels < 6; levels++) {
        (void)begin((CAPABLE & ~LEVELS(31)) | LEVELS(1 << (levels - 2)), COHERENT | QUEUED);
        assert_true(vtd_wants_page(SOURCE));
        hal_paddr_t context = remap_page(), root = remap_page();
        vtd_give_page(SOURCE, context);
        assert_false(vtd_wants_page(SOURCE) || vtd_wants_page(0xfe00));
        assert_true(vtd_wants_page(0xfd2f) && vtd_wants_page(0xff2f));
        assert_true(test_word(ROOT + 16 * 0xfe) == (context.value | 1));
        assert_int_equal(test_word(ROOT + 16 * 0xfe + 8), 0);
        (void)vtd_attach(SOURCE, 0xabc, root);
        assert_true(test_word(context.value + 16 * 0x2f) == (root.value | 1));
        assert_true(test_word(context.value + 16 * 0x2f + 8) == (0xabc00 | (levels - 2)));
        for (unsigned i = 0; i < 256; i++) {
            assert_true(i == 0x2f || test_word(context.value + 16 * i) == 0);
        }
        (void)vtd_detach(SOURCE, 0xabc);
        assert_true(test_word(context.value + 16 * 0x2f) == 0 &&
                    test_word(context.value + 16 * 0x2f + 8) == 0);
    }
}

/* The unit may read in between. */
static void D2_half_an_entry_is_absent(void **state)
{
    (void)state;
    for (unsigned coherent = 0; coherent < 2; coherent++) {
        (void)begin(CAPABLE, (coherent ? COHERENT : 0) | QUEUED);
        hal_paddr_t context = remap_page(), root = remap_page();
        vtd_give_page(SOURCE, context);
        assert_true(stores[store_count - 1].address == ROOT + 16 * 0xfe);
        assert_int_equal(written_back, coherent ? 0 : 4096 + 16);
        uint64_t at = context.value + 16 * 0x2f;
        for (unsigned turn = 0; turn < 2; turn++) {
            store_count = 0;
            written_back = 0;
            done[0] = '\0';
            (void)(turn == 0 ? vtd_attach(SOURCE, 5, root) : vtd_detach(SOURCE, 5));
            assert_true(stores[0].address == (turn == 0 ? at + 8 : at));
            assert_true(stores[1].address == (turn == 0 ? at : at + 8));
            assert_true((stores[turn == 0 ? 1 : 0].value & 1) == (turn == 0));
            assert_int_equal(written_back, coherent ? 0 : turn == 0 ? 4096 + 16 : 16);
            assert_string_equal(done, coherent ? "cwiw" : turn == 0 ? "WWcwiw" : "Wcwiw");
        }
    }
}

/* --- Attempts --- */

static void D8_attempts_of_segment_0_are_handed_up(void **state)
{
    (void)state;
    (void)reset_capable(0);
    (void)reset_capable(1);
    name_units(2);
    dmar.units[1].segment = 1;
    vtd_begin(&dmar);
    record(&units[0], 0, 0x5678, 0x0028, true);
    record(&units[0], 1, 0x9000, 0x0030, false);
    record(&units[1], 0, 0x7000, 0x0038, false);
    vtd_watch();
    assert_int_equal(mini_fault_count, 2);
    assert_true(mini_fault.address == 0x9000 && mini_fault.source == 0x30);
    assert_true(mini_fault.reason == 1 && !mini_fault.is_read);
    assert_int_equal(line_count, 3 + 2);
    for (unsigned i = 0; i < 100; i++) { /* also where no line is due */
        record(&units[0], 0, 0x5678, 0x0028, true);
        vtd_watch();
    }
    assert_int_equal(mini_fault_count, 102);
    assert_true(mini_fault.address == 0x5000 && mini_fault.is_read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D1_capabilities_are_those_of_the_unit),
        cmocka_unit_test(D1_capabilities_are_those_of_all_units),
        cmocka_unit_test(D3_one_unit_missing_and_nobody_is_let_through),
        cmocka_unit_test(D3_device_that_no_unit_covers),
        cmocka_unit_test(D1_ranges_of_firmware_are_told),
        cmocka_unit_test(D1_firmwares_devices_reach_their_memory),
        cmocka_unit_test(D3_firmwares_memory_is_mapped_before_translation),
        cmocka_unit_test(D1_firmware_that_is_not_to_be_believed),
        cmocka_unit_test(M8_firmwares_devices_are_bounded),
        cmocka_unit_test(D3_firmwares_memory_without_units_that_obey),
        cmocka_unit_test(D1_entries_say_what_they_were_made_of),
        cmocka_unit_test(M9_devices_are_snooped_where_units_can),
        cmocka_unit_test(D2_filled_entries_are_seen),
        cmocka_unit_test(D1_source_finds_its_domain),
        cmocka_unit_test(D2_half_an_entry_is_absent),
        cmocka_unit_test(D8_attempts_of_segment_0_are_handed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

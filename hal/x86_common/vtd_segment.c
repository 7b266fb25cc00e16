/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the DMA remapping units of PCI segment 0 offer together (hal/iommu.h). Fails closed: devices are
 * attached where every unit that firmware lists translates and every device is behind one of them, or
 * nowhere.
 */
#include <string.h>

#include "hal/pci.h"
#include "remap_firmware.h"
#include "vtd_unit.h"

#define LEVELS_MIN      3u /* whose bit in the capabilities is 1 */
#define LEVELS_MAX      5u
#define LEVEL_BITS      9u /* of an address; the lowest are the page's */
#define DOMAIN_BITS_MIN 4u
#define DOMAIN_BITS_MAX 16u
#define DRAINS_BOTH     3u

#define PCI_ID     0x00u /* 2 bytes, all set: there is no such function */
#define PCI_HEADER 0x0eu /* 1 byte; the upper bit is about the device's other functions */

struct vtd_segment vtd_segment;

static unsigned levels_offered; /* of tables, once it is known that units cover every device */
static uint8_t named[256];
static struct hal_iommu_range ranges[ACPI_DMAR_RANGES_MAX];
static unsigned range_count, mapped_count; /* ranges; sources that have them */

/* What units have in common. */
struct common {
    unsigned levels, leaves; /* bits */
    unsigned domain_bits, address_bits;
    bool drain, coherent, snoops, keep_absence;
};
static const struct common everything = {.levels = ~0u,
                                         .leaves = ~0u,
                                         .domain_bits = DOMAIN_BITS_MAX,
                                         .address_bits = ~0u,
                                         .drain = true,
                                         .coherent = true,
                                         .snoops = true};

static void add_unit(struct common *common, const struct vtd_unit *u)
{
    const unsigned domain_bits = DOMAIN_BITS_MIN + 2 * VTD_CAPABILITY_DOMAINS(u->capability);

    common->levels &= VTD_CAPABILITY_LEVELS(u->capability);
    common->leaves &= VTD_CAPABILITY_LEAVES(u->capability);
    common->domain_bits = domain_bits < common->domain_bits ? domain_bits : common->domain_bits;
    common->address_bits = VTD_CAPABILITY_ADDRESS_BITS(u->capability) < common->address_bits
                               ? VTD_CAPABILITY_ADDRESS_BITS(u->capability)
                               : common->address_bits;
    common->drain = common->drain && VTD_CAPABILITY_DRAINS(u->capability) == DRAINS_BOTH;
    common->coherent = common->coherent && VTD_EXTENDED_COHERENT(u->extended);
    common->snoops = common->snoops && VTD_EXTENDED_SNOOPS(u->extended);
    /* What waits in a write buffer is not there yet for the unit. */
    common->keep_absence = common->keep_absence || VTD_CAPABILITY_ABSENCE(u->capability) ||
                           VTD_CAPABILITY_WRITE_BUFFER(u->capability);
}

/* The fewest that all units offer; 0: there are none. */
static unsigned levels_of(const struct common *common)
{
    unsigned levels = LEVELS_MIN;

    while (levels <= LEVELS_MAX && (common->levels >> (levels - 2) & 1) == 0) {
        levels++;
    }
    return levels <= LEVELS_MAX ? levels : 0;
}

/* Those that the tables translate, and that no unit refuses. */
static unsigned address_bits(const struct common *common)
{
    const unsigned bits = HAL_PAGE_SHIFT + LEVEL_BITS * levels_of(common);

    return bits < common->address_bits ? bits : common->address_bits;
}

static unsigned leaf_level_max(const struct common *common)
{
    return (common->leaves & 1) == 0 ? 0 : (common->leaves & 2) == 0 ? 1 : 2;
}

static void take_ranges(const struct acpi_dmar *dmar)
{
    range_count = 0;
    for (unsigned i = 0; i < dmar->range_count; i++) {
        const struct acpi_dmar_range *range = &dmar->ranges[i];
        const bool known =
            range->is_endpoint && range->depth == 1 && range->device < 32 && range->function < 8;

        if (range->segment == 0) {
            ranges[range_count++] = (struct hal_iommu_range){
                .first = range->first,
                .last = range->last,
                .source = (uint16_t)(range->bus << 8 | (range->device & 31) << 3 | (range->function & 7)),
                .any_source = !known,
                .may_read = true,
                .may_write = true,
            };
        }
    }
}

/* The last numbers of domains are theirs. */
static void map_ranges(const struct common *common)
{
    const struct remap_tables tables = {.levels = levels_of(common),
                                        .leaf_level_max = leaf_level_max(common),
                                        .address_bits = address_bits(common),
                                        .table_entry = vtd_table_entry,
                                        .leaf_entry = vtd_leaf_entry,
                                        .fill = vtd_fill};
    struct remap_firmware found[REMAP_FIRMWARE_MAX];

    if (tables.levels == 0) {
        return;
    }
    mapped_count = remap_firmware_map(&tables, ranges, range_count, found);
    for (unsigned i = 0; i < mapped_count; i++) {
        if (vtd_wants_page(found[i].source)) {
            vtd_give_page(found[i].source, remap_page());
        }
        vtd_put_source(found[i].source, (UINT32_C(1) << common->domain_bits) - 1 - i, found[i].root,
                       tables.levels);
    }
}

void vtd_segment_begin(const struct acpi_dmar *dmar)
{
    struct common common = everything;

    take_ranges(dmar);
    mapped_count = 0;
    if (range_count == 0 || dmar->ranges_left_out != 0 || dmar->units_left_out != 0) {
        return;
    }
    for (unsigned unit = 0; unit < dmar->unit_count; unit++) {
        if (dmar->units[unit].segment == 0) {
            const struct vtd_unit u = {.capability = vtd_read64(unit, VTD_CAPABILITY),
                                       .extended = vtd_read64(unit, VTD_EXTENDED)};

            add_unit(&common, &u);
        }
    }
    vtd_segment.snoops = common.snoops;
    map_ranges(&common);
}

bool vtd_segment_maps(uint16_t source)
{
    return remap_firmware_is_mapped(ranges, range_count, source);
}

static const char *why_not(const struct acpi_dmar *dmar, const enum vtd_status *statuses,
                           const struct common *common)
{
    for (unsigned unit = 0; unit < dmar->unit_count; unit++) {
        if (statuses[unit] != VTD_TRANSLATES) {
            return "not every unit blocks DMA";
        }
    }
    if (dmar->unit_count == 0 || dmar->units_left_out != 0) {
        return "not every unit blocks DMA";
    }
    if (levels_of(common) == 0) {
        return "the units want different tables";
    }
    if (common->address_bits < HAL_IOMMU_ADDRESS_BITS_MIN) {
        return "a unit translates too few addresses";
    }
    if (dmar->ranges_left_out != 0) {
        return "some of what firmware wants is not known";
    }
    return common->drain ? NULL : "a unit does not wait for what is on its way";
}

const char *vtd_segment_join(const struct acpi_dmar *dmar, const enum vtd_status *statuses)
{
    struct common common = everything;
    const char *why;
    bool covers_rest = false;

    for (unsigned unit = 0; unit < dmar->unit_count; unit++) {
        if (dmar->units[unit].segment == 0 && statuses[unit] == VTD_TRANSLATES) {
            vtd_segment.units[vtd_segment.count++] = (uint8_t)unit;
            add_unit(&common, &vtd_units[unit]);
            covers_rest = covers_rest || dmar->units[unit].include_all;
        }
    }
    memcpy(named, dmar->named, sizeof(named));
    why = why_not(dmar, statuses, &common);
    levels_offered = why == NULL ? levels_of(&common) : 0;
    vtd_segment.coherent = common.coherent;
    vtd_segment.snoops = common.snoops;
    vtd_segment.iommu = (struct hal_iommu){.levels = covers_rest ? levels_offered : 0,
                                           .address_bits = address_bits(&common),
                                           .leaf_level_max = leaf_level_max(&common),
                                           .domain_count = (UINT32_C(1) << common.domain_bits) - mapped_count,
                                           .caches_absence = common.keep_absence,
                                           .looks_max = remap_looks_max()};
    return why;
}

/* Or there is none. Behind a bridge there may be anything. */
static bool is_covered(unsigned device, unsigned function)
{
    const struct hal_pci_address at = {.bus = 0, .device = (uint8_t)device, .function = (uint8_t)function};
    const uint8_t names = named[device * HAL_PCI_FUNCTION_COUNT + function];

    if ((names & ACPI_DMAR_HIERARCHY) != 0 || hal_pci_read(at, PCI_ID, 2) == UINT16_MAX) {
        return true;
    }
    return (names & ACPI_DMAR_ENDPOINT) != 0 && (hal_pci_read(at, PCI_HEADER, 1) & 0x7f) == 0;
}

bool vtd_segment_cover(void)
{
    bool covered = hal_pci_config_size() != 0;

    if (levels_offered == 0 || vtd_segment.iommu.levels != 0) {
        return true; /* nothing to find out */
    }
    for (unsigned device = 0; device < HAL_PCI_DEVICE_COUNT; device++) {
        for (unsigned function = 0; function < HAL_PCI_FUNCTION_COUNT; function++) {
            covered = covered && is_covered(device, function);
        }
    }
    vtd_segment.iommu.levels = covered ? levels_offered : 0;
    return covered;
}

const struct hal_iommu *vtd_describe(void)
{
    return &vtd_segment.iommu;
}

bool vtd_range(unsigned index, struct hal_iommu_range *range)
{
    if (index >= range_count) {
        return false;
    }
    *range = ranges[index];
    range->mapped = range->mapped && vtd_segment.iommu.levels != 0; /* where nothing translates, nothing is */
    return true;
}

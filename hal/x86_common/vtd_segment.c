/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the DMA remapping units of PCI segment 0 offer together (hal/iommu.h). Fails closed: devices are
 * attached where every unit that firmware lists translates, or nowhere.
 */
#include "vtd_unit.h"

#define LEVELS_MIN      3u /* whose bit in the capabilities is 1 */
#define LEVELS_MAX      5u
#define DOMAIN_BITS_MIN 4u
#define DOMAIN_BITS_MAX 16u
#define DRAINS_BOTH     3u

struct vtd_segment vtd_segment;

static struct hal_iommu_range ranges[ACPI_DMAR_RANGES_MAX];
static unsigned range_count;

/* What units have in common. */
struct common {
    unsigned levels, leaves; /* bits */
    unsigned domain_bits;
    bool drain, coherent, keep_absence;
};

static void add_unit(struct common *common, const struct vtd_unit *u)
{
    const unsigned domain_bits = DOMAIN_BITS_MIN + 2 * VTD_CAPABILITY_DOMAINS(u->capability);

    common->levels &= VTD_CAPABILITY_LEVELS(u->capability);
    common->leaves &= VTD_CAPABILITY_LEAVES(u->capability);
    common->domain_bits = domain_bits < common->domain_bits ? domain_bits : common->domain_bits;
    common->drain = common->drain && VTD_CAPABILITY_DRAINS(u->capability) == DRAINS_BOTH;
    common->coherent = common->coherent && VTD_EXTENDED_COHERENT(u->extended);
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

static unsigned leaf_level_max(const struct common *common)
{
    return (common->leaves & 1) == 0 ? 0 : (common->leaves & 2) == 0 ? 1 : 2;
}

static void take_ranges(const struct acpi_dmar *dmar)
{
    range_count = 0;
    for (unsigned i = 0; i < dmar->range_count; i++) {
        const struct acpi_dmar_range *range = &dmar->ranges[i];
        const bool known = range->scope_count == 1 && range->is_endpoint && range->depth == 1;

        if (range->segment == 0) {
            ranges[range_count++] = (struct hal_iommu_range){
                .first = range->first,
                .last = range->last,
                .source = (uint16_t)(range->bus << 8 | (range->device & 31) << 3 | (range->function & 7)),
                .any_source = !known,
            };
        }
    }
}

static const char *why_not(const struct acpi_dmar *dmar, const enum vtd_status *statuses,
                           const struct common *common)
{
    bool covers_rest = false;

    for (unsigned unit = 0; unit < dmar->unit_count; unit++) {
        if (statuses[unit] != VTD_TRANSLATES) {
            return "not every unit blocks DMA";
        }
        covers_rest = covers_rest || (dmar->units[unit].include_all && dmar->units[unit].segment == 0);
    }
    if (dmar->units_left_out != 0) {
        return "not every unit blocks DMA";
    }
    if (!covers_rest) {
        return "no unit covers those that firmware does not name";
    }
    if (levels_of(common) == 0) {
        return "the units want different tables";
    }
    return common->drain ? NULL : "a unit does not wait for what is on its way";
}

const char *vtd_segment_join(const struct acpi_dmar *dmar, const enum vtd_status *statuses)
{
    struct common common = {
        .levels = ~0u, .leaves = ~0u, .domain_bits = DOMAIN_BITS_MAX, .drain = true, .coherent = true};
    const char *why;

    for (unsigned unit = 0; unit < dmar->unit_count; unit++) {
        if (dmar->units[unit].segment == 0 && statuses[unit] == VTD_TRANSLATES) {
            vtd_segment.units[vtd_segment.count++] = (uint8_t)unit;
            add_unit(&common, &vtd_units[unit]);
        }
    }
    take_ranges(dmar);
    why = why_not(dmar, statuses, &common);
    vtd_segment.coherent = common.coherent;
    vtd_segment.iommu = (struct hal_iommu){.levels = why == NULL ? levels_of(&common) : 0,
                                           .leaf_level_max = leaf_level_max(&common),
                                           .domain_count = UINT32_C(1) << common.domain_bits,
                                           .caches_absence = common.keep_absence};
    return why;
}

const struct hal_iommu *hal_iommu_describe(void)
{
    return &vtd_segment.iommu;
}

bool hal_iommu_range(unsigned index, struct hal_iommu_range *range)
{
    if (index >= range_count) {
        return false;
    }
    *range = ranges[index];
    return true;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All of AMD's remapping units, and which sources of PCI segment 0 can be attached. See hal/amdvi.h. Fails
 * closed: devices are attached where every unit that firmware lists translates, or nowhere.
 */
#include "amdvi_unit.h"
#include "remap_firmware.h"
#include "remap_report.h"

#define LEAF_LEVEL_MAX 2u /* all units know leaves of every level */
#define ADDRESS_BITS   (HAL_PAGE_SHIFT + 9u * AMDVI_LEVELS)
#define DOMAINS        UINT32_C(0x10000)
#define WORD_SIZE      64u

_Static_assert(ACPI_IVRS_UNITS_MAX <= REMAP_UNITS_MAX, "each unit has its count");

struct amdvi_segment amdvi_segment;

static enum amdvi_status statuses[ACPI_IVRS_UNITS_MAX];
static unsigned unit_count;
static bool is_there;

/* Sources that a unit is responsible for, that are told from others, and that firmware shares no memory
 * with. */
static uint64_t held[ACPI_IVRS_SOURCE_WORDS];
static struct hal_iommu_range ranges[ACPI_IVRS_RANGES_MAX];
static unsigned range_count, mapped_count; /* ranges; sources that have them */

/* ---- sources ---- */

static bool is_shared(const struct acpi_ivrs_range *range)
{
    return range->first_source != range->last_source;
}

/* Who shares its memory is not attached. */
static void leave_out(const struct acpi_ivrs_range *range)
{
    for (uint32_t source = range->first_source; source <= range->last_source; source++) {
        held[source / 64] &= ~(UINT64_C(1) << source % 64);
    }
}

/* Memory that one source uses can be mapped for it, if it is known to come as itself and shares none. */
static void take_range(const struct acpi_ivrs *ivrs, const struct acpi_ivrs_range *range)
{
    const bool known = acpi_ivrs_has(held, range->first_source);

    ranges[range_count++] =
        (struct hal_iommu_range){.first = range->first,
                                 .last = range->last,
                                 .source = range->first_source,
                                 .any_source = acpi_ivrs_has(ivrs->aliased, range->first_source),
                                 .may_read = known && range->may_read,
                                 .may_write = known && range->may_write};
}

static void take_sources(const struct acpi_ivrs *ivrs)
{
    range_count = 0;
    for (unsigned word = 0; word < ACPI_IVRS_SOURCE_WORDS; word++) {
        held[word] = ivrs->named[word] & ~ivrs->aliased[word];
    }
    for (unsigned i = 0; i < ivrs->range_count; i++) {
        if (is_shared(&ivrs->ranges[i])) {
            leave_out(&ivrs->ranges[i]);
        }
    }
    for (unsigned i = 0; i < ivrs->range_count; i++) {
        if (!is_shared(&ivrs->ranges[i])) {
            take_range(ivrs, &ivrs->ranges[i]);
        }
    }
}

/* Before the first unit is started, in its table. The last numbers of domains are theirs. */
static void map_ranges(const struct acpi_ivrs *ivrs)
{
    static const struct remap_tables tables = {.levels = AMDVI_LEVELS,
                                               .leaf_level_max = LEAF_LEVEL_MAX,
                                               .address_bits = ADDRESS_BITS,
                                               .table_entry = amdvi_table_entry,
                                               .leaf_entry = amdvi_leaf_entry,
                                               .fill = amdvi_fill};
    struct remap_firmware found[REMAP_FIRMWARE_MAX];

    mapped_count = 0;
    if (ivrs->units_left_out != 0 || ivrs->ranges_left_out != 0) {
        return;
    }
    mapped_count = remap_firmware_map(&tables, ranges, range_count, found);
    for (unsigned i = 0; i < mapped_count; i++) {
        amdvi_put_source(found[i].source, DOMAINS - 1 - i, found[i].root);
    }
}

bool amdvi_can_hold(uint16_t source)
{
    return acpi_ivrs_has(held, source);
}

bool amdvi_range(unsigned index, struct hal_iommu_range *range)
{
    if (index >= range_count) {
        return false;
    }
    *range = ranges[index];
    /* Where nothing translates, nothing is. */
    range->mapped = range->mapped && amdvi_segment.iommu.levels != 0;
    return true;
}

const struct hal_iommu *amdvi_describe(void)
{
    return &amdvi_segment.iommu;
}

/* ---- start-up ---- */

/* Another segment's sources must not find what stands there for those of segment 0. */
static hal_paddr_t table_of(const struct acpi_ivrs_unit *unit, bool interrupts)
{
    if (unit->segment == 0) {
        return amdvi_segment.table;
    }
    if (amdvi_segment.others.value == 0) {
        amdvi_segment.others = amdvi_table();
        amdvi_block_all(amdvi_segment.others, amdvi_segment.empty, interrupts);
    }
    return amdvi_segment.others;
}

static unsigned start_units(const struct acpi_ivrs *ivrs, bool interrupts)
{
    static const char *const why[] = {"", " does not answer", " does not obey"};
    const hal_paddr_t words = remap_page();
    unsigned working = 0;

    amdvi_flush_begin();
    amdvi_block_all(amdvi_segment.table, amdvi_segment.empty, interrupts);
    map_ranges(ivrs);
    for (unsigned unit = 0; unit < unit_count; unit++) {
        statuses[unit] = amdvi_start(unit, table_of(&ivrs->units[unit], interrupts),
                                     hal_paddr_add(words, (uint64_t)unit * WORD_SIZE));
        working += statuses[unit] == AMDVI_TRANSLATES;
        if (statuses[unit] != AMDVI_TRANSLATES) {
            remap_warn_unit(ivrs->units[unit].address, why[statuses[unit]]);
        } else if (ivrs->units[unit].segment == 0) {
            amdvi_segment.units[amdvi_segment.count++] = (uint8_t)unit;
        }
    }
    return working;
}

/* Where one unit does not remap interrupts, those of an I/O APIC pass as they were sent, or not at all: then
 * all do. A unit that does not forget goes on blocking them. */
static void pass_interrupts(void)
{
    amdvi_interrupts_give_up();
    amdvi_pass_interrupts(amdvi_segment.table);
    if (amdvi_segment.others.value != 0) {
        amdvi_pass_interrupts(amdvi_segment.others);
    }
    for (unsigned unit = 0; unit < unit_count; unit++) {
        if (statuses[unit] == AMDVI_TRANSLATES) {
            (void)amdvi_forget_all(unit);
        }
    }
}

/* NULL: nothing keeps devices from being attached. */
static const char *why_not(const struct acpi_ivrs *ivrs, unsigned working)
{
    if (working != unit_count || ivrs->units_left_out != 0) {
        return "not every unit blocks DMA";
    }
    if (amdvi_segment.count == 0) {
        return "no unit is of the first PCI segment";
    }
    return ivrs->ranges_left_out == 0 ? NULL : "some of what firmware wants is not known";
}

static void tell(const struct acpi_ivrs *ivrs, unsigned working, const char *why)
{
    if (ivrs->units_left_out != 0) {
        remap_warn_left_out(ivrs->units_left_out);
    }
    for (unsigned i = 0; i < ivrs->range_count; i++) {
        const struct acpi_ivrs_range *range = &ivrs->ranges[i];
        const bool one = !is_shared(range);

        remap_tell_range(range->first, range->last, one ? &range->first_source : NULL,
                         range->last_source - range->first_source + 1u,
                         one && remap_firmware_is_mapped(ranges, range_count, range->first_source));
    }
    remap_tell_sum(working, unit_count, ivrs->units_left_out);
    if (why != NULL) {
        remap_tell_why_not(why);
    }
    if (!amdvi_remaps_interrupts()) {
        remap_warn_interrupts();
    }
}

void amdvi_begin(const struct acpi_ivrs *ivrs)
{
    const char *why;
    unsigned working;
    bool interrupts;

    remap_report_begin();
    amdvi_segment = (struct amdvi_segment){.count = 0};
    unit_count = ivrs->unit_count;
    is_there = ivrs->unit_count + ivrs->units_left_out != 0;
    interrupts = amdvi_interrupts_prepare(ivrs);
    if (!is_there) {
        return;
    }
    amdvi_segment.table = amdvi_table();
    amdvi_segment.empty = remap_page();
    take_sources(ivrs);
    working = start_units(ivrs, interrupts);
    if (interrupts && working != unit_count) {
        pass_interrupts();
    }
    why = why_not(ivrs, working);
    amdvi_segment.iommu = (struct hal_iommu){.levels = why == NULL ? AMDVI_LEVELS : 0,
                                             .address_bits = ADDRESS_BITS,
                                             .leaf_level_max = LEAF_LEVEL_MAX,
                                             .domain_count = DOMAINS - mapped_count,
                                             /* Whether a unit does, only its PCI function would say. */
                                             .caches_absence = true,
                                             .looks_max = remap_looks_max()};
    tell(ivrs, working, why);
}

bool amdvi_is_there(void)
{
    return is_there;
}

/* ---- attempts ---- */

static void tell_fault(unsigned unit, const struct hal_iommu_fault *fault, bool is_interrupt)
{
    remap_report_fault(unit, fault, is_interrupt);
    for (unsigned i = 0; i < amdvi_segment.count && !is_interrupt; i++) {
        if (amdvi_segment.units[i] == unit) {
            hal_upcall_iommu_fault(fault);
        }
    }
}

void amdvi_watch(void)
{
    remap_report_look();
    for (unsigned unit = 0; unit < unit_count; unit++) {
        if (statuses[unit] == AMDVI_TRANSLATES && amdvi_take_events(unit, tell_fault)) {
            remap_report_overflow(unit);
        }
    }
}

bool amdvi_all_translate(void)
{
    for (unsigned unit = 0; unit < unit_count; unit++) {
        if (statuses[unit] == AMDVI_TRANSLATES && !amdvi_translates(unit)) {
            return false;
        }
    }
    return true;
}

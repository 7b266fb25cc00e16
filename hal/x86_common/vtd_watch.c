/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All DMA remapping units, and what is said of them. See hal/vtd.h.
 */
#include "remap_report.h"
#include "vtd_unit.h"

_Static_assert(ACPI_DMAR_UNITS_MAX <= REMAP_UNITS_MAX, "each unit has its count");

static enum vtd_status statuses[ACPI_DMAR_UNITS_MAX];
static unsigned unit_count;

/* ---- start-up ---- */

hal_paddr_t vtd_page_of(const struct acpi_dmar_unit *unit, hal_paddr_t page, hal_paddr_t *others)
{
    if (unit->segment == 0) {
        return page;
    }
    if (others->value == 0) {
        *others = remap_page();
    }
    return *others;
}

static unsigned start_units(const struct acpi_dmar *dmar)
{
    static const char *const why[] = {"", " does not answer", " contradicts itself", " does not obey"};
    hal_paddr_t words, others = hal_paddr(0);
    unsigned working = 0;

    vtd_flush_begin();
    vtd_segment = (struct vtd_segment){.root = remap_page()};
    words = remap_page();
    vtd_segment_begin(dmar);
    unit_count = dmar->unit_count;
    for (unsigned unit = 0; unit < unit_count; unit++) {
        statuses[unit] = vtd_start(unit, vtd_page_of(&dmar->units[unit], vtd_segment.root, &others),
                                   hal_paddr_add(words, (uint64_t)unit * VTD_WORDS_SIZE));
        working += statuses[unit] == VTD_TRANSLATES;
        if (statuses[unit] != VTD_TRANSLATES) {
            remap_warn_unit(dmar->units[unit].address, why[statuses[unit]]);
        }
    }
    return working;
}

/* ---- attempts ---- */

/* Table 28: reasons of interrupts that were not remapped, which have no address. */
static bool is_interrupt(const struct vtd_fault *fault)
{
    return fault->reason >= 0x20 && fault->reason < 0x30;
}

static void tell_fault(unsigned unit, const struct vtd_fault *fault)
{
    const struct hal_iommu_fault told = {.address = fault->address,
                                         .source = fault->source,
                                         .reason = fault->reason,
                                         .is_read = fault->is_read};

    remap_report_fault(unit, &told, is_interrupt(fault));
    for (unsigned i = 0; i < vtd_segment.count && !is_interrupt(fault); i++) {
        if (vtd_segment.units[i] == unit) {
            hal_upcall_iommu_fault(&told);
        }
    }
}

void vtd_cover(void)
{
    if (!vtd_segment_cover()) {
        remap_tell_why_not("firmware does not name a unit for every device");
    }
}

void vtd_watch(void)
{
    remap_report_look();
    for (unsigned unit = 0; unit < unit_count; unit++) {
        if (statuses[unit] == VTD_TRANSLATES && vtd_take_faults(unit, tell_fault)) {
            remap_report_overflow(unit);
        }
    }
}

bool vtd_all_translate(void)
{
    for (unsigned unit = 0; unit < unit_count; unit++) {
        if (statuses[unit] == VTD_TRANSLATES && !vtd_translates(unit)) {
            return false;
        }
    }
    return true;
}

static void tell_range(const struct acpi_dmar_range *range)
{
    const bool one = range->depth == 1;
    const uint16_t source = (uint16_t)(range->bus << 8 | (range->device & 31) << 3 | (range->function & 7));

    remap_tell_range(range->first, range->last, one ? &source : NULL, 1,
                     one && range->segment == 0 && vtd_segment_maps(source));
}

void vtd_begin(const struct acpi_dmar *dmar)
{
    const char *why_not;
    unsigned working;
    bool remaps;

    unit_count = 0;
    remap_report_begin();
    vtd_segment = (struct vtd_segment){.count = 0};
    if (dmar->unit_count + dmar->units_left_out == 0) {
        remap_print("keel: iommu: WARNING: firmware names no remapping unit: DMA is NOT blocked");
        remap_warn_interrupts();
        vtd_segment_begin(&(struct acpi_dmar){.unit_count = 0});
        (void)vtd_segment_join(dmar, statuses);
        (void)vtd_interrupts_begin(dmar, statuses);
        return;
    }
    working = start_units(dmar);
    why_not = vtd_segment_join(dmar, statuses);
    remaps = vtd_interrupts_begin(dmar, statuses);
    if (dmar->units_left_out != 0) {
        remap_warn_left_out(dmar->units_left_out);
    }
    for (unsigned i = 0; i < dmar->range_count; i++) {
        tell_range(&dmar->ranges[i]);
    }
    remap_tell_sum(working, unit_count, dmar->units_left_out);
    if (why_not != NULL) {
        remap_tell_why_not(why_not);
    }
    if (!remaps) {
        remap_warn_interrupts();
    }
}

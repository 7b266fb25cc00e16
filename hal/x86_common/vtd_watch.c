/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All DMA remapping units, and what is said of them. See hal/vtd.h.
 */
#include "vtd_unit.h"

static enum vtd_status statuses[ACPI_DMAR_UNITS_MAX];
static unsigned unit_count;

/* ---- lines ---- */

#define LINE_SIZE 160u

/* What does not fit is cut off. */
struct line {
    char text[LINE_SIZE];
    unsigned size;
};

static void add(struct line *line, const char *text)
{
    for (; *text != '\0' && line->size < LINE_SIZE - 1; text++) {
        line->text[line->size++] = *text;
    }
    line->text[line->size] = '\0';
}

static void add_number(struct line *line, uint64_t value, unsigned base, unsigned digits_min)
{
    char digits[21] = {0};
    unsigned at = sizeof(digits) - 1;

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || sizeof(digits) - 1 - at < digits_min);
    add(line, digits + at);
}

static void add_address(struct line *line, uint64_t address)
{
    add(line, "0x");
    add_number(line, address, 16, 1);
}

static void add_device(struct line *line, unsigned bus, unsigned device, unsigned function)
{
    add_number(line, bus, 16, 2);
    add(line, ":");
    add_number(line, device, 16, 2);
    add(line, ".");
    add_number(line, function, 16, 1);
}

static void begin(struct line *line, const char *text)
{
    line->size = 0;
    add(line, "keel: iommu: ");
    add(line, text);
}

/* ---- start-up ---- */

static void warn_unit(unsigned unit, uint64_t address)
{
    static const char *const why[] = {"", " does not answer", " contradicts itself", " does not obey"};
    struct line line;

    begin(&line, "WARNING: the unit at ");
    add_address(&line, address);
    add(&line, why[statuses[unit]]);
    add(&line, ": DMA behind it is NOT blocked");
    vtd_print(line.text);
}

static void warn_left_out(unsigned count)
{
    struct line line;

    begin(&line, "WARNING: firmware lists ");
    add_number(&line, count, 10, 1);
    add(&line, " more that cannot be used: DMA behind them is NOT blocked");
    vtd_print(line.text);
}

/* Firmware's device stops working. That is the price: its memory may hold anything by now. */
static void tell_range(const struct acpi_dmar_range *range)
{
    struct line line;

    begin(&line, "firmware wants ");
    add_address(&line, range->first);
    add(&line, " to ");
    add_address(&line, range->last);
    add(&line, " for ");
    if (range->scope_count == 1 && range->depth == 1) {
        add_device(&line, range->bus, range->device, range->function);
    } else {
        add_number(&line, range->scope_count, 10, 1);
        add(&line, " devices, or one behind a bridge");
    }
    add(&line, ": blocked as well");
    vtd_print(line.text);
}

static void tell_why_not(const char *why)
{
    struct line line;

    begin(&line, "WARNING: no device can be let through: ");
    add(&line, why);
    vtd_print(line.text);
}

static void tell_sum(unsigned working, unsigned left_out)
{
    struct line line;

    begin(&line, "");
    add_number(&line, working, 10, 1);
    if (working == unit_count && left_out == 0) {
        add(&line, working == 1 ? " unit, all DMA blocked" : " units, all DMA blocked");
    } else {
        add(&line, " of ");
        add_number(&line, unit_count + left_out, 10, 1);
        add(&line, " units block DMA");
    }
    vtd_print(line.text);
}

hal_paddr_t vtd_page_of(const struct acpi_dmar_unit *unit, hal_paddr_t page, hal_paddr_t *others)
{
    if (unit->segment == 0) {
        return page;
    }
    if (others->value == 0) {
        *others = vtd_page();
    }
    return *others;
}

static unsigned start_units(const struct acpi_dmar *dmar)
{
    hal_paddr_t words, others = hal_paddr(0);
    unsigned working = 0;

    vtd_flush_begin();
    vtd_segment = (struct vtd_segment){.root = vtd_page()};
    words = vtd_page();
    unit_count = dmar->unit_count;
    for (unsigned unit = 0; unit < unit_count; unit++) {
        statuses[unit] = vtd_start(unit, vtd_page_of(&dmar->units[unit], vtd_segment.root, &others),
                                   hal_paddr_add(words, (uint64_t)unit * VTD_WORDS_SIZE));
        working += statuses[unit] == VTD_TRANSLATES;
        if (statuses[unit] != VTD_TRANSLATES) {
            warn_unit(unit, dmar->units[unit].address);
        }
    }
    return working;
}

/* ---- attempts ---- */

/* Who tried, and how often. Whoever finds no place shares the last one: source ids can be forged. */
#define SOURCES_MAX 16u
#define LINES_EACH  8u
#define LINES_LOOK  8u /* in one look, interrupts off */

static struct source {
    unsigned unit;
    uint16_t id;
    uint64_t count;
} sources[SOURCES_MAX];
static unsigned source_count, lines_left;
static uint64_t overflow_count[ACPI_DMAR_UNITS_MAX];

static struct source *source_of(unsigned unit, uint16_t id)
{
    unsigned at = 0;

    while (at < source_count && at < SOURCES_MAX - 1 && (sources[at].unit != unit || sources[at].id != id)) {
        at++;
    }
    if (at == source_count) {
        sources[source_count++] = (struct source){.unit = unit, .id = id};
    }
    return &sources[at];
}

/* The first few, and then each time that there are twice as many: some 64 more, ever. */
static bool is_told(uint64_t count)
{
    return count <= LINES_EACH || (count & (count - 1)) == 0;
}

static void add_count(struct line *line, uint64_t count)
{
    if (count >= LINES_EACH) {
        add(line, ", time ");
        add_number(line, count, 10, 1);
        add(line, ": told of less and less");
    }
}

/* Table 28: reasons of interrupts that were not remapped, which have no address. */
static bool is_interrupt(const struct vtd_fault *fault)
{
    return fault->reason >= 0x20 && fault->reason < 0x30;
}

static void line_of_fault(unsigned unit, const struct vtd_fault *fault)
{
    struct source *source = source_of(unit, fault->source);
    struct line line;

    if (!is_told(++source->count) || lines_left == 0) {
        return;
    }
    lines_left--;
    begin(&line, "blocked: ");
    add_device(&line, fault->source >> 8, fault->source >> 3 & 31, fault->source & 7);
    if (is_interrupt(fault)) {
        add(&line, " sends an interrupt");
    } else {
        add(&line, fault->is_read ? " reads at " : " writes to ");
        add_address(&line, fault->address);
    }
    add(&line, " (unit ");
    add_number(&line, unit, 10, 1);
    add(&line, ", reason ");
    add_number(&line, fault->reason, 10, 1);
    add(&line, ")");
    add_count(&line, source->count);
    vtd_print(line.text);
}

static void tell_fault(unsigned unit, const struct vtd_fault *fault)
{
    const struct hal_iommu_fault told = {.address = fault->address,
                                         .source = fault->source,
                                         .reason = fault->reason,
                                         .is_read = fault->is_read};

    line_of_fault(unit, fault);
    for (unsigned i = 0; i < vtd_segment.count && !is_interrupt(fault); i++) {
        if (vtd_segment.units[i] == unit) {
            hal_upcall_iommu_fault(&told);
        }
    }
}

static void tell_overflow(unsigned unit)
{
    struct line line;

    if (!is_told(++overflow_count[unit])) {
        return;
    }
    begin(&line, "blocked: more attempts than unit ");
    add_number(&line, unit, 10, 1);
    add(&line, " can record");
    add_count(&line, overflow_count[unit]);
    vtd_print(line.text);
}

void vtd_cover(void)
{
    if (!vtd_segment_cover()) {
        tell_why_not("firmware does not name a unit for every device");
    }
}

void vtd_watch(void)
{
    lines_left = LINES_LOOK;
    for (unsigned unit = 0; unit < unit_count; unit++) {
        if (statuses[unit] == VTD_TRANSLATES && vtd_take_faults(unit, tell_fault)) {
            tell_overflow(unit);
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

void vtd_begin(const struct acpi_dmar *dmar)
{
    const char *why_not;
    unsigned working;
    bool remaps;

    unit_count = source_count = 0;
    vtd_segment = (struct vtd_segment){.count = 0};
    for (unsigned unit = 0; unit < ACPI_DMAR_UNITS_MAX; unit++) {
        overflow_count[unit] = 0;
    }
    if (dmar->unit_count + dmar->units_left_out == 0) {
        vtd_print("keel: iommu: WARNING: firmware names no remapping unit: DMA is NOT blocked");
        (void)vtd_segment_join(dmar, statuses);
        (void)vtd_interrupts_begin(dmar, statuses);
        return;
    }
    working = start_units(dmar);
    why_not = vtd_segment_join(dmar, statuses);
    remaps = vtd_interrupts_begin(dmar, statuses);
    if (dmar->units_left_out != 0) {
        warn_left_out(dmar->units_left_out);
    }
    for (unsigned i = 0; i < dmar->range_count; i++) {
        tell_range(&dmar->ranges[i]);
    }
    tell_sum(working, dmar->units_left_out);
    if (why_not != NULL) {
        tell_why_not(why_not);
    }
    if (!remaps) {
        vtd_print("keel: iommu: WARNING: interrupts are not remapped: a device can raise those of others");
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What is said of remapping units. See remap_report.h.
 */
#include "remap_report.h"

#include "hal/remapping.h"

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

static void add_device(struct line *line, uint16_t source)
{
    add_number(line, source >> 8, 16, 2);
    add(line, ":");
    add_number(line, source >> 3 & 31, 16, 2);
    add(line, ".");
    add_number(line, source & 7, 16, 1);
}

static void begin(struct line *line, const char *text)
{
    line->size = 0;
    add(line, "keel: iommu: ");
    add(line, text);
}

/* ---- start-up ---- */

void remap_warn_unit(uint64_t address, const char *why)
{
    struct line line;

    begin(&line, "WARNING: the unit at ");
    add_address(&line, address);
    add(&line, why);
    add(&line, ": DMA behind it is NOT blocked");
    remap_print(line.text);
}

void remap_warn_left_out(unsigned count)
{
    struct line line;

    begin(&line, "WARNING: firmware lists ");
    add_number(&line, count, 10, 1);
    add(&line, " more that cannot be used: DMA behind them is NOT blocked");
    remap_print(line.text);
}

/* Where it is blocked, firmware's device stops working. That is the price: its memory may hold anything by
 * now. */
void remap_tell_range(uint64_t first, uint64_t last, const uint16_t *source, uint32_t count, bool mapped)
{
    struct line line;

    begin(&line, "firmware wants ");
    add_address(&line, first);
    add(&line, " to ");
    add_address(&line, last);
    add(&line, " for ");
    if (source != NULL) {
        add_device(&line, *source);
    } else if (count == 1) {
        add(&line, "a device behind a bridge");
    } else {
        add_number(&line, count, 10, 1);
        add(&line, " devices, or one behind a bridge");
    }
    add(&line, mapped ? ": mapped for it alone" : ": blocked as well");
    remap_print(line.text);
}

void remap_warn_interrupts(void)
{
    remap_print("keel: iommu: WARNING: interrupts are not remapped: a device can raise those of others");
}

void remap_tell_why_not(const char *why)
{
    struct line line;

    begin(&line, "WARNING: no device can be let through: ");
    add(&line, why);
    remap_print(line.text);
}

void remap_tell_sum(unsigned working, unsigned unit_count, unsigned left_out)
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
    remap_print(line.text);
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
static uint64_t overflow_count[REMAP_UNITS_MAX];

void remap_report_begin(void)
{
    source_count = 0;
    for (unsigned unit = 0; unit < REMAP_UNITS_MAX; unit++) {
        overflow_count[unit] = 0;
    }
}

void remap_report_look(void)
{
    lines_left = LINES_LOOK;
}

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

void remap_report_fault(unsigned unit, const struct hal_iommu_fault *fault, bool is_interrupt)
{
    struct source *source = source_of(unit, fault->source);
    struct line line;

    if (!is_told(++source->count) || lines_left == 0) {
        return;
    }
    lines_left--;
    begin(&line, "blocked: ");
    add_device(&line, fault->source);
    if (is_interrupt) {
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
    remap_print(line.text);
}

void remap_report_overflow(unsigned unit)
{
    struct line line;

    if (!is_told(++overflow_count[unit])) {
        return;
    }
    begin(&line, "blocked: more attempts than unit ");
    add_number(&line, unit, 10, 1);
    add(&line, " can record");
    add_count(&line, overflow_count[unit]);
    remap_print(line.text);
}

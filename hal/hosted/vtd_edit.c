/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Edits of the tables of remapping units: every entry is checked against the rules, and what it withdraws is
 * remembered for every unit that could have cached it. See vtd_model.h.
 */
#include "mmu.h"
#include "report.h"
#include "state.h"
#include "vtd.h"
#include "vtd_model.h"

static uint64_t entry_at(uint64_t table, unsigned index)
{
    return (table & IOMMU_ADDRESS) + 16 * index;
}

/* Two words of a root or context table; false: beyond RAM. */
static bool load_pair(const struct iommu_unit *unit, enum iommu_view view, uint64_t at, uint64_t *low,
                      uint64_t *high)
{
    return ram_contains(at, 16) && iommu_view_load(unit, view, at, low) &&
           iommu_view_load(unit, view, at + 8, high);
}

bool iommu_live_context(const struct iommu_unit *unit, enum iommu_view view, uint16_t source,
                        struct iommu_context *context)
{
    uint64_t low, high;
    context->source = source;
    context->absent = false;
    return load_pair(unit, view, entry_at(unit->root, source >> 8), &low, &high) &&
           (low & IOMMU_PRESENT) != 0 &&
           load_pair(unit, view, entry_at(low, source & 0xff), &context->low, &context->high) &&
           (context->low & IOMMU_PRESENT) != 0;
}

bool vtd_is_attached(uint16_t source)
{
    for (unsigned id = 0; iommu_in_use && id < IOMMU_UNITS; id++) {
        const struct iommu_unit *unit = &iommu_units[id];
        struct iommu_context context;
        if (iommu_serves(unit, source) && iommu_live_context(unit, IOMMU_OF_CPUS, source, &context)) {
            return true;
        }
    }
    return false;
}

/* --- A domain's tables --- */

/* May firmware's device have the memory? */
static bool is_firmwares(uint64_t frame)
{
    return ram.use[frame] == HAL_FRAME_RESERVED;
}

const char *iommu_entry_wrong(uint64_t entry, unsigned level)
{
    uint64_t frame = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
    if (!iommu_entry_present(entry)) {
        return NULL;
    }
    if (!iommu_entry_is_leaf(entry, level)) {
        return frame < ram.frame_count && ram.use[frame] == HAL_FRAME_TABLE && ram.refs[frame] == 0
                   ? NULL
                   : "leads to a table that is none";
    }
    for (uint64_t i = 0; i < iommu_span(level) >> HAL_PAGE_SHIFT; i++) {
        if (frame + i >= ram.frame_count) {
            return "leads to what is not RAM";
        }
        if (ram.use[frame + i] != HAL_FRAME_UNTYPED && !is_firmwares(frame + i)) {
            return "leads to a frame that is not untyped";
        }
    }
    return NULL;
}

static void check_entry(const struct iommu_part *part, uint64_t entry)
{
    const char *wrong = iommu_entry_wrong(entry, part->level);
    if (wrong) {
        machine_check("M3", "entry %#llx for a device's address %#llx %s", (unsigned long long)entry,
                      (unsigned long long)part->address, wrong);
    }
}

static void edit_translation(struct iommu_unit *unit, enum iommu_view view, const struct iommu_part *part,
                             uint64_t old, uint64_t entry)
{
    if (iommu_entry_present(old)) {
        iommu_remember_tree(unit, view, part, old, 0, UINT64_MAX);
    } else if (unit->kind.caches_absence && iommu_entry_present(entry)) {
        iommu_remember(unit, &(struct iommu_cached){.kind = IOMMU_CACHED_NOTHING,
                                                    .as_table = !iommu_entry_is_leaf(entry, part->level),
                                                    .domain = part->domain,
                                                    .address = part->address,
                                                    .size = iommu_span(part->level)});
    }
    check_entry(part, entry);
    if (part->level > 0) {
        iommu_places_changed();
    }
}

/* Of a device that is attached; the entries may be older than what the frames are used for now. */
static void check_tree(const struct iommu_unit *unit, const struct iommu_part *part, uint64_t frame)
{
    for (unsigned i = mmu_next_filled(frame, 0); i < HAL_PT_ENTRIES; i = mmu_next_filled(frame, i + 1)) {
        struct iommu_part below = *part;
        uint64_t entry;
        (void)iommu_view_load(unit, IOMMU_OF_CPUS, (frame << HAL_PAGE_SHIFT) + 8u * i, &entry);
        below.address += i * iommu_span(part->level);
        check_entry(&below, entry);
        iommu_note_target(entry);
        uint64_t table = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
        if (iommu_entry_present(entry) && !iommu_entry_is_leaf(entry, part->level) &&
            table < ram.frame_count && ram.use[table] == HAL_FRAME_TABLE) {
            below.level--;
            check_tree(unit, &below, table);
        }
    }
}

/* --- Context entries --- */

/* Entries that are cached are found by the domain's number, whoever they came from. */
static void check_domain(const struct iommu_unit *unit, const struct iommu_context *context)
{
    uint32_t domain = iommu_domain(context->high);
    struct iommu_context other;
    CONTRACT(domain >> unit->kind.domain_bits == 0, "no such domain");
    CONTRACT(domain != 0 || !unit->kind.caches_absence, "domain 0 is what is absent");
    for (size_t i = 0; i < unit->source_count; i++) {
        if (unit->sources[i] != context->source &&
            iommu_live_context(unit, IOMMU_OF_CPUS, unit->sources[i], &other) &&
            iommu_domain(other.high) == domain && ((other.low ^ context->low) & IOMMU_ADDRESS) != 0) {
            machine_check("D1", "devices %04x and %04x share domain %u, but no tables", context->source,
                          other.source, domain);
        }
    }
    for (size_t i = 0; i < unit->cached_count; i++) {
        if (unit->cached[i].domain == domain) {
            machine_check("D2", "domain %u is used again, but unit %u may still have of it cached", domain,
                          unit->id);
            return;
        }
    }
}

static void attach(struct iommu_unit *unit, const struct iommu_context *context)
{
    struct iommu_part part = {.domain = iommu_domain(context->high),
                              .level = iommu_top_level(context->high),
                              .rights = IOMMU_RIGHTS};
    uint64_t root = (context->low & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
    check_domain(unit, context);
    if (root >= ram.frame_count || ram.use[root] != HAL_FRAME_TABLE) {
        machine_check("M3", "the root table for device %04x is a frame that is %s", context->source,
                      root < ram.frame_count ? ram_use_text((enum hal_frame_use)ram.use[root]) : "not RAM");
    } else if (part.level != 0 && (unit->kind.widths >> (part.level - 1) & 1) != 0) {
        check_tree(unit, &part, root);
    }
}

static void detach(struct iommu_unit *unit, const struct iommu_context *context)
{
    iommu_remember_context(unit, context);
    iommu_remember_root(unit, context, 0, UINT64_MAX);
}

/* A context entry of the unit's becomes another. Both views change by this; rules are for the CPUs'. */
static void edit_context(struct iommu_unit *unit, enum iommu_view view, const struct iommu_context *old,
                         const struct iommu_context *context)
{
    if (!iommu_serves(unit, old->source)) {
        return;
    }
    iommu_note_source(unit, old->source);
    iommu_places_changed();
    if ((old->low & IOMMU_PRESENT) != 0) {
        detach(unit, old);
    }
    if ((context->low & IOMMU_PRESENT) == 0) {
        return;
    }
    if ((old->low & IOMMU_PRESENT) == 0 && unit->kind.caches_absence) {
        iommu_remember_context(unit, &(struct iommu_context){.source = old->source, .absent = true});
    }
    if (view == IOMMU_OF_CPUS) {
        attach(unit, context);
    }
}

/* All context entries of a bus come or go. */
static void edit_bus(struct iommu_unit *unit, enum iommu_view view, unsigned bus, uint64_t old,
                     uint64_t entry)
{
    for (unsigned i = 0; i < 256; i++) {
        struct iommu_context none = {.source = (uint16_t)(bus << 8 | i)}, from = none, to = none;
        if ((old & IOMMU_PRESENT) != 0) {
            (void)load_pair(unit, view, entry_at(old, i), &from.low, &from.high);
        }
        if ((entry & IOMMU_PRESENT) != 0) {
            (void)load_pair(unit, view, entry_at(entry, i), &to.low, &to.high);
        }
        if (((from.low | to.low) & IOMMU_PRESENT) != 0) {
            edit_context(unit, view, &from, &to);
        }
    }
}

static unsigned look_for_bus(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame)
{
    uint64_t root = unit->root >> HAL_PAGE_SHIFT, value;
    if (root == 0) {
        return 256;
    }
    for (unsigned i = iommu_view_next(unit, view, root, 0); i < HAL_PT_ENTRIES;
         i = iommu_view_next(unit, view, root, i + 1)) {
        if (i % 2 == 0 && iommu_view_load(unit, view, unit->root + 8u * i, &value) &&
            (value & IOMMU_PRESENT) != 0 && (value & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT == frame) {
            return i / 2;
        }
    }
    return 256;
}

/* The bus whose context table is in `frame`; 256: none. */
static unsigned find_bus(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame)
{
    static struct {
        uint64_t epoch, frame;
        unsigned bus;
    } last[IOMMU_UNITS][IOMMU_OF_UNIT + 1];
    if (last[unit->id][view].frame != frame || last[unit->id][view].epoch != iommu_places_epoch()) {
        last[unit->id][view].frame = frame;
        last[unit->id][view].epoch = iommu_places_epoch();
        last[unit->id][view].bus = look_for_bus(unit, view, frame);
    }
    return last[unit->id][view].bus;
}

/* One entry of 16 bytes in a context table. */
static void edit_pair(struct iommu_unit *unit, enum iommu_view view, uint16_t source, const uint64_t old[2],
                      const uint64_t words[2])
{
    const struct iommu_context from = {.source = source, .low = old[0], .high = old[1]};
    const struct iommu_context to = {.source = source, .low = words[0], .high = words[1]};
    CONTRACT(view != IOMMU_OF_CPUS || (from.low & IOMMU_PRESENT) == 0 || from.high == to.high,
             "half of a context entry that is present");
    if (((from.low | to.low) & IOMMU_PRESENT) != 0) {
        edit_context(unit, view, &from, &to);
    }
}

void iommu_edit(struct iommu_unit *unit, enum iommu_view view, uint64_t at, const uint64_t old[2],
                const uint64_t words[2])
{
    uint64_t frame = at >> HAL_PAGE_SHIFT;
    unsigned index = (unsigned)(at % HAL_PAGE_SIZE / 16);
    if ((old[0] == words[0] && old[1] == words[1]) || unit->root == 0) {
        return;
    }
    if (at - unit->root < HAL_PAGE_SIZE) {
        iommu_places_changed();
        if (old[0] != words[0]) {
            edit_bus(unit, view, index, old[0], words[0]);
        }
        return;
    }
    unsigned bus = find_bus(unit, view, frame);
    if (bus < 256) {
        edit_pair(unit, view, (uint16_t)(bus << 8 | index), old, words);
        return;
    }
    for (unsigned half = 0; half < 2; half++) {
        struct iommu_part places[IOMMU_PLACES_MAX];
        size_t count = old[half] != words[half] ? iommu_find_places(unit, frame, places) : 0;
        for (size_t i = 0; i < count; i++) {
            places[i].address += (2 * index + half) * iommu_span(places[i].level);
            edit_translation(unit, view, &places[i], old[half], words[half]);
        }
    }
}

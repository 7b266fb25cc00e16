/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Edits of the tables of remapping units: every entry is checked against the rules, and what it withdraws is
 * remembered for every unit that could have cached it. See iommu_model.h.
 */
#include "iommu_model.h"
#include "mmu.h"
#include "report.h"
#include "state.h"

bool iommu_is_attached(uint16_t source)
{
    for (unsigned id = 0; iommu_in_use && id < IOMMU_UNITS; id++) {
        const struct iommu_unit *unit = &iommu_units[id];
        struct iommu_context context;
        if (iommu_serves(unit, source) && iommu_format->live_context(unit, IOMMU_OF_CPUS, source, &context)) {
            return true;
        }
    }
    return false;
}

/* --- A domain's tables --- */

bool iommu_is_firmwares(uint64_t address, uint64_t frame)
{
    return (machine.config.iommu & HOSTED_IOMMU_RANGE) != 0 && ram.use[frame] == HAL_FRAME_RESERVED &&
           frame == iommu_firmwares() >> HAL_PAGE_SHIFT && frame == address >> HAL_PAGE_SHIFT;
}

const char *iommu_target_wrong(uint64_t address, uint64_t frame, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (frame + i >= ram.frame_count) {
            return "leads to what is not RAM";
        }
        if (ram.use[frame + i] != HAL_FRAME_UNTYPED &&
            !iommu_is_firmwares(address + (i << HAL_PAGE_SHIFT), frame + i)) {
            return "leads to a frame that is not untyped";
        }
    }
    return NULL;
}

const char *iommu_entry_wrong(const struct iommu_part *part, uint64_t entry)
{
    uint64_t frame = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
    if (!iommu_entry_present(entry)) {
        return NULL;
    }
    if (iommu_entry_is_leaf(entry, part->level)) {
        return iommu_target_wrong(part->address, frame, iommu_span(part->level) >> HAL_PAGE_SHIFT);
    }
    return frame < ram.frame_count && ram.use[frame] == HAL_FRAME_TABLE && !mmu_is_linked(frame)
               ? NULL
               : "leads to a table that is none";
}

static void check_entry(const struct iommu_part *part, uint64_t entry)
{
    const char *wrong = iommu_entry_wrong(part, entry);
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
    uint32_t domain = context->domain;
    struct iommu_context other;
    CONTRACT(domain >> unit->kind.domain_bits == 0, "no such domain");
    CONTRACT(domain != 0 || !unit->kind.caches_blocked, "domain 0 is what is absent");
    for (size_t i = 0; i < unit->source_count; i++) {
        if (unit->sources[i] != context->source &&
            iommu_format->live_context(unit, IOMMU_OF_CPUS, unit->sources[i], &other) &&
            other.domain == domain && other.root != context->root) {
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
    struct iommu_part part = {.domain = context->domain, .level = context->level, .rights = context->rights};
    uint64_t root = context->root >> HAL_PAGE_SHIFT;
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

/* Both views change by this; rules are for the CPUs'. */
void iommu_edit_context(struct iommu_unit *unit, enum iommu_view view, const struct iommu_context *old,
                        const struct iommu_context *context)
{
    if (!iommu_serves(unit, old->source)) {
        return;
    }
    iommu_note_source(unit, old->source);
    iommu_places_changed();
    if (old->present) {
        detach(unit, old);
    }
    if (!context->present) {
        return;
    }
    if (!old->present && unit->kind.caches_blocked) {
        iommu_remember_context(unit, &(struct iommu_context){.source = old->source, .absent = true});
    }
    if (view == IOMMU_OF_CPUS) {
        attach(unit, context);
    }
}

/* Firmware's device had its entry in the tables before. */
void iommu_root_set(struct iommu_unit *unit)
{
    if ((machine.config.iommu & HOSTED_IOMMU_RANGE) != 0 && iommu_serves(unit, HOSTED_IOMMU_RANGE_SOURCE)) {
        iommu_in_use = true;
        iommu_note_source(unit, HOSTED_IOMMU_RANGE_SOURCE);
    }
    iommu_places_changed();
}

void iommu_edit(struct iommu_unit *unit, enum iommu_view view, uint64_t at, const uint64_t old[2],
                const uint64_t words[2])
{
    uint64_t frame = at >> HAL_PAGE_SHIFT;
    unsigned index = (unsigned)(at % HAL_PAGE_SIZE / 8);
    if ((old[0] == words[0] && old[1] == words[1]) || unit->root == 0 ||
        iommu_format->edit_contexts(unit, view, at, old, words)) {
        return;
    }
    for (unsigned half = 0; half < 2; half++) {
        struct iommu_part places[IOMMU_PLACES_MAX];
        size_t count = old[half] != words[half] ? iommu_find_places(unit, frame, places) : 0;
        for (size_t i = 0; i < count; i++) {
            places[i].address += (index + half) * iommu_span(places[i].level);
            edit_translation(unit, view, &places[i], old[half], words[half]);
        }
    }
}

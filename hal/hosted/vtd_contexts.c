/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How Intel's remapping units find a source's tables, and what stands there: root and context tables, entries
 * (VT-d specification 4.0, 3.4, 9.1, 9.3, 9.8).
 */
#include "report.h"
#include "state.h"
#include "vtd_model.h"

#define PRESENT   UINT64_C(1) /* of the lower halves of root and context entries */
#define SILENT    UINT64_C(2) /* of a context entry's: faults are not recorded */
#define LEAF      (UINT64_C(1) << 7)
#define SNOOP     (UINT64_C(1) << 11)
#define TRANSIENT (UINT64_C(1) << 62)

/* --- Entries of domains' tables --- */

static bool is_present(uint64_t entry)
{
    return (entry & IOMMU_RIGHTS) != 0;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
    return level == 0 || (entry & LEAF) != 0;
}

static uint8_t rights(uint64_t entry)
{
    return (uint8_t)(entry & IOMMU_RIGHTS);
}

static bool has_reserved(const struct iommu_unit *unit, uint64_t entry, unsigned level)
{
    bool leaf = is_leaf(entry, level);
    uint64_t reserved = (IOMMU_ADDRESS & ~((UINT64_C(1) << 48) - 1)) | TRANSIENT;
    reserved |= unit->kind.snoops && leaf ? 0 : SNOOP;
    reserved |= leaf ? IOMMU_ADDRESS & (iommu_span(level) - 1) : 0;
    return (entry & reserved) != 0 || (leaf && level > unit->kind.leaf_level_max);
}

static uint64_t frames_max(uint64_t entry)
{
    const uint64_t large = HAL_PT_ENTRIES, larger = large * HAL_PT_ENTRIES;
    uint64_t frame = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
    return (entry & LEAF) == 0 ? 1 : frame % larger == 0 ? larger : large;
}

/* --- Context entries --- */

static struct iommu_context decode(uint16_t source, uint64_t low, uint64_t high)
{
    unsigned width = (unsigned)(high & 7);
    return (struct iommu_context){.source = source,
                                  .present = (low & PRESENT) != 0,
                                  .level = (uint8_t)(width >= 1 && width <= 3 ? width + 1 : 0),
                                  .rights = IOMMU_RIGHTS,
                                  .silent = (low & SILENT) != 0,
                                  .domain = (uint32_t)(high >> 8 & 0xffff),
                                  .root = low & IOMMU_ADDRESS,
                                  .low = low,
                                  .high = high};
}

static uint64_t entry_at(uint64_t table, unsigned index)
{
    return (table & IOMMU_ADDRESS) + 16 * index;
}

/* Two words of a root or context table; false: beyond RAM. */
static bool load_pair(const struct iommu_unit *unit, enum iommu_view view, uint64_t at, uint64_t words[2])
{
    words[0] = words[1] = 0;
    return ram_contains(at, 16) && iommu_view_load(unit, view, at, &words[0]) &&
           iommu_view_load(unit, view, at + 8, &words[1]);
}

static bool live_context(const struct iommu_unit *unit, enum iommu_view view, uint16_t source,
                         struct iommu_context *context)
{
    uint64_t words[2];
    bool found = load_pair(unit, view, entry_at(unit->root, source >> 8), words) &&
                 (words[0] & PRESENT) != 0 && load_pair(unit, view, entry_at(words[0], source & 0xff), words);
    *context = decode(source, words[0], words[1]);
    return found && context->present;
}

static unsigned find_context(const struct iommu_unit *unit, uint16_t source, struct iommu_context *context)
{
    uint64_t words[2], at = entry_at(unit->root, source >> 8);
    if (!ram_contains(at, 16)) {
        return IOMMU_ROOT_UNREACHABLE;
    }
    if (!load_pair(unit, IOMMU_OF_UNIT, at, words)) {
        return IOMMU_PASSES;
    }
    if ((words[0] & PRESENT) == 0) {
        return IOMMU_NO_ROOT_ENTRY;
    }
    if ((words[0] & UINT64_C(0xffe)) != 0 || words[1] != 0) {
        return IOMMU_ROOT_RESERVED;
    }
    at = entry_at(words[0], source & 0xff);
    if (!ram_contains(at, 16)) {
        return IOMMU_CONTEXT_UNREACHABLE;
    }
    if (!load_pair(unit, IOMMU_OF_UNIT, at, words)) {
        return IOMMU_PASSES;
    }
    *context = decode(source, words[0], words[1]);
    return context->present ? 0 : IOMMU_NO_CONTEXT_ENTRY;
}

static unsigned context_wrong(const struct iommu_unit *unit, const struct iommu_context *context)
{
    if ((context->low & UINT64_C(0xff0)) != 0 || context->high >> 24 != 0 || (context->high & 0x80) != 0) {
        return IOMMU_CONTEXT_RESERVED;
    }
    bool right = context->level != 0 && (unit->kind.widths >> (context->level - 1) & 1) != 0 &&
                 (context->low & 0xc) == 0;
    return right ? 0 : IOMMU_CONTEXT_INVALID;
}

/* --- Edits --- */

/* All context entries of a bus come or go. */
static void edit_bus(struct iommu_unit *unit, enum iommu_view view, unsigned bus, uint64_t old,
                     uint64_t entry)
{
    for (unsigned i = 0; i < 256; i++) {
        uint16_t source = (uint16_t)(bus << 8 | i);
        uint64_t from[2] = {0, 0}, to[2] = {0, 0};
        if ((old & PRESENT) != 0) {
            (void)load_pair(unit, view, entry_at(old, i), from);
        }
        if ((entry & PRESENT) != 0) {
            (void)load_pair(unit, view, entry_at(entry, i), to);
        }
        if (((from[0] | to[0]) & PRESENT) != 0) {
            const struct iommu_context was = decode(source, from[0], from[1]);
            const struct iommu_context is = decode(source, to[0], to[1]);
            iommu_edit_context(unit, view, &was, &is);
        }
    }
}

static unsigned look_for_bus(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame)
{
    uint64_t root = unit->root >> HAL_PAGE_SHIFT, value;
    for (unsigned i = iommu_view_next(unit, view, root, 0); i < HAL_PT_ENTRIES;
         i = iommu_view_next(unit, view, root, i + 1)) {
        if (i % 2 == 0 && iommu_view_load(unit, view, unit->root + 8u * i, &value) &&
            (value & PRESENT) != 0 && (value & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT == frame) {
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
    const struct iommu_context from = decode(source, old[0], old[1]);
    const struct iommu_context to = decode(source, words[0], words[1]);
    CONTRACT(view != IOMMU_OF_CPUS || !from.present || from.high == to.high,
             "half of a context entry that is present");
    if (from.present || to.present) {
        iommu_edit_context(unit, view, &from, &to);
    }
}

static bool edit_contexts(struct iommu_unit *unit, enum iommu_view view, uint64_t at, const uint64_t old[2],
                          const uint64_t words[2])
{
    unsigned index = (unsigned)(at % HAL_PAGE_SIZE / 16);
    if (at - unit->root < HAL_PAGE_SIZE) {
        iommu_places_changed();
        if (old[0] != words[0]) {
            edit_bus(unit, view, index, old[0], words[0]);
        }
        return true;
    }
    unsigned bus = find_bus(unit, view, at >> HAL_PAGE_SHIFT);
    if (bus < 256) {
        edit_pair(unit, view, (uint16_t)(bus << 8 | index), old, words);
    }
    return bus < 256;
}

static bool is_own(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame)
{
    uint64_t value;
    bool is = unit->root >> HAL_PAGE_SHIFT == frame;
    for (unsigned bus = 0; bus < 256 && !is; bus++) {
        is = iommu_view_load(unit, view, unit->root + 16u * bus, &value) && (value & PRESENT) != 0 &&
             (value & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT == frame;
    }
    return is;
}

static bool translates(const struct iommu_unit *unit)
{
    return (unit->status & IOMMU_TRANSLATE) != 0;
}

const struct iommu_format vtd_format = {.is_present = is_present,
                                        .is_leaf = is_leaf,
                                        .rights = rights,
                                        .has_reserved = has_reserved,
                                        .frames_max = frames_max,
                                        .live_context = live_context,
                                        .find_context = find_context,
                                        .context_wrong = context_wrong,
                                        .edit_contexts = edit_contexts,
                                        .is_own = is_own,
                                        .message = vtd_message,
                                        .interrupts_wrong = vtd_interrupts_wrong,
                                        .translates = translates,
                                        .record = vtd_record,
                                        .look = iommu_queue_look,
                                        .run = iommu_queue_run};

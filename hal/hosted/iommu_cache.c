/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a remapping unit may still have cached although the tables say otherwise. See iommu_model.h.
 */
#include <stdlib.h>

#include "iommu_model.h"
#include "report.h"
#include "state.h"

static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity ? 2 * *capacity : 64;
    items = realloc(items, *capacity * size);
    if (!items) {
        abort();
    }
    return items;
}

void iommu_remember(struct iommu_unit *unit, const struct iommu_cached *cached)
{
    unit->cached = grow(unit->cached, unit->cached_count, &unit->cached_capacity, sizeof *unit->cached);
    unit->cached[unit->cached_count++] = *cached;
    machine.edits++;
    if (cached->kind == IOMMU_CACHED_TABLE) {
        iommu_places_changed();
    }
}

void iommu_remember_context(struct iommu_unit *unit, const struct iommu_context *context)
{
    unit->contexts =
        grow(unit->contexts, unit->context_count, &unit->context_capacity, sizeof *unit->contexts);
    unit->contexts[unit->context_count++] = *context;
    machine.edits++;
    iommu_places_changed();
}

void iommu_note_source(struct iommu_unit *unit, uint16_t source)
{
    for (size_t i = 0; i < unit->source_count; i++) {
        if (unit->sources[i] == source) {
            return;
        }
    }
    unit->sources = grow(unit->sources, unit->source_count, &unit->source_capacity, sizeof *unit->sources);
    unit->sources[unit->source_count++] = source;
    iommu_places_changed();
}

/* --- Trees --- */

static void remember_below(struct iommu_unit *unit, enum iommu_view view, const struct iommu_part *part,
                           uint64_t frame, uint64_t first, uint64_t last)
{
    uint64_t value, span = iommu_span(part->level);
    if (frame >= ram.frame_count || ram.use[frame] != HAL_FRAME_TABLE) {
        return;
    }
    for (unsigned i = iommu_view_next(unit, view, frame, 0); i < HAL_PT_ENTRIES;
         i = iommu_view_next(unit, view, frame, i + 1)) {
        struct iommu_part below = *part;
        below.address += i * span;
        if (iommu_view_load(unit, view, (frame << HAL_PAGE_SHIFT) + 8u * i, &value)) {
            iommu_remember_tree(unit, view, &below, value, first, last);
        }
    }
}

void iommu_remember_tree(struct iommu_unit *unit, enum iommu_view view, const struct iommu_part *part,
                         uint64_t entry, uint64_t first, uint64_t last)
{
    uint64_t end = part->address + (iommu_span(part->level) - 1);
    if (!iommu_entry_present(entry) || end < first || part->address > last) {
        return;
    }
    bool leaf = iommu_entry_is_leaf(entry, part->level);
    struct iommu_cached cached = {.kind = leaf ? IOMMU_CACHED_LEAF : IOMMU_CACHED_TABLE,
                                  .as_table = !leaf,
                                  .rights = (uint8_t)(part->rights & iommu_format->rights(entry)),
                                  .domain = part->domain,
                                  .address = part->address,
                                  .size = iommu_span(part->level),
                                  .target = entry & IOMMU_ADDRESS};
    if (!leaf) {
        cached.level = (uint8_t)(part->level - 1);
        struct iommu_part below = *part;
        below.level--;
        below.rights = cached.rights;
        iommu_remember(unit, &cached);
        remember_below(unit, view, &below, cached.target >> HAL_PAGE_SHIFT, first, last);
        return;
    }
    uint64_t skipped = first > cached.address ? first - cached.address : 0;
    cached.address += skipped;
    cached.target += skipped;
    cached.size = (end < last ? end : last) - cached.address + 1;
    iommu_remember(unit, &cached);
}

void iommu_remember_root(struct iommu_unit *unit, const struct iommu_context *context, uint64_t first,
                         uint64_t last)
{
    struct iommu_part part = {.domain = context->domain, .level = context->level, .rights = context->rights};
    uint64_t frame = context->root >> HAL_PAGE_SHIFT;
    remember_below(unit, IOMMU_OF_CPUS, &part, frame, first, last);
    if (iommu_view_differs(unit)) {
        remember_below(unit, IOMMU_OF_UNIT, &part, frame, first, last);
    }
}

/* --- Forgetting --- */

static void keep(struct iommu_unit *unit, size_t *count, const struct iommu_cached *cached)
{
    unit->spare = grow(unit->spare, *count, &unit->spare_capacity, sizeof *unit->spare);
    unit->spare[(*count)++] = *cached;
}

/* What lies outside of [first, last]. A table is forgotten as a whole; of one that was not there, what
 * followed for other pages stays, as of any page. */
static void keep_rest(struct iommu_unit *unit, size_t *count, const struct iommu_cached *cached,
                      uint64_t first, uint64_t last)
{
    uint64_t end = cached->address + (cached->size - 1);
    struct iommu_cached rest = *cached;
    if (cached->kind == IOMMU_CACHED_TABLE) {
        return;
    }
    rest.as_table = false;
    if (cached->address < first) {
        rest.size = first - cached->address;
        keep(unit, count, &rest);
    }
    if (end > last) {
        rest.address = last + 1;
        rest.size = end - last;
        rest.target = cached->target + (rest.address - cached->address);
        keep(unit, count, &rest);
    }
}

/* By a table that is cached still, what it leads to can be cached again. */
static void remember_again(struct iommu_unit *unit, uint32_t domain, uint64_t first, uint64_t last)
{
    size_t count = unit->cached_count;
    for (size_t i = 0; i < count; i++) {
        struct iommu_cached cached = unit->cached[i];
        struct iommu_part part = {cached.domain, cached.level, cached.rights, cached.address};
        if (cached.kind == IOMMU_CACHED_TABLE && (domain == IOMMU_ANY_DOMAIN || domain == cached.domain)) {
            remember_below(unit, IOMMU_OF_CPUS, &part, cached.target >> HAL_PAGE_SHIFT, first, last);
        }
    }
    for (size_t i = 0; i < unit->context_count; i++) {
        struct iommu_context context = unit->contexts[i];
        if (!context.absent && (domain == IOMMU_ANY_DOMAIN || domain == context.domain)) {
            iommu_remember_root(unit, &context, first, last);
        }
    }
}

void iommu_forget(struct iommu_unit *unit, uint32_t domain, uint64_t first, uint64_t last, bool tables)
{
    size_t count = 0;
    if (unit->cached_count == 0 && unit->context_count == 0) {
        return;
    }
    for (size_t i = 0; i < unit->cached_count; i++) {
        const struct iommu_cached *cached = &unit->cached[i];
        bool concerned = (domain == IOMMU_ANY_DOMAIN || domain == cached->domain) &&
                         cached->address <= last && cached->address + (cached->size - 1) >= first;
        if (!concerned || (cached->as_table && !tables)) {
            keep(unit, &count, cached);
        } else {
            keep_rest(unit, &count, cached, first, last);
        }
    }
    struct iommu_cached *spare = unit->cached;
    size_t capacity = unit->cached_capacity;
    unit->cached = unit->spare;
    unit->cached_count = count;
    unit->cached_capacity = unit->spare_capacity;
    unit->spare = spare;
    unit->spare_capacity = capacity;
    machine.edits++;
    iommu_places_changed();
    remember_again(unit, domain, first, last);
}

void iommu_forget_contexts(struct iommu_unit *unit, enum iommu_scope scope, uint32_t domain, uint16_t source,
                           uint16_t mask)
{
    size_t kept = 0;
    for (size_t i = 0; i < unit->context_count; i++) {
        const struct iommu_context *context = &unit->contexts[i];
        uint32_t tag = context->absent ? 0 : context->domain; /* 6.1 */
        bool right = ((context->source ^ source) & ~mask & 0xffff) == 0;
        bool forgotten = scope == IOMMU_SCOPE_ALL || (scope == IOMMU_SCOPE_SOURCE_ALONE && right) ||
                         (tag == domain && (scope == IOMMU_SCOPE_DOMAIN || right));
        if (!forgotten) {
            unit->contexts[kept++] = *context;
        }
    }
    machine.edits += unit->context_count != kept;
    unit->context_count = kept;
    iommu_places_changed();
}

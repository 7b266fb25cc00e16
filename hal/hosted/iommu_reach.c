/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Trees of tables that remapping units may walk: can a device still reach a frame that core is about to use
 * for something else (M1, D2)? Quick when nothing leads there, which is the rule; thorough otherwise.
 */
#include "hal/vtd.h"
#include "iommu_model.h"
#include "mmu.h"
#include "report.h"
#include "state.h"

static uint64_t epoch; /* of what iommu_find_places answers */

void iommu_places_changed(void)
{
    epoch++;
}

uint64_t iommu_places_epoch(void)
{
    return epoch;
}

static bool visit_root(const struct iommu_unit *unit, enum iommu_view view,
                       const struct iommu_context *context, bool stale, iommu_visit *visit, void *argument)
{
    struct iommu_tree tree = {
        .part = {.domain = context->domain, .level = context->level, .rights = context->rights},
        .frame = context->root >> HAL_PAGE_SHIFT,
        .stale = stale};
    return tree.part.level != 0 && visit(unit, view, &tree, argument);
}

static bool each_in_view(const struct iommu_unit *unit, enum iommu_view view, iommu_visit *visit,
                         void *argument)
{
    struct iommu_context context;
    for (size_t i = 0; i < unit->source_count; i++) {
        if (iommu_format->live_context(unit, view, unit->sources[i], &context) &&
            visit_root(unit, view, &context, false, visit, argument)) {
            return true;
        }
    }
    for (size_t i = 0; i < unit->context_count; i++) {
        if (!unit->contexts[i].absent && visit_root(unit, view, &unit->contexts[i], true, visit, argument)) {
            return true;
        }
    }
    for (size_t i = 0; i < unit->cached_count; i++) {
        const struct iommu_cached *cached = &unit->cached[i];
        struct iommu_tree tree = {.part = {cached->domain, cached->level, cached->rights, cached->address},
                                  .frame = cached->target >> HAL_PAGE_SHIFT,
                                  .stale = true};
        if (cached->kind == IOMMU_CACHED_TABLE && visit(unit, view, &tree, argument)) {
            return true;
        }
    }
    return false;
}

bool iommu_each_tree(const struct iommu_unit *unit, iommu_visit *visit, void *argument)
{
    return each_in_view(unit, IOMMU_OF_CPUS, visit, argument) ||
           (iommu_view_differs(unit) && each_in_view(unit, IOMMU_OF_UNIT, visit, argument));
}

static bool is_table(uint64_t frame)
{
    return frame < ram.frame_count && ram.use[frame] == HAL_FRAME_TABLE;
}

/* Of each entry of the tree that is present, by levels, until `meet` answers true. */
typedef bool meeting(const struct iommu_tree *tree, uint64_t entry, void *argument);
static bool each_entry(const struct iommu_unit *unit, enum iommu_view view, const struct iommu_tree *tree,
                       meeting *meet, void *argument)
{
    uint64_t entry;
    if (!is_table(tree->frame)) {
        return false;
    }
    for (unsigned i = iommu_view_next(unit, view, tree->frame, 0); i < HAL_PT_ENTRIES;
         i = iommu_view_next(unit, view, tree->frame, i + 1)) {
        struct iommu_tree at = *tree;
        at.part.address += i * iommu_span(at.part.level);
        if (!iommu_view_load(unit, view, (tree->frame << HAL_PAGE_SHIFT) + 8u * i, &entry) ||
            !iommu_entry_present(entry)) {
            continue;
        }
        if (meet(&at, entry, argument)) {
            return true;
        }
        if (!iommu_entry_is_leaf(entry, at.part.level)) {
            at.frame = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
            at.part.level--;
            at.part.rights &= iommu_format->rights(entry);
            if (each_entry(unit, view, &at, meet, argument)) {
                return true;
            }
        }
    }
    return false;
}

/* --- Where a table stands --- */

struct finding {
    uint64_t frame;
    struct iommu_part *places;
    size_t count;
};

static void found(struct finding *finding, const struct iommu_part *place)
{
    for (size_t i = 0; i < finding->count; i++) {
        const struct iommu_part *other = &finding->places[i];
        if (other->domain == place->domain && other->level == place->level &&
            other->rights == place->rights && other->address == place->address) {
            return;
        }
    }
    if (CONTRACT(finding->count < IOMMU_PLACES_MAX, "a table stands in too many places")) {
        finding->places[finding->count++] = *place;
    }
}

/* Looks at links only: leaves are most. */
static void find_in(const struct iommu_unit *unit, enum iommu_view view, const struct iommu_tree *tree,
                    struct finding *finding)
{
    uint64_t entry;
    if (tree->frame == finding->frame) {
        found(finding, &tree->part);
        return;
    }
    if (tree->part.level == 0 || !is_table(tree->frame)) {
        return;
    }
    for (unsigned i = iommu_view_next(unit, view, tree->frame, 0); i < HAL_PT_ENTRIES;
         i = iommu_view_next(unit, view, tree->frame, i + 1)) {
        struct iommu_tree below = *tree;
        if (!iommu_view_load(unit, view, (tree->frame << HAL_PAGE_SHIFT) + 8u * i, &entry) ||
            !iommu_entry_present(entry) || iommu_entry_is_leaf(entry, tree->part.level)) {
            continue;
        }
        below.part.address += i * iommu_span(tree->part.level);
        below.part.level--;
        below.part.rights &= iommu_format->rights(entry);
        below.frame = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
        find_in(unit, view, &below, finding);
    }
}

static bool visit_to_find(const struct iommu_unit *unit, enum iommu_view view, const struct iommu_tree *tree,
                          void *argument)
{
    find_in(unit, view, tree, argument);
    return false;
}

size_t iommu_find_places(const struct iommu_unit *unit, uint64_t frame,
                         struct iommu_part places[IOMMU_PLACES_MAX])
{
    static struct {
        uint64_t frame, epoch;
        size_t count;
        struct iommu_part places[IOMMU_PLACES_MAX];
    } last[IOMMU_UNITS];
    if (last[unit->id].frame != frame || last[unit->id].epoch != epoch) {
        struct finding finding = {.frame = frame, .places = last[unit->id].places};
        last[unit->id].frame = frame;
        last[unit->id].epoch = epoch;
        (void)iommu_each_tree(unit, visit_to_find, &finding);
        last[unit->id].count = finding.count;
    }
    for (size_t i = 0; i < last[unit->id].count; i++) {
        places[i] = last[unit->id].places[i];
    }
    return last[unit->id].count;
}

/* --- A frame that changes its use --- */

static bool meets_frame(const struct iommu_tree *tree, uint64_t entry, void *argument)
{
    uint64_t frame = *(const uint64_t *)argument, target = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
    bool leaf = iommu_entry_is_leaf(entry, tree->part.level);
    return frame - target < (leaf ? iommu_span(tree->part.level) >> HAL_PAGE_SHIFT : 1);
}

struct question {
    uint64_t frame;
    bool stale; /* the answer: the way begins with what is only cached */
};

static bool visit_for_frame(const struct iommu_unit *unit, enum iommu_view view,
                            const struct iommu_tree *tree, void *argument)
{
    struct question *question = argument;
    question->stale = tree->stale;
    return tree->frame == question->frame || each_entry(unit, view, tree, meets_frame, &question->frame);
}

/* Tables by which sources are found. */
static bool is_units_own(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame)
{
    return unit->root != 0 && is_table(frame) && iommu_format->is_own(unit, view, frame);
}

static bool is_cached(const struct iommu_unit *unit, uint64_t frame)
{
    for (size_t i = 0; i < unit->cached_count; i++) {
        const struct iommu_cached *cached = &unit->cached[i];
        uint64_t first = cached->target >> HAL_PAGE_SHIFT;
        uint64_t count = cached->kind == IOMMU_CACHED_LEAF ? cached->size >> HAL_PAGE_SHIFT : 1;
        if (cached->kind != IOMMU_CACHED_NOTHING && frame - first < count) {
            machine_check("D2", "frame %#llx changes its use, but unit %u may still have %s cached for %#llx",
                          (unsigned long long)frame, unit->id,
                          cached->kind == IOMMU_CACHED_LEAF ? "a translation" : "a table",
                          (unsigned long long)cached->address);
            return true;
        }
    }
    return false;
}

static bool is_led_to(const struct iommu_unit *unit, uint64_t frame, bool *stale)
{
    struct question question = {.frame = frame};
    bool is = iommu_each_tree(unit, visit_for_frame, &question) || is_units_own(unit, IOMMU_OF_CPUS, frame) ||
              is_units_own(unit, IOMMU_OF_UNIT, frame);
    *stale = question.stale;
    return is;
}

bool iommu_is_linked(uint64_t frame)
{
    bool linked = false, stale;
    for (unsigned i = 0; i < IOMMU_UNITS && ram.iommu_led[frame] && !linked; i++) {
        linked = is_led_to(&iommu_units[i], frame, &stale);
    }
    return linked;
}

void iommu_check_unreachable(uint64_t frame)
{
    for (unsigned i = 0; i < IOMMU_UNITS && ram.iommu_led[frame]; i++) {
        const struct iommu_unit *unit = &iommu_units[i];
        bool stale;
        if (!is_cached(unit, frame) && is_led_to(unit, frame, &stale)) {
            machine_check(stale ? "D2" : "M1", "frame %#llx changes its use, but unit %u %s to it",
                          (unsigned long long)frame, i,
                          stale ? "may still have cached what leads" : "is led");
        }
    }
    if (iommu_dma_under_way_to(frame)) {
        machine_check("D2", "frame %#llx changes its use, but a device's access to it is on its way",
                      (unsigned long long)frame);
    }
    iommu_memory_forget(frame);
}

/* --- Audit --- */

static bool meets_wrong(const struct iommu_tree *tree, uint64_t entry, void *argument)
{
    const char **wrong = argument;
    *wrong = iommu_entry_wrong(&tree->part, entry);
    return *wrong != NULL;
}

/* Of a unit that does not look into caches. */
static bool meets_unwritten(const struct iommu_tree *tree, uint64_t entry, void *argument)
{
    const struct iommu_unit *const *unit = argument;
    return !iommu_entry_is_leaf(entry, tree->part.level) &&
           !iommu_view_complete(*unit, (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT);
}

static bool visit_to_judge(const struct iommu_unit *unit, enum iommu_view view, const struct iommu_tree *tree,
                           void *argument)
{
    const char **wrong = argument;
    if (!is_table(tree->frame)) {
        *wrong = "has a root that is no table";
        return true;
    }
    if (each_entry(unit, view, tree, meets_wrong, wrong)) {
        return true;
    }
    /* A table that the unit sees leads only to what it sees as well. */
    if (!tree->stale && !unit->kind.coherent &&
        each_entry(unit, IOMMU_OF_UNIT, tree, meets_unwritten, &unit)) {
        *wrong = "leads to a table that was not written back";
        return true;
    }
    return false;
}

const char *iommu_wrong(void)
{
    const char *wrong = NULL;
    for (unsigned i = 0; i < IOMMU_UNITS && iommu_in_use && !wrong; i++) {
        const struct iommu_unit *unit = &iommu_units[i];
        (void)iommu_each_tree(unit, visit_to_judge, &wrong);
        for (size_t j = 0; j < unit->cached_count && !wrong; j++) {
            const struct iommu_cached *cached = &unit->cached[j];
            if (cached->kind == IOMMU_CACHED_LEAF) {
                wrong = iommu_target_wrong(cached->address, cached->target >> HAL_PAGE_SHIFT,
                                           cached->size >> HAL_PAGE_SHIFT);
            }
        }
    }
    return wrong;
}

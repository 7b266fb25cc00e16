/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Address spaces in the model of fuzz_model: the calls, and what they must answer.
 */
#include <string.h>

#include "core/object.h"
#include "model.h"

#define SHOW(handle) ((unsigned long long)(handle))
#define MAP_NEED     8u /* more tables than the largest map takes */

/* --- The model --- */

struct model_space *model_space_named(uint64_t handle)
{
    for (unsigned i = 0; i < MODEL_SPACES; i++) {
        if (model.spaces[i].refs > 0 && model.spaces[i].handle == handle) {
            return &model.spaces[i];
        }
    }
    return NULL;
}

struct model_space *model_space_active(void)
{
    for (unsigned i = 0; i < MODEL_SPACES; i++) {
        if (model.spaces[i].active) {
            return &model.spaces[i];
        }
    }
    return NULL;
}

static bool in_use(const struct model_space *space)
{
    return space->refs > 0 || space->cursors > 0 || space->active;
}

/* A space that nobody holds any more takes its mappings with it. */
void model_space_settle(struct model_space *space)
{
    if (!in_use(space)) {
        memset(space->pages, 0, sizeof(space->pages));
        model_settle();
    }
}

static keel_status_t known(const struct model_space *space)
{
    return space != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

/* --- Spaces --- */

void model_space_create(const struct model_op *op)
{
    keel_space_t made;
    unsigned used = 0, record = 0;
    for (unsigned i = 0; i < MODEL_SPACES; i++) {
        used += in_use(&model.spaces[i]);
        record = in_use(&model.spaces[i]) ? record : i;
    }
    if (used == MODEL_SPACES) {
        return;
    }
    model_call("space_create()");
    if (model_answer_memory(keel_space_create(&made), KEEL_OK, 1)) {
        model.spaces[record] = (struct model_space){.handle = made.value, .refs = 1};
        model_rename(MODEL_SPACE, op, made.value);
    }
}

void model_space_ref(const struct model_op *op)
{
    keel_space_t name = {model_name(MODEL_SPACE, op->names[0])};
    struct model_space *space = model_space_named(name.value);
    model_call("space_ref(0x%llx)", SHOW(name.value));
    if (model_answer(keel_space_ref(name), known(space))) {
        space->refs++;
    }
}

void model_space_release(const struct model_op *op)
{
    keel_space_t name = {model_name(MODEL_SPACE, op->names[0])};
    struct model_space *space = model_space_named(name.value);
    model_call("space_release(0x%llx)", SHOW(name.value));
    if (model_answer(keel_space_release(name), known(space))) {
        space->refs--;
        model_space_settle(space);
    }
}

void model_space_activate(const struct model_op *op)
{
    keel_space_t name = {op->names[0] % 8 == 7 ? 0 : model_name(MODEL_SPACE, op->names[0])};
    struct model_space *space = model_space_named(name.value), *old = model_space_active();
    model_call("space_activate(0x%llx)", SHOW(name.value));
    if (!model_answer(keel_space_activate(name), name.value == 0 ? KEEL_OK : known(space))) {
        return;
    }
    if (old != NULL) {
        old->active = false;
    }
    if (space != NULL) {
        space->active = true;
    }
    if (old != NULL) {
        model_space_settle(old);
    }
}

/* --- Mapping --- */

/* What the name of the space and the range say. */
static keel_status_t edit_status(const struct model_space *space, uint64_t va, uint64_t page_count)
{
    return space == NULL ? KEEL_E_BAD_HANDLE : model_range_status(va, page_count);
}

static keel_status_t map_status(struct model_space *space, uint64_t va, uint64_t page_count, uint32_t rights)
{
    keel_status_t status = edit_status(space, va, page_count);
    status = status == KEEL_OK ? model_rights_status(rights) : status;
    return status;
}

static bool is_mapped(struct model_space *space, uint64_t va, uint64_t page_count)
{
    uint64_t at = va;
    return model_mapped_next(space, &at, va + page_count * KEEL_PAGE_SIZE) != NULL;
}

static void map(struct model_space *space, uint64_t va, uint64_t first, uint64_t page_count, uint32_t rights,
                keel_status_t status)
{
    uint64_t end = va + page_count * KEEL_PAGE_SIZE;
    if (model_busy(space, va, end, status)) {
        return;
    }
    if (!model_answer_memory(status, is_mapped(space, va, page_count) ? KEEL_E_EXISTS : KEEL_OK, MAP_NEED)) {
        return;
    }
    model_pages_map(space, va, first, page_count, rights);
    for (uint64_t at = va; at < end && space->edited_by_cursors; at += KEEL_PAGE_SIZE) {
        struct keel_mapping mapping;
        if (model_page_at(space, at)->large) {
            model_answer(keel_space_query((keel_space_t){space->handle}, at, &mapping), KEEL_OK);
            model_pages_resize(space, at, mapping.page_count > 1);
        }
    }
}

void model_space_map(const struct model_op *op)
{
    keel_space_t name = {model_name(MODEL_SPACE, op->names[0])};
    keel_frame_t frame_name = {model_name(MODEL_FRAME, op->names[1])};
    struct model_space *space = model_space_named(name.value);
    const struct model_frame *frame = model_shared(frame_name.value);
    uint64_t va = model_va(op->numbers[0]);
    uint32_t rights = op->numbers[1] % 9;
    keel_status_t expected = frame == NULL ? KEEL_E_BAD_HANDLE : map_status(space, va, 1, rights);
    if (expected == KEEL_OK && !model_covers(va, 1)) {
        return;
    }
    model_call("space_map(0x%llx, 0x%llx, 0x%llx, %u)", SHOW(name.value), SHOW(va), SHOW(frame_name.value),
               rights);
    keel_status_t status = keel_space_map(name, va, frame_name, rights);
    if (expected != KEEL_OK) {
        model_answer(status, expected);
    } else {
        map(space, va, model_number(frame), 1, rights, status);
    }
}

void model_space_map_segment(const struct model_op *op)
{
    keel_space_t name = {model_name(MODEL_SPACE, op->names[0])};
    keel_segment_t segment_name = {model_name(MODEL_SEGMENT, op->names[1])};
    struct model_space *space = model_space_named(name.value);
    const struct model_segment *segment = model_segment_named(segment_name.value);
    uint64_t va = model_va(op->numbers[0]), count = model_count(op->size);
    uint64_t index = op->numbers[2] < 0xf0 ? op->numbers[2] % 4 : model_count(op->numbers[2]);
    uint32_t rights = op->numbers[1] % 9;
    keel_status_t expected = segment == NULL ? KEEL_E_BAD_HANDLE : edit_status(space, va, count);
    if (expected == KEEL_OK && !model_segment_has(segment, index, count)) {
        expected = KEEL_E_INVALID;
    }
    expected = expected == KEEL_OK ? model_rights_status(rights) : expected;
    if (expected == KEEL_OK && !model_covers(va, count)) {
        return;
    }
    model_call("space_map_segment(0x%llx, 0x%llx, 0x%llx, %llu, %llu, %u)", SHOW(name.value), SHOW(va),
               SHOW(segment_name.value), SHOW(index), SHOW(count), rights);
    keel_status_t status = keel_space_map_segment(name, va, segment_name, index, count, rights);
    if (expected != KEEL_OK) {
        model_answer(status, expected);
    } else {
        map(space, va, segment->first + index, count, rights, status);
    }
}

/* A call on a range: its arguments, and what they say. */
struct edit {
    keel_space_t name;
    struct model_space *space;
    uint64_t va, page_count, end;
    keel_status_t expected;
};

static struct edit edit_of(const struct model_op *op, const char *call)
{
    struct edit edit = {.name = {model_name(MODEL_SPACE, op->names[0])},
                        .va = model_va(op->numbers[0]),
                        .page_count = model_count(op->numbers[1])};
    edit.space = model_space_named(edit.name.value);
    edit.end = edit.va + edit.page_count * KEEL_PAGE_SIZE;
    edit.expected = edit_status(edit.space, edit.va, edit.page_count);
    model_call("%s(0x%llx, 0x%llx, %llu, %u)", call, SHOW(edit.name.value), SHOW(edit.va),
               SHOW(edit.page_count), op->numbers[2]);
    return edit;
}

/* Is the edit to be done in the model as well? `need`: frames that it takes. */
static bool edit_done(const struct edit *edit, keel_status_t status, uint64_t need)
{
    if (edit->expected == KEEL_OK && model_busy(edit->space, edit->va, edit->end, status)) {
        return false;
    }
    return model_answer_memory(status, edit->expected, need);
}

static uint64_t splits(const struct edit *edit)
{
    return edit->expected == KEEL_OK ? model_pages_splits(edit->space, edit->va, edit->end) : 0;
}

void model_space_unmap(const struct model_op *op)
{
    struct edit edit = edit_of(op, "space_unmap");
    uint64_t unmapped;
    keel_status_t status = keel_space_unmap(edit.name, edit.va, edit.page_count, &unmapped);
    if (edit_done(&edit, status, splits(&edit))) {
        model_equal(unmapped, model_pages_unmap(edit.space, edit.va, edit.end), "pages unmapped");
        model_settle();
    }
}

void model_space_protect(const struct model_op *op)
{
    struct edit edit = edit_of(op, "space_protect");
    uint32_t rights = op->numbers[2] % 9;
    uint64_t changed;
    edit.expected = edit.expected == KEEL_OK ? model_rights_status(rights) : edit.expected;
    keel_status_t status = keel_space_protect(edit.name, edit.va, edit.page_count, rights, &changed);
    if (edit_done(&edit, status, splits(&edit))) {
        model_equal(changed, model_pages_protect(edit.space, edit.va, edit.end, rights), "pages protected");
    }
}

void model_space_age(const struct model_op *op)
{
    struct edit edit = edit_of(op, "space_age");
    uint32_t marks = op->numbers[2] % 5;
    uint64_t aged;
    if (edit.expected == KEEL_OK && (marks == 0 || marks > (KEEL_ACCESSED | KEEL_DIRTY))) {
        edit.expected = KEEL_E_INVALID;
    }
    keel_status_t status = keel_space_age(edit.name, edit.va, edit.page_count, marks, &aged);
    if (edit_done(&edit, status, 0)) {
        model_equal(aged, model_pages_age(edit.space, edit.va, edit.end, marks), "pages aged");
    }
}

void model_space_promote(const struct model_op *op)
{
    struct edit edit = edit_of(op, "space_promote");
    uint64_t promoted;
    keel_status_t status = keel_space_promote(edit.name, edit.va, edit.page_count, &promoted);
    if (edit_done(&edit, status, 0)) {
        model_equal(promoted, model_pages_promote(edit.space, edit.va, edit.end), "pages promoted");
    }
}

/* --- Looking --- */

void model_compare_mapping(struct model_space *space, uint64_t va, const struct keel_mapping *mapping)
{
    const struct model_page *page = model_page_at(space, va);
    model_equal(mapping->va, va, "a mapping's address");
    model_equal(mapping->address, page->number * (uint64_t)KEEL_PAGE_SIZE, "a mapping's frame");
    model_equal(mapping->page_count, page->large ? MODEL_LARGE : 1, "pages of a mapping's entry");
    model_equal(mapping->rights, page->rights, "a mapping's rights");
    model_equal(mapping->accessed, page->accessed, "a mapping's accessed mark");
    model_equal(mapping->dirty, page->dirty, "a mapping's dirty mark");
    model_equal(mapping->cache, KEEL_CACHE_WRITE_BACK, "a mapping's cache policy");
}

void model_space_query(const struct model_op *op)
{
    keel_space_t name = {model_name(MODEL_SPACE, op->names[0])};
    struct model_space *space = model_space_named(name.value);
    uint64_t va = model_va(op->numbers[0]) + op->numbers[1] * UINT64_C(16);
    uint64_t base = va - va % KEEL_PAGE_SIZE;
    struct keel_mapping mapping;
    keel_status_t expected = known(space);
    if (space != NULL && (va < KEEL_USER_START || va >= KEEL_USER_END)) {
        expected = KEEL_E_INVALID;
    } else if (space != NULL && (model_page_at(space, base) == NULL || !is_mapped(space, base, 1))) {
        expected = KEEL_E_NOT_FOUND;
    }
    model_call("space_query(0x%llx, 0x%llx)", SHOW(name.value), SHOW(va));
    if (model_answer(keel_space_query(name, va, &mapping), expected)) {
        model_compare_mapping(space, base, &mapping);
    }
}

void model_space_find_next(const struct model_op *op)
{
    struct edit edit = edit_of(op, "space_find_next");
    uint64_t at = edit.va;
    struct keel_mapping mapping;
    if (edit.expected == KEEL_OK && model_mapped_next(edit.space, &at, edit.end) == NULL) {
        edit.expected = KEEL_E_NOT_FOUND;
    }
    if (model_answer(keel_space_find_next(edit.name, edit.va, edit.page_count, &mapping), edit.expected)) {
        model_compare_mapping(edit.space, at, &mapping);
    }
}

/* --- Comparing --- */

static void compare(struct model_space *space)
{
    keel_space_t handle = {space->handle};
    struct keel_mapping mapping;
    uint64_t at = KEEL_USER_START, from = at;
    while (model_mapped_next(space, &at, KEEL_USER_END) != NULL) {
        model_answer(keel_space_find_next(handle, from, (KEEL_USER_END - from) / KEEL_PAGE_SIZE, &mapping),
                     KEEL_OK);
        model_compare_mapping(space, at, &mapping);
        at += KEEL_PAGE_SIZE;
        from = at;
    }
    if (from < KEEL_USER_END) {
        model_answer(keel_space_find_next(handle, from, (KEEL_USER_END - from) / KEEL_PAGE_SIZE, &mapping),
                     KEEL_E_NOT_FOUND);
    }
}

void model_compare_spaces(void)
{
    for (unsigned i = 0; i < MODEL_SPACES; i++) {
        if (model.spaces[i].refs > 0) {
            compare(&model.spaces[i]);
        }
    }
}

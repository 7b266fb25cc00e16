/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Cursors in the model of fuzz_model.
 */
#include "core/object.h"
#include "model.h"

#define SHOW(handle) ((unsigned long long)(handle))
#define MAP_NEED     8u /* more tables than the largest map takes */
#define OPEN_NEED    3u

/* --- The model --- */

static struct model_cursor *named(uint64_t handle)
{
    for (unsigned i = 0; i < MODEL_CURSORS; i++) {
        if (model.cursors[i].handle != 0 && model.cursors[i].handle == handle) {
            return &model.cursors[i];
        }
    }
    return NULL;
}

/* What a table translates that translates the whole range: 2 MiB, 1 GiB, and so on. */
static uint64_t table_span(uint64_t start, uint64_t end)
{
    uint64_t span = MODEL_LARGE * KEEL_PAGE_SIZE;
    while (start / span != (end - 1) / span) {
        span *= MODEL_LARGE;
    }
    return span;
}

/* A cursor keeps its range to itself. What else its tables translate may be busy; the rest is not. */
bool model_busy(struct model_space *space, uint64_t va, uint64_t end, keel_status_t status)
{
    bool must = false, may = false;
    for (unsigned i = 0; i < MODEL_CURSORS; i++) {
        const struct model_cursor *cursor = &model.cursors[i];
        if (cursor->handle != 0 && cursor->space == space) {
            must = must || (va < cursor->end && cursor->start < end);
            may = may || (va < cursor->kept_end && cursor->kept_start < end);
        }
    }
    if (must || (status == KEEL_E_BUSY && !may)) {
        model_answer(status, must ? KEEL_E_BUSY : KEEL_OK);
    }
    return status == KEEL_E_BUSY;
}

static void note(struct model_cursor *cursor, struct model_space *space, uint64_t va, uint64_t end,
                 keel_cursor_t made)
{
    uint64_t span = table_span(va, end);
    const struct model_page *page = model_page_at(space, va);
    if (page != NULL && page->large && span == MODEL_LARGE * KEEL_PAGE_SIZE) {
        span *= MODEL_LARGE; /* the table in which the large page stands */
    }
    *cursor = (struct model_cursor){.handle = made.value, .space = space, .start = va, .end = end, .at = va};
    cursor->kept_start = va - va % span;
    cursor->kept_end = end - 1 - (end - 1) % span + span;
    space->cursors++;
    space->edited_by_cursors = true;
}

void model_cursor_open(const struct model_op *op)
{
    keel_space_t name = {model_name(MODEL_SPACE, op->names[0])};
    struct model_space *space = model_space_named(name.value);
    uint64_t va = model_va(op->numbers[0]), count = model_count(op->numbers[1]);
    keel_status_t expected = space == NULL ? KEEL_E_BAD_HANDLE : model_range_status(va, count);
    unsigned used = 0, record = 0;
    for (unsigned i = 0; i < MODEL_CURSORS; i++) {
        used += model.cursors[i].handle != 0;
        record = model.cursors[i].handle == 0 ? i : record;
    }
    if (used == MODEL_CURSORS) {
        return;
    }
    if (expected == KEEL_OK && used == object_slots(OBJECT_CURSOR)) {
        expected = KEEL_E_LIMIT;
    }
    keel_cursor_t made;
    uint64_t end = va + count * KEEL_PAGE_SIZE;
    model_call("cursor_open(0x%llx, 0x%llx, %llu)", SHOW(name.value), SHOW(va), SHOW(count));
    keel_status_t status = keel_cursor_open(name, va, count, &made);
    if (expected == KEEL_OK && model_busy(space, va, end, status)) {
        return;
    }
    if (model_answer_memory(status, expected, OPEN_NEED)) {
        note(&model.cursors[record], space, va, end, made);
        model_rename(MODEL_CURSOR, op, made.value);
    }
}

void model_cursor_close(const struct model_op *op)
{
    keel_cursor_t name = {model_name(MODEL_CURSOR, op->names[0])};
    struct model_cursor *cursor = named(name.value);
    model_call("cursor_close(0x%llx)", SHOW(name.value));
    if (model_answer(keel_cursor_close(name), cursor != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        cursor->handle = 0;
        cursor->space->cursors--;
        model_space_settle(cursor->space);
    }
}

void model_cursor_jump(const struct model_op *op)
{
    keel_cursor_t name = {model_name(MODEL_CURSOR, op->names[0])};
    struct model_cursor *cursor = named(name.value);
    uint64_t va = model_va(op->numbers[0]);
    if (cursor != NULL && op->numbers[0] < 0x80) {
        va = cursor->start + op->numbers[0] % 16u * KEEL_PAGE_SIZE;
    }
    keel_status_t expected = cursor != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
    if (cursor != NULL && (va % KEEL_PAGE_SIZE != 0 || va < cursor->start || va > cursor->end)) {
        expected = KEEL_E_INVALID;
    }
    model_call("cursor_jump(0x%llx, 0x%llx)", SHOW(name.value), SHOW(va));
    if (model_answer(keel_cursor_jump(name, va), expected)) {
        cursor->at = va;
    }
}

/* Does the cursor's range have the pages from its position on? */
static keel_status_t part_status(const struct model_cursor *cursor, uint64_t page_count)
{
    if (cursor == NULL) {
        return KEEL_E_BAD_HANDLE;
    }
    bool fits = page_count > 0 && page_count <= (cursor->end - cursor->at) / KEEL_PAGE_SIZE;
    return fits ? KEEL_OK : KEEL_E_INVALID;
}

/* --- Mapping --- */

static keel_status_t map_status(const struct model_cursor *cursor, uint64_t page_count, uint32_t rights)
{
    keel_status_t status = part_status(cursor, page_count);
    status = status == KEEL_OK ? model_rights_status(rights) : status;
    uint64_t at = cursor != NULL ? cursor->at : 0;
    if (status == KEEL_OK &&
        model_mapped_next(cursor->space, &at, cursor->at + page_count * KEEL_PAGE_SIZE) != NULL) {
        status = KEEL_E_EXISTS;
    }
    return status;
}

/* Whether large pages formed depends on which tables there are already: ask. */
static void learn_large(const struct model_cursor *cursor, uint64_t end)
{
    keel_cursor_t handle = {cursor->handle};
    for (uint64_t at = cursor->at; at < end; at += KEEL_PAGE_SIZE) {
        struct keel_mapping mapping;
        if (model_page_at(cursor->space, at)->large) {
            model_answer(keel_cursor_jump(handle, at), KEEL_OK);
            model_answer(keel_cursor_query(handle, &mapping), KEEL_OK);
            model_pages_resize(cursor->space, at, mapping.page_count > 1);
        }
    }
    model_answer(keel_cursor_jump(handle, end), KEEL_OK);
}

static void map(struct model_cursor *cursor, uint64_t first, uint64_t page_count, uint32_t rights)
{
    uint64_t end = cursor->at + page_count * KEEL_PAGE_SIZE;
    model_pages_map(cursor->space, cursor->at, first, page_count, rights);
    learn_large(cursor, end);
    cursor->at = end;
}

void model_cursor_map(const struct model_op *op)
{
    keel_cursor_t name = {model_name(MODEL_CURSOR, op->names[0])};
    keel_frame_t frame_name = {model_name(MODEL_FRAME, op->names[1])};
    struct model_cursor *cursor = named(name.value);
    const struct model_frame *frame = model_shared(frame_name.value);
    uint32_t rights = op->numbers[1] % 9;
    keel_status_t expected = frame == NULL ? KEEL_E_BAD_HANDLE : map_status(cursor, 1, rights);
    if (expected == KEEL_OK && !model_covers(cursor->at, 1)) {
        return;
    }
    model_call("cursor_map(0x%llx, 0x%llx, %u)", SHOW(name.value), SHOW(frame_name.value), rights);
    if (model_answer_memory(keel_cursor_map(name, frame_name, rights), expected, MAP_NEED)) {
        map(cursor, model_number(frame), 1, rights);
    }
}

void model_cursor_map_segment(const struct model_op *op)
{
    keel_cursor_t name = {model_name(MODEL_CURSOR, op->names[0])};
    keel_segment_t segment_name = {model_name(MODEL_SEGMENT, op->names[1])};
    struct model_cursor *cursor = named(name.value);
    const struct model_segment *segment = model_segment_named(segment_name.value);
    uint64_t count = model_count(op->size);
    uint64_t index = op->numbers[2] < 0xf0 ? op->numbers[2] % 4 : model_count(op->numbers[2]);
    uint32_t rights = op->numbers[1] % 9;
    keel_status_t expected = segment == NULL || cursor == NULL ? KEEL_E_BAD_HANDLE : KEEL_E_INVALID;
    if (expected == KEEL_E_INVALID && model_segment_has(segment, index, count)) {
        expected = map_status(cursor, count, rights);
    }
    if (expected == KEEL_OK && !model_covers(cursor->at, count)) {
        return;
    }
    model_call("cursor_map_segment(0x%llx, 0x%llx, %llu, %llu, %u)", SHOW(name.value),
               SHOW(segment_name.value), SHOW(index), SHOW(count), rights);
    if (model_answer_memory(keel_cursor_map_segment(name, segment_name, index, count, rights), expected,
                            MAP_NEED)) {
        map(cursor, segment->first + index, count, rights);
    }
}

static uint64_t splits(const struct model_cursor *cursor, uint64_t page_count, keel_status_t expected)
{
    return expected != KEEL_OK
               ? 0
               : model_pages_splits(cursor->space, cursor->at, cursor->at + page_count * KEEL_PAGE_SIZE);
}

void model_cursor_unmap(const struct model_op *op)
{
    keel_cursor_t name = {model_name(MODEL_CURSOR, op->names[0])};
    struct model_cursor *cursor = named(name.value);
    uint64_t count = model_count(op->numbers[1]), unmapped;
    keel_status_t expected = part_status(cursor, count);
    model_call("cursor_unmap(0x%llx, %llu)", SHOW(name.value), SHOW(count));
    if (model_answer_memory(keel_cursor_unmap(name, count, &unmapped), expected,
                            splits(cursor, count, expected))) {
        uint64_t end = cursor->at + count * KEEL_PAGE_SIZE;
        model_equal(unmapped, model_pages_unmap(cursor->space, cursor->at, end), "pages unmapped");
        cursor->at = end;
        model_settle();
    }
}

void model_cursor_protect(const struct model_op *op)
{
    keel_cursor_t name = {model_name(MODEL_CURSOR, op->names[0])};
    struct model_cursor *cursor = named(name.value);
    uint64_t count = model_count(op->numbers[1]), changed;
    uint32_t rights = op->numbers[2] % 9;
    keel_status_t expected = part_status(cursor, count);
    expected = expected == KEEL_OK ? model_rights_status(rights) : expected;
    model_call("cursor_protect(0x%llx, %llu, %u)", SHOW(name.value), SHOW(count), rights);
    if (model_answer_memory(keel_cursor_protect(name, count, rights, &changed), expected,
                            splits(cursor, count, expected))) {
        uint64_t end = cursor->at + count * KEEL_PAGE_SIZE;
        model_equal(changed, model_pages_protect(cursor->space, cursor->at, end, rights), "pages protected");
        cursor->at = end;
    }
}

/* --- Looking --- */

static keel_status_t find_status(const struct model_cursor *cursor, uint64_t page_count, uint64_t *at)
{
    keel_status_t status = part_status(cursor, page_count);
    if (status == KEEL_OK) {
        *at = cursor->at;
        uint64_t end = cursor->at + page_count * KEEL_PAGE_SIZE;
        status = model_mapped_next(cursor->space, at, end) != NULL ? KEEL_OK : KEEL_E_NOT_FOUND;
    }
    return status;
}

void model_cursor_query(const struct model_op *op)
{
    keel_cursor_t name = {model_name(MODEL_CURSOR, op->names[0])};
    struct model_cursor *cursor = named(name.value);
    struct keel_mapping mapping;
    uint64_t at = 0;
    keel_status_t expected = find_status(cursor, 1, &at);
    model_call("cursor_query(0x%llx)", SHOW(name.value));
    if (model_answer(keel_cursor_query(name, &mapping), expected)) {
        model_compare_mapping(cursor->space, at, &mapping);
    }
}

void model_cursor_find_next(const struct model_op *op)
{
    keel_cursor_t name = {model_name(MODEL_CURSOR, op->names[0])};
    struct model_cursor *cursor = named(name.value);
    struct keel_mapping mapping;
    uint64_t at = 0, count = model_count(op->numbers[1]);
    keel_status_t expected = find_status(cursor, count, &at);
    model_call("cursor_find_next(0x%llx, %llu)", SHOW(name.value), SHOW(count));
    if (model_answer(keel_cursor_find_next(name, count, &mapping), expected)) {
        model_compare_mapping(cursor->space, at, &mapping);
        cursor->at = at;
    }
}

/* The position shows itself: there is nothing to find behind the end, and as much before it as the model
 * says. */
void model_compare_cursors(void)
{
    for (unsigned i = 0; i < MODEL_CURSORS; i++) {
        struct model_cursor *cursor = &model.cursors[i];
        struct keel_mapping mapping;
        uint64_t at = 0;
        if (cursor->handle == 0) {
            continue;
        }
        keel_cursor_t handle = {cursor->handle};
        uint64_t left = (cursor->end - cursor->at) / KEEL_PAGE_SIZE;
        model_answer(keel_cursor_find_next(handle, left + 1, &mapping), KEEL_E_INVALID);
        if (model_answer(keel_cursor_find_next(handle, left, &mapping), find_status(cursor, left, &at))) {
            model_compare_mapping(cursor->space, at, &mapping);
            model_answer(keel_cursor_jump(handle, cursor->at), KEEL_OK);
        }
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Cursors, see core/cursor.h.
 */
#include "core/cursor.h"

#include "core/assert.h"
#include "core/mapping.h"
#include "core/task.h"

/* The lock, with the covering table as low as it can be, so that others stay out of as little as possible. */
static keel_status_t lock_narrow(struct range *range, struct space *space, uint64_t start, uint64_t end)
{
    keel_status_t status = range_lock(range, space, start, end, 0);
    if (status != KEEL_OK) {
        return status;
    }
    status = range_narrow(range);
    if (status != KEEL_OK) {
        range_unlock(range);
    } else {
        range_keep(range);
    }
    return status;
}

keel_status_t cursor_open(struct space *space, uint64_t start, uint64_t end, uint64_t *handle)
{
    struct object *object = object_claim(OBJECT_CURSOR);
    if (object == NULL) {
        return KEEL_E_LIMIT;
    }
    struct cursor *created = (struct cursor *)object;
    keel_status_t status = ref_get(&space->object.ref);
    if (status != KEEL_OK) {
        ref_unclaim(&object->ref);
        return status;
    }
    status = lock_narrow(&created->range, space, start, end);
    if (status != KEEL_OK) {
        space_put(space);
        ref_unclaim(&object->ref);
        return status;
    }
    created->at = start;
    atomic_u64_store_relaxed(&created->owner, object_handle(OBJECT_TASK, &task_current()->object));
    task_current()->cursor_count++;
    *handle = object_handle(OBJECT_CURSOR, object);
    ref_publish(&object->ref, 1, true);
    return KEEL_OK;
}

bool cursor_is_own(const struct cursor *cursor)
{
    return atomic_u64_load_relaxed(&cursor->owner) == object_handle(OBJECT_TASK, &task_current()->object);
}

void cursor_close(struct cursor *cursor)
{
    atomic_u64_store_relaxed(&cursor->owner, 0);
    struct space *space = cursor->range.space;
    struct range range = cursor->range;
    mapping_prune(&range, range.start);
    mapping_prune(&range, range.end - 1);
    bool bare = range_is_bare(&range);
    range_unlock(&range);
    if (bare) {
        space_prune(space, range.start, range.level);
    }
    space_put(space);
    task_current()->cursor_count--;
    /* A cursor has one handle, and this task alone closes it. */
    keel_status_t status = ref_handle_drop(&cursor->object.ref);
    CORE_ASSERT(status == KEEL_OK);
    cursor_put(cursor);
}

void cursor_put(struct cursor *cursor)
{
    if (ref_put(&cursor->object.ref)) {
        ref_finish(&cursor->object.ref);
    }
}

void cursor_close_all(struct task *task)
{
    for (uint32_t i = 0; i < object_slots(OBJECT_CURSOR) && task->cursor_count > 0; i++) {
        struct cursor *cursor = (struct cursor *)object_at(OBJECT_CURSOR, i);
        if (cursor_is_own(cursor)) {
            cursor_close(cursor);
        }
    }
}

bool cursor_fits(const struct cursor *cursor, uint64_t page_count)
{
    return page_count > 0 && page_count <= (cursor->range.end - cursor->at) >> HAL_PAGE_SHIFT;
}

/* The next pages, as the mapping operations take them. */
static struct range part_of(const struct cursor *cursor, uint64_t page_count)
{
    CORE_ASSERT(cursor_fits(cursor, page_count));
    struct range part = cursor->range;
    part.start = cursor->at;
    part.end = cursor->at + (page_count << HAL_PAGE_SHIFT);
    return part;
}

static keel_status_t advance(struct cursor *cursor, const struct range *part, keel_status_t status)
{
    if (status == KEEL_OK) {
        cursor->at = part->end;
    }
    return status;
}

keel_status_t cursor_map(struct cursor *cursor, struct frame *first, uint64_t page_count, unsigned prot)
{
    struct range part = part_of(cursor, page_count);
    return advance(cursor, &part, mapping_map(&part, first, prot));
}

keel_status_t cursor_map_io(struct cursor *cursor, struct io_memory *io, hal_paddr_t first,
                            uint64_t page_count, unsigned prot)
{
    struct range part = part_of(cursor, page_count);
    return advance(cursor, &part, mapping_map_io(&part, io, first, prot));
}

keel_status_t cursor_unmap(struct cursor *cursor, uint64_t page_count, uint64_t *unmapped)
{
    struct range part = part_of(cursor, page_count);
    keel_status_t status = mapping_unmap(&part, unmapped);
    if (status == KEEL_OK) {
        mapping_prune(&cursor->range, part.start);
        mapping_prune(&cursor->range, part.end - 1);
    }
    return advance(cursor, &part, status);
}

keel_status_t cursor_protect(struct cursor *cursor, uint64_t page_count, unsigned prot, uint64_t *changed)
{
    struct range part = part_of(cursor, page_count);
    return advance(cursor, &part, mapping_protect(&part, prot, changed));
}

keel_status_t cursor_find(struct cursor *cursor, uint64_t page_count, struct space_mapping *found)
{
    struct range part = part_of(cursor, page_count);
    keel_status_t status = space_find(part.space, part.start, part.end, found);
    if (status == KEEL_OK) {
        cursor->at = found->va;
    }
    return status;
}

keel_status_t cursor_jump(struct cursor *cursor, uint64_t va)
{
    if (va % HAL_PAGE_SIZE != 0 || va < cursor->range.start || va > cursor->range.end) {
        return KEEL_E_INVALID;
    }
    cursor->at = va;
    return KEEL_OK;
}

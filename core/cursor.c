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
    atomic_u64_store_relaxed(&cursor->owner, 0);
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

bool cursor_part(const struct cursor *cursor, uint64_t page_count, struct range *part)
{
    if (page_count == 0 || page_count > (cursor->range.end - cursor->at) >> HAL_PAGE_SHIFT) {
        return false;
    }
    *part = cursor->range;
    part->start = cursor->at;
    part->end = cursor->at + (page_count << HAL_PAGE_SHIFT);
    return true;
}

keel_status_t cursor_unmap(struct cursor *cursor, struct range *part, uint64_t *page_count)
{
    keel_status_t status = mapping_unmap(part, page_count);
    if (status == KEEL_OK) {
        mapping_prune(&cursor->range, part->start);
        mapping_prune(&cursor->range, part->end - 1);
    }
    return status;
}

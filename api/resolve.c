/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Handles to objects, see resolve.h.
 */
#include "resolve.h"

#include "core/cursor.h"
#include "core/frame.h"
#include "core/list.h"
#include "core/memory.h"
#include "core/object.h"
#include "core/segment.h"
#include "core/space.h"
#include "core/task.h"

keel_status_t resolve_frame(uint64_t handle, struct frame **frame)
{
    if (handle_kind(handle) != OBJECT_FRAME || handle_slot(handle) >= frame_end()) {
        return KEEL_E_BAD_HANDLE;
    }
    struct frame *candidate = frame_at(handle_slot(handle));
    keel_status_t status = ref_get_by_handle(&candidate->ref, handle_generation(handle));
    if (status == KEEL_OK) {
        *frame = candidate;
    }
    return status;
}

keel_status_t resolve_segment(uint64_t handle, struct segment **segment)
{
    struct object *object;
    keel_status_t status = object_get_by_handle(OBJECT_SEGMENT, handle, &object);
    if (status == KEEL_OK) {
        *segment = (struct segment *)object;
    }
    return status;
}

keel_status_t resolve_space(uint64_t handle, struct space **space)
{
    struct object *object;
    keel_status_t status = object_get_by_handle(OBJECT_SPACE, handle, &object);
    if (status == KEEL_OK) {
        *space = (struct space *)object;
    }
    return status;
}

keel_status_t resolve_task(uint64_t handle, struct task **task)
{
    struct object *object;
    keel_status_t status = object_get_by_handle(OBJECT_TASK, handle, &object);
    if (status == KEEL_OK) {
        *task = (struct task *)object;
    }
    return status;
}

keel_status_t resolve_cursor(uint64_t handle, struct cursor **cursor)
{
    struct object *object;
    keel_status_t status = object_get_by_handle(OBJECT_CURSOR, handle, &object);
    if (status == KEEL_OK) {
        *cursor = (struct cursor *)object;
    }
    return status;
}

keel_status_t resolve_list(uint64_t handle, struct list **list)
{
    struct object *object;
    keel_status_t status = object_get_by_handle(OBJECT_LIST, handle, &object);
    if (status == KEEL_OK) {
        *list = (struct list *)object;
    }
    return status;
}

keel_status_t resolve_unique(uint64_t handle, struct frame **frame)
{
    if (handle_kind(handle) != OBJECT_UNIQUE || handle_slot(handle) >= frame_end()) {
        return KEEL_E_BAD_HANDLE;
    }
    struct frame *candidate = frame_at(handle_slot(handle));
    keel_status_t status = ref_hold_unique(&candidate->ref, handle_generation(handle));
    if (status == KEEL_OK) {
        *frame = candidate;
    }
    return status;
}

keel_status_t resolve_memory(uint64_t handle, struct memory **memory)
{
    struct object *object;
    keel_status_t status = object_get_by_handle(OBJECT_MEMORY, handle, &object);
    if (status == KEEL_OK) {
        *memory = (struct memory *)object;
    }
    return status;
}

void let_go_frame(struct frame *frame)
{
    if (frame != NULL) {
        frame_put(frame);
    }
}

void let_go_segment(struct segment *segment)
{
    if (segment != NULL) {
        segment_put(segment);
    }
}

void let_go_space(struct space *space)
{
    if (space != NULL) {
        space_put(space);
    }
}

void let_go_task(struct task *task)
{
    if (task != NULL) {
        task_put(task);
    }
}

void let_go_cursor(struct cursor *cursor)
{
    if (cursor != NULL) {
        cursor_put(cursor);
    }
}

void let_go_list(struct list *list)
{
    if (list != NULL) {
        frame_list_put(list);
    }
}

void let_go_unique(struct frame *frame)
{
    if (frame != NULL) {
        ref_unhold_unique(&frame->ref);
    }
}

void let_go_memory(struct memory *memory)
{
    if (memory != NULL) {
        memory_put(memory);
    }
}

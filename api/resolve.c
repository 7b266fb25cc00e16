/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Handles to objects, see resolve.h.
 */
#include "resolve.h"

#include "core/segment.h"
#include "core/task.h"

keel_status_t resolve_segment(uint64_t handle, struct segment **segment)
{
    struct object *object;
    keel_status_t status = object_get_by_handle(OBJECT_SEGMENT, handle, &object);
    if (status == KEEL_OK) {
        *segment = (struct segment *)object;
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

void let_go_segment(struct segment *segment)
{
    segment_put(segment);
}

void let_go_task(struct task *task)
{
    task_put(task);
}

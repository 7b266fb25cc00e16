/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Handles to objects, see resolve.h.
 */
#include "resolve.h"

#include "core/cpu_local.h"
#include "core/cursor.h"
#include "core/io_memory.h"
#include "core/list.h"
#include "core/memory.h"
#include "core/mutex.h"
#include "core/queued_spinlock.h"
#include "core/segment.h"
#include "core/sync.h"
#include "core/task.h"
#include "core/timer.h"

/* The same for every kind that lives in a pool. */
#define RESOLVE(name, type, kind, put)                                                                       \
    keel_status_t resolve_##name(uint64_t handle, struct type **name)                                        \
    {                                                                                                        \
        struct object *object;                                                                               \
        keel_status_t status = object_get_by_handle(kind, handle, &object);                                  \
        if (status == KEEL_OK) {                                                                             \
            *name = (struct type *)object;                                                                   \
        }                                                                                                    \
        return status;                                                                                       \
    }                                                                                                        \
    void let_go_##name(struct type *name)                                                                    \
    {                                                                                                        \
        put(name);                                                                                           \
    }

RESOLVE(segment, segment, OBJECT_SEGMENT, segment_put)
RESOLVE(task, task, OBJECT_TASK, task_put)
RESOLVE(cursor, cursor, OBJECT_CURSOR, cursor_put)
RESOLVE(list, list, OBJECT_LIST, frame_list_put)
RESOLVE(memory, memory, OBJECT_MEMORY, memory_put)
RESOLVE(io_memory, io_memory, OBJECT_IO_MEMORY, io_memory_put)
RESOLVE(event, event, OBJECT_EVENT, event_put)
RESOLVE(semaphore, semaphore, OBJECT_SEMAPHORE, semaphore_put)
RESOLVE(mutex, mutex, OBJECT_MUTEX, mutex_put)
RESOLVE(spinlock, queued_spinlock, OBJECT_SPINLOCK, queued_spinlock_put)
RESOLVE(cpu_local, cpu_local, OBJECT_CPU_LOCAL, cpu_local_put)
RESOLVE(timer, timer, OBJECT_TIMER, timer_put)

keel_status_t resolve_guard(uint64_t handle, struct hold **guard)
{
    *guard = guard_find(handle);
    return *guard != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

keel_status_t resolve_unique(uint64_t handle, struct frame **frame)
{
    if (!object_in_range(OBJECT_UNIQUE, handle)) {
        return KEEL_E_BAD_HANDLE;
    }
    struct frame *candidate = frame_at(object_slot_index(OBJECT_UNIQUE, handle));
    keel_status_t status = ref_hold_unique(&candidate->ref, handle_generation(handle));
    if (status == KEEL_OK) {
        *frame = candidate;
    }
    return status;
}

void let_go_unique(struct frame *frame)
{
    ref_unhold_unique(&frame->ref);
}

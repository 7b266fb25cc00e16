/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From a handle's value to the object, held with one reference, and back (H1, H2): resolve_X answers
 * E_BAD_HANDLE or E_LIMIT, and what the pointer is then means nothing; let_go_X drops what it took. In line,
 * as far as nothing is out of the ordinary: every call makes these two steps.
 */
#ifndef API_RESOLVE_H
#define API_RESOLVE_H

#include "core/cpu_local.h"
#include "core/cursor.h"
#include "core/dma.h"
#include "core/frame.h"
#include "core/hold.h"
#include "core/io_memory.h"
#include "core/io_port.h"
#include "core/irq.h"
#include "core/list.h"
#include "core/memory.h"
#include "core/mutex.h"
#include "core/object.h"
#include "core/pci.h"
#include "core/queued_spinlock.h"
#include "core/segment.h"
#include "core/space.h"
#include "core/sync.h"
#include "core/task.h"
#include "core/timer.h"
#include "core/work.h"
#include "keel/cold.h"
#include "keel/status.h"

/* One more reference for the object in the slot that a handle names. E_BAD_HANDLE, E_LIMIT. */
static inline keel_status_t resolve_hold(struct ref *ref, uint64_t handle)
{
    uint32_t generation = handle_generation(handle);
    return ref_get_quick(ref, generation) ? KEEL_OK : ref_get_by_handle(ref, generation);
}

/* For each X that is a `struct type` with its count at `count`; `put` drops a reference that may be the last.
 */
#define RESOLVE_TABLE(X)                                                                                     \
    X(frame, frame, OBJECT_FRAME, ref, frame_put)                                                            \
    X(segment, segment, OBJECT_SEGMENT, object.ref, segment_put)                                             \
    X(space, space, OBJECT_SPACE, object.ref, space_put)                                                     \
    X(task, task, OBJECT_TASK, object.ref, task_put)                                                         \
    X(cursor, cursor, OBJECT_CURSOR, object.ref, cursor_put)                                                 \
    X(list, list, OBJECT_LIST, object.ref, frame_list_put)                                                   \
    X(memory, memory, OBJECT_MEMORY, object.ref, memory_put)                                                 \
    X(io_memory, io_memory, OBJECT_IO_MEMORY, object.ref, io_memory_put)                                     \
    X(event, event, OBJECT_EVENT, object.ref, event_put)                                                     \
    X(semaphore, semaphore, OBJECT_SEMAPHORE, object.ref, semaphore_put)                                     \
    X(mutex, mutex, OBJECT_MUTEX, object.ref, mutex_put)                                                     \
    X(spinlock, queued_spinlock, OBJECT_SPINLOCK, object.ref, queued_spinlock_put)                           \
    X(cpu_local, cpu_local, OBJECT_CPU_LOCAL, object.ref, cpu_local_put)                                     \
    X(timer, timer, OBJECT_TIMER, object.ref, timer_put)                                                     \
    X(irq_handler, irq_handler, OBJECT_IRQ_HANDLER, object.ref, irq_handler_put)                             \
    X(io_port, io_port, OBJECT_IO_PORT, object.ref, io_port_put)                                             \
    X(work, work, OBJECT_WORK, object.ref, work_put)                                                         \
    X(pci_device, pci_device, OBJECT_PCI_DEVICE, object.ref, pci_device_put)

#define RESOLVE(name, type, kind, count, put) RESOLVE_BY(name, type, kind, count, KEEL_COLD)
#define RESOLVE_BY(name, type, kind, count, out_of_line)                                                     \
    static inline keel_status_t resolve_##name(uint64_t handle, struct type **name)                          \
    {                                                                                                        \
        if (!object_in_range(kind, handle)) {                                                                \
            return KEEL_E_BAD_HANDLE;                                                                        \
        }                                                                                                    \
        *name = object_slot(kind, OBJECT_STRIDE(struct type), handle);                                       \
        return resolve_hold(&(*name)->count, handle);                                                        \
    }                                                                                                        \
    out_of_line void let_go_last_##name(struct type *name);                                                  \
    static inline void let_go_##name(struct type *name)                                                      \
    {                                                                                                        \
        if (!ref_put_quick(&name->count)) {                                                                  \
            let_go_last_##name(name);                                                                        \
        }                                                                                                    \
    }

RESOLVE_TABLE(RESOLVE)
RESOLVE_BY(dma, dma, OBJECT_DMA, object.ref, ) /* to be the last is the rule for a mapping's reference */

#undef RESOLVE
#undef RESOLVE_BY

/* A frame with one owner is one call's at a time. E_BAD_HANDLE, E_BUSY. */
static inline keel_status_t resolve_unique(uint64_t handle, struct frame **frame)
{
    if (!object_in_range(OBJECT_UNIQUE, handle)) {
        return KEEL_E_BAD_HANDLE;
    }
    *frame = frame_at(object_slot_index(OBJECT_UNIQUE, handle));
    return ref_hold_unique(&(*frame)->ref, handle_generation(handle));
}

static inline void let_go_unique(struct frame *frame)
{
    ref_unhold_unique(&frame->ref);
}

/* Of the calling task or handler, whose own it is: nothing is held, and there is nothing to drop. */
static inline keel_status_t resolve_guard(uint64_t handle, struct hold **guard)
{
    *guard = guard_find(handle);
    return *guard != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

static inline void let_go_guard(struct hold *guard)
{
    (void)guard;
}

#endif

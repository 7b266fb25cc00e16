/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From a handle's value to the object, held with one reference, and back (H1, H2). Frames and spaces, which
 * most calls are about, are looked up and let go in line where nothing is out of the ordinary.
 */
#ifndef API_RESOLVE_H
#define API_RESOLVE_H

#include "core/frame.h"
#include "core/object.h"
#include "core/space.h"
#include "keel/status.h"

struct list;
struct segment;
struct task;
struct cursor;
struct memory;
struct io_memory;
struct event;
struct semaphore;
struct mutex;
struct queued_spinlock;
struct cpu_local;
struct timer;
struct hold;

/* One more reference for the object in the slot that a handle names. E_BAD_HANDLE, E_LIMIT. */
static inline keel_status_t resolve_hold(struct ref *ref, uint64_t handle)
{
    uint32_t generation = handle_generation(handle);
    return ref_get_quick(ref, generation) ? KEEL_OK : ref_get_by_handle(ref, generation);
}

/* E_BAD_HANDLE, E_LIMIT: what the pointer is then means nothing. */
static inline keel_status_t resolve_frame(uint64_t handle, struct frame **frame)
{
    if (!object_in_range(OBJECT_FRAME, handle)) {
        return KEEL_E_BAD_HANDLE;
    }
    *frame = object_slot(OBJECT_FRAME, OBJECT_STRIDE(struct frame), handle);
    return resolve_hold(&(*frame)->ref, handle);
}

static inline keel_status_t resolve_space(uint64_t handle, struct space **space)
{
    if (!object_in_range(OBJECT_SPACE, handle)) {
        return KEEL_E_BAD_HANDLE;
    }
    *space = object_slot(OBJECT_SPACE, OBJECT_STRIDE(struct space), handle);
    return resolve_hold(&(*space)->object.ref, handle);
}

keel_status_t resolve_segment(uint64_t handle, struct segment **segment);
keel_status_t resolve_task(uint64_t handle, struct task **task);
keel_status_t resolve_cursor(uint64_t handle, struct cursor **cursor);
keel_status_t resolve_list(uint64_t handle, struct list **list);
/* E_BAD_HANDLE, E_BUSY. */
keel_status_t resolve_unique(uint64_t handle, struct frame **frame);
keel_status_t resolve_memory(uint64_t handle, struct memory **memory);
keel_status_t resolve_io_memory(uint64_t handle, struct io_memory **io_memory);
keel_status_t resolve_event(uint64_t handle, struct event **event);
keel_status_t resolve_semaphore(uint64_t handle, struct semaphore **semaphore);
keel_status_t resolve_mutex(uint64_t handle, struct mutex **mutex);
keel_status_t resolve_spinlock(uint64_t handle, struct queued_spinlock **spinlock);
keel_status_t resolve_cpu_local(uint64_t handle, struct cpu_local **local);
keel_status_t resolve_timer(uint64_t handle, struct timer **timer);
/* Of the calling task or handler, whose own it is: nothing is held, and there is nothing to drop. */
keel_status_t resolve_guard(uint64_t handle, struct hold **guard);

/* Drop what resolve took. */
static inline void let_go_frame(struct frame *frame)
{
    if (!ref_put_quick(&frame->ref)) {
        frame_put(frame);
    }
}

static inline void let_go_space(struct space *space)
{
    if (!ref_put_quick(&space->object.ref)) {
        space_put(space);
    }
}

void let_go_segment(struct segment *segment);
void let_go_task(struct task *task);
void let_go_cursor(struct cursor *cursor);
void let_go_list(struct list *list);
void let_go_unique(struct frame *frame);
void let_go_memory(struct memory *memory);
void let_go_io_memory(struct io_memory *io_memory);
void let_go_event(struct event *event);
void let_go_semaphore(struct semaphore *semaphore);
void let_go_mutex(struct mutex *mutex);
void let_go_spinlock(struct queued_spinlock *spinlock);
void let_go_cpu_local(struct cpu_local *local);
void let_go_timer(struct timer *timer);
static inline void let_go_guard(struct hold *guard)
{
    (void)guard;
}

#endif

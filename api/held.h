/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From a lock's handle to how the caller holds it (T5). The hold's own reference keeps the lock, so the call
 * needs none: resolve_held_X takes nothing, and there is nothing to let go. E_BAD_HANDLE as everywhere;
 * E_DENIED: the caller does not hold the lock.
 */
#ifndef API_HELD_H
#define API_HELD_H

#include "core/cpu.h"
#include "resolve.h"

/* Does a handle of that generation name a live object that is sure to be in the slot? */
static inline bool held_is_named(const struct ref *ref, uint64_t handle)
{
    return ref_word_generation(atomic_u64_load_acquire(&ref->word)) == handle_generation(handle) &&
           atomic_u32_load_acquire(&ref->handles) != 0;
}

static inline struct holds *holds_of_mutex(void)
{
    return &task_current()->holds;
}

/* Whoever holds one is in atomic mode, and stays on this CPU. */
static inline struct holds *holds_of_spinlock(void)
{
    return cpu_context() != CONTEXT_TASK ? cpu_this()->holds : NULL;
}

#define RESOLVE_HELD(name, type, kind)                                                                       \
    static inline keel_status_t resolve_held_##name(uint64_t handle, struct hold **hold)                     \
    {                                                                                                        \
        if (!object_in_range(kind, handle)) {                                                                \
            return KEEL_E_BAD_HANDLE;                                                                        \
        }                                                                                                    \
        struct type *name = object_slot(kind, OBJECT_STRIDE(struct type), handle);                           \
        struct holds *holds = holds_of_##name();                                                             \
        *hold = holds != NULL ? hold_find(holds, name) : NULL;                                               \
        if (*hold != NULL && held_is_named(&name->object.ref, handle)) {                                     \
            return KEEL_OK;                                                                                  \
        }                                                                                                    \
        keel_status_t status = resolve_##name(handle, &name);                                                \
        if (status == KEEL_OK) {                                                                             \
            let_go_##name(name);                                                                             \
            status = KEEL_E_DENIED;                                                                          \
        }                                                                                                    \
        return status;                                                                                       \
    }                                                                                                        \
    static inline void let_go_held_##name(struct hold *hold)                                                 \
    {                                                                                                        \
        (void)hold;                                                                                          \
    }

RESOLVE_HELD(mutex, mutex, OBJECT_MUTEX)
RESOLVE_HELD(spinlock, queued_spinlock, OBJECT_SPINLOCK)

#undef RESOLVE_HELD

#endif

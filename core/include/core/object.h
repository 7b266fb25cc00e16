/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Objects other than frames: fixed pools of slots in OBJECT frames, each starting with a `struct object`.
 *
 * A handle is kind:4 | slot:28 | generation:32. For frames of both forms the slot is the frame number and the
 * generation stands in the frame's own `struct ref`; for the others they are those of the pool's slot (H1,
 * H3).
 */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include "core/ref.h"

enum object_kind {
    OBJECT_NONE = 0,
    OBJECT_FRAME,
    OBJECT_SEGMENT,
    OBJECT_SPACE,
    OBJECT_TASK,
    OBJECT_CURSOR,
    OBJECT_UNIQUE, /* a frame with one owner; its slots are those of OBJECT_FRAME */
    OBJECT_LIST,
    OBJECT_MEMORY,
    OBJECT_KIND_COUNT
};

#define OBJECT_SLOTS_MAX (UINT64_C(1) << 28)

struct object {
    struct ref ref;
    uint32_t owner; /* the client whose handle space it belongs to; 0: the only one so far */
};

static inline uint64_t handle_make(enum object_kind kind, uint64_t slot, uint32_t generation)
{
    return (uint64_t)kind << 60 | slot << 32 | generation;
}

static inline unsigned handle_kind(uint64_t handle)
{
    return (unsigned)(handle >> 60);
}

static inline uint64_t handle_slot(uint64_t handle)
{
    return (handle >> 32) & (OBJECT_SLOTS_MAX - 1);
}

static inline uint32_t handle_generation(uint64_t handle)
{
    return (uint32_t)handle;
}

/* Makes the pools. Boot CPU, once. False: no memory. */
bool object_init(void);

uint32_t object_slots(enum object_kind kind);
/* Slot `index`, whatever its state. */
struct object *object_at(enum object_kind kind, uint32_t index);
uint32_t object_index(enum object_kind kind, const struct object *object);
/* The handle that names it now. */
uint64_t object_handle(enum object_kind kind, const struct object *object);

/* A BUSY slot of the pool, with the contents of its last life: the caller sets every field. NULL: all are
 * taken. */
struct object *object_claim(enum object_kind kind);

/* The slot that a handle of this kind names, whatever lives there now; NULL: of another kind or outside the
 * pool. */
struct object *object_slot_of(enum object_kind kind, uint64_t handle);

/* The object that a handle from outside names, with one more reference. E_BAD_HANDLE, E_LIMIT. */
keel_status_t object_get_by_handle(enum object_kind kind, uint64_t handle, struct object **object);

#endif

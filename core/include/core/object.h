/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Objects other than frames: fixed pools of slots in OBJECT frames, each starting with a `struct object`.
 *
 * A handle is prefix | slot | generation:32. The prefix says the kind: 0kkk for the first eight kinds, which
 * leaves 28 bits for the slot, 1kkkkkkk for the others, which leaves 24. No prefix begins with another. For
 * frames of both forms the slot is the frame number and the generation stands in the frame's own `struct
 * ref`; for the others they are those of the pool's slot (H1, H3).
 */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include <stddef.h>

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
    OBJECT_IO_MEMORY,
    OBJECT_EVENT,
    OBJECT_SEMAPHORE,
    OBJECT_MUTEX,
    OBJECT_SPINLOCK,
    OBJECT_CPU_LOCAL,
    OBJECT_TIMER,
    OBJECT_IRQ_HANDLER,
    OBJECT_WORK,
    OBJECT_IO_PORT,
    OBJECT_PCI_DEVICE,
    OBJECT_DMA,
    OBJECT_GUARD, /* no slots: a guard is named in its task's own list (core/hold.h) */
    OBJECT_KIND_COUNT
};

#define OBJECT_SHORT_PREFIXES 8u /* kinds below it have one */
/* Frames there can be, and slots in a pool. */
#define OBJECT_FRAMES_MAX (UINT64_C(1) << 28)
#define OBJECT_SLOTS_MAX  (UINT64_C(1) << 24)

struct object {
    struct ref ref;
    uint32_t owner; /* the client whose handle space it belongs to; 0: the only one so far */
    uint32_t index; /* of its slot, for good */
};

/* The upper half of the handle of slot 0. */
static inline uint32_t handle_prefix(enum object_kind kind)
{
    return kind < OBJECT_SHORT_PREFIXES ? (uint32_t)kind << 28
                                        : UINT32_C(0x80000000) | (kind - OBJECT_SHORT_PREFIXES) << 24;
}

static inline uint64_t handle_make(enum object_kind kind, uint64_t slot, uint32_t generation)
{
    return (handle_prefix(kind) + slot) << 32 | generation;
}

static inline uint32_t handle_generation(uint64_t handle)
{
    return (uint32_t)handle;
}

/* What a handle says it is, for people and tests; perhaps no kind there is. */
static inline unsigned handle_kind(uint64_t handle)
{
    unsigned top = (unsigned)(handle >> 60);
    return top < OBJECT_SHORT_PREFIXES ? top : OBJECT_SHORT_PREFIXES + ((handle >> 56) & 0x7f);
}

static inline uint64_t handle_slot(uint64_t handle)
{
    uint64_t slots = handle >> 63 == 0 ? OBJECT_FRAMES_MAX : OBJECT_SLOTS_MAX;
    return (handle >> 32) & (slots - 1);
}

/* Where the slots of each kind lie, frames included. Written at boot, before there are handles. */
struct object_table {
    char *slots;
    uint64_t count;
};
extern struct object_table object_tables[OBJECT_KIND_COUNT];

/* Bytes from one slot to the next, in every pool and in the frame array: whole cache lines. */
#define OBJECT_STRIDE(type) ((sizeof(type) + 63) & ~(size_t)63)

_Static_assert(OBJECT_FRAME < OBJECT_SHORT_PREFIXES && OBJECT_UNIQUE < OBJECT_SHORT_PREFIXES,
               "frames need the room of a short prefix");
_Static_assert(OBJECT_KIND_COUNT <= OBJECT_SHORT_PREFIXES + 128, "kinds fit in a handle");

/* Index of the slot, if the handle is of this kind; of another kind, it is out of every range. */
static inline uint64_t object_slot_index(enum object_kind kind, uint64_t handle)
{
    return (uint32_t)(handle >> 32) - handle_prefix(kind);
}

/* Does the handle name a slot of this kind? Kind and slot are one comparison. */
static inline bool object_in_range(enum object_kind kind, uint64_t handle)
{
    return object_slot_index(kind, handle) < object_tables[kind].count;
}

/* The slot, whatever lives there now, of a handle that is in range. */
static inline void *object_slot(enum object_kind kind, size_t stride, uint64_t handle)
{
    return object_tables[kind].slots + object_slot_index(kind, handle) * stride;
}

/* Makes the pools. Boot CPU, once. False: no memory. */
bool object_init(void);

uint32_t object_slots(enum object_kind kind);
/* Slot `index`, whatever its state. */
struct object *object_at(enum object_kind kind, uint32_t index);
static inline uint32_t object_index(const struct object *object)
{
    return object->index;
}
/* The handle that names it now. */
static inline uint64_t object_handle(enum object_kind kind, const struct object *object)
{
    return handle_make(kind, object->index, ref_word_generation(atomic_u64_peek(&object->ref.word)));
}

/* A BUSY slot of the pool, with the contents of its last life: the caller sets every field. NULL: all are
 * taken. */
struct object *object_claim(enum object_kind kind);

/* The slot that a handle of this kind names, whatever lives there now; NULL: of another kind or outside the
 * pool. */
struct object *object_slot_of(enum object_kind kind, uint64_t handle);

/* The object that a handle from outside names, with one more reference. E_BAD_HANDLE, E_LIMIT. */
keel_status_t object_get_by_handle(enum object_kind kind, uint64_t handle, struct object **object);

#endif

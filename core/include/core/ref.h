/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The life of a counted thing: one state machine for frames and for every other object.
 *
 *             claim                publish
 *   FREE ------------------> BUSY ---------> LIVE(count >= 1)
 *    ^                        | ^                |
 *    |  finish                | |   last put     |
 *    +------------------------+ +----------------+
 *    generation + 1           |
 *                             +--------------> PRIVATE (typed frames: one owner, no handle can name it)
 *   PRIVATE --open--> HEAP(n), HEAP_LENT(n) --close, n = 0--> PRIVATE: a slab page or a large block of the
 * heap, n uses of it, which slots in use count for (core/slab.c makes these steps). RETIRED: as FREE, but its
 * generation is used up; never claimed again (H3). RESERVED: never claimed (frames that are not Keel's to
 * hand out).
 *
 * State, count and generation stand in one 64-bit word, and every step is one compare-and-swap on it (M2). So
 * a lookup cannot revive what another CPU is tearing down: it only ever steps LIVE(n) -> LIVE(n + 1) of the
 * generation that it was given. BUSY belongs to the one CPU that made it BUSY.
 *
 * `count` counts all references: handles, mappings, segments, and calls in progress. `handles` counts the
 * clients' part of it. Clients can only drop what clients hold: releasing too often closes the handle, it
 * never takes a reference that a mapping relies on (M1, M6).
 */
#ifndef CORE_REF_H
#define CORE_REF_H

#include "hal/atomic.h"
#include "keel/status.h"

enum ref_state {
    REF_FREE = 0,
    REF_BUSY,
    REF_LIVE,
    REF_PRIVATE,
    REF_RETIRED,
    REF_RESERVED,
    REF_HEAP,      /* Keel decides about its free slots */
    REF_HEAP_LENT, /* the injected slab allocator does */
};

#define REF_COUNT_MAX   UINT32_C(0xffffff)
#define REF_HANDLES_MAX UINT32_C(0xff0000)

struct ref {
    atomic_u64_t word; /* generation:32 | state:8 | count:24 */
    atomic_u32_t handles;
};

static inline uint32_t ref_word_generation(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline enum ref_state ref_word_state(uint64_t word)
{
    return (enum ref_state)((word >> 24) & 0xff);
}

static inline uint32_t ref_word_count(uint64_t word)
{
    return (uint32_t)(word & REF_COUNT_MAX);
}

/* A new cell in the given state, generation 1. */
void ref_init(struct ref *ref, enum ref_state state);

/* FREE -> BUSY. False: it was not FREE. */
bool ref_claim(struct ref *ref);
/* BUSY -> LIVE(count), with one handle if `with_handle`. From here on a client may guess the handle and
 * release it: the creator must count every reference that it relies on, and know the handle already. */
void ref_publish(struct ref *ref, uint32_t count, bool with_handle);
/* BUSY -> PRIVATE; PRIVATE -> BUSY. */
void ref_make_private(struct ref *ref);
void ref_take_private(struct ref *ref);
/* BUSY -> FREE of the next generation, or RETIRED. Answers whether it can be claimed again. */
bool ref_finish(struct ref *ref);
/* BUSY -> FREE of the same generation: nobody has ever seen it. */
void ref_unclaim(struct ref *ref);

/* One more reference for a handle value from outside. E_BAD_HANDLE: not LIVE in that generation, or no client
 * holds it; E_LIMIT: the count is full. */
keel_status_t ref_get_by_handle(struct ref *ref, uint32_t generation);
/* One more reference where the caller holds one already. E_LIMIT: the count is full. */
keel_status_t ref_get(struct ref *ref);
/* Drops a reference. True: it was the last; the cell is BUSY and the caller's to tear down. */
bool ref_put(struct ref *ref);

/* Turns a reference that the caller holds into a client's handle, or a client's handle back into a plain
 * reference that the caller then puts. E_LIMIT: the count is full; E_BAD_HANDLE: no client holds one. */
keel_status_t ref_handle_add(struct ref *ref);
keel_status_t ref_handle_drop(struct ref *ref);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The life of a counted thing: one state machine for frames and for every other object.
 *
 *             claim                publish
 *   FREE ------------------> BUSY ---------> LIVE(count >= 1)
 *    ^                       |  ^                |
 *    |  finish               |  |  last put, or convert: the only handle becomes the owner
 *    +-----------------------+  +----------------+
 *    generation + 1          |  |
 *                            |  +-- take, convert -- UNIQUE(0 at rest, 1 while a call works on it)
 *                            |  publish_unique -------^
 *                            |
 *                            +--------------> PRIVATE (one owner, and no handle can name it)
 *   PRIVATE --open--> HEAP(n), HEAP_LENT(n) --close, n = 0--> PRIVATE: a slab page or a large block of the
 *   heap, n uses of it, which slots in use count for (core/slab.c makes these steps).
 *   RETIRED: as FREE, but its generation is used up; never claimed again (H3).
 *   RESERVED: never claimed (frames that are not Keel's to hand out); may become BUSY once (unreserve).
 *
 * State, count and generation stand in one 64-bit word, and every step is one compare-and-swap on it (M2). So
 * a lookup cannot revive what another CPU is tearing down: it only ever steps LIVE(n) -> LIVE(n + 1) of the
 * generation that it was given. BUSY belongs to the one CPU that made it BUSY.
 *
 * `count` counts all references: handles, mappings, segments, and calls in progress. `handles` counts the
 * clients' part of it. Clients can only drop what clients hold: releasing too often closes the handle, it
 * never takes a reference that a mapping relies on (M1, M6).
 *
 * A UNIQUE cell has one handle and no other reference. A call that is given that handle steps 0 -> 1, so two
 * calls never work on it at once. Each conversion between the two forms raises the generation: a handle of
 * the other form is stale for ever (H3).
 *
 * LIVE becomes UNIQUE only where the converting call and one handle are all there is. Count and handles stand
 * in two words, so the call first sets MARK in the counted one; every other step clears it. If it is still
 * there when the call takes the cell, nobody has come or gone since it looked at the handles. The mark has no
 * name on it; that it is the call's own follows from a look at the handles before it is set as well.
 */
#ifndef CORE_REF_H
#define CORE_REF_H

#include "hal/atomic.h"
#include "keel/cold.h"
#include "keel/status.h"

enum ref_state {
    REF_FREE = 0,
    REF_BUSY,
    REF_LIVE,
    REF_PRIVATE,
    REF_RETIRED,
    REF_RESERVED,
    REF_UNIQUE,
    REF_HEAP,      /* Keel decides about its free slots */
    REF_HEAP_LENT, /* the injected slab allocator does */
};

#define REF_COUNT_MAX   UINT32_C(0xffffff)
#define REF_HANDLES_MAX UINT32_C(0xff0000)
#define REF_MARK        (UINT64_C(1) << 31)

struct ref {
    atomic_u64_t word; /* generation:32 | MARK:1 | state:7 | count:24 */
    atomic_u32_t handles;
};

static inline uint32_t ref_word_generation(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline enum ref_state ref_word_state(uint64_t word)
{
    return (enum ref_state)((word >> 24) & 0x7f);
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
/* RESERVED -> BUSY. */
void ref_unreserve(struct ref *ref);

/* One more reference for a handle value from outside. E_BAD_HANDLE: not LIVE in that generation, or no client
 * holds it; E_LIMIT: the count is full. */
KEEL_COLD keel_status_t ref_get_by_handle(struct ref *ref, uint32_t generation);
/* One more reference where the caller holds one already. E_LIMIT: the count is full. */
KEEL_COLD keel_status_t ref_get(struct ref *ref);
/* Drops `count` references that the caller holds. True: they were the last; the cell is BUSY and the caller's
 * to tear down. */
bool ref_put_many(struct ref *ref, uint32_t count);
static inline bool ref_put(struct ref *ref)
{
    return ref_put_many(ref, 1);
}

/* The same two steps where nothing is out of the ordinary, short enough to stand in every entry point. False:
 * nothing changed, and the step above says why or makes it.
 *
 * Generation, state and room in the count are one comparison: what is left of the word is the count, if the
 * rest agrees. The generation is the same before the look at the handles and at the exchange. */
static inline bool ref_get_quick(struct ref *ref, uint32_t generation)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    uint64_t count = word ^ ((uint64_t)generation << 32 | (uint64_t)REF_LIVE << 24);
    return count < REF_COUNT_MAX && atomic_u32_load_acquire(&ref->handles) != 0 &&
           atomic_u64_cas(&ref->word, &word, word + 1);
}

/* ref_get where the cell is sure to be LIVE. */
static inline keel_status_t ref_get_more(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    bool quick =
        (word & (REF_MARK | REF_COUNT_MAX)) < REF_COUNT_MAX && atomic_u64_cas(&ref->word, &word, word + 1);
    return quick ? KEEL_OK : ref_get(ref);
}

/* Not the last reference: that one is for ref_put. */
static inline bool ref_put_quick(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    uint32_t count = (uint32_t)word - ((uint32_t)REF_LIVE << 24);
    return count - 2 < REF_COUNT_MAX - 1 && atomic_u64_cas(&ref->word, &word, word - 1);
}

/* Turns a reference that the caller holds into a client's handle, or a client's handle back into a plain
 * reference that the caller then puts. E_LIMIT: the count is full; E_BAD_HANDLE: no client holds one. */
keel_status_t ref_handle_add(struct ref *ref);
keel_status_t ref_handle_drop(struct ref *ref);

/* BUSY -> UNIQUE(0), with its one handle. From here on a client may guess the handle. */
void ref_publish_unique(struct ref *ref);
/* UNIQUE(0) -> UNIQUE(1) for a handle value from outside. E_BAD_HANDLE: not UNIQUE in that generation;
 * E_BUSY: another call holds it. */
keel_status_t ref_hold_unique(struct ref *ref, uint32_t generation);
/* UNIQUE(1) -> UNIQUE(0): the call that held it is done. */
void ref_unhold_unique(struct ref *ref);
/* UNIQUE(1) -> BUSY, by the call that holds it. */
void ref_take_unique(struct ref *ref);
/* The same with the next generation. E_LIMIT: there is none; nothing changed. */
keel_status_t ref_convert_unique(struct ref *ref);
/* LIVE -> BUSY of the next generation, by a call that holds a reference: it and one handle must be all.
 * E_BUSY: somebody else holds one, or did at this moment; E_LIMIT: no generation is left. Nothing changed. */
keel_status_t ref_convert_live(struct ref *ref);

#endif

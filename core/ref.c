/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Steps of the state machine in core/ref.h.
 */
#include "core/ref.h"

#include "core/assert.h"

static uint64_t word_make(uint32_t generation, enum ref_state state, uint32_t count)
{
    return (uint64_t)generation << 32 | (uint64_t)state << 24 | count;
}

/* Is all but the generation what a cell of that state has at rest? */
static bool is_at_rest(uint64_t word, enum ref_state state)
{
    return (uint32_t)word == (uint32_t)state << 24;
}

/* The same word with another state, of a cell at rest. */
static uint64_t next_at_rest(uint64_t word, enum ref_state from, enum ref_state to)
{
    return word - ((uint64_t)from << 24) + ((uint64_t)to << 24);
}

/* The steps that only the owner of a cell makes: nobody else changes the word meanwhile. */
static void owner_step(struct ref *ref, enum ref_state from, enum ref_state to, uint32_t count)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    CORE_ASSERT(is_at_rest(word, from));
    atomic_u64_store_release(&ref->word, next_at_rest(word, from, to) + count);
}

void ref_init(struct ref *ref, enum ref_state state)
{
    atomic_u64_init(&ref->word, word_make(1, state, 0));
    atomic_u32_init(&ref->handles, 0);
}

bool ref_claim(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    if (!is_at_rest(word, REF_FREE)) {
        return false;
    }
    return atomic_u64_cas(&ref->word, &word, next_at_rest(word, REF_FREE, REF_BUSY));
}

void ref_publish(struct ref *ref, uint32_t count, bool with_handle)
{
    atomic_u32_store_relaxed(&ref->handles, with_handle ? 1 : 0);
    owner_step(ref, REF_BUSY, REF_LIVE, count);
}

void ref_make_private(struct ref *ref)
{
    owner_step(ref, REF_BUSY, REF_PRIVATE, 0);
}

void ref_take_private(struct ref *ref)
{
    owner_step(ref, REF_PRIVATE, REF_BUSY, 0);
}

bool ref_finish(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    uint32_t next = ref_word_generation(word) + 1;
    CORE_ASSERT(is_at_rest(word, REF_BUSY));
    atomic_u32_store_relaxed(&ref->handles, 0);
    if (next == 0) {
        atomic_u64_store_release(&ref->word, word_make(UINT32_MAX, REF_RETIRED, 0));
        return false;
    }
    atomic_u64_store_release(&ref->word, word_make(next, REF_FREE, 0));
    return true;
}

void ref_unclaim(struct ref *ref)
{
    owner_step(ref, REF_BUSY, REF_FREE, 0);
}

void ref_unreserve(struct ref *ref)
{
    owner_step(ref, REF_RESERVED, REF_BUSY, 0);
}

KEEL_COLD keel_status_t ref_get_by_handle(struct ref *ref, uint32_t generation)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    for (;;) {
        if (ref_word_state(word) != REF_LIVE || ref_word_generation(word) != generation) {
            return KEEL_E_BAD_HANDLE;
        }
        /* The generation is the same before this load and at the exchange below, so it belongs to that life.
         */
        if (atomic_u32_load_acquire(&ref->handles) == 0) {
            return KEEL_E_BAD_HANDLE;
        }
        if (ref_word_count(word) == REF_COUNT_MAX) {
            return KEEL_E_LIMIT;
        }
        if (atomic_u64_cas(&ref->word, &word, (word & ~REF_MARK) + 1)) {
            return KEEL_OK;
        }
    }
}

KEEL_COLD keel_status_t ref_get(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    for (;;) {
        CORE_ASSERT(ref_word_state(word) == REF_LIVE);
        if (ref_word_count(word) == REF_COUNT_MAX) {
            return KEEL_E_LIMIT;
        }
        if (atomic_u64_cas(&ref->word, &word, (word & ~REF_MARK) + 1)) {
            return KEEL_OK;
        }
    }
}

bool ref_put_many(struct ref *ref, uint32_t count)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    for (;;) {
        uint32_t left = (uint32_t)(word & ~REF_MARK) - ((uint32_t)REF_LIVE << 24) - count;
        CORE_ASSERT(left < REF_COUNT_MAX); /* it is LIVE, with so many at least */
        bool last = left == 0;
        uint64_t next = word_make(ref_word_generation(word), last ? REF_BUSY : REF_LIVE, left);
        if (atomic_u64_cas(&ref->word, &word, next)) {
            return last;
        }
    }
}

keel_status_t ref_handle_add(struct ref *ref)
{
    uint32_t handles = atomic_u32_load_acquire(&ref->handles);
    for (;;) {
        if (handles >= REF_HANDLES_MAX) {
            return KEEL_E_LIMIT;
        }
        if (atomic_u32_cas(&ref->handles, &handles, handles + 1)) {
            return KEEL_OK;
        }
    }
}

keel_status_t ref_handle_drop(struct ref *ref)
{
    uint32_t handles = atomic_u32_load_acquire(&ref->handles);
    for (;;) {
        if (handles == 0) {
            return KEEL_E_BAD_HANDLE;
        }
        if (atomic_u32_cas(&ref->handles, &handles, handles - 1)) {
            return KEEL_OK;
        }
    }
}

void ref_publish_unique(struct ref *ref)
{
    owner_step(ref, REF_BUSY, REF_UNIQUE, 0);
}

keel_status_t ref_hold_unique(struct ref *ref, uint32_t generation)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    for (;;) {
        if (ref_word_state(word) != REF_UNIQUE || ref_word_generation(word) != generation) {
            return KEEL_E_BAD_HANDLE;
        }
        if (ref_word_count(word) != 0) {
            return KEEL_E_BUSY;
        }
        if (atomic_u64_cas(&ref->word, &word, word_make(generation, REF_UNIQUE, 1))) {
            return KEEL_OK;
        }
    }
}

/* UNIQUE(1) belongs to the call that holds it, as BUSY to its CPU. */
static void holder_step(struct ref *ref, uint64_t word, uint32_t generation, enum ref_state to)
{
    CORE_ASSERT(ref_word_state(word) == REF_UNIQUE);
    CORE_ASSERT(ref_word_count(word) == 1);
    atomic_u64_store_release(&ref->word, word_make(generation, to, 0));
}

void ref_unhold_unique(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    holder_step(ref, word, ref_word_generation(word), REF_UNIQUE);
}

void ref_take_unique(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    holder_step(ref, word, ref_word_generation(word), REF_BUSY);
}

keel_status_t ref_convert_unique(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    uint32_t generation = ref_word_generation(word);
    if (generation == UINT32_MAX) {
        return KEEL_E_LIMIT;
    }
    holder_step(ref, word, generation + 1, REF_BUSY);
    return KEEL_OK;
}

keel_status_t ref_convert_live(struct ref *ref)
{
    uint64_t word = atomic_u64_load_acquire(&ref->word);
    uint32_t generation = ref_word_generation(word);
    uint64_t marked = word | REF_MARK;
    CORE_ASSERT(ref_word_state(word) == REF_LIVE);
    if (generation == UINT32_MAX) {
        return KEEL_E_LIMIT;
    }
    if (ref_word_count(word) != 2) {
        return KEEL_E_BUSY;
    }
    /* Where two calls try at once and theirs are the two references, there is no handle any more: neither
     * sets a mark that the other could take for its own. */
    if (atomic_u32_load_acquire(&ref->handles) != 1 || !atomic_u64_cas(&ref->word, &word, marked)) {
        return KEEL_E_BUSY;
    }
    /* The reference that is not this call's is a handle, or else a mapping's or a segment's. */
    if (atomic_u32_load_acquire(&ref->handles) != 1) {
        return KEEL_E_BUSY;
    }
    if (!atomic_u64_cas(&ref->word, &marked, word_make(generation + 1, REF_BUSY, 0))) {
        return KEEL_E_BUSY;
    }
    atomic_u32_store_relaxed(&ref->handles, 0);
    return KEEL_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A slab allocator that answers what a test puts here, and notes what it is told.
 */
#ifndef UNIT_SLAB_SCRIPT_H
#define UNIT_SLAB_SCRIPT_H

#include "core/slab.h"
#include "support.h"

static struct {
    uint64_t alloc_answer, free_answer; /* KEEL_SLAB_NONE unless set */
    uint32_t add_answer;
    void (*inside)(void); /* called in each function, if set */
    bool silent;          /* note nothing: several CPUs are inside at once */
    uint64_t asked, added, freed;
    uint32_t cpu, size_class; /* of the last call */
    uint64_t first, count;    /* of the last add */
    uint64_t token;           /* of the last free */
} script;

static void script_called(uint32_t cpu, uint32_t size_class)
{
    if (script.silent) {
        return;
    }
    script.cpu = cpu;
    script.size_class = size_class;
    if (script.inside != NULL) {
        script.inside();
    }
}

static uint32_t script_add(void *context, uint32_t cpu, uint32_t size_class, uint64_t first, uint32_t count)
{
    (void)context;
    if (!script.silent) {
        script.added++;
        script.first = first;
        script.count = count;
    }
    script_called(cpu, size_class);
    return script.add_answer;
}

static uint64_t script_alloc(void *context, uint32_t cpu, uint32_t size_class)
{
    (void)context;
    if (!script.silent) {
        script.asked++;
    }
    script_called(cpu, size_class);
    return script.alloc_answer;
}

static uint64_t script_free(void *context, uint32_t cpu, uint32_t size_class, uint64_t token)
{
    (void)context;
    /* The slab lives until the allocator has heard of its slot. */
    uint64_t word = atomic_u64_peek(&frame_at(token >> SLAB_SLOT_BITS)->ref.word);
    CHECK(ref_word_state(word) == REF_HEAP || ref_word_state(word) == REF_HEAP_LENT);
    CHECK(ref_word_count(word) > 0);
    if (!script.silent) {
        script.freed++;
        script.token = token;
    }
    script_called(cpu, size_class);
    return script.free_answer;
}

/* Answers none, takes slabs in, keeps them. */
static void script_inject(void)
{
    const struct keel_slab_allocator allocator = {NULL, script_add, script_alloc, script_free};
    script.alloc_answer = script.free_answer = KEEL_SLAB_NONE;
    script.add_answer = 1;
    script.inside = NULL;
    script.silent = false;
    script.asked = script.added = script.freed = 0;
    CHECK_OK(keel_slab_allocator_inject(&allocator));
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hostile slab allocator: honest books, and lies as often as the input says, as calls_policies.c has
 * them. It gives up slabs that are whole, half used or not its own, takes in slabs and never uses them, and
 * names any slot there is.
 */
#include "calls_world.h"

#define SLABS_KNOWN 64u

struct slab {
    uint64_t first;
    uint32_t size_class, count, free_count;
    bool is_free[KEEL_SLAB_SLOTS_MAX];
};

static struct {
    struct slab slabs[SLABS_KNOWN];
    unsigned count;
    uint64_t last; /* the token that was answered last */
} books;

void calls_slab_policy_reset(void)
{
    books.count = 0;
    books.last = 0;
}

static struct slab *find(uint64_t token)
{
    for (unsigned i = 0; i < books.count; i++) {
        if (token - books.slabs[i].first < books.slabs[i].count) {
            return &books.slabs[i];
        }
    }
    return NULL;
}

static uint64_t forget(struct slab *slab)
{
    uint64_t first = slab->first;
    *slab = books.slabs[--books.count];
    return first;
}

static uint64_t lie(void)
{
    uint64_t random = calls_random(&calls_world.random);
    switch (random % 5) {
    case 0:
        return books.last;
    case 1:
        return (random >> 8) % (128 * KEEL_SLAB_SLOTS_MAX);
    case 2:
        return random;
    case 3:
        return books.count > 0 ? books.slabs[(random >> 8) % books.count].first + (random >> 32) % 130 : 1;
    default:
        calls_policy_calls_back();
        return KEEL_SLAB_NONE;
    }
}

static uint32_t slab_add(void *context, uint32_t cpu, uint32_t size_class, uint64_t first, uint32_t count)
{
    (void)context;
    (void)cpu;
    if (calls_lies(calls_world.input.slab_lies / 2)) {
        calls_policy_calls_back();
        return (uint32_t)calls_random(&calls_world.random) % 3;
    }
    if (books.count == SLABS_KNOWN) {
        return 0;
    }
    struct slab *slab = &books.slabs[books.count++];
    *slab = (struct slab){.first = first, .size_class = size_class, .count = count, .free_count = count - 1};
    for (uint32_t i = 1; i < count; i++) {
        slab->is_free[i] = true;
    }
    return 1;
}

static uint64_t slab_alloc(void *context, uint32_t cpu, uint32_t size_class)
{
    (void)context;
    (void)cpu;
    if (calls_fails()) {
        return KEEL_SLAB_NONE;
    }
    if (calls_lies(calls_world.input.slab_lies)) {
        return lie();
    }
    for (unsigned i = 0; i < books.count; i++) {
        struct slab *slab = &books.slabs[i];
        for (uint32_t slot = 0; slab->size_class == size_class && slot < slab->count; slot++) {
            if (slab->is_free[slot]) {
                slab->is_free[slot] = false;
                slab->free_count--;
                books.last = slab->first + slot;
                return books.last;
            }
        }
    }
    return KEEL_SLAB_NONE;
}

static uint64_t slab_free(void *context, uint32_t cpu, uint32_t size_class, uint64_t token)
{
    (void)context;
    (void)cpu;
    (void)size_class;
    if (calls_lies(calls_world.input.slab_lies)) {
        return lie();
    }
    struct slab *slab = find(token);
    if (slab == NULL || slab->is_free[token - slab->first]) {
        return KEEL_SLAB_NONE;
    }
    slab->is_free[token - slab->first] = true;
    slab->free_count++;
    return slab->free_count == slab->count ? forget(slab) : KEEL_SLAB_NONE;
}

struct keel_slab_allocator calls_slab_allocator(void)
{
    return (struct keel_slab_allocator){
        .context = &books, .add = slab_add, .alloc = slab_alloc, .free = slab_free};
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default frame allocator: caches and locks; the blocks are in buddy_blocks.c. Locks are held inside the
 * policy's functions only, that is with interrupts off: a magazine's lock first, then the buddy's. Nobody
 * holds two magazines.
 */
#include "services/buddy.h"

#include <stdbool.h>

#include "buddy_blocks.h"
#include "keel/cold.h"
#include "keel/machine.h"

#define TAKE_MAX (UINT64_C(1) << SERVICES_BUDDY_TOP_ORDER)

static bool lock_try(atomic_uint *lock)
{
    return atomic_exchange_explicit(lock, 1, memory_order_acquire) == 0;
}

static void lock_acquire(atomic_uint *lock)
{
    while (!lock_try(lock)) {
        keel_cpu_relax();
    }
}

static void lock_release(atomic_uint *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

static struct services_buddy_magazine *magazine_of(struct services_buddy *buddy, uint32_t cpu)
{
    return &buddy->magazines[cpu % KEEL_CPU_MAX];
}

/* The count is written under the magazine's lock, and read by the statistics at any time. */
static uint32_t magazine_count(const struct services_buddy_magazine *magazine)
{
    return atomic_load_explicit(&magazine->count, memory_order_relaxed);
}

static void magazine_set_count(struct services_buddy_magazine *magazine, uint32_t count)
{
    atomic_store_explicit(&magazine->count, count, memory_order_relaxed);
}

static void count_one(_Atomic uint64_t *counter)
{
    uint64_t count = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, count + 1, memory_order_relaxed);
}

/* --- Caches --- */

/* Fills an empty magazine with one batch, or what there is. The lowest frame lies on top. */
static void magazine_fill(struct services_buddy *buddy, struct services_buddy_magazine *magazine)
{
    uint32_t batch[SERVICES_BUDDY_BATCH];
    lock_acquire(&buddy->lock);
    uint32_t count = buddy_blocks_take_singles(&buddy->blocks, batch, SERVICES_BUDDY_BATCH);
    lock_release(&buddy->lock);
    for (uint32_t i = 0; i < count; i++) {
        magazine->frames[count - 1 - i] = batch[i];
    }
    magazine_set_count(magazine, count);
}

/* Gives `count` frames from the bottom of the magazine, which lay there longest, back to the blocks. */
static void magazine_drain(struct services_buddy *buddy, struct services_buddy_magazine *magazine,
                           uint32_t count)
{
    uint32_t left = magazine_count(magazine) - count;
    lock_acquire(&buddy->lock);
    for (uint32_t i = 0; i < count; i++) {
        buddy_blocks_insert(&buddy->blocks, magazine->frames[i], 1);
    }
    lock_release(&buddy->lock);
    for (uint32_t i = 0; i < left; i++) {
        magazine->frames[i] = magazine->frames[count + i];
    }
    magazine_set_count(magazine, left);
}

static void drain_all(struct services_buddy *buddy)
{
    for (uint32_t cpu = 0; cpu < KEEL_CPU_MAX; cpu++) {
        struct services_buddy_magazine *magazine = magazine_of(buddy, cpu);
        lock_acquire(&magazine->lock);
        if (magazine_count(magazine) > 0) {
            magazine_drain(buddy, magazine, magazine_count(magazine));
        }
        lock_release(&magazine->lock);
    }
}

/* --- The policy --- */

static uint64_t take(struct services_buddy *buddy, uint64_t count, uint64_t alignment)
{
    lock_acquire(&buddy->lock);
    uint64_t first = buddy_blocks_take(&buddy->blocks, count, alignment);
    lock_release(&buddy->lock);
    return first;
}

/* From the blocks, with what the caches hold where they do not suffice. No lock is held. */
static uint64_t take_or_drain(struct services_buddy *buddy, uint64_t count, uint64_t alignment)
{
    uint64_t first = take(buddy, count, alignment);
    if (first == KEEL_FRAME_NONE) {
        drain_all(buddy);
        first = take(buddy, count, alignment);
    }
    return first;
}

/* Takes a frame off a magazine that has one and whose lock is held, and releases that. */
static uint64_t magazine_pop(struct services_buddy_magazine *magazine)
{
    uint32_t count = magazine_count(magazine);
    uint64_t first = magazine->frames[count - 1];
    magazine_set_count(magazine, count - 1);
    lock_release(&magazine->lock);
    return first;
}

/* The magazine's lock is held by somebody else, or it is empty. */
KEEL_COLD static uint64_t single_alloc_slow(struct services_buddy *buddy,
                                            struct services_buddy_magazine *magazine, bool locked)
{
    if (!locked) {
        lock_acquire(&magazine->lock);
    }
    if (magazine_count(magazine) > 0) {
        count_one(&magazine->hits);
        return magazine_pop(magazine);
    }
    count_one(&magazine->misses);
    magazine_fill(buddy, magazine);
    if (magazine_count(magazine) > 0) {
        return magazine_pop(magazine);
    }
    lock_release(&magazine->lock);
    return take_or_drain(buddy, 1, 1);
}

static uint64_t single_alloc(struct services_buddy *buddy, uint32_t cpu)
{
    struct services_buddy_magazine *magazine = magazine_of(buddy, cpu);
    bool locked = lock_try(&magazine->lock);
    if (!locked || magazine_count(magazine) == 0) {
        return single_alloc_slow(buddy, magazine, locked);
    }
    count_one(&magazine->hits);
    return magazine_pop(magazine);
}

KEEL_COLD static uint64_t block_alloc(struct services_buddy *buddy, uint64_t count, uint64_t alignment)
{
    bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
    if (count == 0 || count > TAKE_MAX || !power_of_two) {
        return KEEL_FRAME_NONE;
    }
    return take_or_drain(buddy, count, alignment);
}

static uint64_t buddy_alloc(void *context, uint32_t cpu, uint64_t count, uint64_t alignment)
{
    return count == 1 && alignment == 1 ? single_alloc(context, cpu) : block_alloc(context, count, alignment);
}

/* Puts a frame into a magazine that has room and whose lock is held, and releases that. */
static void magazine_push(struct services_buddy_magazine *magazine, uint64_t frame)
{
    uint32_t count = magazine_count(magazine);
    magazine->frames[count] = (uint32_t)frame;
    magazine_set_count(magazine, count + 1);
    lock_release(&magazine->lock);
}

/* The magazine's lock is held by somebody else, or it is full. */
KEEL_COLD static void single_free_slow(struct services_buddy *buddy, struct services_buddy_magazine *magazine,
                                       uint64_t frame, bool locked)
{
    if (!locked) {
        lock_acquire(&magazine->lock);
    }
    if (magazine_count(magazine) == SERVICES_BUDDY_MAGAZINE) {
        magazine_drain(buddy, magazine, SERVICES_BUDDY_BATCH);
    }
    magazine_push(magazine, frame);
}

static void single_free(struct services_buddy *buddy, uint32_t cpu, uint64_t frame)
{
    struct services_buddy_magazine *magazine = magazine_of(buddy, cpu);
    bool locked = lock_try(&magazine->lock);
    if (!locked || magazine_count(magazine) == SERVICES_BUDDY_MAGAZINE) {
        single_free_slow(buddy, magazine, frame, locked);
        return;
    }
    magazine_push(magazine, frame);
}

/* Frames that the bitmaps do not cover: the first time it happens, the log says so. */
static void leave_outside(struct services_buddy *buddy, uint64_t count)
{
    static const char line[] = "buddy: memory above what its bitmaps cover is not used";
    if (atomic_fetch_add_explicit(&buddy->outside, count, memory_order_relaxed) == 0) {
        (void)keel_log(KEEL_LOG_WARNING, line, sizeof(line) - 1);
    }
}

KEEL_COLD static void block_free(struct services_buddy *buddy, uint64_t first, uint64_t count)
{
    uint64_t covered = buddy->blocks.frame_count;
    uint64_t room = first < covered ? covered - first : 0;
    if (count > room) {
        leave_outside(buddy, count - room);
        count = room;
    }
    lock_acquire(&buddy->lock);
    buddy_blocks_insert(&buddy->blocks, first, count);
    lock_release(&buddy->lock);
}

static void buddy_free(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    struct services_buddy *buddy = context;
    if (count == 1 && first < buddy->blocks.frame_count) {
        single_free(buddy, cpu, first);
    } else {
        block_free(buddy, first, count);
    }
}

struct keel_frame_allocator services_buddy_policy(struct services_buddy *buddy, uint64_t *words,
                                                  uint64_t frame_count)
{
    buddy_blocks_init(&buddy->blocks, words, frame_count);
    return (struct keel_frame_allocator){
        .context = buddy,
        .add = buddy_free,
        .alloc = buddy_alloc,
        .free = buddy_free,
    };
}

void services_buddy_stats(const struct services_buddy *buddy, struct services_buddy_stats *stats)
{
    *stats = (struct services_buddy_stats){
        .outside_frames = atomic_load_explicit(&buddy->outside, memory_order_relaxed),
    };
    for (uint32_t cpu = 0; cpu < KEEL_CPU_MAX; cpu++) {
        const struct services_buddy_magazine *magazine = &buddy->magazines[cpu];
        stats->cached_frames += magazine_count(magazine);
        stats->cache_hits += atomic_load_explicit(&magazine->hits, memory_order_relaxed);
        stats->cache_misses += atomic_load_explicit(&magazine->misses, memory_order_relaxed);
    }
    stats->free_frames = stats->cached_frames;
    for (uint32_t order = 0; order < SERVICES_BUDDY_ORDERS; order++) {
        stats->free_blocks[order] =
            atomic_load_explicit(&buddy->blocks.free_blocks[order], memory_order_relaxed);
        stats->free_frames += stats->free_blocks[order] << order;
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The buddy allocator beside a model: an array that says which frames are free.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/buddy.h"
#include "services_stubs.h"

#define MODEL_FRAMES 8192u
#define GIB_FRAMES   (UINT64_C(1) << 18)
#define MIB2_FRAMES  (UINT64_C(1) << 9)

static struct services_buddy *buddy;
static uint64_t *words;
static struct keel_frame_allocator policy;
static bool model_free[MODEL_FRAMES];

/* An allocator that covers `frame_count` frame numbers and knows none. */
static void begin(uint64_t frame_count)
{
    buddy = aligned_alloc(_Alignof(struct services_buddy), sizeof(*buddy));
    words = calloc(SERVICES_BUDDY_WORDS(frame_count), sizeof(*words));
    assert_non_null(buddy);
    assert_non_null(words);
    memset(buddy, 0, sizeof(*buddy));
    memset(model_free, 0, sizeof(model_free));
    policy = services_buddy_policy(buddy, words, frame_count);
}

static int teardown(void **state)
{
    (void)state;
    free(buddy);
    free(words);
    return 0;
}

static void add(uint64_t first, uint64_t count)
{
    policy.add(policy.context, 0, first, count);
}

static void give(uint32_t cpu, uint64_t first, uint64_t count)
{
    policy.free(policy.context, cpu, first, count);
}

static bool alloc_on(uint32_t cpu, uint64_t count, uint64_t alignment, uint64_t *first)
{
    *first = policy.alloc(policy.context, cpu, count, alignment);
    return *first != KEEL_FRAME_NONE;
}

static bool alloc(uint64_t count, uint64_t alignment, uint64_t *first)
{
    return alloc_on(0, count, alignment, first);
}

static struct services_buddy_stats stats(void)
{
    struct services_buddy_stats now;
    services_buddy_stats(buddy, &now);
    return now;
}

static uint64_t model_count(void)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < MODEL_FRAMES; i++) {
        count += model_free[i];
    }
    return count;
}

static bool model_range_is(uint64_t first, uint64_t count, bool value)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (i >= MODEL_FRAMES || model_free[i] != value) {
            return false;
        }
    }
    return true;
}

static void model_set(uint64_t first, uint64_t count, bool value)
{
    for (uint64_t i = first; i < first + count && i < MODEL_FRAMES; i++) {
        model_free[i] = value;
    }
}

/* Would a buddy system find this? A naturally aligned free run of the next power of two, aligned as asked. */
static bool model_has(uint64_t count, uint64_t alignment)
{
    uint64_t size = 1;
    while (size < count) {
        size *= 2;
    }
    uint64_t step = size > alignment ? size : alignment;
    for (uint64_t first = 0; first + size <= MODEL_FRAMES; first += step) {
        if (model_range_is(first, size, true)) {
            return true;
        }
    }
    return false;
}

static void M8_buddy_knows_nothing_at_first(void **state)
{
    uint64_t first;
    (void)state;
    begin(64);
    assert_false(alloc(1, 1, &first));
    assert_false(alloc(2, 1, &first));
    assert_int_equal(stats().free_frames, 0);
}

static void M5_buddy_gives_each_frame_of_a_range_once(void **state)
{
    uint64_t first;
    (void)state;
    begin(1u << 12);
    add(3, 1000);
    model_set(3, 1000, true);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(alloc(1, 1, &first));
        assert_true(model_range_is(first, 1, true));
        model_set(first, 1, false);
        assert_int_equal(stats().free_frames, 999 - i);
    }
    assert_false(alloc(1, 1, &first));
}

static void M5_buddy_takes_the_tail_of_a_block_back(void **state)
{
    uint64_t first;
    (void)state;
    begin(1u << 12);
    add(64, 64);
    assert_true(alloc(33, 1, &first));
    assert_int_equal(first, 64);
    assert_int_equal(stats().free_frames, 31);
    assert_true(alloc(16, 1, &first));
    assert_int_equal(first, 112);
}

static void M5_buddy_aligns_beyond_the_size(void **state)
{
    uint64_t first;
    (void)state;
    begin(1u << 12);
    add(1, 255); /* 1..255: the multiples of 64 are 64, 128, 192 */
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(alloc(1, 64, &first));
        assert_int_equal(first, 64 * i);
    }
    assert_false(alloc(1, 64, &first));
    assert_true(alloc(1, 32, &first));
    assert_int_equal(first % 32, 0);
}

static void M8_buddy_merges_pieces_that_lie_in_caches(void **state)
{
    uint64_t first;
    (void)state;
    begin(1u << 12);
    add(0, 1024);
    assert_true(alloc(1024, 1024, &first));
    for (uint64_t i = 0; i < 1024; i++) {
        give((uint32_t)i % 3, i * 5 % 1024, 1);
    }
    assert_true(stats().cached_frames > 0);
    assert_int_equal(stats().free_frames, 1024);
    assert_true(alloc(1024, 1024, &first));
    assert_int_equal(first, 0);
    assert_int_equal(stats().free_frames, 0);
}

/* One CPU has everything in its cache; the others get it nevertheless, to the last frame. */
static void M8_buddy_drains_other_caches_before_it_fails(void **state)
{
    uint64_t first;
    bool seen[40] = {false};
    (void)state;
    begin(64);
    for (uint64_t i = 0; i < 40; i++) {
        give(KEEL_CPU_MAX - 1, i, 1);
    }
    assert_int_equal(stats().cached_frames, 40);
    for (uint64_t i = 0; i < 40; i++) {
        assert_true(alloc_on((uint32_t)i % 4, 1, 1, &first));
        assert_true(first < 40 && !seen[first]);
        seen[first] = true;
    }
    for (uint32_t cpu = 0; cpu < KEEL_CPU_MAX; cpu++) {
        assert_false(alloc_on(cpu, 1, 1, &first));
    }
}

static void P1_buddy_refuses_bogus_requests(void **state)
{
    uint64_t first;
    (void)state;
    begin(1u << 12);
    add(0, 1u << 12);
    assert_false(alloc(0, 1, &first));
    assert_false(alloc(1, 0, &first));
    assert_false(alloc(1, 3, &first));
    assert_false(alloc(UINT64_MAX, 1, &first));
    assert_false(alloc((UINT64_C(1) << 20) + 1, 1, &first));
    assert_false(alloc(1, UINT64_C(1) << 63, &first) && first != 0);
    assert_int_equal(first == 0 ? stats().free_frames + 1 : stats().free_frames, 1u << 12);
}

static void M8_buddy_says_what_it_leaves_outside(void **state)
{
    uint64_t first;
    (void)state;
    begin(1000); /* no power of two: the last blocks of each order are cut off */
    add(0, 0);
    unsigned lines = stub_log_lines;
    add(990, 20);
    add(5000, 1);
    give(0, UINT64_MAX, 1);
    assert_int_equal(stats().free_frames, 10);
    assert_int_equal(stats().outside_frames, 12);
    assert_int_equal(stub_log_lines, lines + 1);
    for (uint64_t i = 0; i < 10; i++) {
        assert_true(alloc(1, 1, &first));
        assert_in_range(first, 990, 999);
    }
    assert_false(alloc(1, 1, &first));
    add(0, 1000 - 10);
    assert_true(alloc(512, 512, &first));
    assert_int_equal(first, 0);
    assert_true(alloc(256, 256, &first));
    assert_int_equal(first, 512);
    assert_false(alloc(256, 256, &first));
}

static void M5_buddy_serves_huge_blocks(void **state)
{
    uint64_t first;
    (void)state;
    begin(8 * GIB_FRAMES + 12345);
    add(1, 8 * GIB_FRAMES + 12344);
    for (uint64_t i = 1; i < 8; i++) { /* the first GiB misses frame 0 */
        assert_true(alloc(GIB_FRAMES, GIB_FRAMES, &first));
        assert_int_equal(first, i * GIB_FRAMES);
    }
    assert_false(alloc(GIB_FRAMES, 1, &first));
    for (uint64_t i = 1; i < 512; i++) {
        assert_true(alloc(MIB2_FRAMES, MIB2_FRAMES, &first));
        assert_int_equal(first % MIB2_FRAMES, 0);
    }
    for (uint64_t i = 1; i < 8; i++) {
        give(0, i * GIB_FRAMES, GIB_FRAMES);
    }
    assert_int_equal(stats().free_blocks[SERVICES_BUDDY_TOP_ORDER], 1); /* the second 4 GiB */
    assert_true(alloc(UINT64_C(1) << 20, GIB_FRAMES, &first));
    assert_int_equal(first, 4 * GIB_FRAMES);
}

static void M5_buddy_covers_all_frame_numbers(void **state)
{
    uint64_t first;
    (void)state;
    begin(SERVICES_BUDDY_FRAMES_MAX);
    add(0, UINT64_MAX);
    assert_int_equal(stats().free_frames, SERVICES_BUDDY_FRAMES_MAX);
    for (uint64_t i = 0; i < SERVICES_BUDDY_FRAMES_MAX >> SERVICES_BUDDY_TOP_ORDER; i++) {
        assert_true(alloc(UINT64_C(1) << SERVICES_BUDDY_TOP_ORDER, 1, &first));
        assert_int_equal(first, i << SERVICES_BUDDY_TOP_ORDER);
    }
    assert_false(alloc(1, 1, &first));
    give(0, SERVICES_BUDDY_FRAMES_MAX - 1, 1);
    assert_true(alloc(1, 1, &first));
    assert_int_equal(first, SERVICES_BUDDY_FRAMES_MAX - 1);
}

/* A pair of requests goes through the CPU's own cache, and only batches reach the blocks. */
static void M8_buddy_caches_are_bounded_and_hit(void **state)
{
    uint64_t first;
    (void)state;
    begin(1u << 12);
    add(0, 1u << 12);
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(alloc(1, 1, &first));
        assert_int_equal(first, 0);
        give(0, first, 1);
    }
    assert_int_equal(stats().cache_misses, 1);
    assert_int_equal(stats().cache_hits, 99);
    assert_int_equal(stats().cached_frames, SERVICES_BUDDY_BATCH);
    for (uint64_t i = 0; i < 200; i++) {
        assert_true(alloc_on(1, 1, 1, &first));
        model_set(first, 1, true);
    }
    for (uint64_t i = 0; i < MODEL_FRAMES; i++) {
        if (model_free[i]) {
            give(1, i, 1);
            assert_true(stats().cached_frames <= SERVICES_BUDDY_BATCH + SERVICES_BUDDY_MAGAZINE);
        }
    }
    assert_int_equal(stats().free_frames, 1u << 12);
}

static uint32_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

static void model_alloc(uint64_t *seed)
{
    uint64_t first, count = 1 + random_next(seed) % 40;
    uint64_t alignment = UINT64_C(1) << random_next(seed) % 8;
    if (random_next(seed) % 2 == 0) {
        count = alignment = 1;
    }
    bool got = alloc_on(random_next(seed) % 4, count, alignment, &first);
    assert_int_equal(got, model_has(count, alignment));
    if (got) {
        assert_int_equal(first % alignment, 0);
        assert_true(model_range_is(first, count, true));
        model_set(first, count, false);
    }
}

/* Frames of a random range that are in use come back, one by one or in runs, on some CPU. */
static void model_give(uint64_t *seed)
{
    uint64_t first = random_next(seed) % (MODEL_FRAMES - 300), end = first + random_next(seed) % 300;
    bool single = random_next(seed) % 2 == 0;
    uint32_t cpu = random_next(seed) % 4;
    while (first < end) {
        uint64_t run = 0;
        while (first + run < end && !model_free[first + run] && (run == 0 || !single)) {
            run++;
        }
        give(cpu, first, run);
        model_set(first, run, true);
        first += run > 0 ? run : 1;
    }
}

/* Whatever is asked for and given back, whole or in parts, on four CPUs: the model agrees after every step,
 * also on whether a request can be served, which means that no cache hides a frame from it. */
static void M5_buddy_agrees_with_the_model(void **state)
{
    uint64_t seed = 1;
    (void)state;
    begin(MODEL_FRAMES);
    for (uint32_t step = 0; step < 20000; step++) {
        if (random_next(&seed) % 4 == 0) {
            model_give(&seed);
        } else {
            model_alloc(&seed);
        }
        assert_int_equal(stats().free_frames, model_count());
    }
}

/* --- Locks --- */

static atomic_uint *held_lock;

static void release_held_lock(void)
{
    atomic_store(held_lock, 0);
    held_lock = NULL;
}

/* Somebody else has the lock until the call spins for it. */
static bool waits_for(atomic_uint *lock, uint64_t count)
{
    uint64_t first;
    void (*relax)(void) = stub_relax;
    held_lock = lock;
    stub_relax = release_held_lock;
    atomic_store(lock, 1);
    assert_true(alloc(count, count, &first));
    stub_relax = relax;
    return held_lock == NULL;
}

/* Its threads (test_services_buddy_threads.c) meet only if the host lets them. */
static void M5_buddy_waits_for_its_locks(void **state)
{
    (void)state;
    begin(MODEL_FRAMES);
    add(0, MODEL_FRAMES);
    assert_true(waits_for(&buddy->lock, 2));
    assert_true(waits_for(&buddy->lock, 1));
    assert_true(waits_for(&buddy->magazines[0].lock, 1));
}

#define BUDDY(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUDDY(M8_buddy_knows_nothing_at_first),
        BUDDY(M5_buddy_gives_each_frame_of_a_range_once),
        BUDDY(M5_buddy_takes_the_tail_of_a_block_back),
        BUDDY(M5_buddy_aligns_beyond_the_size),
        BUDDY(M8_buddy_merges_pieces_that_lie_in_caches),
        BUDDY(M8_buddy_drains_other_caches_before_it_fails),
        BUDDY(P1_buddy_refuses_bogus_requests),
        BUDDY(M8_buddy_says_what_it_leaves_outside),
        BUDDY(M5_buddy_serves_huge_blocks),
        BUDDY(M5_buddy_covers_all_frame_numbers),
        BUDDY(M8_buddy_caches_are_bounded_and_hit),
        BUDDY(M5_buddy_agrees_with_the_model),
        BUDDY(M5_buddy_waits_for_its_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The buddy allocator under real threads, each playing one CPU: its locks are its own, so the hosted machine,
 * which interleaves at core's atomics, does not meet them. No frame may be in two hands at any time, none is
 * lost in the end, and ThreadSanitizer watches where it is on.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keel/machine.h"
#include "services/buddy.h"

#define THREADS 4u
#define FRAMES  512u /* few, so that caches are drained and requests fail all the time */
#define ROUNDS  200000u
#define HELD    96u

static struct services_buddy buddy;
static uint64_t words[SERVICES_BUDDY_WORDS(FRAMES)];
static struct keel_frame_allocator policy;
static atomic_uint hands[FRAMES];
static atomic_uint collisions;
static atomic_uint arrived;

/* As Keel: a run is in use before anybody else may learn of it, and free before the allocator is told. */
static void mark(uint64_t first, uint64_t count, unsigned value)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (i >= FRAMES || atomic_exchange(&hands[i], value) == value) {
            atomic_fetch_add(&collisions, 1);
            return;
        }
    }
}

struct run {
    uint64_t first, count;
};

static void give_back(uint32_t cpu, struct run *run)
{
    mark(run->first, run->count, 0);
    policy.free(policy.context, cpu, run->first, run->count);
}

static void *play_cpu(void *argument)
{
    uint32_t cpu = (uint32_t)(uintptr_t)argument;
    struct run held[HELD];
    uint32_t count = 0;
    uint64_t seed = cpu + 1;
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < THREADS) { /* or the first is done before the last begins */
        keel_cpu_relax();
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t random = (uint32_t)(seed >> 33);
        if (count == HELD || (count > 0 && random % 5 < 2)) {
            uint32_t pick = random / 8 % count;
            give_back(cpu, &held[pick]);
            held[pick] = held[--count];
            continue;
        }
        struct run run = {.count = random % 7 == 0 ? 1 + random / 64 % 9 : 1};
        run.first = policy.alloc(policy.context, cpu, run.count, 1);
        if (run.first != KEEL_FRAME_NONE) {
            mark(run.first, run.count, 1);
            held[count++] = run;
        }
    }
    while (count > 0) {
        give_back(cpu, &held[--count]);
    }
    return NULL;
}

static void M5_buddy_under_threads(void **state)
{
    pthread_t threads[THREADS];
    struct services_buddy_stats stats;
    (void)state;
    policy = services_buddy_policy(&buddy, words, FRAMES);
    policy.add(policy.context, 0, 0, FRAMES);
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, play_cpu, (void *)i), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&collisions), 0);
    services_buddy_stats(&buddy, &stats);
    assert_int_equal(stats.free_frames, FRAMES);
    assert_int_equal(policy.alloc(policy.context, 0, FRAMES, FRAMES), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(M5_buddy_under_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

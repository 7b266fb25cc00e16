/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races around an injected frame allocator, every schedule within the stated number of preemptions (M5, P1).
 * The allocator here is honest unless told otherwise: one bit for each frame, each step atomic and a
 * scheduling point of its own, so CPUs meet inside it. It notes when Keel surprises it.
 */
#include "core/frame.h"
#include "race.h"
#include "support.h"

#define WORDS 4u /* 64 frames each: all that the machine has */

static atomic_u64_t known_free[WORDS];
static atomic_u32_t surprises; /* frames announced that it knew to be free */
static uint64_t always;        /* what a lying allocator answers; 0: it is honest */

static uint64_t before; /* FREE frames when the race begins */
static uint64_t theirs; /* the frame that the other CPU got */

static void policy_free(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)context;
    (void)cpu;
    for (uint64_t word = first / 64; count > 0; word++) {
        uint64_t room = 64 - first % 64;
        uint64_t here = count < room ? count : room;
        uint64_t bits = (UINT64_MAX >> (64 - here)) << first % 64;
        if ((atomic_u64_fetch_or(&known_free[word], bits) & bits) != 0) {
            atomic_u32_fetch_add(&surprises, 1);
        }
        first += here;
        count -= here;
    }
}

static uint64_t policy_alloc(void *context, uint32_t cpu, uint64_t count, uint64_t alignment)
{
    (void)context;
    (void)cpu;
    if (always != 0) {
        return always;
    }
    CHECK(count == 1 && alignment == 1);
    for (uint64_t word = 0; word < WORDS; word++) {
        uint64_t bits = atomic_u64_load_acquire(&known_free[word]);
        while (bits != 0) {
            if (atomic_u64_cas(&known_free[word], &bits, bits & (bits - 1))) {
                return word * 64 + (uint64_t)__builtin_ctzll(bits);
            }
        }
    }
    return KEEL_FRAME_NONE;
}

static void inject(void)
{
    const struct keel_frame_allocator allocator = {NULL, policy_free, policy_alloc, policy_free};
    CHECK_OK(keel_frame_allocator_inject(&allocator));
}

/* Starts a race with `entry`, an allocator injected before or not. */
static keel_task_t start(void (*entry)(uint64_t), bool injected)
{
    for (uint64_t word = 0; word < WORDS; word++) {
        atomic_u64_init(&known_free[word], 0);
    }
    atomic_u32_init(&surprises, 0);
    CHECK(frame_end() <= 64 * WORDS);
    keel_task_t other = race_prepare(entry, 0);
    if (injected) {
        inject();
    }
    before = frame_free_count();
    race_begin();
    return other;
}

/* The allocator knows exactly the FREE frames. */
static void check_books(void)
{
    for (uint64_t number = 0; number < frame_end(); number++) {
        bool is_free = ref_word_state(atomic_u64_peek(&frame_at(number)->ref.word)) == REF_FREE;
        bool known = (atomic_u64_peek(&known_free[number / 64]) >> number % 64 & 1) != 0;
        if (is_free != known) {
            CHECK_NEVER(known ? "the allocator was told that a used frame is free"
                              : "the allocator does not know a free frame");
        }
    }
}

static void finish(keel_task_t other, bool honest)
{
    struct keel_policy_report report = {0};
    race_finish(other);
    unit_settle();
    if (honest) {
        CHECK_OK(keel_policy_report(&report));
        CHECK_EQUAL(report.allocator_wrong, 0);
        CHECK_EQUAL(atomic_u32_peek(&surprises), 0);
        check_books();
    }
}

static void allocate(uint64_t argument)
{
    struct frame *frame = NULL;
    (void)argument;
    race_wait();
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    theirs = frame_number(frame);
    race_done();
}

static void allocate_and_free(uint64_t argument)
{
    struct frame *frame = NULL;
    (void)argument;
    race_wait();
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    frame_put(frame);
    race_done();
}

static void two_allocations(bool honest)
{
    struct frame *frame = NULL;
    keel_task_t other = start(allocate, true);
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    finish(other, honest);
    CHECK(frame_number(frame) != theirs);
    frame_put(frame);
    frame_put(frame_at(theirs));
}

static void M5_explore_two_allocations_with_an_allocator(void)
{
    always = 0;
    two_allocations(true);
}

/* Both CPUs are told the same frame at once: one gets it, the other is served by the scan. */
static void M5_explore_two_allocations_with_one_answer(void)
{
    always = frame_end() - 2;
    two_allocations(false);
}

/* The frame that this CPU frees may be answered to the other one before `free` has returned. */
static void M5_explore_allocation_against_free(void)
{
    struct frame *frame = NULL;
    always = 0;
    keel_task_t other = start(allocate_and_free, true);
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    frame_put(frame);
    finish(other, true);
}

static void P1_explore_injection_against_allocation_and_free(void)
{
    always = 0;
    keel_task_t other = start(allocate_and_free, false);
    inject();
    finish(other, true);
}

static void free_theirs(uint64_t argument)
{
    (void)argument;
    race_wait();
    frame_put(frame_at(theirs));
    race_done();
}

static void P1_explore_injection_against_free(void)
{
    struct frame *frame = NULL;
    always = 0;
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    theirs = frame_number(frame);
    keel_task_t other = start(free_theirs, false);
    inject();
    finish(other, true);
}

static void free_and_allocate(uint64_t argument)
{
    struct frame *frame = NULL;
    (void)argument;
    race_wait();
    frame_put(frame_at(theirs));
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    theirs = frame_number(frame);
    race_done();
}

/* One frame comes, then one goes: there is no moment with fewer than before. */
static void M6_explore_count_of_free_frames(void)
{
    struct frame *frame = NULL;
    always = 0;
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    theirs = frame_number(frame);
    keel_task_t other = start(free_and_allocate, true);
    uint64_t now = frame_free_count();
    CHECK(now == before || now == before + 1);
    finish(other, true);
    frame_put(frame_at(theirs));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(M5_explore_two_allocations_with_an_allocator, 2),
        EXPLORE(M5_explore_two_allocations_with_one_answer, 2),
        EXPLORE(M5_explore_allocation_against_free, 2),
        EXPLORE(P1_explore_injection_against_allocation_and_free, 2),
        EXPLORE(P1_explore_injection_against_free, 2),
        EXPLORE(M6_explore_count_of_free_frames, 2),
    };
    return unit_main(tests, argc, argv);
}

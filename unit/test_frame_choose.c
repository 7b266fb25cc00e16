/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/frame_choose.c: the built-in choice, and the allocator policy's answers, honest and hostile (M5, P1).
 */
#include "core/frame_choose.h"

#include "hal/cpu.h"
#include "support.h"

/* An allocator that answers what the test puts here. */
static struct {
    uint64_t first;
    uint64_t asked_count, asked_alignment;
    uint64_t asked, added, freed;
    bool calls_back; /* alloc tries what a policy may not do, and what it may */
} policy;

static void policy_add(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)context;
    CHECK_EQUAL(cpu, hal_cpu_id());
    (void)first;
    policy.added += count;
}

static void call_back(void)
{
    keel_frame_t frame = {0};
    keel_segment_t segment = {0};
    uint64_t now = 0;
    CHECK_STATUS(keel_frame_alloc(&frame), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_segment_alloc(1, 1, &segment), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_frame_release(frame), KEEL_E_CONTEXT);
    CHECK_OK(keel_time_now(&now));
    CHECK_OK(keel_cpu_relax());
}

static uint64_t policy_alloc(void *context, uint32_t cpu, uint64_t count, uint64_t alignment)
{
    (void)context;
    CHECK_EQUAL(cpu, hal_cpu_id());
    policy.asked++;
    policy.asked_count = count;
    policy.asked_alignment = alignment;
    if (policy.calls_back) {
        call_back();
    }
    return policy.first;
}

static void policy_free(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)context;
    CHECK_EQUAL(cpu, hal_cpu_id());
    (void)first;
    policy.freed += count;
}

static void inject(uint64_t first)
{
    const struct keel_frame_allocator allocator = {NULL, policy_add, policy_alloc, policy_free};
    policy.first = first;
    policy.asked = policy.added = policy.freed = 0;
    policy.calls_back = false;
    CHECK_OK(keel_frame_allocator_inject(&allocator));
}

static struct keel_policy_report report(void)
{
    struct keel_policy_report now = {0};
    CHECK_OK(keel_policy_report(&now));
    return now;
}

/* One request with the answer in place: it must be refused, counted and served by the fallback. */
static void expect_refused(uint64_t first)
{
    struct keel_policy_report before = report();
    policy.first = first;
    keel_frame_t frame = unit_frame();
    struct keel_policy_report after = report();
    CHECK_EQUAL(after.allocator_wrong, before.allocator_wrong + 1);
    CHECK_EQUAL(after.allocator_fallbacks, before.allocator_fallbacks + 1);
    CHECK(handle_slot(frame.value) != first);
    CHECK_OK(keel_frame_release(frame));
    CHECK_AUDIT();
}

static uint64_t first_in(enum ref_state state)
{
    for (uint64_t number = 1; number < frame_end(); number++) {
        if (ref_word_state(atomic_u64_peek(&frame_at(number)->ref.word)) == state) {
            return number;
        }
    }
    CHECK_NEVER("no frame in that state");
    return 0;
}

static void M5_allocator_answers_out_of_range(void)
{
    inject(0);
    expect_refused(0); /* frame 0 is nobody's */
    expect_refused(frame_end());
    expect_refused(frame_end() + 1);
    expect_refused(UINT64_MAX - 1);
    expect_refused(UINT64_C(1) << 52);
}

static void M5_allocator_answers_frames_that_are_not_free(void)
{
    keel_frame_t used = unit_frame();
    inject(0);
    expect_refused(handle_slot(used.value));
    expect_refused(first_in(REF_PRIVATE));
    expect_refused(first_in(REF_RESERVED));
    CHECK_OK(keel_frame_release(used));
}

static void M5_allocator_answers_the_same_again(void)
{
    inject(0);
    policy.first = first_in(REF_FREE);
    keel_frame_t first = unit_frame();
    CHECK_EQUAL(handle_slot(first.value), policy.first);
    CHECK_EQUAL(report().allocator_wrong, 0);
    expect_refused(policy.first);
    CHECK_OK(keel_frame_release(first));
    keel_frame_t again = unit_frame();
    CHECK_EQUAL(handle_slot(again.value), policy.first);
    CHECK(again.value != first.value);
    CHECK_OK(keel_frame_release(again));
}

static void M5_allocator_answers_misaligned_or_too_short_runs(void)
{
    keel_segment_t segment;
    inject(0);
    policy.first = (first_in(REF_FREE) | 7) + 2; /* odd */
    CHECK_OK(keel_segment_alloc(4, 4, &segment));
    CHECK_EQUAL(policy.asked_count, 4);
    CHECK_EQUAL(policy.asked_alignment, 4);
    CHECK_EQUAL(report().allocator_wrong, 1);
    CHECK_OK(keel_segment_release(segment));
    policy.first = frame_end() - 2;
    CHECK_OK(keel_segment_alloc(4, 1, &segment));
    CHECK_EQUAL(report().allocator_wrong, 2);
    CHECK_OK(keel_segment_release(segment));
}

/* A run whose middle is in use: what was claimed before the obstacle is given back. */
static void M8_run_with_an_obstacle_is_given_back_whole(void)
{
    keel_segment_t segment, other;
    struct keel_segment_info info;
    CHECK_OK(keel_segment_alloc(8, 8, &segment));
    CHECK_OK(keel_segment_info(segment, &info));
    inject(info.address / KEEL_PAGE_SIZE - 3);
    uint64_t before = frame_free_count();
    CHECK_OK(keel_segment_alloc(6, 1, &other));
    CHECK_EQUAL(report().allocator_wrong, 1);
    CHECK_EQUAL(frame_free_count(), before - 6);
    CHECK_OK(keel_segment_release(other));
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_OK(keel_segment_release(segment));
}

/* Longer than what is claimed or released at a time. */
static void M8_long_runs_are_claimed_whole_or_not_at_all(void)
{
    keel_segment_t segment;
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_alloc(3000, 1, &segment));
    CHECK_OK(keel_segment_info(segment, &info));
    CHECK_OK(keel_segment_release(segment));
    uint64_t first = info.address / KEEL_PAGE_SIZE;
    inject(first + 1050);
    keel_frame_t obstacle = unit_frame();
    uint64_t before = frame_free_count();
    policy.first = first;
    CHECK_OK(keel_segment_alloc(1100, 1, &segment));
    CHECK_EQUAL(report().allocator_wrong, 1);
    CHECK_EQUAL(frame_free_count(), before - 1100);
    CHECK_OK(keel_segment_release(segment));
    policy.first = first + 1051;
    policy.freed = 0;
    CHECK_OK(keel_segment_alloc(1100, 1, &segment));
    CHECK_EQUAL(report().allocator_wrong, 1);
    CHECK_EQUAL(frame_free_count(), before - 1100);
    CHECK_AUDIT();
    CHECK_OK(keel_segment_release(segment));
    CHECK_EQUAL(policy.freed, 1100);
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_OK(keel_frame_release(obstacle));
}

/* Over the first frame of a segment, over its last, around it, inside it. */
static void M5_allocator_answers_runs_that_overlap_used_ones(void)
{
    static const uint64_t offsets[] = {UINT64_C(0) - 3, 2, UINT64_C(0) - 1, 1};
    keel_segment_t segment, other;
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_alloc(4, 4, &segment));
    CHECK_OK(keel_segment_info(segment, &info));
    inject(0);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        policy.first = info.address / KEEL_PAGE_SIZE + offsets[i];
        CHECK_OK(keel_segment_alloc(i < 2 ? 4 : 6 - 4 * (i % 2), 1, &other));
        CHECK_EQUAL(report().allocator_wrong, i + 1);
        CHECK_OK(keel_segment_release(other));
        CHECK_AUDIT();
    }
    CHECK_OK(keel_segment_release(segment));
}

static void P2_allocator_that_calls_back(void)
{
    inject(KEEL_FRAME_NONE);
    policy.first = first_in(REF_FREE);
    policy.calls_back = true;
    keel_frame_t frame = unit_frame();
    CHECK_EQUAL(handle_slot(frame.value), policy.first);
    expect_refused(policy.first);
    CHECK_OK(keel_frame_release(frame));
}

static void P1_largest_requests_reach_the_allocator(void)
{
    keel_segment_t segment;
    inject(KEEL_FRAME_NONE);
    CHECK_STATUS(keel_segment_alloc(UINT64_C(1) << 20, UINT64_C(1) << 18, &segment), KEEL_E_NO_MEMORY);
    CHECK_EQUAL(policy.asked_count, UINT64_C(1) << 20);
    CHECK_EQUAL(policy.asked_alignment, UINT64_C(1) << 18);
}

static void never_run(uint64_t argument)
{
    (void)argument;
    CHECK_NEVER("a task ran that could not be made");
}

static void M8_allocator_that_says_none_is_believed(void)
{
    keel_frame_t frame;
    keel_segment_t segment;
    keel_space_t space;
    keel_task_t task;
    const struct keel_task_options options = {.entry = never_run, .name = "never"};
    inject(KEEL_FRAME_NONE);
    CHECK_STATUS(keel_frame_alloc(&frame), KEEL_E_NO_MEMORY);
    CHECK_STATUS(keel_segment_alloc(3, 1, &segment), KEEL_E_NO_MEMORY);
    CHECK_STATUS(keel_space_create(&space), KEEL_E_NO_MEMORY);
    CHECK_STATUS(keel_task_spawn(&options, &task), KEEL_E_NO_MEMORY);
    CHECK_EQUAL(report().allocator_wrong, 0);
    CHECK_EQUAL(report().allocator_fallbacks, 0);
}

static void P1_allocator_learns_every_free_and_freed_frame(void)
{
    uint64_t before = frame_free_count();
    inject(0);
    CHECK_EQUAL(policy.added, before);
    keel_segment_t segment;
    CHECK_OK(keel_segment_alloc(5, 1, &segment));
    CHECK_OK(keel_segment_release(segment));
    CHECK_EQUAL(policy.freed, 5);
}

static void P1_allocator_is_injected_once_and_whole(void)
{
    struct keel_frame_allocator allocator = {NULL, NULL, policy_alloc, policy_free};
    CHECK_STATUS(keel_frame_allocator_inject(NULL), KEEL_E_INVALID);
    CHECK_STATUS(keel_frame_allocator_inject(&allocator), KEEL_E_INVALID);
    allocator.add = policy_add;
    allocator.alloc = NULL;
    CHECK_STATUS(keel_frame_allocator_inject(&allocator), KEEL_E_INVALID);
    allocator.alloc = policy_alloc;
    allocator.free = NULL;
    CHECK_STATUS(keel_frame_allocator_inject(&allocator), KEEL_E_INVALID);
    allocator.free = policy_free;
    CHECK_OK(keel_frame_allocator_inject(&allocator));
    CHECK_STATUS(keel_frame_allocator_inject(&allocator), KEEL_E_EXISTS);
}

static void fallback_takes(uint64_t count, uint64_t alignment)
{
    keel_segment_t segment;
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_alloc(count, alignment, &segment));
    CHECK_OK(keel_segment_info(segment, &info));
    CHECK_EQUAL(info.address % (alignment * KEEL_PAGE_SIZE), 0);
    CHECK_OK(keel_segment_release(segment));
}

static void M5_fallback_aligns_and_wraps_around(void)
{
    for (uint64_t round = 0; round < 40; round++) {
        for (uint64_t alignment = 1; alignment <= 64; alignment *= 2) {
            fallback_takes(1 + round % 7, alignment);
        }
    }
}

static void M8_fallback_refuses_what_cannot_fit(void)
{
    keel_segment_t segment = {0};
    CHECK_STATUS(keel_segment_alloc(frame_end(), 1, &segment), KEEL_E_NO_MEMORY);
    CHECK_STATUS(keel_segment_alloc(frame_end() + 1, 1, &segment), KEEL_E_NO_MEMORY);
    CHECK_STATUS(keel_segment_alloc(UINT64_C(1) << 20, 1, &segment), KEEL_E_NO_MEMORY);
    CHECK_STATUS(keel_segment_alloc(1, UINT64_C(1) << 18, &segment), KEEL_E_NO_MEMORY);
    CHECK_EQUAL(segment.value, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M5_allocator_answers_out_of_range),
        UNIT(M5_allocator_answers_frames_that_are_not_free),
        UNIT(M5_allocator_answers_the_same_again),
        UNIT(M5_allocator_answers_misaligned_or_too_short_runs),
        UNIT(M5_allocator_answers_runs_that_overlap_used_ones),
        UNIT(P2_allocator_that_calls_back),
        UNIT(P1_largest_requests_reach_the_allocator),
        UNIT(M8_long_runs_are_claimed_whole_or_not_at_all, .seeds = 5, .config.ram_size = 32 << 20),
        UNIT(M8_run_with_an_obstacle_is_given_back_whole),
        UNIT(M8_allocator_that_says_none_is_believed),
        UNIT(P1_allocator_learns_every_free_and_freed_frame),
        UNIT(P1_allocator_is_injected_once_and_whole),
        UNIT(M5_fallback_aligns_and_wraps_around, .config.ram_size = 1 << 20),
        UNIT(M8_fallback_refuses_what_cannot_fit, .config.ram_size = 1 << 20),
    };
    return unit_main(tests, argc, argv);
}

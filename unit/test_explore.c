/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races between two CPUs (race.h), every schedule within the stated number of preemptions.
 */
#include "core/frame.h"
#include "core/space.h"
#include "race.h"
#include "resolve.h"
#include "support.h"

static uint64_t handle;
static keel_space_t space;
static keel_status_t theirs;
static char byte = 'k';

static void new_frame(void)
{
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_frame_write(frame, 0, &byte, 1));
    handle = frame.value;
}

/* A lookup finds the frame of the handle, untouched, for as long as it holds it; or nothing. */
static void look_up(uint64_t argument)
{
    (void)argument;
    race_wait();
    for (unsigned i = 0; i < 2; i++) {
        struct frame *frame = NULL;
        char seen = 0;
        theirs = resolve_frame(handle, &frame);
        CHECK(theirs == KEEL_OK || theirs == KEEL_E_BAD_HANDLE);
        if (theirs == KEEL_OK) {
            hal_phys_read(&seen, frame_address(frame), 1);
            CHECK(seen == 'k');
            let_go_frame(frame);
        }
    }
    race_done();
}

/* The same by the step that the quick look-up falls back to. */
static void look_up_slowly(uint64_t argument)
{
    struct frame *frame = frame_at(handle_slot(handle));
    char seen = 0;
    (void)argument;
    race_wait();
    theirs = ref_get_by_handle(&frame->ref, handle_generation(handle));
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_BAD_HANDLE);
    if (theirs == KEEL_OK) {
        hal_phys_read(&seen, frame_address(frame), 1);
        CHECK(seen == 'k');
        frame_put(frame);
    }
    race_done();
}

static void M2_explore_slow_lookup_against_release(void)
{
    new_frame();
    struct frame *frame = NULL, *next = NULL;
    keel_task_t other = race_start(look_up_slowly, 0);
    CHECK_OK(resolve_frame(handle, &frame));
    CHECK_OK(ref_handle_drop(&frame->ref));
    CHECK(!ref_put(&frame->ref));
    let_go_frame(frame);
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &next));
    race_finish(other);
    frame_put(next);
}

static void M2_explore_lookup_against_release_and_reuse(void)
{
    new_frame();
    struct frame *frame = NULL, *next = NULL;
    keel_task_t other = race_start(look_up, 0);
    CHECK_OK(resolve_frame(handle, &frame));
    CHECK_OK(ref_handle_drop(&frame->ref));
    CHECK(!ref_put(&frame->ref));
    let_go_frame(frame);
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &next));
    race_finish(other);
    frame_put(next);
}

static void release_too(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_frame_release((keel_frame_t){handle});
    race_done();
}

static void M6_explore_two_releases_of_one_reference(void)
{
    new_frame();
    keel_task_t other = race_start(release_too, 0);
    keel_status_t ours = keel_frame_release((keel_frame_t){handle});
    race_finish(other);
    CHECK((ours == KEEL_OK) != (theirs == KEEL_OK));
    CHECK(ours == KEEL_OK || ours == KEEL_E_BAD_HANDLE);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_BAD_HANDLE);
}

static void M2_explore_reference_against_last_release(void)
{
    new_frame();
    keel_task_t other = race_start(release_too, 0);
    keel_status_t ours = keel_frame_ref((keel_frame_t){handle});
    race_finish(other);
    CHECK_OK(theirs);
    CHECK_STATUS(keel_frame_release((keel_frame_t){handle}), ours);
    CHECK_STATUS(keel_frame_release((keel_frame_t){handle}), KEEL_E_BAD_HANDLE);
}

static void allocate_and_free(uint64_t argument)
{
    (void)argument;
    struct frame *frame = NULL;
    race_wait();
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    handle = frame_number(frame);
    frame_put(frame);
    race_done();
}

static void M5_explore_two_allocations(void)
{
    struct frame *frame = NULL;
    uint64_t total = frame_total();
    keel_task_t other = race_start(allocate_and_free, 0);
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    CHECK(ref_word_state(atomic_u64_peek(&frame->ref.word)) == REF_LIVE);
    CHECK_EQUAL(ref_word_count(atomic_u64_peek(&frame->ref.word)), 1);
    CHECK(frame_free_count() <= total);
    race_finish(other);
    frame_put(frame);
}

static void M1_explore_last_release_against_map(void)
{
    uint64_t unmapped = 0;
    struct frame *frame;
    new_frame();
    space = unit_space();
    keel_task_t other = race_start(release_too, 0);
    keel_status_t ours = keel_space_map(space, 0x1000, (keel_frame_t){handle}, KEEL_READ);
    race_finish(other);
    CHECK(ours == KEEL_OK || ours == KEEL_E_BAD_HANDLE);
    CHECK_STATUS(resolve_frame(handle, &frame), KEEL_E_BAD_HANDLE);
    CHECK_AUDIT();
    CHECK_OK(keel_space_unmap(space, 0x1000, 1, &unmapped));
    CHECK_EQUAL(unmapped, ours == KEEL_OK);
    CHECK_OK(keel_space_release(space));
}

static void exit_now(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_task_exit(9));
}

static void T9_explore_join_against_exit(void)
{
    int32_t status = 0;
    keel_task_t other = race_start(exit_now, 0);
    CHECK_OK(keel_task_join(other, &status));
    CHECK_OK(keel_task_release(other));
    hosted_explore_end();
    CHECK(status == 9);
}

static void map_new(uint64_t va)
{
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, va, frame, KEEL_READ | KEEL_WRITE));
    CHECK_OK(keel_frame_release(frame));
}

static void unmap_theirs(uint64_t argument)
{
    uint64_t unmapped = argument;
    struct space *object = NULL;
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(resolve_space(space.value, &object));
    race_wait();
    theirs = space_unmap(object, 0x200000, 1, &unmapped);
    race_done();
    CHECK_EQUAL(unmapped, 1);
    let_go_space(object);
}

static void A2_explore_two_cpus_shooting_at_each_other(void)
{
    struct space *object = NULL;
    space = unit_space();
    map_new(0x1000);
    map_new(0x200000);
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(resolve_space(space.value, &object));
    keel_task_t other = race_start(unmap_theirs, 0);
    uint64_t unmapped = 0;
    CHECK_OK(space_unmap(object, 0x1000, 1, &unmapped)); /* frees the frame: the machine checks both CPUs */
    CHECK_EQUAL(unmapped, 1);
    race_finish(other);
    let_go_space(object);
    CHECK_OK(keel_space_release(space));
}

/* A page is unmapped while the other task comes to the space and reads it: it sees the page, or none. */
static void unmap_against(void (*come_and_touch)(uint64_t))
{
    struct space *object = NULL;
    space = unit_space();
    map_new(0x1000);
    CHECK_OK(resolve_space(space.value, &object));
    keel_task_t other = race_start(come_and_touch, 0);
    uint64_t unmapped = 0;
    CHECK_OK(space_unmap(object, 0x1000, 1, &unmapped));
    CHECK_EQUAL(unmapped, 1);
    race_finish(other);
    let_go_space(object);
    CHECK_OK(keel_space_release(space));
}

static void activate_and_touch(uint64_t argument)
{
    char seen = 0;
    (void)argument;
    race_wait();
    CHECK_OK(keel_space_activate(space));
    theirs = keel_user_read(0x1000, &seen, 1);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_FAULT);
    race_done();
}

static void A2_explore_activation_against_unmap(void)
{
    unmap_against(activate_and_touch);
}

/* With two tags a CPU keeps one space besides the loaded one. */
static void go_back_and_touch(uint64_t argument)
{
    char seen = 0;
    keel_space_t elsewhere = unit_space();
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_user_read(0x1000, &seen, 1));
    CHECK_OK(keel_space_activate(elsewhere));
    CHECK_OK(keel_space_release(elsewhere));
    race_wait();
    CHECK_OK(keel_space_activate(space));
    theirs = keel_user_read(0x1000, &seen, 1);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_FAULT);
    race_done();
}

static void A2_explore_return_to_a_space_against_unmap(void)
{
    unmap_against(go_back_and_touch);
}

static void take_its_tag(uint64_t argument)
{
    keel_space_t second = unit_space(), third = unit_space();
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_space_activate(second));
    race_wait();
    CHECK_OK(keel_space_activate(third));
    race_done();
    CHECK_OK(keel_space_release(second));
    CHECK_OK(keel_space_release(third));
}

static void A2_explore_end_of_a_space_against_loss_of_its_tag(void)
{
    space = unit_space();
    map_new(0x1000);
    keel_task_t other = race_start(take_its_tag, 0);
    CHECK_OK(keel_space_release(space)); /* frees its tables: the machine checks both CPUs */
    race_finish(other);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(M2_explore_lookup_against_release_and_reuse, RACE_BOUND + 1),
        EXPLORE(M2_explore_slow_lookup_against_release, 2),
        EXPLORE(M6_explore_two_releases_of_one_reference, 2),
        EXPLORE(M2_explore_reference_against_last_release, 2),
        EXPLORE(M5_explore_two_allocations, 2),
        EXPLORE(M1_explore_last_release_against_map, 2),
        EXPLORE(T9_explore_join_against_exit, 2),
        EXPLORE(A2_explore_two_cpus_shooting_at_each_other, RACE_BOUND),
        EXPLORE(A2_explore_activation_against_unmap, 2),
        EXPLORE(A2_explore_return_to_a_space_against_unmap, 2, .config.tlb_tags = 2),
        EXPLORE(A2_explore_end_of_a_space_against_loss_of_its_tag, 2, .config.tlb_tags = 2),
    };
    return unit_main(tests, argc, argv);
}

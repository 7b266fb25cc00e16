/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races between two CPUs over the forms of a frame and over lists, every schedule within the stated number of
 * preemptions.
 */
#include "core/frame.h"
#include "core/list.h"
#include "core/unique.h"
#include "race.h"
#include "resolve.h"
#include "support.h"

static keel_frame_t frame;
static keel_unique_t unique, taken; /* `taken`: what the other task got */
static keel_list_t list, list_two;
static keel_status_t theirs;
static const char byte = 'k';

static void new_frame(void)
{
    frame = unit_frame();
    CHECK_OK(keel_frame_write(frame, 0, &byte, 1));
}

static void new_unique(void)
{
    unique = unit_unique();
    CHECK_OK(keel_unique_write(unique, 0, &byte, 1));
}

static uint64_t address_of(uint64_t handle)
{
    return handle_slot(handle) * KEEL_PAGE_SIZE;
}

/* A new frame at the back of the list; answers its address. */
static uint64_t push_new(void)
{
    keel_unique_t pushed = unit_unique();
    CHECK_OK(keel_list_push_back(list, pushed));
    return address_of(pushed.value);
}

static bool is_one_of(keel_status_t status, keel_status_t first, keel_status_t second)
{
    return status == first || status == second;
}

/* --- A shared frame becomes unique --- */

static void ref_too(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_frame_ref(frame);
    race_done();
}

static void M2_explore_conversion_against_reference(void)
{
    new_frame();
    keel_task_t other = race_start(ref_too, 0);
    keel_status_t ours = keel_unique_from_frame(frame, &unique);
    race_finish(other);
    if (ours == KEEL_OK) {
        CHECK_STATUS(theirs, KEEL_E_BAD_HANDLE);
        CHECK_OK(keel_unique_release(unique));
        return;
    }
    CHECK_STATUS(ours, KEEL_E_BUSY);
    CHECK_OK(theirs);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_frame_release(frame));
}

static void release_too(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_frame_release(frame);
    race_done();
}

static void M2_explore_conversion_against_release(void)
{
    new_frame();
    keel_task_t other = race_start(release_too, 0);
    keel_status_t ours = keel_unique_from_frame(frame, &unique);
    race_finish(other);
    CHECK_STATUS(theirs, ours == KEEL_OK ? KEEL_E_BAD_HANDLE : KEEL_OK);
    CHECK(ours == KEEL_OK || is_one_of(ours, KEEL_E_BUSY, KEEL_E_BAD_HANDLE));
    if (ours == KEEL_OK) {
        CHECK_OK(keel_unique_release(unique));
    }
    CHECK_STATUS(keel_frame_release(frame), KEEL_E_BAD_HANDLE);
}

/* The mapping's reference comes and the handle goes, so that count and handles each look right at some
 * moment. */
static void map_and_release(uint64_t argument)
{
    struct frame *held = NULL;
    (void)argument;
    race_wait();
    theirs = resolve_frame(frame.value, &held);
    if (theirs == KEEL_OK) {
        theirs = ref_get(&held->ref); /* as a mapping does */
        CHECK_OK(ref_handle_drop(&held->ref));
        CHECK(!ref_put(&held->ref));
        let_go_frame(held);
    }
    race_done();
}

static void M1_explore_conversion_against_mapping_and_release(void)
{
    new_frame();
    struct frame *object = frame_at(handle_slot(frame.value));
    keel_task_t other = race_start(map_and_release, 0);
    keel_status_t ours = keel_unique_from_frame(frame, &unique);
    race_finish(other);
    if (ours == KEEL_OK) {
        CHECK_STATUS(theirs, KEEL_E_BAD_HANDLE);
        CHECK_OK(keel_unique_release(unique));
    } else {
        CHECK(is_one_of(ours, KEEL_E_BUSY, KEEL_E_BAD_HANDLE));
        CHECK_OK(theirs);
        CHECK_EQUAL(ref_word_state(atomic_u64_peek(&object->ref.word)), REF_LIVE);
        frame_put(object);
    }
}

/* Three calls on one cell with one handle: two that convert, one that releases. Core's steps alone, without
 * the entry points; too many schedules to have them all, so many at random. */
#define ROUNDS 3000u
static struct ref cell;
static atomic_u32_t converted, finished, turn;

static void convert_once(void)
{
    if (ref_get_by_handle(&cell, 1) == KEEL_OK) {
        if (ref_convert_live(&cell) == KEEL_OK) {
            atomic_u32_fetch_add(&converted, 1);
        } else if (ref_put(&cell)) {
            ref_unclaim(&cell);
        }
    }
}

static void release_once(void)
{
    if (ref_get_by_handle(&cell, 1) == KEEL_OK) {
        if (ref_handle_drop(&cell) == KEEL_OK) {
            CHECK(!ref_put(&cell));
        }
        if (ref_put(&cell)) {
            ref_unclaim(&cell);
        }
    }
}

static void wait_until(const atomic_u32_t *word, uint32_t value)
{
    while (atomic_u32_load_acquire(word) != value) {
        hal_point(HAL_POINT_RELAX, NULL);
    }
}

static void converter(uint64_t argument)
{
    (void)argument;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        wait_until(&turn, round);
        convert_once();
        atomic_u32_fetch_add(&finished, 1);
    }
}

static void M2_two_conversions_and_a_release_at_random(void)
{
    keel_task_t others[2];
    atomic_u32_init(&turn, 0);
    atomic_u32_init(&finished, 0);
    for (unsigned i = 0; i < 2; i++) {
        others[i] = unit_spawn(converter, 0);
    }
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        ref_init(&cell, REF_FREE);
        atomic_u32_init(&converted, 0);
        CHECK(ref_claim(&cell));
        ref_publish(&cell, 1, true);
        atomic_u32_store_release(&turn, round);
        release_once();
        wait_until(&finished, 2 * round);
        enum ref_state state = ref_word_state(atomic_u64_peek(&cell.word));
        CHECK(state == (atomic_u32_peek(&converted) == 1 ? REF_BUSY : REF_FREE));
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK(unit_join(others[i]) == 0);
    }
}

static void convert_too(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_unique_from_frame(frame, &taken);
    race_done();
}

static void M2_explore_two_conversions(void)
{
    new_frame();
    keel_task_t other = race_start(convert_too, 0);
    keel_status_t ours = keel_unique_from_frame(frame, &unique);
    race_finish(other);
    CHECK(ours != KEEL_OK || theirs != KEEL_OK);
    if (ours == KEEL_OK) {
        CHECK_OK(keel_unique_release(unique));
    } else if (theirs == KEEL_OK) {
        CHECK_OK(keel_unique_release(taken));
    } else {
        CHECK_STATUS(ours, KEEL_E_BUSY);
        CHECK_STATUS(theirs, KEEL_E_BUSY);
        CHECK_OK(keel_frame_release(frame));
    }
}

static void load_word(uint64_t argument)
{
    uint64_t value = argument;
    race_wait();
    theirs = keel_frame_word_load(frame, 0, 0, &value);
    CHECK_EQUAL(value, 0);
    race_done();
}

/* The tag is plain memory: under ThreadSanitizer this shows that taking the frame comes after whatever others
 * did with it. */
static void M2_explore_conversion_against_words(void)
{
    new_frame();
    keel_task_t other = race_start(load_word, 0);
    keel_status_t ours = keel_unique_from_frame(frame, &unique);
    if (ours == KEEL_OK) {
        CHECK_OK(keel_unique_set(unique, 5, 6, 7));
    }
    race_finish(other);
    CHECK(is_one_of(ours, KEEL_OK, KEEL_E_BUSY));
    CHECK(theirs == KEEL_OK || (ours == KEEL_OK && theirs == KEEL_E_BAD_HANDLE));
    CHECK_OK(ours == KEEL_OK ? keel_unique_release(unique) : keel_frame_release(frame));
}

/* A lookup finds the frame of the handle, untouched and shared, for as long as it holds it; or nothing. */
static void look_up(uint64_t argument)
{
    (void)argument;
    race_wait();
    for (unsigned i = 0; i < 2; i++) {
        struct frame *held = NULL;
        theirs = resolve_frame(frame.value, &held);
        CHECK(is_one_of(theirs, KEEL_OK, KEEL_E_BAD_HANDLE));
        if (theirs == KEEL_OK) {
            char seen = 0;
            hal_phys_read(&seen, frame_address(held), 1);
            CHECK(seen == 'k');
            CHECK_EQUAL(ref_word_state(atomic_u64_load_acquire(&held->ref.word)), REF_LIVE);
            let_go_frame(held);
        }
    }
    race_done();
}

static void M2_explore_lookup_against_both_conversions(void)
{
    new_frame();
    keel_frame_t again = frame;
    keel_task_t other = race_start(look_up, 0);
    keel_status_t ours = keel_unique_from_frame(frame, &unique);
    if (ours == KEEL_OK) {
        char changed = 'x';
        CHECK_OK(keel_unique_write(unique, 0, &changed, 1));
        CHECK_OK(keel_unique_to_frame(unique, &again));
    }
    race_finish(other);
    CHECK(is_one_of(ours, KEEL_OK, KEEL_E_BUSY));
    CHECK((again.value == frame.value) == (ours != KEEL_OK));
    CHECK_OK(keel_frame_release(again));
}

/* --- The last release against lookup and reuse in the other form --- */

static void M2_explore_lookup_against_reuse_as_unique(void)
{
    new_frame();
    keel_task_t other = race_start(look_up, 0);
    CHECK_OK(keel_frame_release(frame));
    keel_status_t ours = keel_unique_alloc(&unique);
    race_finish(other);
    CHECK_OK(ours);
    CHECK_OK(keel_unique_release(unique));
}

/* --- Two calls with one unique handle --- */

static void read_unique(uint64_t argument)
{
    (void)argument;
    race_wait();
    char seen = 0;
    theirs = keel_unique_read(unique, 0, &seen, 1);
    CHECK(theirs == KEEL_OK ? seen == 'k' : is_one_of(theirs, KEEL_E_BUSY, KEEL_E_BAD_HANDLE));
    race_done();
}

static void M2_explore_use_against_end_of_a_unique_frame(void)
{
    new_unique();
    keel_task_t other = race_start(read_unique, 0);
    keel_status_t ours = keel_unique_release(unique);
    race_finish(other);
    CHECK(is_one_of(ours, KEEL_OK, KEEL_E_BUSY));
    if (ours == KEEL_E_BUSY) {
        CHECK_OK(theirs);
        CHECK_OK(keel_unique_release(unique));
    }
}

static void end_too(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_unique_release(unique);
    race_done();
}

static void M2_explore_sharing_against_end_of_a_unique_frame(void)
{
    new_unique();
    keel_task_t other = race_start(end_too, 0);
    keel_status_t ours = keel_unique_to_frame(unique, &frame);
    race_finish(other);
    CHECK((ours == KEEL_OK) != (theirs == KEEL_OK));
    CHECK(ours == KEEL_OK || is_one_of(ours, KEEL_E_BUSY, KEEL_E_BAD_HANDLE));
    CHECK(theirs == KEEL_OK || is_one_of(theirs, KEEL_E_BUSY, KEEL_E_BAD_HANDLE));
    if (ours == KEEL_OK) {
        CHECK_OK(keel_frame_release(frame));
    }
}

/* --- Lists --- */

static void pop_too(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_list_pop_front(list, &taken);
    race_done();
}

static void M2_explore_push_against_pop(void)
{
    list = unit_list();
    new_unique();
    keel_task_t other = race_start(pop_too, 0);
    CHECK_OK(keel_list_push_back(list, unique));
    race_finish(other);
    CHECK(is_one_of(theirs, KEEL_OK, KEEL_E_NOT_FOUND));
    if (theirs == KEEL_OK) {
        char seen = 0;
        CHECK_OK(keel_unique_read(taken, 0, &seen, 1));
        CHECK(seen == 'k');
        CHECK_OK(keel_unique_release(taken));
    }
    CHECK_OK(keel_list_release(list));
}

static void M2_explore_two_pops_of_one_frame(void)
{
    list = unit_list();
    (void)push_new();
    keel_task_t other = race_start(pop_too, 0);
    keel_status_t ours = keel_list_pop_back(list, &unique);
    race_finish(other);
    CHECK((ours == KEEL_OK) != (theirs == KEEL_OK));
    CHECK_OK(keel_unique_release(ours == KEEL_OK ? unique : taken));
    CHECK_OK(keel_list_release(list));
}

static void M2_explore_remove_against_pop(void)
{
    list = unit_list();
    uint64_t address = push_new();
    uint64_t second = push_new(), next = 0;
    keel_task_t other = race_start(pop_too, 0);
    keel_status_t ours = keel_list_remove(list, address, &unique);
    race_finish(other);
    CHECK_OK(theirs); /* one of the two */
    CHECK(is_one_of(ours, KEEL_OK, KEEL_E_NOT_FOUND));
    CHECK_EQUAL(address_of(taken.value), ours == KEEL_OK ? second : address);
    CHECK_OK(keel_list_next(list, KEEL_LIST_END, &next));
    CHECK_EQUAL(next, ours == KEEL_OK ? KEEL_LIST_END : second);
    if (ours == KEEL_OK) {
        CHECK_OK(keel_unique_release(unique));
    }
    CHECK_OK(keel_unique_release(taken));
    CHECK_OK(keel_list_release(list));
}

static void push_to_two(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_list_push_front(list_two, unique);
    race_done();
}

static void M2_explore_pushes_to_two_lists(void)
{
    uint32_t in_one = 2, in_two = 2;
    list = unit_list();
    list_two = unit_list();
    new_unique();
    keel_task_t other = race_start(push_to_two, 0);
    keel_status_t ours = keel_list_push_back(list, unique);
    race_finish(other);
    CHECK((ours == KEEL_OK) != (theirs == KEEL_OK));
    CHECK_OK(keel_list_contains(list, address_of(unique.value), &in_one));
    CHECK_OK(keel_list_contains(list_two, address_of(unique.value), &in_two));
    CHECK(in_one == (ours == KEEL_OK) && in_two == (theirs == KEEL_OK));
    CHECK_OK(keel_list_release(list));
    CHECK_OK(keel_list_release(list_two));
}

static void close_list(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_list_release(list);
    race_done();
}

/* Whoever lets go last frees what was pushed: the frames are counted at the end of the test. */
static void H2_explore_close_of_a_list_against_push(void)
{
    list = unit_list();
    (void)push_new();
    new_unique();
    keel_task_t other = race_start(close_list, 0);
    keel_status_t ours = keel_list_push_back(list, unique);
    race_finish(other);
    CHECK_OK(theirs);
    CHECK(is_one_of(ours, KEEL_OK, KEEL_E_BAD_HANDLE));
    CHECK_STATUS(keel_unique_release(unique), ours == KEEL_OK ? KEEL_E_BAD_HANDLE : KEEL_OK);
}

static void H2_explore_close_of_a_list_against_pop(void)
{
    list = unit_list();
    (void)push_new();
    keel_task_t other = race_start(close_list, 0);
    keel_status_t ours = keel_list_pop_front(list, &unique);
    race_finish(other);
    CHECK_OK(theirs);
    CHECK(is_one_of(ours, KEEL_OK, KEEL_E_BAD_HANDLE));
    if (ours == KEEL_OK) {
        CHECK_OK(keel_unique_release(unique));
    }
}

/* --- Segments --- */

static keel_segment_t segment;

static void release_segment(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_segment_release(segment);
    race_done();
}

static void M2_explore_split_against_release(void)
{
    keel_segment_t low = {0}, high = {0};
    CHECK_OK(keel_segment_alloc(2, 1, &segment));
    keel_task_t other = race_start(release_segment, 0);
    keel_status_t ours = keel_segment_split(segment, 1, &low, &high);
    race_finish(other);
    CHECK((ours == KEEL_OK) != (theirs == KEEL_OK)); /* there is one reference to drop */
    if (ours == KEEL_OK) {
        CHECK_OK(keel_segment_release(low));
        CHECK_OK(keel_segment_release(high));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(M2_explore_conversion_against_reference, 2),
        EXPLORE(M2_explore_conversion_against_release, 2),
        EXPLORE(M1_explore_conversion_against_mapping_and_release, 3),
        EXPLORE(M2_explore_two_conversions, 2),
        UNIT(M2_two_conversions_and_a_release_at_random, .seeds = 8,
             .config = {.cpu_count = 3, .switch_period = 2}),
        EXPLORE(M2_explore_conversion_against_words, 2),
        EXPLORE(M2_explore_lookup_against_both_conversions, 2),
        EXPLORE(M2_explore_lookup_against_reuse_as_unique, 2),
        EXPLORE(M2_explore_use_against_end_of_a_unique_frame, 2),
        EXPLORE(M2_explore_sharing_against_end_of_a_unique_frame, 2),
        EXPLORE(M2_explore_push_against_pop, 2),
        EXPLORE(M2_explore_two_pops_of_one_frame, 2),
        EXPLORE(M2_explore_remove_against_pop, 2),
        EXPLORE(M2_explore_pushes_to_two_lists, 2),
        EXPLORE(H2_explore_close_of_a_list_against_push, 2),
        EXPLORE(H2_explore_close_of_a_list_against_pop, 2),
        EXPLORE(M2_explore_split_against_release, 2),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/unique.c and the calls of keel/unique.h.
 */
#include "core/unique.h"

#include <string.h>

#include "core/list.h"
#include "resolve.h"
#include "support.h"

#define TAG 0x6b65656cu

static unsigned char page[KEEL_PAGE_SIZE];

static struct frame *frame_of(uint64_t handle)
{
    return frame_at(handle_slot(handle));
}

static uint64_t word_of(uint64_t handle)
{
    return atomic_u64_peek(&frame_of(handle)->ref.word);
}

static keel_frame_t share(keel_unique_t unique)
{
    keel_frame_t frame = {0};
    CHECK_OK(keel_unique_to_frame(unique, &frame));
    return frame;
}

/* A shared frame with a tag and words. */
static keel_frame_t tagged(uint32_t tag, uint64_t word0, uint64_t word1)
{
    keel_unique_t unique = unit_unique();
    CHECK_OK(keel_unique_set(unique, tag, word0, word1));
    return share(unique);
}

static void M2_unique_frame_walks_through_a_whole_life(void)
{
    uint64_t before = frame_free_count();
    keel_unique_t unique = unit_unique();
    CHECK_EQUAL(ref_word_state(word_of(unique.value)), REF_UNIQUE);
    CHECK_EQUAL(ref_word_count(word_of(unique.value)), 0);
    CHECK_EQUAL(frame_of(unique.value)->type, FRAME_UNTYPED);
    CHECK_EQUAL(frame_free_count(), before - 1);
    keel_frame_t frame = share(unique);
    CHECK_EQUAL(ref_word_state(word_of(frame.value)), REF_LIVE);
    CHECK_EQUAL(ref_word_count(word_of(frame.value)), 1);
    keel_unique_t again = {0};
    CHECK_OK(keel_unique_from_frame(frame, &again));
    CHECK_EQUAL(ref_word_state(word_of(again.value)), REF_UNIQUE);
    CHECK_OK(keel_unique_release(again));
    CHECK_EQUAL(ref_word_state(word_of(again.value)), REF_FREE);
    CHECK_EQUAL(frame_free_count(), before);
}

static void refuse_unique(uint64_t value)
{
    const keel_unique_t unique = {value};
    struct keel_unique_info info;
    keel_frame_t frame = {5};
    keel_list_t list = unit_list();
    CHECK_STATUS(keel_unique_to_frame(unique, &frame), KEEL_E_BAD_HANDLE);
    CHECK_EQUAL(frame.value, 5);
    CHECK_STATUS(keel_unique_read(unique, 0, page, 1), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_unique_write(unique, 0, page, 1), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_unique_info(unique, &info), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_unique_set(unique, 1, 2, 3), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_list_push_back(list, unique), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_unique_release(unique), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_list_release(list));
}

static void refuse_frame(uint64_t value)
{
    const keel_frame_t frame = {value};
    keel_unique_t unique = {5};
    CHECK_STATUS(keel_frame_ref(frame), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_frame_write(frame, 0, page, 1), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_unique_from_frame(frame, &unique), KEEL_E_BAD_HANDLE);
    CHECK_EQUAL(unique.value, 5);
    CHECK_STATUS(keel_frame_release(frame), KEEL_E_BAD_HANDLE);
}

/* Every handle of an earlier form stays closed through all later ones. */
static void H3_conversions_close_the_old_handles_for_ever(void)
{
    uint64_t uniques[4], frames[4];
    keel_unique_t unique = unit_unique();
    for (unsigned i = 0; i < 4; i++) {
        uniques[i] = unique.value;
        frames[i] = share(unique).value;
        for (unsigned old = 0; old <= i; old++) {
            refuse_unique(uniques[old]);
        }
        CHECK_OK(keel_unique_from_frame((keel_frame_t){frames[i]}, &unique));
        for (unsigned old = 0; old <= i; old++) {
            refuse_frame(frames[old]);
            CHECK(uniques[old] != unique.value);
        }
    }
    CHECK_OK(keel_unique_release(unique));
    refuse_unique(unique.value);
}

static void H1_forged_unique_handles_are_refused(void)
{
    keel_unique_t unique = unit_unique();
    for (unsigned bit = 0; bit < 64; bit++) {
        refuse_unique(unique.value ^ UINT64_C(1) << bit);
    }
    refuse_unique(0);
    refuse_unique(UINT64_MAX);
    CHECK_OK(keel_unique_release(unique));
}

/* The two forms have kinds of their own, also where slot and generation agree. */
static void H1_forms_of_one_frame_are_told_apart(void)
{
    keel_unique_t unique = unit_unique();
    refuse_frame(frame_handle(frame_of(unique.value)));
    keel_frame_t frame = share(unique);
    refuse_unique(frame_unique_handle(frame_of(frame.value)));
    CHECK_OK(keel_frame_release(frame));
}

static void M3_unique_handles_never_name_typed_frames(void)
{
    for (uint64_t number = 0; number < frame_end(); number++) {
        keel_unique_t guess = {frame_unique_handle(frame_at(number))};
        CHECK_STATUS(keel_unique_release(guess), KEEL_E_BAD_HANDLE);
    }
}

static void M2_work_on_a_unique_frame_is_exclusive(void)
{
    keel_unique_t unique = unit_unique();
    keel_list_t list = unit_list();
    struct keel_unique_info info;
    struct frame *held = NULL;
    keel_frame_t frame;
    CHECK_OK(resolve_unique(unique.value, &held));
    CHECK_AUDIT();
    CHECK_STATUS(keel_unique_read(unique, 0, page, 1), KEEL_E_BUSY);
    CHECK_STATUS(keel_unique_write(unique, 0, page, 1), KEEL_E_BUSY);
    CHECK_STATUS(keel_unique_info(unique, &info), KEEL_E_BUSY);
    CHECK_STATUS(keel_unique_set(unique, 1, 2, 3), KEEL_E_BUSY);
    CHECK_STATUS(keel_unique_to_frame(unique, &frame), KEEL_E_BUSY);
    CHECK_STATUS(keel_list_push_front(list, unique), KEEL_E_BUSY);
    CHECK_STATUS(keel_unique_release(unique), KEEL_E_BUSY);
    let_go_unique(held);
    CHECK_OK(keel_unique_release(unique));
    CHECK_OK(keel_list_release(list));
}

static void refuse_conversion(keel_frame_t frame)
{
    keel_unique_t unique = {7};
    uint64_t word = word_of(frame.value);
    CHECK_STATUS(keel_unique_from_frame(frame, &unique), KEEL_E_BUSY);
    CHECK_EQUAL(unique.value, 7);
    CHECK_EQUAL(word_of(frame.value), word);
    CHECK_EQUAL(atomic_u32_peek(&frame_of(frame.value)->ref.handles), 1);
}

static void M2_only_the_sole_reference_becomes_unique(void)
{
    uint64_t count = 0;
    struct frame *held = NULL;
    keel_space_t space = unit_space();
    keel_segment_t segment = {0};
    keel_frame_t member = {0}, frame = unit_frame();
    keel_unique_t unique = {0};

    CHECK_OK(keel_frame_ref(frame)); /* a second handle */
    CHECK_STATUS(keel_unique_from_frame(frame, &unique), KEEL_E_BUSY);
    CHECK_OK(keel_frame_release(frame));

    CHECK_OK(keel_space_map(space, 0x1000, frame, KEEL_READ)); /* a mapping */
    refuse_conversion(frame);
    CHECK_OK(keel_space_unmap(space, 0x1000, 1, &count));

    CHECK_OK(keel_segment_alloc(1, 1, &segment)); /* a segment */
    CHECK_OK(keel_segment_frame(segment, 0, &member));
    refuse_conversion(member);
    CHECK_OK(keel_segment_release(segment));

    CHECK_OK(resolve_frame(frame.value, &held)); /* another call */
    refuse_conversion(frame);
    let_go_frame(held);

    CHECK_OK(keel_unique_from_frame(frame, &unique));
    CHECK_OK(keel_unique_release(unique));
    CHECK_OK(keel_unique_from_frame(member, &unique));
    CHECK_OK(keel_unique_release(unique));
    CHECK_OK(keel_space_release(space));
}

/* The handle is gone, but a mapping's reference makes the count what it should be. */
static void M2_a_mapping_is_not_taken_for_the_handle(void)
{
    uint64_t count = 0, made = 0;
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    struct frame *held = NULL;
    CHECK_OK(keel_space_map(space, 0x1000, frame, KEEL_READ));
    CHECK_OK(resolve_frame(frame.value, &held));
    CHECK_OK(keel_frame_release(frame));
    CHECK_STATUS(unique_from_shared(held, &made), KEEL_E_BUSY);
    let_go_frame(held);
    CHECK_AUDIT();
    CHECK_OK(keel_space_unmap(space, 0x1000, 1, &count));
    CHECK_OK(keel_space_release(space));
}

/* Sets the generation of a frame at rest and answers the handle that names it then. */
static uint64_t last_generation(uint64_t handle)
{
    struct frame *frame = frame_of(handle);
    atomic_u64_init(&frame->ref.word, word_of(handle) | UINT64_C(0xffffffff) << 32);
    return handle | UINT32_MAX;
}

static void H3_conversion_needs_another_generation(void)
{
    keel_list_t list = unit_list();
    keel_frame_t frame = {last_generation(unit_frame().value)}, shared = {4};
    keel_unique_t unique = {4};
    uint64_t word = word_of(frame.value);
    CHECK_STATUS(keel_unique_from_frame(frame, &unique), KEEL_E_LIMIT);
    CHECK_EQUAL(unique.value, 4);
    CHECK_EQUAL(word_of(frame.value), word);
    CHECK_OK(keel_frame_release(frame));

    unique.value = last_generation(unit_unique().value);
    word = word_of(unique.value);
    CHECK_STATUS(keel_unique_to_frame(unique, &shared), KEEL_E_LIMIT);
    CHECK_EQUAL(shared.value, 4);
    CHECK_STATUS(keel_list_push_back(list, unique), KEEL_E_LIMIT);
    CHECK_STATUS(keel_list_insert(list, KEEL_LIST_END, unique), KEEL_E_LIMIT);
    CHECK_EQUAL(word_of(unique.value), word);
    CHECK_OK(keel_unique_release(unique)); /* retires it */
    CHECK_EQUAL(ref_word_state(word_of(unique.value)), REF_RETIRED);
    CHECK_OK(keel_list_release(list));
    CHECK_AUDIT();
}

static void M4_unique_copies_keep_to_their_range(void)
{
    static const uint64_t offsets[] = {0, 1, 4095, 4096, 4097, UINT64_MAX, UINT64_MAX - 4095};
    static const size_t sizes[] = {0, 1, 2, 4095, 4096, 4097, SIZE_MAX};
    keel_unique_t unique = unit_unique();
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            bool fits = offsets[i] <= 4096 && sizes[j] <= 4096 - offsets[i];
            keel_status_t expected = fits ? KEEL_OK : KEEL_E_INVALID;
            CHECK_STATUS(keel_unique_write(unique, offsets[i], page, sizes[j]), expected);
            CHECK_STATUS(keel_unique_read(unique, offsets[i], page, sizes[j]), expected);
        }
    }
    char back[5] = {0};
    CHECK_OK(keel_unique_write(unique, 4091, "keel", 5));
    keel_frame_t frame = share(unique);
    CHECK_OK(keel_frame_read(frame, 4091, back, 5)); /* a conversion keeps the contents */
    CHECK(memcmp(back, "keel", 5) == 0);
    CHECK_OK(keel_frame_release(frame));
}

static void check_client(keel_unique_t unique, uint64_t tag, uint64_t word0, uint64_t word1)
{
    struct keel_unique_info info = {0};
    CHECK_OK(keel_unique_info(unique, &info));
    CHECK_EQUAL(info.address, frame_address(frame_of(unique.value)).value);
    CHECK_EQUAL(info.tag, tag);
    CHECK_EQUAL(info.words[0], word0);
    CHECK_EQUAL(info.words[1], word1);
}

static void M9_tag_and_words_never_show_in_a_next_life(void)
{
    static keel_unique_t all[64];
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 64; i++) {
            all[i] = unit_unique();
            check_client(all[i], 0, 0, 0);
            CHECK_OK(keel_unique_set(all[i], UINT32_MAX, UINT64_MAX, UINT64_MAX - i));
        }
        for (unsigned i = 0; i < 64; i++) {
            CHECK_OK(keel_unique_release(all[i]));
        }
    }
    struct keel_frame_info info = {0};
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_frame_info(frame, &info));
    CHECK_EQUAL(info.tag, 0);
    CHECK_OK(keel_frame_release(frame));
}

static void M3_words_are_for_who_names_the_tag(void)
{
    static const uint32_t wrong[] = {0, 1, TAG + 1, TAG ^ 0x80000000u, UINT32_MAX};
    struct keel_frame_info info = {0};
    keel_frame_t frame = tagged(TAG, 10, 11);
    uint64_t value = 0;
    CHECK_OK(keel_frame_info(frame, &info));
    CHECK_EQUAL(info.tag, TAG);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(keel_frame_word_load(frame, wrong[i], 0, &value), KEEL_E_DENIED);
        CHECK_STATUS(keel_frame_word_store(frame, wrong[i], 0, 99), KEEL_E_DENIED);
        CHECK_STATUS(keel_frame_word_exchange(frame, wrong[i], 0, 10, 99, &value), KEEL_E_DENIED);
        CHECK_EQUAL(value, 0);
    }
    for (uint32_t index = 0; index < KEEL_FRAME_WORDS; index++) {
        CHECK_OK(keel_frame_word_load(frame, TAG, index, &value));
        CHECK_EQUAL(value, 10 + index);
        value = 0;
    }
    CHECK_OK(keel_frame_release(frame));
    frame = unit_frame(); /* never tagged: its tag is 0 */
    CHECK_OK(keel_frame_word_store(frame, 0, 1, 5));
    CHECK_OK(keel_frame_word_load(frame, 0, 1, &value));
    CHECK_EQUAL(value, 5);
    CHECK_OK(keel_frame_release(frame));
}

static void M3_word_index_is_checked(void)
{
    static const uint32_t wrong[] = {KEEL_FRAME_WORDS, KEEL_FRAME_WORDS + 1, UINT32_MAX};
    keel_frame_t frame = tagged(TAG, 1, 2);
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(keel_frame_word_load(frame, TAG, wrong[i], &value), KEEL_E_INVALID);
        CHECK_STATUS(keel_frame_word_store(frame, TAG, wrong[i], 9), KEEL_E_INVALID);
        CHECK_STATUS(keel_frame_word_exchange(frame, TAG, wrong[i], 0, 9, &value), KEEL_E_INVALID);
    }
    CHECK_EQUAL(value, 0);
    CHECK_OK(keel_frame_release(frame));
}

static void M2_word_exchange_is_conditional(void)
{
    keel_frame_t frame = tagged(TAG, 10, 11);
    uint64_t previous = 0, value = 0;
    CHECK_OK(keel_frame_word_exchange(frame, TAG, 1, 10, 20, &previous));
    CHECK_EQUAL(previous, 11);
    CHECK_OK(keel_frame_word_exchange(frame, TAG, 1, 11, 21, &previous));
    CHECK_EQUAL(previous, 11);
    CHECK_OK(keel_frame_word_load(frame, TAG, 1, &value));
    CHECK_EQUAL(value, 21);
    CHECK_OK(keel_frame_word_store(frame, TAG, 0, 30));
    keel_unique_t unique = {0};
    CHECK_OK(keel_unique_from_frame(frame, &unique));
    check_client(unique, TAG, 30, 21);
    CHECK_OK(keel_unique_set(unique, 0, 0, 0));
    check_client(unique, 0, 0, 0);
    CHECK_OK(keel_unique_release(unique));
}

static keel_frame_t counter;

static void add_one_each(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t value = 0, previous = 0;
        CHECK_OK(keel_frame_word_load(counter, TAG, 0, &value));
        do {
            previous = value;
            CHECK_OK(keel_frame_word_exchange(counter, TAG, 0, previous, previous + 1, &value));
        } while (value != previous);
    }
}

static void M2_no_exchange_is_lost_while_cpus_race(void)
{
    uint64_t value = 0;
    counter = tagged(TAG, 0, 0);
    keel_task_t other = unit_spawn(add_one_each, 20);
    add_one_each(20);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_frame_word_load(counter, TAG, 0, &value));
    CHECK_EQUAL(value, 40);
    CHECK_OK(keel_frame_release(counter));
}

static void M8_every_frame_can_be_unique(void)
{
    static keel_unique_t all[8192];
    uint64_t before = frame_free_count();
    size_t count = 0;
    while (count < 8192 && keel_unique_alloc(&all[count]) == KEEL_OK) {
        count++;
    }
    CHECK_EQUAL(count, before);
    keel_unique_t none = {77};
    CHECK_STATUS(keel_unique_alloc(&none), KEEL_E_NO_MEMORY);
    CHECK_EQUAL(none.value, 77);
    CHECK_AUDIT();
    while (count > 0) {
        CHECK_OK(keel_unique_release(all[--count]));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M2_unique_frame_walks_through_a_whole_life),
        UNIT(H3_conversions_close_the_old_handles_for_ever),
        UNIT(H1_forged_unique_handles_are_refused),
        UNIT(H1_forms_of_one_frame_are_told_apart),
        UNIT(M3_unique_handles_never_name_typed_frames, .config.ram_size = 1 << 20),
        UNIT(M2_work_on_a_unique_frame_is_exclusive),
        UNIT(M2_only_the_sole_reference_becomes_unique),
        UNIT(M2_a_mapping_is_not_taken_for_the_handle),
        UNIT(H3_conversion_needs_another_generation, .leaves_things = true),
        UNIT(M4_unique_copies_keep_to_their_range),
        UNIT(M9_tag_and_words_never_show_in_a_next_life, .config.ram_size = 1 << 20),
        UNIT(M3_words_are_for_who_names_the_tag),
        UNIT(M3_word_index_is_checked),
        UNIT(M2_word_exchange_is_conditional),
        UNIT(M2_no_exchange_is_lost_while_cpus_race, .seeds = 40),
        UNIT(M8_every_frame_can_be_unique, .config.ram_size = 2 << 20),
    };
    return unit_main(tests, argc, argv);
}

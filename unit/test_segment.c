/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/segment.c and the calls of keel/frame.h on segments.
 */
#include "core/segment.h"

#include <string.h>

#include "support.h"

static void M8_segment_arguments(void)
{
    static const struct {
        uint64_t count, alignment;
    } wrong[] = {{0, 1},
                 {1, 0},
                 {1, 3},
                 {1, UINT64_MAX},
                 {(1u << 20) + 1, 1},
                 {UINT64_MAX, 1},
                 {1, 1u << 19},
                 {UINT64_MAX, UINT64_MAX},
                 {1, UINT64_C(1) << 63}};
    keel_segment_t segment = {3};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(keel_segment_alloc(wrong[i].count, wrong[i].alignment, &segment), KEEL_E_INVALID);
        CHECK_EQUAL(segment.value, 3);
    }
    CHECK_STATUS(keel_segment_alloc(1, 1, NULL), KEEL_E_INVALID);
}

static void M2_segment_end_frees_all_its_frames(void)
{
    uint64_t before = frame_free_count();
    keel_segment_t segment;
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_alloc(7, 4, &segment));
    CHECK_OK(keel_segment_info(segment, &info));
    CHECK_EQUAL(info.frame_count, 7);
    CHECK_EQUAL(info.address % (4 * KEEL_PAGE_SIZE), 0);
    CHECK_EQUAL(frame_free_count(), before - 7);
    CHECK_OK(keel_segment_ref(segment));
    CHECK_OK(keel_segment_release(segment));
    CHECK_EQUAL(frame_free_count(), before - 7);
    CHECK_OK(keel_segment_release(segment));
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_STATUS(keel_segment_release(segment), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_segment_info(segment, &info), KEEL_E_BAD_HANDLE);
}

static void M4_segment_copies_cross_frames_and_keep_to_the_range(void)
{
    static unsigned char out[3 * KEEL_PAGE_SIZE], in[3 * KEEL_PAGE_SIZE];
    keel_segment_t segment;
    CHECK_OK(keel_segment_alloc(3, 1, &segment));
    CHECK_OK(keel_segment_read(segment, 0, in, sizeof in));
    CHECK(memcmp(in, out, sizeof in) == 0); /* M9: zeroes */
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (unsigned char)(i * 7 + i / 256);
    }
    CHECK_OK(keel_segment_write(segment, 0, out, sizeof out));
    CHECK_OK(keel_segment_read(segment, 4000, in, 5000));
    CHECK(memcmp(in, out + 4000, 5000) == 0);
    CHECK_OK(keel_segment_read(segment, sizeof in, NULL, 0));
    CHECK_STATUS(keel_segment_read(segment, sizeof in, in, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_segment_read(segment, 1, in, sizeof in), KEEL_E_INVALID);
    CHECK_STATUS(keel_segment_write(segment, UINT64_MAX, out, 2), KEEL_E_INVALID);
    CHECK_STATUS(keel_segment_write(segment, 1, out, SIZE_MAX), KEEL_E_INVALID);
    CHECK_OK(keel_segment_release(segment));
    memset(out, 0, sizeof out);
}

static void M1_frame_of_a_segment_outlives_it(void)
{
    keel_segment_t segment;
    keel_frame_t frame = {0};
    char byte = 'k';
    CHECK_OK(keel_segment_alloc(2, 1, &segment));
    CHECK_OK(keel_segment_frame(segment, 1, &frame));
    CHECK_STATUS(keel_segment_frame(segment, 2, &frame), KEEL_E_INVALID);
    CHECK_STATUS(keel_segment_frame(segment, UINT64_MAX, &frame), KEEL_E_INVALID);
    CHECK_OK(keel_frame_write(frame, 0, &byte, 1));
    byte = 0;
    CHECK_OK(keel_segment_read(segment, KEEL_PAGE_SIZE, &byte, 1));
    CHECK(byte == 'k');
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_frame_read(frame, 0, &byte, 1));
    CHECK_OK(keel_frame_release(frame));
    CHECK_STATUS(keel_frame_release(frame), KEEL_E_BAD_HANDLE);
}

static void H1_segment_frame_has_no_handle_until_asked(void)
{
    keel_segment_t segment;
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_alloc(1, 1, &segment));
    CHECK_OK(keel_segment_info(segment, &info));
    struct frame *member = frame_at(info.address / KEEL_PAGE_SIZE);
    keel_frame_t guess = {frame_handle(member)};
    CHECK_STATUS(keel_frame_release(guess), KEEL_E_BAD_HANDLE);
    keel_frame_t asked = {0};
    CHECK_OK(keel_segment_frame(segment, 0, &asked));
    CHECK_EQUAL(asked.value, guess.value);
    CHECK_OK(keel_frame_release(asked));
    CHECK_STATUS(keel_frame_release(asked), KEEL_E_BAD_HANDLE); /* never the segment's own */
    CHECK_OK(keel_segment_release(segment));
}

static void M8_full_segment_table_is_a_limit(void)
{
    static keel_segment_t segments[4096];
    uint32_t slots = object_slots(OBJECT_SEGMENT);
    for (uint32_t i = 0; i < slots; i++) {
        CHECK_OK(keel_segment_alloc(1, 1, &segments[i]));
    }
    keel_segment_t more = {9};
    CHECK_STATUS(keel_segment_alloc(1, 1, &more), KEEL_E_LIMIT);
    CHECK_EQUAL(more.value, 9);
    for (uint32_t i = 0; i < slots; i++) {
        CHECK_OK(keel_segment_release(segments[i]));
    }
}

/* A segment of `count` frames, the first byte of each its index. */
static keel_segment_t numbered(uint64_t count)
{
    keel_segment_t segment = {0};
    CHECK_OK(keel_segment_alloc(count, 1, &segment));
    for (uint64_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)i;
        CHECK_OK(keel_segment_write(segment, i * KEEL_PAGE_SIZE, &byte, 1));
    }
    return segment;
}

/* The segment covers frames [first, first + count) of a numbered one. */
static void check_part(keel_segment_t part, uint64_t first, uint64_t count)
{
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_info(part, &info));
    CHECK_EQUAL(info.frame_count, count);
    for (uint64_t i = 0; i < count; i++) {
        unsigned char byte = 0xee;
        CHECK_OK(keel_segment_read(part, i * KEEL_PAGE_SIZE, &byte, 1));
        CHECK_EQUAL(byte, first + i);
    }
    unsigned char byte;
    CHECK_STATUS(keel_segment_read(part, count * KEEL_PAGE_SIZE, &byte, 1), KEEL_E_INVALID);
}

static void M5_slice_ranges(void)
{
    static const struct {
        uint64_t index, count;
    } wrong[] = {{0, 0},
                 {4, 0},
                 {5, 0},
                 {4, 1},
                 {5, 1},
                 {0, 5},
                 {1, 4},
                 {3, 2},
                 {UINT64_MAX, 1},
                 {UINT64_MAX, 2},
                 {1, UINT64_MAX},
                 {2, UINT64_MAX - 1},
                 {UINT64_MAX, UINT64_MAX},
                 {UINT64_C(1) << 63, UINT64_C(1) << 63},
                 {UINT64_MAX - 2, 4}};
    keel_segment_t segment = numbered(4), slice = {3};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(keel_segment_slice(segment, wrong[i].index, wrong[i].count, &slice), KEEL_E_INVALID);
        CHECK_EQUAL(slice.value, 3);
    }
    for (uint64_t first = 0; first < 4; first++) {
        for (uint64_t count = 1; count <= 4 - first; count++) {
            CHECK_OK(keel_segment_slice(segment, first, count, &slice));
            check_part(slice, first, count);
            CHECK_OK(keel_segment_release(slice));
        }
    }
    CHECK_OK(keel_segment_release(segment));
}

static void M1_frames_of_a_slice_outlive_the_segment(void)
{
    uint64_t before = frame_free_count();
    keel_segment_t segment = numbered(6), slice = {0}, part = {0};
    CHECK_OK(keel_segment_slice(segment, 2, 3, &slice));
    CHECK_OK(keel_segment_slice(slice, 1, 1, &part));
    CHECK_EQUAL(frame_free_count(), before - 6);
    CHECK_OK(keel_segment_release(segment));
    CHECK_EQUAL(frame_free_count(), before - 3);
    check_part(slice, 2, 3);
    CHECK_OK(keel_segment_release(slice));
    CHECK_EQUAL(frame_free_count(), before - 1);
    check_part(part, 3, 1);
    CHECK_AUDIT();
    CHECK_OK(keel_segment_release(part));
    CHECK_EQUAL(frame_free_count(), before);
}

static void M2_split_replaces_the_segment(void)
{
    static const uint64_t wrong[] = {0, 4, 5, UINT64_MAX, UINT64_C(1) << 63};
    keel_segment_t low = {3}, high = {4};
    uint64_t before = frame_free_count();
    for (uint64_t index = 1; index < 4; index++) {
        keel_segment_t segment = numbered(4);
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            low.value = high.value = 3;
            CHECK_STATUS(keel_segment_split(segment, wrong[i], &low, &high), KEEL_E_INVALID);
            CHECK(low.value == 3 && high.value == 3);
        }
        CHECK_STATUS(keel_segment_split(segment, index, NULL, &high), KEEL_E_INVALID);
        CHECK_STATUS(keel_segment_split(segment, index, &low, NULL), KEEL_E_INVALID);
        CHECK_OK(keel_segment_split(segment, index, &low, &high));
        CHECK_STATUS(keel_segment_release(segment), KEEL_E_BAD_HANDLE);
        check_part(low, 0, index);
        check_part(high, index, 4 - index);
        CHECK_EQUAL(frame_free_count(), before - 4);
        CHECK_OK(keel_segment_release(low));
        CHECK_EQUAL(frame_free_count(), before - 4 + index);
        CHECK_OK(keel_segment_release(high));
        CHECK_EQUAL(frame_free_count(), before);
    }
}

static void M2_split_drops_one_reference_only(void)
{
    keel_segment_t segment = numbered(3), low = {0}, high = {0};
    CHECK_OK(keel_segment_ref(segment));
    CHECK_OK(keel_segment_split(segment, 1, &low, &high));
    check_part(segment, 0, 3);
    CHECK_OK(keel_segment_release(segment));
    CHECK_STATUS(keel_segment_release(segment), KEEL_E_BAD_HANDLE);
    check_part(high, 1, 2);
    CHECK_OK(keel_segment_release(low));
    CHECK_OK(keel_segment_release(high));
}

/* A second split of the same reference, as a race would have it: nothing is made. */
static void M8_split_without_a_reference_changes_nothing(void)
{
    keel_segment_t segment = numbered(3);
    struct object *object = NULL;
    uint64_t low = 5, high = 6;
    uint64_t before = frame_free_count();
    CHECK_OK(object_get_by_handle(OBJECT_SEGMENT, segment.value, &object));
    CHECK_OK(keel_segment_release(segment));
    CHECK_STATUS(segment_split((struct segment *)object, 1, &low, &high), KEEL_E_BAD_HANDLE);
    CHECK(low == 5 && high == 6);
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_AUDIT();
    segment_put((struct segment *)object);
}

static void set_count(keel_segment_t segment, uint64_t index, uint32_t count)
{
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_info(segment, &info));
    struct frame *frame = frame_at(info.address / KEEL_PAGE_SIZE + index);
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    atomic_u64_init(&frame->ref.word, (word & ~(uint64_t)REF_COUNT_MAX) | count);
}

static uint32_t count_of(keel_segment_t segment, uint64_t index)
{
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_info(segment, &info));
    return ref_word_count(atomic_u64_peek(&frame_at(info.address / KEEL_PAGE_SIZE + index)->ref.word));
}

/* At every frame, one reference too many: what was taken before it is given back. */
static void M8_slice_and_split_are_all_or_nothing(void)
{
    keel_segment_t segment = numbered(4), low = {5}, high = {6};
    for (uint64_t full = 0; full < 4; full++) {
        set_count(segment, full, REF_COUNT_MAX);
        CHECK_STATUS(keel_segment_slice(segment, 0, 4, &low), KEEL_E_LIMIT);
        CHECK_STATUS(keel_segment_split(segment, 2, &low, &high), KEEL_E_LIMIT);
        CHECK(low.value == 5 && high.value == 6);
        for (uint64_t i = 0; i < 4; i++) {
            CHECK_EQUAL(count_of(segment, i), i == full ? REF_COUNT_MAX : 1);
        }
        set_count(segment, full, 1);
        CHECK_AUDIT();
    }
    CHECK_OK(keel_segment_release(segment));
}

static void M8_full_segment_table_stops_slices(void)
{
    static keel_segment_t segments[4096];
    uint32_t slots = object_slots(OBJECT_SEGMENT);
    keel_segment_t low = {5}, high = {6};
    segments[0] = numbered(2);
    for (uint32_t i = 1; i < slots; i++) {
        CHECK_OK(keel_segment_slice(segments[0], 0, 2, &segments[i]));
    }
    CHECK_STATUS(keel_segment_slice(segments[0], 0, 1, &low), KEEL_E_LIMIT);
    CHECK_STATUS(keel_segment_split(segments[0], 1, &low, &high), KEEL_E_LIMIT);
    CHECK_OK(keel_segment_release(segments[--slots]));
    CHECK_STATUS(keel_segment_split(segments[0], 1, &low, &high), KEEL_E_LIMIT); /* one slot is not two */
    CHECK(low.value == 5 && high.value == 6);
    CHECK_EQUAL(count_of(segments[0], 0), slots);
    CHECK_AUDIT();
    while (slots > 0) {
        CHECK_OK(keel_segment_release(segments[--slots]));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M8_segment_arguments),
        UNIT(M2_segment_end_frees_all_its_frames),
        UNIT(M4_segment_copies_cross_frames_and_keep_to_the_range),
        UNIT(M1_frame_of_a_segment_outlives_it),
        UNIT(H1_segment_frame_has_no_handle_until_asked),
        UNIT(M8_full_segment_table_is_a_limit, .config.ram_size = 4 << 20),
        UNIT(M5_slice_ranges),
        UNIT(M1_frames_of_a_slice_outlive_the_segment),
        UNIT(M2_split_replaces_the_segment),
        UNIT(M2_split_drops_one_reference_only),
        UNIT(M8_split_without_a_reference_changes_nothing),
        UNIT(M8_slice_and_split_are_all_or_nothing),
        UNIT(M8_full_segment_table_stops_slices, .config.ram_size = 4 << 20),
    };
    return unit_main(tests, argc, argv);
}

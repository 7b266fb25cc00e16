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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M8_segment_arguments),
        UNIT(M2_segment_end_frees_all_its_frames),
        UNIT(M4_segment_copies_cross_frames_and_keep_to_the_range),
        UNIT(M1_frame_of_a_segment_outlives_it),
        UNIT(H1_segment_frame_has_no_handle_until_asked),
        UNIT(M8_full_segment_table_is_a_limit, .config.ram_size = 4 << 20),
    };
    return unit_main(tests, argc, argv);
}

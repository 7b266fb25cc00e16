/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/frame.c and the calls of keel/frame.h on single frames.
 */
#include "core/frame.h"

#include <string.h>

#include "support.h"

static unsigned char page[KEEL_PAGE_SIZE];

static struct frame *frame_of(keel_frame_t handle)
{
    return frame_at(handle_slot(handle.value));
}

static enum ref_state state_of(const struct frame *frame)
{
    return ref_word_state(atomic_u64_peek(&frame->ref.word));
}

static void M2_release_by_last_holder_frees(void)
{
    uint64_t before = frame_free_count();
    keel_frame_t handle = unit_frame();
    struct frame *frame = frame_of(handle);
    CHECK_EQUAL(state_of(frame), REF_LIVE);
    CHECK_EQUAL(frame->type, FRAME_UNTYPED);
    CHECK_EQUAL(frame_free_count(), before - 1);
    CHECK_OK(keel_frame_ref(handle));
    CHECK_OK(keel_frame_release(handle));
    CHECK_EQUAL(state_of(frame), REF_LIVE);
    CHECK_OK(keel_frame_release(handle));
    CHECK_EQUAL(state_of(frame), REF_FREE);
    CHECK_EQUAL(frame->type, FRAME_NONE);
    CHECK_EQUAL(frame_free_count(), before);
}

static void H1_closed_frame_handle_is_refused_everywhere(void)
{
    struct keel_frame_info info;
    keel_frame_t handle = unit_frame();
    CHECK_OK(keel_frame_release(handle));
    CHECK_STATUS(keel_frame_release(handle), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_frame_ref(handle), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_frame_read(handle, 0, page, 1), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_frame_write(handle, 0, page, 1), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_frame_info(handle, &info), KEEL_E_BAD_HANDLE);
}

static void H1_forged_frame_handles_are_refused(void)
{
    keel_frame_t handle = unit_frame();
    for (unsigned bit = 0; bit < 64; bit++) {
        keel_frame_t forged = {handle.value ^ UINT64_C(1) << bit};
        CHECK_STATUS(keel_frame_release(forged), KEEL_E_BAD_HANDLE);
    }
    static const uint64_t values[] = {0, 1, UINT64_MAX, UINT64_C(1) << 60, UINT64_C(0x1fffffff00000001)};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        CHECK_STATUS(keel_frame_ref((keel_frame_t){values[i]}), KEEL_E_BAD_HANDLE);
    }
    CHECK_OK(keel_frame_release(handle));
}

static void H3_reused_frame_has_another_handle(void)
{
    keel_frame_t first = unit_frame();
    uint64_t slot = handle_slot(first.value);
    CHECK_OK(keel_frame_release(first));
    for (uint64_t i = 0; i < frame_end(); i++) { /* next-fit comes by in one round */
        keel_frame_t next = unit_frame();
        bool again = handle_slot(next.value) == slot;
        CHECK(next.value != first.value);
        if (again) {
            CHECK_STATUS(keel_frame_write(first, 0, page, 1), KEEL_E_BAD_HANDLE);
            CHECK_STATUS(keel_frame_release(first), KEEL_E_BAD_HANDLE);
        }
        CHECK_OK(keel_frame_release(next));
        if (again) {
            return;
        }
    }
    CHECK_NEVER("the frame never came back");
}

static void H3_frame_with_used_up_generation_is_retired(void)
{
    keel_frame_t handle = unit_frame();
    struct frame *frame = frame_of(handle);
    uint64_t free_before = frame_free_count();
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    atomic_u64_init(&frame->ref.word, word | UINT64_C(0xffffffff) << 32);
    keel_frame_t last = {handle_make(OBJECT_FRAME, handle_slot(handle.value), UINT32_MAX)};
    CHECK_STATUS(keel_frame_release(handle), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_frame_release(last));
    CHECK_EQUAL(state_of(frame), REF_RETIRED);
    CHECK_EQUAL(frame_free_count(), free_before);
    CHECK_STATUS(keel_frame_release(last), KEEL_E_BAD_HANDLE);
    CHECK_AUDIT();
}

static void M9_frame_is_zeroed_each_time(void)
{
    for (unsigned round = 0; round < 3; round++) {
        static keel_frame_t handles[64];
        for (unsigned i = 0; i < 64; i++) {
            handles[i] = unit_frame();
            memset(page, 0xee, sizeof page);
            CHECK_OK(keel_frame_read(handles[i], 0, page, sizeof page));
            for (size_t at = 0; at < sizeof page; at++) {
                if (page[at] != 0) {
                    CHECK_NEVER("a fresh frame holds old bytes");
                    break;
                }
            }
            memset(page, 0xa5, sizeof page);
            CHECK_OK(keel_frame_write(handles[i], 0, page, sizeof page));
        }
        for (unsigned i = 0; i < 64; i++) {
            CHECK_OK(keel_frame_release(handles[i]));
        }
    }
}

static void M4_frame_copies_keep_to_their_range(void)
{
    static const uint64_t offsets[] = {
        0, 1, 4094, 4095, 4096, 4097, UINT64_MAX, UINT64_MAX - 4095, UINT64_C(1) << 32};
    static const size_t sizes[] = {0, 1, 2, 4095, 4096, 4097, SIZE_MAX};
    keel_frame_t handle = unit_frame();
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            bool fits = offsets[i] <= 4096 && sizes[j] <= 4096 - offsets[i];
            CHECK_STATUS(keel_frame_write(handle, offsets[i], page, sizes[j]),
                         fits ? KEEL_OK : KEEL_E_INVALID);
            CHECK_STATUS(keel_frame_read(handle, offsets[i], page, sizes[j]),
                         fits ? KEEL_OK : KEEL_E_INVALID);
        }
    }
    CHECK_OK(keel_frame_read(handle, 4096, NULL, 0));
    CHECK_STATUS(keel_frame_read(handle, 0, NULL, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_frame_write(handle, 0, NULL, 1), KEEL_E_INVALID);
    CHECK_OK(keel_frame_release(handle));
}

static void M4_frame_read_gives_what_was_written(void)
{
    keel_frame_t handle = unit_frame();
    const char text[] = "keel";
    char back[5] = {0};
    CHECK_OK(keel_frame_write(handle, 4091, text, 5));
    CHECK_OK(keel_frame_read(handle, 4091, back, 5));
    CHECK(memcmp(text, back, 5) == 0);
    CHECK_OK(keel_frame_read(handle, 4090, back, 2));
    CHECK(back[0] == 0 && back[1] == 'k');
    CHECK_OK(keel_frame_release(handle));
}

static void M6_frame_references_stop_at_the_limit(void)
{
    keel_frame_t handle = unit_frame();
    struct frame *frame = frame_of(handle);
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    atomic_u32_init(&frame->ref.handles, KEEL_REFERENCES_MAX);
    atomic_u64_init(&frame->ref.word, word + KEEL_REFERENCES_MAX - 1);
    CHECK_STATUS(keel_frame_ref(handle), KEEL_E_LIMIT);
    struct keel_frame_info info;
    CHECK_OK(keel_frame_info(handle, &info));
    CHECK_EQUAL(info.references, KEEL_REFERENCES_MAX);
    CHECK_OK(keel_frame_release(handle));
    CHECK_OK(keel_frame_ref(handle));
    atomic_u64_init(&frame->ref.word, (word & ~(uint64_t)REF_COUNT_MAX) | REF_COUNT_MAX);
    CHECK_STATUS(keel_frame_ref(handle), KEEL_E_LIMIT);
    CHECK_STATUS(keel_frame_release(handle), KEEL_E_LIMIT);
    atomic_u64_init(&frame->ref.word, word);
    atomic_u32_init(&frame->ref.handles, 1);
    CHECK_OK(keel_frame_release(handle));
}

static void M6_client_releases_never_reach_the_references_of_mappings(void)
{
    struct keel_mapping mapping;
    uint64_t unmapped = 0;
    keel_space_t space = unit_space();
    keel_frame_t handle = unit_frame();
    struct frame *frame = frame_of(handle);
    CHECK_OK(keel_space_map(space, 0x1000, handle, KEEL_READ));
    CHECK_OK(keel_frame_release(handle));
    CHECK_STATUS(keel_frame_release(handle), KEEL_E_BAD_HANDLE);
    CHECK_EQUAL(state_of(frame), REF_LIVE);
    CHECK_OK(keel_space_query(space, 0x1000, &mapping));
    CHECK_EQUAL(mapping.address, frame_address(frame).value);
    CHECK_OK(keel_space_unmap(space, 0x1000, 1, &unmapped));
    CHECK_EQUAL(state_of(frame), REF_FREE);
    CHECK_OK(keel_space_release(space));
}

static void M3_handles_never_name_typed_frames(void)
{
    for (uint64_t number = 0; number < frame_end(); number++) {
        const struct frame *frame = frame_at(number);
        uint32_t generation = ref_word_generation(atomic_u64_peek(&frame->ref.word));
        keel_frame_t guess = {handle_make(OBJECT_FRAME, number, generation)};
        CHECK(frame->type != FRAME_UNTYPED);
        CHECK_STATUS(keel_frame_ref(guess), KEEL_E_BAD_HANDLE);
    }
}

static void M8_every_frame_can_be_taken_and_given_back(void)
{
    static keel_frame_t handles[8192];
    uint64_t before = frame_free_count();
    size_t count = 0;
    keel_status_t status = KEEL_OK;
    while (count < 8192 && (status = keel_frame_alloc(&handles[count])) == KEEL_OK) {
        count++;
    }
    CHECK_STATUS(status, KEEL_E_NO_MEMORY);
    CHECK_EQUAL(count, before);
    CHECK_EQUAL(frame_free_count(), 0);
    CHECK_AUDIT();
    keel_frame_t none = {77};
    CHECK_STATUS(keel_frame_alloc(&none), KEEL_E_NO_MEMORY);
    CHECK_EQUAL(none.value, 77);
    while (count > 0) {
        CHECK_OK(keel_frame_release(handles[--count]));
    }
    CHECK_EQUAL(frame_free_count(), before);
}

static void M5_no_frame_is_handed_out_twice(void)
{
    static unsigned char taken[4096];
    static keel_frame_t handles[256];
    memset(taken, 0, sizeof taken);
    for (unsigned i = 0; i < 256; i++) {
        handles[i] = unit_frame();
        uint64_t number = handle_slot(handles[i].value);
        CHECK(number < sizeof taken && taken[number] == 0);
        taken[number % sizeof taken] = 1;
    }
    for (unsigned i = 0; i < 256; i++) {
        CHECK_OK(keel_frame_release(handles[i]));
    }
}

static void churn(uint64_t rounds)
{
    struct keel_boot_info info;
    for (uint64_t i = 0; i < rounds; i++) {
        keel_frame_t handle = unit_frame();
        CHECK_OK(keel_boot_info(&info));
        CHECK(info.frames_free < info.frames_total);
        CHECK_OK(keel_frame_release(handle));
    }
}

static void M6_free_count_stays_in_range_while_cpus_race(void)
{
    keel_task_t other = unit_spawn(churn, 40);
    churn(40);
    CHECK(unit_join(other) == 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M2_release_by_last_holder_frees),
        UNIT(H1_closed_frame_handle_is_refused_everywhere),
        UNIT(H1_forged_frame_handles_are_refused),
        UNIT(H3_reused_frame_has_another_handle, .config.ram_size = 1 << 20),
        UNIT(H3_frame_with_used_up_generation_is_retired, .leaves_things = true),
        UNIT(M9_frame_is_zeroed_each_time),
        UNIT(M4_frame_copies_keep_to_their_range),
        UNIT(M4_frame_read_gives_what_was_written),
        UNIT(M6_frame_references_stop_at_the_limit),
        UNIT(M6_client_releases_never_reach_the_references_of_mappings),
        UNIT(M3_handles_never_name_typed_frames, .config.ram_size = 1 << 20),
        UNIT(M8_every_frame_can_be_taken_and_given_back, .config.ram_size = 2 << 20),
        UNIT(M5_no_frame_is_handed_out_twice),
        UNIT(M6_free_count_stays_in_range_while_cpus_race, .seeds = 60),
    };
    return unit_main(tests, argc, argv);
}

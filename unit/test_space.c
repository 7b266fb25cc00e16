/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/space.c and the calls of keel/space.h.
 */
#include "core/space.h"

#include <string.h>

#include "support.h"

#define LAST_PAGE (KEEL_USER_END - KEEL_PAGE_SIZE)
#define RW        (KEEL_READ | KEEL_WRITE)
#define RX        (KEEL_READ | KEEL_EXEC)

/* A frame mapped at `va` whose only references are the mapping's. */
static void map_new(keel_space_t space, uint64_t va, uint32_t rights)
{
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, va, frame, rights));
    CHECK_OK(keel_frame_release(frame));
}

static uint64_t unmap(keel_space_t space, uint64_t va, uint64_t page_count)
{
    uint64_t unmapped = UINT64_MAX;
    CHECK_OK(keel_space_unmap(space, va, page_count, &unmapped));
    return unmapped;
}

static void A6_map_takes_whole_pages_of_user_space_only(void)
{
    static const uint64_t wrong[] = {0,
                                     1,
                                     0xfff,
                                     0x1001,
                                     KEEL_USER_END,
                                     LAST_PAGE + 1,
                                     UINT64_C(0x0000800000000000),
                                     UINT64_C(0xffff800000000000),
                                     UINT64_MAX,
                                     UINT64_MAX - 4095,
                                     UINT64_C(1) << 63};
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    struct keel_mapping mapping;
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(keel_space_map(space, wrong[i], frame, RW), KEEL_E_INVALID);
        CHECK_STATUS(keel_space_unmap(space, wrong[i], 1, &count), KEEL_E_INVALID);
        CHECK_STATUS(keel_space_protect(space, wrong[i], 1, KEEL_READ, &count), KEEL_E_INVALID);
    }
    CHECK_OK(keel_space_map(space, KEEL_USER_START, frame, RW));
    CHECK_OK(keel_space_map(space, LAST_PAGE, frame, RW));
    CHECK_OK(keel_space_query(space, KEEL_USER_END - 1, &mapping));
    CHECK_STATUS(keel_space_query(space, KEEL_USER_END, &mapping), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_query(space, KEEL_USER_START - 1, &mapping), KEEL_E_INVALID);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

static void A6_ranges_may_not_leave_user_space_or_wrap(void)
{
    static const uint64_t counts[] = {
        0, 2, UINT64_MAX, UINT64_MAX / 4096, UINT64_C(1) << 52, UINT64_C(1) << 36};
    keel_space_t space = unit_space();
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        CHECK_STATUS(keel_space_unmap(space, LAST_PAGE, counts[i], &count), KEEL_E_INVALID);
        CHECK_STATUS(keel_space_protect(space, LAST_PAGE, counts[i], RW, &count), KEEL_E_INVALID);
    }
    CHECK_EQUAL(unmap(space, LAST_PAGE, 1), 0);
    CHECK_EQUAL(unmap(space, KEEL_USER_START, (KEEL_USER_END - KEEL_USER_START) / KEEL_PAGE_SIZE), 0);
    CHECK_OK(keel_space_release(space));
}

static void A4_rights_are_checked_in_map_and_protect(void)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    uint64_t count = 0;
    map_new(space, 0x5000, KEEL_READ);
    for (uint32_t rights = 0; rights < 16; rights++) {
        bool known = (rights & ~7u) == 0 && (rights & KEEL_READ) != 0;
        bool both = (rights & KEEL_WRITE) != 0 && (rights & KEEL_EXEC) != 0;
        keel_status_t expected = !known ? KEEL_E_INVALID : both ? KEEL_E_DENIED : KEEL_OK;
        CHECK_STATUS(keel_space_map(space, 0x10000 + rights * 0x1000, frame, rights), expected);
        CHECK_STATUS(keel_space_protect(space, 0x5000, 1, rights, &count), expected);
    }
    CHECK_STATUS(keel_space_map(space, 0x9000, frame, UINT32_C(0x80000001)), KEEL_E_INVALID);
    CHECK_AUDIT();
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

static void A1_query_tells_what_was_mapped(void)
{
    static const uint32_t rights[] = {KEEL_READ, RW, RX};
    keel_space_t space = unit_space();
    struct keel_frame_info info = {0};
    struct keel_mapping mapping;
    for (unsigned i = 0; i < 3; i++) {
        keel_frame_t frame = unit_frame();
        uint64_t va = 0x40000000 + i * 0x1000;
        CHECK_STATUS(keel_space_query(space, va, &mapping), KEEL_E_NOT_FOUND);
        CHECK_OK(keel_space_map(space, va, frame, rights[i]));
        CHECK_STATUS(keel_space_map(space, va, frame, rights[i]), KEEL_E_EXISTS);
        CHECK_OK(keel_frame_info(frame, &info));
        CHECK_EQUAL(info.references, 2);
        CHECK_OK(keel_space_query(space, va + 0xfff, &mapping));
        CHECK_EQUAL(mapping.address, info.address);
        CHECK_EQUAL(mapping.rights, rights[i]);
        CHECK_EQUAL(mapping.accessed + mapping.dirty + mapping.cache, KEEL_CACHE_WRITE_BACK);
        CHECK_OK(keel_frame_release(frame));
    }
    CHECK_STATUS(keel_space_query(space, 0x40003000, &mapping), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_space_release(space));
}

static void A2_unmap_skips_holes_and_counts(void)
{
    enum { PAGES = 100 }; /* more than one batch */
    keel_space_t space = unit_space();
    const uint64_t base = UINT64_C(0x7fff00000000) - 50 * KEEL_PAGE_SIZE; /* crosses a table of each level */
    uint64_t mapped = 0;
    for (uint64_t i = 0; i < PAGES; i++) {
        if (i % 3 != 1) {
            map_new(space, base + i * KEEL_PAGE_SIZE, RW);
            mapped++;
        }
    }
    CHECK_OK(keel_space_activate(space));
    CHECK_EQUAL(unmap(space, base + KEEL_PAGE_SIZE, 1), 0);
    CHECK_EQUAL(unmap(space, KEEL_USER_START, (KEEL_USER_END - KEEL_USER_START) / KEEL_PAGE_SIZE), mapped);
    CHECK_EQUAL(unmap(space, base, PAGES), 0);
    CHECK_AUDIT();
    CHECK_OK(keel_space_release(space));
}

static void A2_protect_takes_rights_away_at_once(void)
{
    char byte = 'x';
    uint64_t changed = 0;
    struct keel_mapping mapping;
    keel_space_t space = unit_space();
    map_new(space, 0x1000, RW);
    map_new(space, 0x3000, RW);
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_user_write(0x1000, &byte, 1));
    CHECK_OK(keel_space_protect(space, 0x1000, 3, KEEL_READ, &changed));
    CHECK_EQUAL(changed, 2);
    CHECK_STATUS(keel_user_write(0x1000, &byte, 1), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_write(0x3000, &byte, 1), KEEL_E_FAULT);
    CHECK_OK(keel_user_read(0x1000, &byte, 1));
    CHECK_OK(keel_space_query(space, 0x1000, &mapping));
    CHECK_EQUAL(mapping.rights, KEEL_READ);
    CHECK(mapping.accessed == 1 && mapping.dirty == 1); /* what the CPU set is kept */
    CHECK_OK(keel_space_query(space, 0x3000, &mapping));
    CHECK(mapping.accessed == 0 && mapping.dirty == 0);
    CHECK_OK(keel_space_release(space));
}

static void A2_unmapped_page_cannot_be_reached_any_more(void)
{
    char byte = 'x';
    keel_space_t space = unit_space();
    map_new(space, 0x1000, RW);
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_user_write(0x1fff, &byte, 1));
    CHECK_EQUAL(unmap(space, 0x1000, 1), 1);
    CHECK_STATUS(keel_user_write(0x1fff, &byte, 1), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read(0x1fff, &byte, 1), KEEL_E_FAULT);
    CHECK_OK(keel_space_release(space));
}

static void A6_user_copies_know_the_limits_to_the_byte(void)
{
    static unsigned char buffer[3 * KEEL_PAGE_SIZE];
    keel_space_t space = unit_space();
    CHECK_STATUS(keel_user_read(0x1000, buffer, 1), KEEL_E_BUSY);
    CHECK_STATUS(keel_user_write(0x1000, buffer, 1), KEEL_E_BUSY);
    map_new(space, KEEL_USER_START, RW);
    map_new(space, LAST_PAGE, RW);
    CHECK_OK(keel_space_activate(space));
    for (uint64_t back = 0; back < 3; back++) {
        for (size_t size = 0; size < 4; size++) {
            keel_status_t expected = size <= back ? KEEL_OK : KEEL_E_FAULT;
            CHECK_STATUS(keel_user_read(KEEL_USER_END - back, buffer, size), expected);
            CHECK_STATUS(keel_user_write(KEEL_USER_END - back, buffer, size), expected);
            expected = size == 0 ? KEEL_OK : KEEL_E_FAULT;
            CHECK_STATUS(keel_user_read(KEEL_USER_START - 1 - back, buffer, size), expected);
        }
    }
    CHECK_OK(keel_user_read(LAST_PAGE, buffer, KEEL_PAGE_SIZE));
    CHECK_STATUS(keel_user_read(LAST_PAGE, buffer, KEEL_PAGE_SIZE + 1), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read(LAST_PAGE - 1, buffer, 2), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read(UINT64_MAX, buffer, 2), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read(UINT64_C(0xffff800000000000), buffer, 8), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read(0x1000, buffer, SIZE_MAX), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_read(0x1000, NULL, 1), KEEL_E_INVALID);
    CHECK_OK(keel_space_release(space));
}

static void A6_user_copies_obey_the_rights(void)
{
    char out[] = "keel", in[5] = "";
    keel_space_t space = unit_space();
    map_new(space, 0x1000, RW);
    map_new(space, 0x2000, RW);
    map_new(space, 0x4000, RX);
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_user_write(0x1ffe, out, 5));
    CHECK_OK(keel_user_read(0x1ffe, in, 5));
    CHECK(memcmp(in, out, 5) == 0);
    CHECK_STATUS(keel_user_write(0x2ffe, out, 5), KEEL_E_FAULT);
    CHECK_STATUS(keel_user_write(0x4000, out, 1), KEEL_E_FAULT);
    CHECK_OK(keel_user_read(0x4000, in, 1));
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_STATUS(keel_user_read(0x1000, in, 1), KEEL_E_BUSY);
    CHECK_OK(keel_space_release(space));
}

static void A2_active_space_lives_until_nobody_has_it_active(void)
{
    char byte = 0;
    keel_space_t space = unit_space(), other = unit_space();
    map_new(space, 0x1000, RW);
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_space_release(space));
    CHECK_STATUS(keel_space_activate(space), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_user_read(0x1000, &byte, 1));
    CHECK_OK(keel_space_activate(other));
    CHECK_STATUS(keel_user_read(0x1000, &byte, 1), KEEL_E_FAULT);
    CHECK_OK(keel_space_release(other));
}

static void M1_space_end_releases_every_mapping(void)
{
    uint64_t before = frame_free_count();
    keel_space_t space = unit_space();
    keel_frame_t shared = unit_frame();
    for (unsigned i = 0; i < 40; i++) { /* tables all over */
        CHECK_OK(keel_space_map(space, KEEL_USER_START + i * UINT64_C(0x15555555000), shared, KEEL_READ));
        map_new(space, 0x20000 + i * UINT64_C(0x1000), RW);
    }
    CHECK_AUDIT();
    CHECK_OK(keel_space_release(space));
    struct keel_frame_info info = {0};
    CHECK_OK(keel_frame_info(shared, &info));
    CHECK_EQUAL(info.references, 1);
    CHECK_OK(keel_frame_release(shared));
    CHECK_EQUAL(frame_free_count(), before);
}

static void M6_map_beyond_the_reference_limit(void)
{
    keel_space_t space = unit_space();
    keel_frame_t handle = unit_frame();
    struct frame *frame = frame_at(handle_slot(handle.value));
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    atomic_u64_init(&frame->ref.word, word + REF_COUNT_MAX - 2); /* room for the lookup alone */
    CHECK_STATUS(keel_space_map(space, 0x1000, handle, KEEL_READ), KEEL_E_LIMIT);
    atomic_u64_init(&frame->ref.word, word);
    CHECK_EQUAL(unmap(space, 0x1000, 1), 0);
    CHECK_OK(keel_frame_release(handle));
    CHECK_OK(keel_space_release(space));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(A6_map_takes_whole_pages_of_user_space_only),
        UNIT(A6_ranges_may_not_leave_user_space_or_wrap),
        UNIT(A4_rights_are_checked_in_map_and_protect),
        UNIT(A1_query_tells_what_was_mapped),
        UNIT(A2_unmap_skips_holes_and_counts),
        UNIT(A2_protect_takes_rights_away_at_once),
        UNIT(A2_unmapped_page_cannot_be_reached_any_more),
        UNIT(A6_user_copies_know_the_limits_to_the_byte),
        UNIT(A6_user_copies_obey_the_rights),
        UNIT(A2_active_space_lives_until_nobody_has_it_active),
        UNIT(M1_space_end_releases_every_mapping),
        UNIT(M6_map_beyond_the_reference_limit),
    };
    return unit_main(tests, argc, argv);
}

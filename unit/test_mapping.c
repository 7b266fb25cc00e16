/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/mapping.c, unmap.c, promote.c: runs of pages, large pages, and the tables that come and go with them.
 */
#include "core/mapping.h"

#include <string.h>

#include "support.h"

#define RW        (KEEL_READ | KEEL_WRITE)
#define RX        (KEEL_READ | KEEL_EXEC)
#define PAGE      ((uint64_t)KEEL_PAGE_SIZE)
#define LARGE     512u /* pages of a 2 MiB one */
#define BASE      (UINT64_C(3) << 30)
#define LAST_PAGE (KEEL_USER_END - KEEL_PAGE_SIZE)

static keel_space_t space;

static keel_segment_t new_segment(uint64_t frame_count)
{
    keel_segment_t segment = {0};
    CHECK_OK(keel_segment_alloc(frame_count, frame_count < LARGE ? 1 : LARGE, &segment));
    return segment;
}

static uint64_t unmap(uint64_t va, uint64_t page_count)
{
    uint64_t unmapped = UINT64_MAX;
    CHECK_OK(keel_space_unmap(space, va, page_count, &unmapped));
    return unmapped;
}

static uint64_t protect(uint64_t va, uint64_t page_count, uint32_t rights)
{
    uint64_t changed = UINT64_MAX;
    CHECK_OK(keel_space_protect(space, va, page_count, rights, &changed));
    return changed;
}

static uint64_t promote(uint64_t va, uint64_t page_count)
{
    uint64_t promoted = UINT64_MAX;
    CHECK_OK(keel_space_promote(space, va, page_count, &promoted));
    return promoted;
}

static uint64_t age(uint64_t va, uint64_t page_count, uint32_t marks)
{
    uint64_t aged = UINT64_MAX;
    CHECK_OK(keel_space_age(space, va, page_count, marks, &aged));
    return aged;
}

static struct keel_mapping query(uint64_t va)
{
    struct keel_mapping mapping = {0};
    CHECK_OK(keel_space_query(space, va, &mapping));
    return mapping;
}

static bool is_mapped(uint64_t va)
{
    struct keel_mapping mapping;
    return keel_space_query(space, va, &mapping) == KEEL_OK;
}

static uint64_t address_of(keel_segment_t segment)
{
    struct keel_segment_info info = {0};
    CHECK_OK(keel_segment_info(segment, &info));
    return info.address;
}

/* Page `index` from BASE on leads to the segment's frame of that index, with these rights. */
static void check_page(keel_segment_t segment, uint64_t index, uint32_t rights)
{
    struct keel_mapping mapping = query(BASE + index * PAGE);
    CHECK_EQUAL(mapping.va, BASE + index * PAGE);
    CHECK_EQUAL(mapping.address, address_of(segment) + index * PAGE);
    CHECK_EQUAL(mapping.rights, rights);
}

static void A1_segment_is_mapped_with_large_pages_where_they_fit(void)
{
    space = unit_space();
    keel_segment_t segment = new_segment(3 * LARGE);
    /* 3 pages before a border, a large one, 5 pages behind. */
    CHECK_OK(keel_space_map_segment(space, BASE + (LARGE - 3) * PAGE, segment, LARGE - 3, LARGE + 8, RW));
    for (uint64_t i = 0; i < 2 * LARGE + 5; i += i < LARGE ? 1 : 100) {
        if (i < LARGE - 3) {
            CHECK(!is_mapped(BASE + i * PAGE));
            continue;
        }
        check_page(segment, i, RW);
        CHECK_EQUAL(query(BASE + i * PAGE).page_count, i >= LARGE && i < 2 * LARGE ? LARGE : 1);
    }
    CHECK(!is_mapped(BASE + (2 * LARGE + 5) * PAGE));
    CHECK_AUDIT();
    CHECK_EQUAL(unmap(BASE, 3 * LARGE), LARGE + 8);
    /* The address fits, the frames do not. */
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 1, LARGE, RX));
    CHECK_EQUAL(query(BASE).page_count, 1);
    CHECK_EQUAL(query(BASE + 511 * PAGE).address, address_of(segment) + 512 * PAGE);
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void A1_mapped_segment_is_what_user_copies_see(void)
{
    char text[] = "large", seen[8] = "";
    space = unit_space();
    keel_segment_t segment = new_segment(LARGE);
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, LARGE, RW));
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_segment_write(segment, 7 * PAGE - 2, text, sizeof text));
    CHECK_OK(keel_user_read(BASE + 7 * PAGE - 2, seen, sizeof text));
    CHECK(strcmp(seen, text) == 0);
    CHECK_OK(keel_user_write(BASE + LARGE * PAGE - 1, text, 1));
    CHECK_STATUS(keel_user_write(BASE + LARGE * PAGE - 1, text, 2), KEEL_E_FAULT);
    CHECK_OK(keel_segment_read(segment, LARGE * PAGE - 1, seen, 1));
    CHECK(seen[0] == 'l');
    CHECK_EQUAL(query(BASE).dirty, 1);
    CHECK_OK(keel_segment_release(segment)); /* the mapping holds the frames */
    CHECK_OK(keel_user_read(BASE, seen, 1));
    CHECK_OK(keel_space_release(space));
}

static void A6_map_segment_keeps_to_its_ranges(void)
{
    static const uint64_t wrong[][2] = {
        {0, 0}, {0, 5}, {4, 1}, {1, 4}, {UINT64_MAX, 2}, {2, UINT64_MAX}, {3, UINT64_MAX - 1}};
    space = unit_space();
    keel_segment_t segment = new_segment(4);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(keel_space_map_segment(space, BASE, segment, wrong[i][0], wrong[i][1], RW),
                     KEEL_E_INVALID);
    }
    CHECK_STATUS(keel_space_map_segment(space, LAST_PAGE, segment, 0, 2, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_segment(space, BASE + 1, segment, 0, 1, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_segment(space, 0, segment, 0, 1, RW), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_map_segment(space, BASE, segment, 0, 1, RW | KEEL_EXEC), KEEL_E_DENIED);
    CHECK_STATUS(keel_space_map_segment(space, BASE, segment, 0, 1, KEEL_WRITE), KEEL_E_INVALID);
    CHECK_OK(keel_space_map_segment(space, LAST_PAGE - 3 * PAGE, segment, 0, 4, RW));
    CHECK_OK(keel_space_map_segment(space, KEEL_USER_START, segment, 3, 1, RW));
    CHECK_EQUAL(unmap(KEEL_USER_START, (KEEL_USER_END - KEEL_USER_START) / PAGE), 5);
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void M8_map_segment_over_something_maps_nothing(void)
{
    static const uint64_t places[] = {0, 5, LARGE - 1, LARGE, LARGE + 7, 2 * LARGE - 1};
    space = unit_space();
    keel_segment_t segment = new_segment(2 * LARGE);
    keel_frame_t frame = unit_frame();
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CHECK_OK(keel_space_map(space, BASE + places[i] * PAGE, frame, RW));
        uint64_t free_before = frame_free_count();
        CHECK_STATUS(keel_space_map_segment(space, BASE, segment, 0, 2 * LARGE, RW), KEEL_E_EXISTS);
        CHECK_EQUAL(frame_free_count(), free_before);
        CHECK_EQUAL(unmap(BASE, 2 * LARGE), 1);
    }
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, 2 * LARGE, RW));
    CHECK_STATUS(keel_space_map(space, BASE + 700 * PAGE, frame, RW), KEEL_E_EXISTS);
    CHECK_STATUS(keel_space_map_segment(space, BASE + 9 * PAGE, segment, 0, 1, RW), KEEL_E_EXISTS);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void A2_unmapping_a_part_splits_large_pages(void)
{
    static const uint64_t parts[][2] = {{0, 1},         {LARGE - 1, 1},     {17, 40},
                                        {LARGE - 2, 4}, {1, 2 * LARGE - 2}, {300, LARGE}};
    keel_segment_t segment = new_segment(2 * LARGE);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint64_t first = parts[i][0], count = parts[i][1];
        space = unit_space();
        CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, 2 * LARGE, RW));
        CHECK_OK(keel_space_activate(space));
        CHECK_OK(keel_user_write(BASE + LARGE * PAGE, "x", 1));
        CHECK_EQUAL(unmap(BASE + first * PAGE, count), count);
        for (uint64_t page = 0; page < 2 * LARGE; page++) {
            bool gone = page >= first && page < first + count;
            CHECK(is_mapped(BASE + page * PAGE) != gone);
            if (!gone) {
                check_page(segment, page, RW);
            }
        }
        CHECK_STATUS(keel_user_write(BASE + first * PAGE, "x", 1), KEEL_E_FAULT);
        if (is_mapped(BASE + (LARGE + 200) * PAGE)) {
            CHECK_EQUAL(query(BASE + (LARGE + 200) * PAGE).dirty,
                        1); /* one of the large page's: nobody knows which */
        }
        CHECK_AUDIT();
        CHECK_EQUAL(unmap(BASE, 2 * LARGE), 2 * LARGE - count);
        CHECK_OK(keel_space_activate((keel_space_t){0}));
        CHECK_OK(keel_space_release(space));
    }
    CHECK_OK(keel_segment_release(segment));
}

static void A2_protecting_a_part_splits_large_pages(void)
{
    space = unit_space();
    keel_segment_t segment = new_segment(LARGE);
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, LARGE, RW));
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_user_write(BASE + 10 * PAGE, "x", 1));
    CHECK_EQUAL(protect(BASE + 10 * PAGE, 3, KEEL_READ), 3);
    for (uint64_t page = 0; page < LARGE; page++) {
        bool narrowed = page >= 10 && page < 13;
        check_page(segment, page, narrowed ? KEEL_READ : RW);
        CHECK_STATUS(keel_user_write(BASE + page * PAGE, "y", 1), narrowed ? KEEL_E_FAULT : KEEL_OK);
    }
    CHECK_EQUAL(protect(BASE, LARGE, KEEL_READ), LARGE);
    CHECK_STATUS(keel_user_write(BASE, "y", 1), KEEL_E_FAULT);
    CHECK_EQUAL(protect(BASE, LARGE, KEEL_READ), LARGE); /* as they were */
    CHECK_AUDIT();
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

/* Takes all free frames but `left`; answers how many. */
static keel_frame_t taken[8192];
static size_t take_frames(uint64_t left)
{
    size_t count = 0;
    while (frame_free_count() > left && count < sizeof taken / sizeof taken[0]) {
        CHECK_OK(keel_frame_alloc(&taken[count++]));
    }
    return count;
}

static void give_frames(size_t count)
{
    while (count > 0) {
        CHECK_OK(keel_frame_release(taken[--count]));
    }
}

static void M8_split_without_memory_changes_nothing(void)
{
    uint64_t number = 77;
    space = unit_space();
    keel_segment_t segment = new_segment(2 * LARGE);
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, 2 * LARGE, RW));
    for (uint64_t left = 0; left < 2; left++) { /* a range over the border needs two tables */
        size_t count = take_frames(left);
        CHECK_STATUS(keel_space_unmap(space, BASE + PAGE, 2 * LARGE - 2, &number), KEEL_E_NO_MEMORY);
        CHECK_STATUS(keel_space_protect(space, BASE + PAGE, 2 * LARGE - 2, KEEL_READ, &number),
                     KEEL_E_NO_MEMORY);
        CHECK_EQUAL(number, 77);
        CHECK_EQUAL(frame_free_count(), left);
        CHECK_EQUAL(query(BASE).page_count, LARGE);
        CHECK_EQUAL(query(BASE + 2 * LARGE * PAGE - 1).page_count, LARGE);
        CHECK_EQUAL(protect(BASE + LARGE * PAGE, LARGE, KEEL_READ), LARGE); /* needs none */
        CHECK_EQUAL(protect(BASE + LARGE * PAGE, LARGE, RW), LARGE);
        give_frames(count);
    }
    size_t count = take_frames(1);
    CHECK_EQUAL(unmap(BASE + PAGE, 3),
                3); /* both ends in one large page: one table, though two were asked for */
    give_frames(count);
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void M8_map_segment_without_memory_maps_nothing(void)
{
    space = unit_space();
    keel_segment_t segment = new_segment(2 * LARGE);
    /* From the middle of one small table over a large page's place into another: 2 + 2 tables. */
    for (uint64_t left = 0; left < 4; left++) {
        size_t count = take_frames(left);
        CHECK_STATUS(keel_space_map_segment(space, BASE + 500 * PAGE, segment, 0, 2 * LARGE, RW),
                     KEEL_E_NO_MEMORY);
        CHECK_EQUAL(frame_free_count(), left);
        CHECK(!is_mapped(BASE + 500 * PAGE));
        CHECK_AUDIT();
        give_frames(count);
    }
    struct keel_frame_info info = {0};
    keel_frame_t frame = {0};
    CHECK_OK(keel_segment_frame(segment, 600, &frame));
    CHECK_OK(keel_frame_info(frame, &info));
    CHECK_EQUAL(info.references, 2);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void M6_map_segment_beyond_the_reference_limit(void)
{
    space = unit_space();
    keel_segment_t segment = new_segment(8);
    struct frame *full = frame_at(address_of(segment) / PAGE + 5);
    uint64_t word = atomic_u64_peek(&full->ref.word);
    atomic_u64_init(&full->ref.word, word + REF_COUNT_MAX - 1);
    CHECK_STATUS(keel_space_map_segment(space, BASE, segment, 0, 8, RW), KEEL_E_LIMIT);
    atomic_u64_init(&full->ref.word, word);
    CHECK_EQUAL(unmap(BASE, 8), 0);
    CHECK_AUDIT();
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void M1_tables_are_freed_as_they_empty(void)
{
    static const uint64_t places[] = {KEEL_USER_START,          0x1ff000, 0x200000, 0x3fffffff000,
                                      UINT64_C(0x7f8000000000), LAST_PAGE};
    uint64_t before = frame_free_count() - 2; /* the space's root, the frame */
    space = unit_space();
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_activate(space));
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CHECK_OK(keel_space_map(space, places[i], frame, RW));
        CHECK_OK(keel_user_write(places[i], "x", 1));
        CHECK_EQUAL(frame_free_count(), before - 3);
        CHECK_EQUAL(unmap(places[i], 1), 1);
        CHECK_EQUAL(frame_free_count(), before);
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CHECK_OK(keel_space_map(space, places[i], frame, RW));
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CHECK_EQUAL(unmap(places[i], 1), 1);
        CHECK_AUDIT();
    }
    CHECK_EQUAL(frame_free_count(), before);
    /* Whole tables inside, parts of tables at both ends. */
    for (uint64_t i = 0; i < 6; i++) {
        CHECK_OK(keel_space_map(space, BASE + i * LARGE * PAGE - PAGE, frame, RW));
        CHECK_OK(keel_space_map(space, BASE + i * LARGE * PAGE, frame, RW));
    }
    CHECK_EQUAL(unmap(BASE, 4 * LARGE + 1), 9);
    CHECK_EQUAL(unmap(BASE - PAGE, 6 * LARGE), 3);
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

/* Maps the segment's frames one by one. */
static void map_singly(keel_segment_t segment, uint64_t count, uint32_t rights)
{
    for (uint64_t i = 0; i < count; i++) {
        CHECK_OK(keel_space_map_segment(space, BASE + i * PAGE, segment, i, 1, rights));
    }
}

static void A1_promotion_joins_neighbours(void)
{
    space = unit_space();
    keel_segment_t segment = new_segment(2 * LARGE);
    CHECK_OK(keel_space_activate(space));
    map_singly(segment, 2 * LARGE, RW);
    uint64_t before = frame_free_count();
    CHECK_EQUAL(promote(BASE + PAGE, 2 * LARGE - 1), LARGE); /* the first is not in the range as a whole */
    CHECK_EQUAL(query(BASE + LARGE * PAGE).page_count, LARGE);
    CHECK_EQUAL(query(BASE).page_count, 1);
    CHECK_EQUAL(frame_free_count(), before + 1);
    CHECK_OK(keel_user_write(BASE + 3 * PAGE, "x", 1));
    CHECK_EQUAL(promote(BASE, 2 * LARGE), LARGE);
    CHECK_EQUAL(promote(BASE, 2 * LARGE), 0);
    CHECK_EQUAL(frame_free_count(), before + 2);
    CHECK_EQUAL(query(BASE + 9 * PAGE).dirty, 1);
    CHECK_EQUAL(query(BASE + LARGE * PAGE).dirty, 0);
    for (uint64_t i = 0; i < 2 * LARGE; i += 37) {
        check_page(segment, i, RW);
    }
    CHECK_AUDIT();
    CHECK_EQUAL(unmap(BASE + 30 * PAGE, 1), 1); /* and apart again */
    CHECK_EQUAL(query(BASE).page_count, 1);
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void A1_promotion_leaves_what_does_not_fit(void)
{
    keel_frame_t stranger = unit_frame();
    keel_segment_t segment = new_segment(2 * LARGE);
    for (unsigned fault = 0; fault < 4; fault++) {
        space = unit_space();
        if (fault == 3) { /* neighbours, but not from a border on */
            CHECK_OK(keel_space_map_segment(space, BASE, segment, 1, LARGE, RW));
        } else {
            map_singly(segment, LARGE, RW);
        }
        if (fault == 0) {
            CHECK_EQUAL(protect(BASE + 511 * PAGE, 1, KEEL_READ), 1);
        } else if (fault != 3) {
            CHECK_EQUAL(unmap(BASE + 256 * PAGE, 1), 1);
        }
        if (fault == 2) {
            CHECK_OK(keel_space_map(space, BASE + 256 * PAGE, stranger, RW));
        }
        CHECK_EQUAL(promote(BASE, LARGE), 0);
        CHECK_EQUAL(query(BASE).page_count, 1);
        CHECK_OK(keel_space_release(space));
    }
    CHECK_OK(keel_frame_release(stranger));
    CHECK_OK(keel_segment_release(segment));
}

static void A2_protecting_a_large_page_is_flushed(void)
{
    space = unit_space();
    keel_segment_t segment = new_segment(LARGE);
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, LARGE, RW));
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_user_write(BASE, "x", 1));
    CHECK_EQUAL(protect(BASE, LARGE, KEEL_READ), LARGE);
    CHECK_STATUS(keel_user_write(BASE, "x", 1), KEEL_E_FAULT);
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void A2_age_takes_marks_off_so_that_they_can_come_again(void)
{
    char byte = 0;
    space = unit_space();
    keel_segment_t segment = new_segment(2 * LARGE);
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, LARGE + 3, RW));
    CHECK_OK(keel_space_activate(space));
    CHECK_EQUAL(age(BASE, 2 * LARGE, KEEL_ACCESSED | KEEL_DIRTY), 0);
    for (unsigned round = 0; round < 2; round++) {
        CHECK_OK(keel_user_write(BASE + 8 * PAGE, "x", 1));
        CHECK_OK(keel_user_write(BASE + LARGE * PAGE, "x", 1));
        CHECK_OK(keel_user_read(BASE + (LARGE + 1) * PAGE, &byte, 1));
        CHECK_EQUAL(query(BASE).dirty, 1);
        CHECK_EQUAL(age(BASE + PAGE, 1, KEEL_DIRTY), 0); /* in the range in part only */
        CHECK_EQUAL(query(BASE).dirty, 1);
        CHECK_EQUAL(age(BASE, LARGE + 1, KEEL_DIRTY), LARGE + 1);
        CHECK_EQUAL(query(BASE).dirty, 0);
        CHECK_EQUAL(query(BASE).accessed, 1);
        CHECK_EQUAL(query(BASE + LARGE * PAGE).dirty, 0);
        CHECK_EQUAL(age(BASE, 2 * LARGE, KEEL_ACCESSED | KEEL_DIRTY), LARGE + 2);
        CHECK_EQUAL(query(BASE + (LARGE + 1) * PAGE).accessed, 0);
    }
    uint64_t count = 5;
    CHECK_STATUS(keel_space_age(space, BASE, 1, 0, &count), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_age(space, BASE, 1, 4, &count), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_age(space, BASE, 0, KEEL_DIRTY, &count), KEEL_E_INVALID);
    CHECK_EQUAL(count, 5);
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

static void A1_find_next_skips_holes_of_every_size(void)
{
    static const uint64_t places[] = {KEEL_USER_START,        0x3000,   0x1ff000, 0x40000000,
                                      UINT64_C(0x8000000000), LAST_PAGE};
    struct keel_mapping mapping = {0};
    uint64_t all = (KEEL_USER_END - KEEL_USER_START) / PAGE;
    space = unit_space();
    keel_frame_t frame = unit_frame();
    CHECK_STATUS(keel_space_find_next(space, KEEL_USER_START, all, &mapping), KEEL_E_NOT_FOUND);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CHECK_OK(keel_space_map(space, places[i], frame, RW));
    }
    uint64_t va = KEEL_USER_START;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CHECK_OK(keel_space_find_next(space, va, (KEEL_USER_END - va) / PAGE, &mapping));
        CHECK_EQUAL(mapping.va, places[i]);
        va = mapping.va + PAGE;
        if (i + 1 < sizeof places / sizeof places[0]) {
            CHECK_STATUS(keel_space_find_next(space, va, (places[i + 1] - va) / PAGE, &mapping),
                         places[i + 1] == va ? KEEL_E_INVALID : KEEL_E_NOT_FOUND);
        }
    }
    CHECK_STATUS(keel_space_find_next(space, KEEL_USER_END, 1, &mapping), KEEL_E_INVALID);
    CHECK_STATUS(keel_space_find_next(space, KEEL_USER_START, all + 1, &mapping), KEEL_E_INVALID);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

static void A1_a_whole_gigabyte(void)
{
    enum { GIB_PAGES = LARGE * LARGE };
    keel_segment_t segment = {0};
    space = unit_space();
    CHECK_OK(keel_segment_alloc(GIB_PAGES, GIB_PAGES, &segment));
    uint64_t before = frame_free_count();
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, GIB_PAGES, RW));
    CHECK_EQUAL(query(BASE + 12345 * PAGE).page_count, GIB_PAGES);
    CHECK_EQUAL(frame_free_count(), before - 1); /* the table that the leaf stands in */
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_user_write(BASE + 99999 * PAGE, "x", 1));
    CHECK_EQUAL(protect(BASE + 700 * PAGE, 1, KEEL_READ), 1); /* two levels of splits */
    check_page(segment, 700, KEEL_READ);
    check_page(segment, 701, RW);
    CHECK_EQUAL(query(BASE + 701 * PAGE).page_count, 1);
    CHECK_EQUAL(query(BASE + 5000 * PAGE).page_count, LARGE);
    CHECK_STATUS(keel_user_write(BASE + 700 * PAGE, "x", 1), KEEL_E_FAULT);
    CHECK_EQUAL(protect(BASE + 700 * PAGE, 1, RW), 1);
    CHECK_EQUAL(promote(BASE, GIB_PAGES), GIB_PAGES);
    CHECK_EQUAL(query(BASE).page_count, GIB_PAGES);
    CHECK_EQUAL(query(BASE).dirty, 1);
    CHECK_EQUAL(unmap(BASE + PAGE, GIB_PAGES - 2), GIB_PAGES - 2);
    CHECK_EQUAL(unmap(BASE, GIB_PAGES), 2);
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_space_release(space));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(A1_segment_is_mapped_with_large_pages_where_they_fit),
        UNIT(A1_mapped_segment_is_what_user_copies_see),
        UNIT(A6_map_segment_keeps_to_its_ranges),
        UNIT(M8_map_segment_over_something_maps_nothing),
        UNIT(A2_unmapping_a_part_splits_large_pages),
        UNIT(A2_protecting_a_part_splits_large_pages),
        UNIT(M8_split_without_memory_changes_nothing),
        UNIT(M8_map_segment_without_memory_maps_nothing),
        UNIT(M6_map_segment_beyond_the_reference_limit),
        UNIT(M1_tables_are_freed_as_they_empty),
        UNIT(A1_promotion_joins_neighbours),
        UNIT(A1_promotion_leaves_what_does_not_fit),
        UNIT(A2_protecting_a_large_page_is_flushed),
        UNIT(A2_age_takes_marks_off_so_that_they_can_come_again),
        UNIT(A1_find_next_skips_holes_of_every_size),
        UNIT(A1_a_whole_gigabyte, .config.ram_size = UINT64_C(5) << 29),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/cursor.c, core/range.c and the calls of keel/cursor.h.
 */
#include "core/cursor.h"

#include "core/object.h"
#include "support.h"

#define RW   (KEEL_READ | KEEL_WRITE)
#define PAGE ((uint64_t)KEEL_PAGE_SIZE)
#define AREA (UINT64_C(2) << 20) /* what one lowest table serves */
#define BASE (UINT64_C(1) << 30)

static keel_space_t space;
static keel_frame_t frame;
static keel_cursor_t cursor;

static void begin(void)
{
    space = unit_space();
    frame = unit_frame();
}

static void end(void)
{
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_release(space));
}

static keel_cursor_t open_at(uint64_t va, uint64_t page_count)
{
    keel_cursor_t opened = {0};
    CHECK_OK(keel_cursor_open(space, va, page_count, &opened));
    return opened;
}

/* Every call on [va, va + page_count pages) that edits. */
static void check_edits(uint64_t va, uint64_t page_count, keel_status_t expected)
{
    uint64_t number = 0;
    keel_cursor_t second;
    if (page_count == 1) {
        CHECK_STATUS(keel_space_map(space, va, frame, RW), expected);
    }
    CHECK_STATUS(keel_space_protect(space, va, page_count, KEEL_READ, &number), expected);
    CHECK_STATUS(keel_space_age(space, va, page_count, KEEL_DIRTY, &number), expected);
    CHECK_STATUS(keel_space_unmap(space, va, page_count, &number), expected);
    CHECK_EQUAL(number, expected == KEEL_OK);
    CHECK_STATUS(keel_cursor_open(space, va, page_count, &second), expected);
    if (expected == KEEL_OK) {
        CHECK_OK(keel_cursor_close(second));
    }
}

static void A3_a_kept_range_is_nobody_elses(void)
{
    uint64_t promoted = 0;
    struct keel_mapping mapping;
    begin();
    cursor = open_at(BASE, 4);
    CHECK_OK(keel_cursor_map(cursor, frame, RW));
    check_edits(BASE + PAGE, 1, KEEL_E_BUSY);
    check_edits(BASE + 3 * PAGE, 600, KEEL_E_BUSY);
    check_edits(BASE - PAGE, 2, KEEL_E_BUSY);
    check_edits(KEEL_USER_START, (KEEL_USER_END - KEEL_USER_START) / PAGE, KEEL_E_BUSY);
    CHECK_STATUS(keel_space_promote(space, BASE, 512, &promoted), KEEL_E_BUSY);
    CHECK_OK(keel_space_query(space, BASE, &mapping)); /* looking is free */
    CHECK_OK(keel_space_find_next(space, KEEL_USER_START, BASE / PAGE + 5, &mapping));
    CHECK_EQUAL(mapping.va, BASE);
    check_edits(BASE + AREA, 1, KEEL_OK);
    check_edits(BASE - PAGE, 1, KEEL_OK);
    check_edits(KEEL_USER_START, 1, KEEL_OK);
    CHECK_AUDIT();
    CHECK_OK(keel_cursor_close(cursor));
    CHECK_STATUS(keel_cursor_close(cursor), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_space_unmap(space, BASE, 1, &promoted));
    check_edits(BASE + PAGE, 1, KEEL_OK);
    end();
}

static void A3_cursors_on_disjoint_ranges_are_open_together(void)
{
    keel_cursor_t cursors[5];
    begin();
    for (uint64_t i = 0; i < 5; i++) {
        cursors[i] = open_at(BASE + i * AREA, 512);
        CHECK_OK(keel_cursor_map(cursors[i], frame, RW));
    }
    CHECK_STATUS(keel_cursor_open(space, BASE + 4 * AREA, 512, &cursor), KEEL_E_BUSY);
    CHECK_STATUS(keel_cursor_open(space, BASE - AREA, 7 * 512, &cursor), KEEL_E_BUSY);
    CHECK_AUDIT();
    for (unsigned i = 0; i < 5; i++) {
        CHECK_OK(keel_cursor_close(cursors[(i * 3) % 5]));
    }
    cursor = open_at(BASE - AREA, 7 * 512);
    uint64_t unmapped = 0;
    CHECK_OK(keel_cursor_unmap(cursor, 7 * 512, &unmapped));
    CHECK_EQUAL(unmapped, 5);
    CHECK_OK(keel_cursor_close(cursor));
    end();
}

static void A3_failed_lock_gives_back_what_it_got(void)
{
    begin();
    for (uint64_t i = 0; i < 6; i++) {
        CHECK_OK(keel_space_map(space, BASE + i * AREA, frame, RW));
    }
    keel_cursor_t kept = open_at(BASE + 3 * AREA, 1);
    CHECK_STATUS(keel_cursor_open(space, BASE, 6 * 512, &cursor), KEEL_E_BUSY);
    for (uint64_t i = 0; i < 6; i++) {
        uint64_t changed = 0;
        CHECK_STATUS(keel_space_protect(space, BASE + i * AREA, 1, KEEL_READ, &changed),
                     i == 3 ? KEEL_E_BUSY : KEEL_OK);
    }
    CHECK_OK(keel_cursor_close(kept));
    CHECK_OK(keel_cursor_close(open_at(BASE, 6 * 512)));
    end();
}

static void A3_position_walks_through_the_range(void)
{
    struct keel_mapping mapping = {0};
    uint64_t number = 0;
    begin();
    keel_segment_t segment = {0};
    CHECK_OK(keel_segment_alloc(3, 1, &segment));
    cursor = open_at(BASE, 10);
    CHECK_STATUS(keel_cursor_query(cursor, &mapping), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_cursor_map(cursor, frame, RW));
    CHECK_OK(keel_cursor_jump(cursor, BASE + 4 * PAGE));
    CHECK_OK(keel_cursor_map_segment(cursor, segment, 0, 3, KEEL_READ));
    CHECK_OK(keel_cursor_map(cursor, frame, RW));
    CHECK_OK(keel_cursor_jump(cursor, BASE));
    CHECK_STATUS(keel_cursor_map(cursor, frame, RW), KEEL_E_EXISTS);
    CHECK_OK(keel_cursor_query(cursor, &mapping)); /* it stayed */
    CHECK_EQUAL(mapping.va, BASE);
    CHECK_OK(keel_cursor_jump(cursor, BASE + PAGE));
    CHECK_STATUS(keel_cursor_find_next(cursor, 3, &mapping), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_cursor_find_next(cursor, 9, &mapping));
    CHECK_EQUAL(mapping.va, BASE + 4 * PAGE);
    CHECK_OK(keel_cursor_protect(cursor, 2, RW, &number)); /* from where it was found */
    CHECK_EQUAL(number, 2);
    CHECK_OK(keel_cursor_query(cursor, &mapping));
    CHECK_EQUAL(mapping.va, BASE + 6 * PAGE);
    CHECK_EQUAL(mapping.rights, KEEL_READ);
    CHECK_OK(keel_cursor_unmap(cursor, 4, &number));
    CHECK_EQUAL(number, 2);
    CHECK_STATUS(keel_cursor_query(cursor, &mapping), KEEL_E_INVALID); /* at the end */
    CHECK_STATUS(keel_cursor_map(cursor, frame, RW), KEEL_E_INVALID);
    CHECK_OK(keel_cursor_jump(cursor, BASE));
    CHECK_OK(keel_cursor_unmap(cursor, 10, &number));
    CHECK_EQUAL(number, 3);
    CHECK_OK(keel_cursor_close(cursor));
    CHECK_OK(keel_segment_release(segment));
    end();
}

static void A3_calls_keep_to_the_range(void)
{
    uint64_t number = 0;
    struct keel_mapping mapping;
    static const uint64_t wrong[] = {BASE - PAGE, BASE + 1,   BASE + 5 * PAGE,
                                     0,           UINT64_MAX, UINT64_MAX - 4095};
    begin();
    cursor = open_at(BASE, 4);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(keel_cursor_jump(cursor, wrong[i]), KEEL_E_INVALID);
    }
    CHECK_OK(keel_cursor_jump(cursor, BASE + 4 * PAGE));
    CHECK_OK(keel_cursor_jump(cursor, BASE + 2 * PAGE));
    static const uint64_t counts[] = {0, 3, UINT64_MAX, UINT64_C(1) << 52};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        CHECK_STATUS(keel_cursor_unmap(cursor, counts[i], &number), KEEL_E_INVALID);
        CHECK_STATUS(keel_cursor_protect(cursor, counts[i], RW, &number), KEEL_E_INVALID);
        CHECK_STATUS(keel_cursor_find_next(cursor, counts[i], &mapping), KEEL_E_INVALID);
    }
    CHECK_STATUS(keel_cursor_map(cursor, frame, RW | KEEL_EXEC), KEEL_E_DENIED);
    CHECK_STATUS(keel_cursor_map(cursor, frame, 0), KEEL_E_INVALID);
    CHECK_STATUS(keel_cursor_protect(cursor, 1, 8, &number), KEEL_E_INVALID);
    CHECK_OK(keel_cursor_close(cursor));
    static const uint64_t ranges[][2] = {
        {0, 1}, {BASE + 1, 1}, {BASE, 0}, {KEEL_USER_END - PAGE, 2}, {KEEL_USER_END, 1}, {BASE, UINT64_MAX}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        CHECK_STATUS(keel_cursor_open(space, ranges[i][0], ranges[i][1], &cursor), KEEL_E_INVALID);
    }
    CHECK_OK(keel_cursor_close(open_at(KEEL_USER_START, (KEEL_USER_END - KEEL_USER_START) / PAGE)));
    CHECK_OK(keel_cursor_close(open_at(KEEL_USER_END - PAGE, 1)));
    end();
}

static void try_as_a_stranger(uint64_t argument)
{
    uint64_t number = argument;
    struct keel_mapping mapping;
    CHECK_STATUS(keel_cursor_jump(cursor, BASE), KEEL_E_DENIED);
    CHECK_STATUS(keel_cursor_map(cursor, frame, RW), KEEL_E_DENIED);
    CHECK_STATUS(keel_cursor_unmap(cursor, 1, &number), KEEL_E_DENIED);
    CHECK_STATUS(keel_cursor_protect(cursor, 1, RW, &number), KEEL_E_DENIED);
    CHECK_STATUS(keel_cursor_query(cursor, &mapping), KEEL_E_DENIED);
    CHECK_STATUS(keel_cursor_find_next(cursor, 1, &mapping), KEEL_E_DENIED);
    CHECK_STATUS(keel_cursor_close(cursor), KEEL_E_DENIED);
}

static void A3_a_cursor_is_its_tasks_alone(void)
{
    begin();
    cursor = open_at(BASE, 4);
    CHECK(unit_join(unit_spawn(try_as_a_stranger, 0)) == 0);
    CHECK_OK(keel_cursor_map(cursor, frame, RW));
    CHECK_OK(keel_cursor_close(cursor));
    end();
}

static void open_and_exit(uint64_t argument)
{
    cursor = open_at(BASE, 4);
    open_at(BASE + AREA, 4);
    CHECK_OK(keel_cursor_map(cursor, frame, RW));
    if (argument == 1) {
        CHECK_OK(keel_task_exit(0));
    }
}

static void A3_cursors_of_a_task_end_with_it(void)
{
    begin();
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t unmapped = 0;
        CHECK(unit_join(unit_spawn(open_and_exit, i)) == 0);
        CHECK_STATUS(keel_cursor_close(cursor), KEEL_E_BAD_HANDLE);
        CHECK_OK(keel_space_unmap(space, BASE, 1, &unmapped));
        CHECK_EQUAL(unmapped, 1);
    }
    end();
}

static void M1_space_lives_while_a_cursor_is_open(void)
{
    struct keel_mapping mapping;
    uint64_t before = frame_free_count();
    begin();
    cursor = open_at(BASE, 4);
    CHECK_OK(keel_cursor_map(cursor, frame, RW));
    CHECK_OK(keel_space_release(space));
    CHECK_STATUS(keel_space_query(space, BASE, &mapping), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_cursor_map(cursor, frame, RW));
    CHECK_AUDIT();
    CHECK_OK(keel_cursor_close(cursor));
    CHECK_OK(keel_frame_release(frame));
    CHECK_EQUAL(frame_free_count(), before);
}

static void M1_cursor_leaves_no_empty_table(void)
{
    begin();
    uint64_t before = frame_free_count(), unmapped = 0;
    CHECK_OK(keel_cursor_close(open_at(BASE, 1)));
    CHECK_EQUAL(frame_free_count(), before);
    cursor = open_at(BASE, 4 * 512);
    for (uint64_t i = 0; i < 4; i++) {
        CHECK_OK(keel_cursor_jump(cursor, BASE + i * AREA + 5 * PAGE));
        CHECK_OK(keel_cursor_map(cursor, frame, RW));
    }
    uint64_t full = frame_free_count();
    CHECK_OK(keel_cursor_jump(cursor, BASE + AREA + 5 * PAGE));
    CHECK_OK(keel_cursor_unmap(cursor, 1, &unmapped));
    CHECK_EQUAL(frame_free_count(), full + 1);
    CHECK_OK(keel_cursor_jump(cursor, BASE + 5 * PAGE));
    CHECK_OK(keel_cursor_unmap(cursor, 3 * 512 + 1, &unmapped));
    CHECK_EQUAL(unmapped, 3);
    CHECK_OK(keel_cursor_close(cursor));
    CHECK_EQUAL(frame_free_count(), before);
    end();
}

/* A table that empties beside a cursor stays as long as nobody comes by; it is not lost. */
static void M1_table_that_empties_beside_a_cursor(void)
{
    begin();
    uint64_t before = frame_free_count(), unmapped = 0;
    for (uint64_t page_count = 1; page_count <= 512; page_count += 511) {
        CHECK_OK(keel_space_map(space, BASE + 5 * PAGE, frame, RW));
        cursor = open_at(BASE + AREA, 2 * 512);
        CHECK_OK(keel_space_unmap(space, BASE + 5 * PAGE, 1, &unmapped));
        CHECK_OK(keel_cursor_close(cursor));
        CHECK_EQUAL(unmapped, 1);
        CHECK_EQUAL(frame_free_count(), before - 3);
        CHECK_OK(keel_space_unmap(space, BASE, page_count, &unmapped));
        CHECK_EQUAL(unmapped, 0);
        CHECK_EQUAL(frame_free_count(), before);
    }
    end();
}

static keel_frame_t taken[8192];

static void M8_open_at_every_shortage(void)
{
    begin();
    for (uint64_t left = 0; left < 3; left++) {
        size_t count = 0;
        while (frame_free_count() > left) {
            CHECK_OK(keel_frame_alloc(&taken[count++]));
        }
        CHECK_STATUS(keel_cursor_open(space, BASE, 1, &cursor), KEEL_E_NO_MEMORY);
        CHECK_EQUAL(frame_free_count(), left);
        while (count > 0) {
            CHECK_OK(keel_frame_release(taken[--count]));
        }
        check_edits(BASE, 1, KEEL_OK); /* nothing stayed locked */
    }
    end();
}

static void M8_open_as_many_as_there_can_be(void)
{
    static keel_cursor_t cursors[2048];
    size_t count = 0;
    keel_status_t status = KEEL_OK;
    begin();
    while (count < object_slots(OBJECT_CURSOR) && status == KEEL_OK) {
        status = keel_cursor_open(space, BASE + count * AREA, 1, &cursors[count]);
        count += status == KEEL_OK;
    }
    CHECK_EQUAL(count, object_slots(OBJECT_CURSOR));
    CHECK_STATUS(keel_cursor_open(space, BASE - AREA, 1, &cursor), KEEL_E_LIMIT);
    while (count > 0) {
        CHECK_OK(keel_cursor_close(cursors[--count]));
    }
    CHECK_OK(keel_cursor_close(open_at(BASE - AREA, 1)));
    end();
}

static void A3_large_page_is_kept_by_a_cursor_inside(void)
{
    keel_segment_t segment = {0};
    uint64_t number = 0;
    begin();
    CHECK_OK(keel_segment_alloc(512, 512, &segment));
    CHECK_OK(keel_space_map_segment(space, BASE, segment, 0, 512, RW));
    cursor = open_at(BASE + 7 * PAGE, 2);
    CHECK_STATUS(keel_space_unmap(space, BASE, 1, &number), KEEL_E_BUSY);
    CHECK_OK(keel_cursor_protect(cursor, 1, KEEL_READ, &number)); /* splits it */
    CHECK_OK(keel_cursor_unmap(cursor, 1, &number));
    CHECK_AUDIT();
    CHECK_OK(keel_cursor_close(cursor));
    CHECK_OK(keel_space_unmap(space, BASE, 512, &number));
    CHECK_EQUAL(number, 511);
    CHECK_OK(keel_segment_release(segment));
    end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(A3_a_kept_range_is_nobody_elses),
        UNIT(A3_cursors_on_disjoint_ranges_are_open_together),
        UNIT(A3_failed_lock_gives_back_what_it_got),
        UNIT(A3_position_walks_through_the_range),
        UNIT(A3_calls_keep_to_the_range),
        UNIT(A3_a_cursor_is_its_tasks_alone, .seeds = 10),
        UNIT(A3_cursors_of_a_task_end_with_it, .seeds = 10),
        UNIT(M1_space_lives_while_a_cursor_is_open),
        UNIT(M1_cursor_leaves_no_empty_table),
        UNIT(M1_table_that_empties_beside_a_cursor),
        UNIT(M8_open_at_every_shortage, .config.ram_size = 2 << 20),
        UNIT(M8_open_as_many_as_there_can_be),
        UNIT(A3_large_page_is_kept_by_a_cursor_inside),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races between two CPUs that edit or walk one space, every schedule within the stated number of preemptions.
 * The machine reports a table that is walked after it was freed, and a frame that some CPU may still reach.
 */
#include "core/mapping.h"

#include "core/cpu.h"
#include "core/cursor.h"
#include "race.h"
#include "resolve.h"
#include "support.h"

#define RW   (KEEL_READ | KEEL_WRITE)
#define BASE (UINT64_C(1) << 30)
#define NEXT (BASE + KEEL_PAGE_SIZE)

static keel_space_t handle;
static struct space *space;
static struct frame *frame;
static keel_status_t theirs;
static uint64_t their_count;

/* A space and a frame as objects: what is explored is core, without the entry points' own references. */
static void begin(void)
{
    handle = unit_space();
    CHECK_OK(resolve_space(handle.value, &space));
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &frame));
    their_count = 0;
}

static void map(uint64_t va)
{
    CHECK_OK(space_map(space, va, frame, 1, HAL_PROT_USER | HAL_PROT_WRITE));
}

static void end(void)
{
    let_go_space(space);
    CHECK_OK(keel_space_release(handle));
    frame_put(frame);
}

static void unmap_theirs(uint64_t va)
{
    race_wait();
    theirs = space_unmap(space, va, 1, &their_count);
    race_done();
}

static void map_theirs(uint64_t va)
{
    race_wait();
    theirs = space_map(space, va, frame, 1, HAL_PROT_USER);
    race_done();
}

static void query_theirs(uint64_t va)
{
    struct space_mapping mapping;
    race_wait();
    theirs = space_query(space, va, &mapping);
    race_done();
}

/* One CPU frees tables that the other one descends through: it comes to a stray table and begins again. */
static void A3_explore_map_against_the_table_going(void)
{
    uint64_t count = 0;
    begin();
    map(BASE);
    keel_task_t other = race_start(map_theirs, NEXT);
    CHECK_OK(space_unmap(space, BASE, 1, &count));
    race_finish(other);
    CHECK_EQUAL(count, 1);
    CHECK_OK(theirs);
    CHECK_OK(space_unmap(space, NEXT, 1, &count));
    CHECK_EQUAL(count, 1);
    end();
}

static void M1_explore_walk_against_the_table_going(void)
{
    uint64_t count = 0;
    begin();
    map(BASE);
    for (unsigned cpu = 0; cpu < hal_cpu_count(); cpu++) {
        cpu_at(cpu)->walk_count = UINT64_MAX; /* their numbers never reach the table's address */
    }
    keel_task_t other = race_start(query_theirs, BASE);
    CHECK_OK(space_unmap(space, BASE, 1, &count));
    race_finish(other);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_NOT_FOUND);
    end();
}

static void A3_explore_two_maps_that_need_the_same_tables(void)
{
    uint64_t count = 0;
    begin();
    keel_task_t other = race_start(map_theirs, NEXT);
    map(BASE);
    race_finish(other);
    CHECK_OK(theirs);
    CHECK_OK(space_unmap(space, BASE, 2, &count));
    CHECK_EQUAL(count, 2);
    end();
}

static void A3_explore_two_maps_of_one_page(void)
{
    begin();
    keel_task_t other = race_start(map_theirs, BASE);
    keel_status_t ours = space_map(space, BASE, frame, 1, HAL_PROT_USER);
    race_finish(other);
    CHECK((ours == KEEL_OK) != (theirs == KEEL_OK));
    CHECK(ours == KEEL_OK || ours == KEEL_E_EXISTS);
    end();
}

static void A3_explore_two_unmaps_of_one_page(void)
{
    uint64_t count = 0;
    begin();
    map(BASE);
    keel_task_t other = race_start(unmap_theirs, BASE);
    CHECK_OK(space_unmap(space, BASE, 1, &count));
    race_finish(other);
    CHECK_EQUAL(count + their_count, 1);
    end();
}

static void open_and_map(uint64_t va)
{
    uint64_t number = 0;
    struct cursor *cursor;
    race_wait();
    theirs = cursor_open(space, va, NEXT, &number);
    if (theirs == KEEL_OK) {
        cursor = (struct cursor *)object_slot_of(OBJECT_CURSOR, number);
        CHECK_OK(cursor_map(cursor, frame, 1, HAL_PROT_USER));
        CHECK_OK(cursor_jump(cursor, va));
        CHECK_OK(cursor_unmap(cursor, 1, &number));
        CHECK_EQUAL(number, 1); /* nobody came between */
        cursor_close(cursor);
    }
    race_done();
}

static void A3_explore_map_against_a_cursor(void)
{
    uint64_t count = 0;
    begin();
    keel_task_t other = race_start(open_and_map, BASE);
    keel_status_t ours = space_map(space, NEXT, frame, 1, HAL_PROT_USER);
    race_finish(other);
    CHECK_OK(theirs);
    CHECK(ours == KEEL_OK || ours == KEEL_E_BUSY);
    CHECK_OK(space_unmap(space, BASE, 2, &count));
    CHECK_EQUAL(count, ours == KEEL_OK);
    end();
}

static void touch_theirs(uint64_t va)
{
    char byte = 1;
    CHECK_OK(keel_space_activate(handle));
    race_wait();
    theirs = keel_user_write(va, &byte, 1);
    race_done();
}

static void A2_explore_touch_against_unmap_and_reuse(void)
{
    uint64_t count = 0;
    struct frame *mapped;
    begin();
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 1, 1, &mapped));
    CHECK_OK(space_map(space, BASE, mapped, 1, HAL_PROT_USER | HAL_PROT_WRITE));
    frame_put(mapped);
    keel_task_t other = race_start(touch_theirs, BASE);
    CHECK_OK(space_unmap(space, BASE, 1, &count)); /* frees the frame and three tables */
    race_finish(other);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_FAULT);
    CHECK_EQUAL(count, 1);
    end();
}

/* What a CPU notes in the old table while a large page takes its place is not lost. */
static void A2_explore_promotion_against_a_write(void)
{
    struct frame *run;
    struct space_mapping mapping;
    uint64_t count = 0;
    begin();
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 512, 512, &run));
    for (uint64_t i = 0; i < 512; i++) {
        CHECK_OK(space_map(space, BASE + i * KEEL_PAGE_SIZE, run + i, 1, HAL_PROT_USER | HAL_PROT_WRITE));
        frame_put(run + i);
    }
    keel_task_t other = race_start(touch_theirs, BASE);
    CHECK_OK(space_promote(space, BASE, 512, &count));
    race_finish(other);
    CHECK_OK(theirs);
    CHECK_EQUAL(count, 512);
    CHECK_OK(space_query(space, BASE, &mapping));
    CHECK(mapping.level == 1 && mapping.dirty);
    end();
}

/* A frame of 2 MiB, mapped by one entry. */
static void begin_large(void)
{
    struct frame *run;
    begin();
    CHECK_OK(frame_alloc(FRAME_UNTYPED, 512, 512, &run));
    CHECK_OK(space_map(space, BASE, run, 512, HAL_PROT_USER | HAL_PROT_WRITE));
    for (uint64_t i = 0; i < 512; i++) {
        frame_put(run + i);
    }
}

/* Who touches the other parts of a large page while it is split waits, and notes what it did. */
static void A2_explore_split_against_a_write(void)
{
    struct space_mapping mapping;
    uint64_t count = 0;
    begin_large();
    keel_task_t other = race_start(touch_theirs, NEXT);
    CHECK_OK(space_unmap(space, BASE, 1, &count));
    race_finish(other);
    CHECK_OK(theirs);
    CHECK_EQUAL(count, 1);
    CHECK_OK(space_query(space, NEXT, &mapping));
    CHECK(mapping.level == 0 && mapping.dirty);
    end();
}

static void A2_explore_split_against_a_query(void)
{
    uint64_t count = 0;
    begin_large();
    keel_task_t other = race_start(query_theirs, NEXT);
    CHECK_OK(space_protect(space, BASE, 1, HAL_PROT_USER, &count));
    race_finish(other);
    CHECK_OK(theirs);
    end();
}

/* The program reads there until it has. */
static void read_next(void *context, struct keel_user_regs *regs, struct keel_user_event *event)
{
    char byte;
    (void)context;
    (void)regs;
    if (hosted_user_access(NEXT, &byte, 1, HOSTED_READ, event)) {
        event->reason = KEEL_USER_SYSCALL;
    }
}

static void run_theirs(uint64_t argument)
{
    struct keel_user_regs regs = {.rip = NEXT, .rsp = NEXT};
    struct keel_user_event event;
    (void)argument;
    CHECK_OK(keel_space_activate(handle));
    race_wait();
    do {
        CHECK_OK(keel_user_run(&regs, &event));
    } while (event.reason == KEEL_USER_INTERRUPT);
    CHECK_EQUAL(event.reason, KEEL_USER_SYSCALL);
    race_done();
}

static void A2_explore_split_against_a_program(void)
{
    uint64_t count = 0;
    begin_large();
    keel_task_t other = race_start(run_theirs, 0);
    CHECK_OK(space_unmap(space, BASE, 1, &count));
    race_finish(other);
    end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(A3_explore_map_against_the_table_going, 1),
        EXPLORE(M1_explore_walk_against_the_table_going, 2),
        EXPLORE(A3_explore_two_maps_that_need_the_same_tables, 2),
        EXPLORE(A3_explore_two_maps_of_one_page, 2),
        EXPLORE(A3_explore_two_unmaps_of_one_page, 1),
        EXPLORE(A3_explore_map_against_a_cursor, 1),
        EXPLORE(A2_explore_touch_against_unmap_and_reuse, 1),
        EXPLORE(A2_explore_promotion_against_a_write, 1, .config.ram_size = UINT64_C(6) << 20),
        EXPLORE(A2_explore_split_against_a_write, 1, .config.ram_size = UINT64_C(6) << 20),
        EXPLORE(A2_explore_split_against_a_query, 1, .config.ram_size = UINT64_C(6) << 20),
        EXPLORE(A2_explore_split_against_a_program, 1, .config.ram_size = UINT64_C(6) << 20,
                .config.user_engine = HOSTED_USER_SCRIPT, .config.user_script = read_next),
    };
    return unit_main(tests, argc, argv);
}

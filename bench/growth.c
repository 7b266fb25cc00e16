/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See growth.h.
 */
#include "growth.h"

#include <stdatomic.h>

#include "keel/keel.h"
#include "kernel.h"
#include "measure.h"

#define TASKS      2u
#define OPERATIONS 20000u
/* A range has tables of its own down from the second level. */
#define RANGE_BASE(id) (UINT64_C(0x8000000000) * ((id) + 1))

struct lane {
    keel_frame_t frame;
    uint32_t cpu;
    uint64_t start, end;
};

static keel_space_t space;
static struct lane lanes[TASKS];
static atomic_uint arrived;
static unsigned expected;

static void work(uint64_t id)
{
    struct lane *lane = &lanes[id];
    uint64_t count;
    /* A neighbour keeps the tables, as other pages do in a program that runs. */
    must(keel_space_map(space, RANGE_BASE(id) + 100 * KEEL_PAGE_SIZE, lane->frame, KEEL_READ), "space_map");
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < expected) {
        must(keel_task_yield(), "task_yield");
    }
    must(keel_cpu_current(&lane->cpu), "cpu_current");
    keel_cursor_t cursor;
    must(keel_cursor_open(space, RANGE_BASE(id), 512, &cursor), "cursor_open");
    lane->start = bench_time();
    for (unsigned i = 0; i < OPERATIONS; i++) {
        uint64_t va = RANGE_BASE(id) + i % 64 * KEEL_PAGE_SIZE;
        must(keel_cursor_jump(cursor, va), "cursor_jump");
        must(keel_cursor_map(cursor, lane->frame, KEEL_READ), "cursor_map");
        must(keel_cursor_jump(cursor, va), "cursor_jump");
        must(keel_cursor_unmap(cursor, 1, &count), "cursor_unmap");
    }
    lane->end = bench_time();
    must(keel_cursor_close(cursor), "cursor_close");
    must(keel_space_unmap(space, RANGE_BASE(id) + 100 * KEEL_PAGE_SIZE, 1, &count), "space_unmap");
}

/* Nanoseconds from the first start to the last end of `task_count` tasks. */
static uint64_t race(unsigned task_count)
{
    keel_task_t tasks[TASKS];
    int32_t status;
    uint64_t start = UINT64_MAX, end = 0;
    atomic_store(&arrived, 0);
    expected = task_count;
    for (unsigned i = 0; i < task_count; i++) {
        struct keel_task_options options = {.entry = work, .argument = i, .name = "lane"};
        must(keel_task_spawn(&options, &tasks[i]), "task_spawn");
    }
    for (unsigned i = 0; i < task_count; i++) {
        must(keel_task_join(tasks[i], &status), "task_join");
        must(keel_task_release(tasks[i]), "task_release");
        start = lanes[i].start < start ? lanes[i].start : start;
        end = lanes[i].end > end ? lanes[i].end : end;
    }
    return end - start;
}

void growth_measure(uint64_t repetitions)
{
    must(keel_space_create(&space), "space_create");
    for (unsigned i = 0; i < TASKS; i++) {
        must(keel_frame_alloc(&lanes[i].frame), "frame_alloc");
    }
    (void)race(TASKS); /* warm, and the tables stand */
    for (uint64_t turn = 0; turn < repetitions; turn++) {
        uint64_t alone = race(1);
        uint64_t together = race(TASKS);
        if (lanes[0].cpu != lanes[1].cpu) {
            say_format("growth %.3f\n", (double)(alone * TASKS) / (double)together);
        }
    }
}

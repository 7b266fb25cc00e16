/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/frame_count.c: the sum of the CPUs' counters is exact at rest and possible at any time (M6).
 */
#include "core/frame_count.h"

#include "core/frame.h"
#include "hal/context.h"
#include "hal/cpu.h"
#include "support.h"

static void taken(uint64_t count)
{
    bool interrupts = hal_irq_disable();
    frame_count_taken(count);
    hal_irq_restore(interrupts);
}

static void returned(uint64_t count)
{
    bool interrupts = hal_irq_disable();
    frame_count_returned(count);
    hal_irq_restore(interrupts);
}

static void M6_count_is_what_came_less_what_went(void)
{
    uint64_t total = frame_total();
    uint64_t before = frame_count_free(total);
    taken(3);
    CHECK_EQUAL(frame_count_free(total), before - 3);
    returned(2);
    CHECK_EQUAL(frame_count_free(total), before - 1);
    returned(1);
    CHECK_EQUAL(frame_count_free(total), before);
}

static void M6_count_is_never_more_than_all(void)
{
    uint64_t before = frame_count_free(UINT64_MAX);
    CHECK_EQUAL(frame_count_free(before - 1), before - 1);
    CHECK_EQUAL(frame_count_free(before), before);
    CHECK_EQUAL(frame_count_free(0), 0);
}

static void come_and_go(uint64_t argument)
{
    for (uint64_t i = 0; i < argument; i++) {
        CHECK_OK(keel_frame_release(unit_frame()));
    }
}

/* Frames that one CPU frees and the other takes: no reader sees less than what nobody ever takes. */
static void M6_count_is_possible_while_frames_move(void)
{
    uint64_t floor = frame_free_count() - 2 * (HAL_STACK_PAGES + 2); /* stack, vector image, and one frame */
    keel_task_t tasks[2];
    for (unsigned i = 0; i < 2; i++) {
        tasks[i] = unit_spawn(come_and_go, 100);
    }
    for (unsigned i = 0; i < 200; i++) {
        uint64_t now = frame_free_count();
        CHECK(now >= floor && now <= frame_total());
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M6_count_is_what_came_less_what_went),
        UNIT(M6_count_is_never_more_than_all),
        UNIT(M6_count_is_possible_while_frames_move, .seeds = 20),
    };
    return unit_main(tests, argc, argv);
}

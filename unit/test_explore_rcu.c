/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A reader against an updater: every schedule within the stated number of preemptions. What is published is a
 * handle, and plain memory, about which ThreadSanitizer knows that it is not touched while somebody reads it.
 */
#include "core/rcu.h"

#include "core/frame.h"
#include "race.h"
#include "support.h"

static keel_frame_t frames[3];
static uint32_t values[3];
static atomic_u32_t published; /* index into both */

static void read_what_is_published(void)
{
    keel_guard_t guard;
    char byte = 0;
    CHECK_OK(keel_rcu_read_begin(&guard));
    uint32_t index = atomic_u32_load_acquire(&published);
    CHECK_OK(keel_frame_read(frames[index], 0, &byte, 1));
    CHECK_EQUAL(values[index], 5);
    CHECK_OK(keel_guard_release(guard));
}

static void read_in_race(uint64_t times)
{
    race_wait();
    for (uint64_t i = 0; i < times; i++) {
        read_what_is_published();
    }
    race_done();
}

static void prepare(void)
{
    for (unsigned i = 0; i < 2; i++) {
        frames[i] = unit_frame();
        values[i] = 5;
    }
    atomic_u32_init(&published, 0);
}

static void T7_explore_publish_and_reclaim(void)
{
    prepare();
    keel_task_t reader = race_start(read_in_race, 1);
    atomic_u32_store_release(&published, 1);
    CHECK_OK(keel_rcu_synchronize(KEEL_RCU_EXPEDITED, KEEL_FOREVER));
    values[0] = 0;
    CHECK_OK(keel_frame_release(frames[0]));
    race_finish(reader);
    CHECK_OK(keel_frame_release(frames[1]));
}

static void T7_explore_retire(void)
{
    prepare();
    keel_task_t reader = race_start(read_in_race, 1);
    atomic_u32_store_release(&published, 1);
    CHECK_OK(keel_rcu_retire(frames[0].value));
    race_finish(reader);
    CHECK_OK(keel_frame_release(frames[1]));
}

/* Two updaters at once: each waits for the reader that it may have met. */
static void update_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_rcu_synchronize(KEEL_RCU_EXPEDITED, KEEL_FOREVER));
    race_done();
}

static void T7_explore_two_grace_periods(void)
{
    keel_guard_t guard;
    keel_task_t other = race_start(update_in_race, 0);
    CHECK_OK(keel_rcu_synchronize(KEEL_RCU_EXPEDITED, KEEL_FOREVER));
    CHECK_OK(keel_rcu_read_begin(&guard));
    CHECK_OK(keel_guard_release(guard));
    race_finish(other);
}

/* Reads the second frame, which the other CPU retires meanwhile, and retires the first. */
static void read_and_retire(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_rcu_retire(frames[0].value));
    read_what_is_published();
    race_done();
}

/* There is no memory for a task: each does its own work, and finds that the other one did some of it. */
static void T7_explore_two_retire_without_a_task(void)
{
    static keel_frame_t taken[256];
    uint32_t count = 0;
    prepare();
    frames[2] = unit_frame();
    values[2] = 5;
    atomic_u32_store_release(&published, 1);
    keel_task_t other = race_prepare(read_and_retire, 0);
    while (keel_frame_alloc(&taken[count]) == KEEL_OK) {
        count++;
    }
    race_begin();
    atomic_u32_store_release(&published, 2);
    CHECK_OK(keel_rcu_retire(frames[1].value));
    race_finish(other);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(keel_frame_release(frames[i]), KEEL_E_BAD_HANDLE);
    }
    while (count > 0) {
        CHECK_OK(keel_frame_release(taken[--count]));
    }
    CHECK_OK(keel_frame_release(frames[2]));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(T7_explore_publish_and_reclaim, RACE_BOUND),
        EXPLORE(T7_explore_retire, 1),
        EXPLORE(T7_explore_two_retire_without_a_task, 1),
        EXPLORE(T7_explore_two_grace_periods, RACE_BOUND),
    };
    return unit_main(tests, argc, argv);
}

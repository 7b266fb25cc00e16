/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races around the choice of a task: a kick against going idle, wakes and changes against switches, every
 * schedule within the stated number of preemptions. Ticks would come to the rescue of what is lost, so what
 * comes later than half a tick counts as lost.
 */
#include "race.h"
#include "sched_script.h"

static keel_semaphore_t semaphore;
static uint64_t began, ended;

/* Those that start afterwards are far off while the race lasts. */
static void let_ticks_stop(void)
{
    CHECK_OK(keel_task_sleep(3 * SCHED_TICK_NS));
}

/* The calling task stays on CPU 0. */
static void prepare(void)
{
    script_inject(KEEL_CPU_ANY);
    script_stay_on_cpu0();
    let_ticks_stop();
}

static void take_token(uint64_t ends_race)
{
    CHECK_OK(keel_semaphore_down(semaphore, KEEL_FOREVER));
    CHECK_EQUAL(script_cpu(), 1);
    ended = script_now();
    if (ends_race != 0) {
        race_done();
    }
}

/* A task that waits, and will run on CPU 1. */
static keel_task_t prepare_waiter(uint64_t ends_race)
{
    prepare();
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    keel_task_t waiter = script_spawn(take_token, ends_race, CPU1);
    script_await(waiter, KEEL_TASK_BLOCKED);
    let_ticks_stop();
    return waiter;
}

static void finish_waiter(keel_task_t waiter)
{
    CHECK(unit_join(waiter) == 0);
    CHECK(ended - began < SCHED_TICK_NS / 2);
    CHECK_OK(keel_semaphore_release(semaphore));
}

static void leave(uint64_t argument)
{
    (void)argument;
    race_wait();
}

/* CPU 1's task ends while the next one is woken for it: by name, or as an idle one that will do. */
static void kick_against_going_idle(uint32_t answer)
{
    keel_task_t waiter = prepare_waiter(1);
    keel_task_t other = race_prepare(leave, 0);
    SCRIPT_SET(answer, answer);
    race_begin();
    CHECK_OK(
        keel_cpu_relax()); /* the other one begins: one preemption of it is then enough for every moment */
    began = script_now();
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    race_finish(other);
    finish_waiter(waiter);
}

static void T9_explore_kick_against_going_idle(void)
{
    kick_against_going_idle(SCRIPT_IN_MASK);
}

static void T9_explore_kick_of_any_against_going_idle(void)
{
    kick_against_going_idle(KEEL_CPU_ANY);
}

static void yield_twice(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_task_yield());
    CHECK_OK(keel_task_yield());
    race_done();
}

/* CPU 1 is to be preempted for a task while it switches by itself. */
static void T1_explore_preempting_wake_against_yield(void)
{
    keel_task_t waiter = prepare_waiter(0);
    keel_task_t other = race_prepare(yield_twice, 0);
    SCRIPT_SET(answer, 1 | KEEL_CPU_PREEMPT);
    race_begin();
    began = script_now();
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    race_finish(other);
    finish_waiter(waiter);
}

static void nothing(uint64_t argument)
{
    (void)argument;
}

/* A task is enqueued once, however it changes on its way off the CPU (the script looks). */
static void T1_explore_changes_against_yield(void)
{
    prepare();
    keel_task_t other = race_prepare(yield_twice, 0);
    keel_task_t next = script_spawn(nothing, 0, CPU1);
    race_begin();
    CHECK_OK(keel_task_set_priority(other, 3));
    CHECK_OK(keel_task_set_affinity(other, CPU1));
    race_finish(other);
    CHECK(unit_join(next) == 0);
    CHECK_EQUAL(script_wrong(), 0);
}

static void run_to_cpu0(uint64_t argument)
{
    (void)argument;
    while (script_cpu() != 0) {
        CHECK_OK(keel_cpu_relax());
    }
    ended = script_now();
    race_done();
}

/* A queued task may not run on CPU 1 any more, which is about to pick it or already runs it. */
static void T1_explore_affinity_against_pick(void)
{
    prepare();
    keel_task_t other = race_prepare(leave, 0);
    keel_task_t moved = script_spawn(run_to_cpu0, 0, CPU1);
    SCRIPT_SET(answer, SCRIPT_IN_MASK);
    race_begin();
    began = script_now();
    CHECK_OK(keel_task_set_affinity(moved, CPU0));
    CHECK_AUDIT();
    CHECK(unit_join(moved) == 0);
    race_finish(other);
    CHECK(ended - began < SCHED_TICK_NS / 2);
    CHECK_EQUAL(script_wrong(), 0);
}

#define LATER UINT64_C(40000)

static void sleep_a_little(uint64_t argument)
{
    (void)argument;
    race_wait();
    uint64_t start = script_now();
    CHECK_OK(keel_task_sleep(LATER));
    CHECK(script_now() - start < SCHED_TICK_NS / 2);
    race_done();
}

/* One CPU's timer is for the earlier of two deadlines; the later one is not forgotten with it. */
static void T9_explore_two_deadlines(void)
{
    prepare();
    keel_task_t other = race_start(sleep_a_little, 0);
    uint64_t start = script_now();
    CHECK_OK(keel_task_sleep(LATER - 1000));
    CHECK(script_now() - start < SCHED_TICK_NS / 2);
    race_finish(other);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(T9_explore_kick_against_going_idle, 1),
        EXPLORE(T9_explore_kick_of_any_against_going_idle, 1),
        EXPLORE(T1_explore_preempting_wake_against_yield, 1),
        EXPLORE(T1_explore_changes_against_yield, 1),
        EXPLORE(T1_explore_affinity_against_pick, 1),
        EXPLORE(T9_explore_two_deadlines, 1),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What ./keel explore must see (unit/test_explore_tool.py): planted faults of which it is known how many
 * preemptions each needs, and beside them what is right. CTest does not run this program by itself.
 */
#include <stdlib.h>

#include "explore_client.h"
#include "race.h"
#include "support.h"

static atomic_u32_t counter;

/* --- A lost update: one preemption, between the load and the store --- */

static void add_badly(void)
{
    uint32_t value = atomic_u32_load_relaxed(&counter);
    atomic_u32_store_relaxed(&counter, value + 1);
}

static void add_well(void)
{
    atomic_u32_fetch_add(&counter, 1);
}

static void other_adds(uint64_t well)
{
    race_wait();
    (well != 0 ? add_well : add_badly)();
    race_done();
}

static void race_of_adds(bool well)
{
    atomic_u32_init(&counter, 0);
    keel_task_t other = race_start(other_adds, well);
    (well ? add_well : add_badly)();
    race_finish(other);
    CHECK_EQUAL(atomic_u32_load_relaxed(&counter), 2);
}

static void lost_update(void)
{
    race_of_adds(false);
}

static void right_update(void)
{
    race_of_adds(true);
}

/* The same with nothing in the stretch but four choices, so that the schedules can be counted by hand: the
 * first task stores `go` (A) and adds (B), the other loads `go` (C) and adds (D); who is ready first ends the
 * stretch. Preempted are: nobody; A; B (3 schedules within one preemption); A and B; A and C; B and C; B and
 * D (7 within two). Of these, A and C is equivalent to A alone: nothing was done meanwhile. */
static void other_ends(uint64_t argument)
{
    (void)argument;
    race_wait();
    add_well();
    hosted_explore_end();
    race_done();
}

static void counted_by_hand(void)
{
    atomic_u32_init(&counter, 0);
    keel_task_t other = race_start(other_ends, 0);
    add_well();
    hosted_explore_end();
    race_finish(other);
    CHECK_EQUAL(atomic_u32_load_relaxed(&counter), 2);
}

/* Each says that it is there, then looks for the other: without a fence a CPU may look before the others see
 * what it said. */
static atomic_u32_t here[2];
static uint32_t saw[2];

static void say_and_look(unsigned self, bool fence)
{
    atomic_u32_store_relaxed(&here[self], 1);
    if (fence) {
        atomic_fence();
    }
    saw[self] = atomic_u32_load_relaxed(&here[1 - self]);
}

static void other_says(uint64_t fence)
{
    race_wait();
    say_and_look(1, fence != 0);
    race_done();
}

static void race_to_see(bool fence)
{
    atomic_u32_init(&here[0], 0);
    atomic_u32_init(&here[1], 0);
    keel_task_t other = race_start(other_says, fence);
    say_and_look(0, fence);
    race_finish(other);
    CHECK(saw[0] == 1 || saw[1] == 1);
}

static void store_overtaken(void)
{
    race_to_see(false);
}

static void store_fenced(void)
{
    race_to_see(true);
}

/* The same in a client's code, which has atomics of its own. */
static void other_client(uint64_t well)
{
    race_wait();
    (well != 0 ? client_count_well : client_count_badly)();
    race_done();
}

static void race_of_clients(bool well)
{
    client_reset();
    keel_task_t other = race_start(other_client, well);
    (well ? client_count_well : client_count_badly)();
    race_finish(other);
    CHECK_EQUAL(client_counted(), 2);
}

static void client_lost_update(void)
{
    race_of_clients(false);
}

static void client_right_update(void)
{
    race_of_clients(true);
}

/* --- A missed wake-up: two preemptions, one to let the waiter look first, one when it has looked --- */

static keel_event_t event;
static atomic_u32_t condition;

static void wait_badly(uint64_t argument)
{
    uint64_t sequence = 0;
    (void)argument;
    race_wait();
    if (atomic_u32_load_acquire(&condition) == 0) {
        CHECK_OK(keel_event_sequence(event, &sequence)); /* too late: this must come first */
        CHECK_OK(keel_event_wait(event, sequence, KEEL_FOREVER));
    }
}

static void wait_well(uint64_t argument)
{
    uint64_t sequence = 0;
    (void)argument;
    race_wait();
    CHECK_OK(keel_event_sequence(event, &sequence));
    if (atomic_u32_load_acquire(&condition) == 0) {
        CHECK_OK(keel_event_wait(event, sequence, KEEL_FOREVER));
    }
}

static void race_of_wait(void (*wait)(uint64_t))
{
    uint32_t woken = 0;
    atomic_u32_init(&condition, 0);
    CHECK_OK(keel_event_create(&event));
    keel_task_t other = race_start(wait, 0);
    atomic_u32_store_release(&condition, 1);
    CHECK_OK(keel_event_signal(event, 1, &woken));
    hosted_explore_end();
    CHECK_EQUAL((uint64_t)unit_join(other), 0);
    CHECK_OK(keel_event_release(event));
}

static void missed_wake_up(void)
{
    race_of_wait(wait_badly);
}

static void right_wake_up(void)
{
    race_of_wait(wait_well);
}

/* --- A race on plain memory that no check sees, only ThreadSanitizer: no preemption --- */

static uint32_t plain;

static void other_adds_plainly(uint64_t argument)
{
    (void)argument;
    race_wait();
    plain++;
    race_done();
}

static void data_race(void)
{
    plain = 0;
    keel_task_t other = race_start(other_adds_plainly, 0);
    plain++;
    race_finish(other);
}

/* --- The end of the whole process: one preemption --- */

static void abort_if_lost(uint64_t argument)
{
    (void)argument;
    race_wait();
    if (atomic_u32_load_relaxed(&counter) == 1) {
        abort();
    }
    race_done();
}

static void death(void)
{
    atomic_u32_init(&counter, 0);
    keel_task_t other = race_start(abort_if_lost, 0);
    atomic_u32_store_relaxed(&counter, 1);
    atomic_u32_store_relaxed(&counter, 2);
    race_finish(other);
}

/* --- A test that depends on the runs before it: no schedule of it repeats --- */

static void forgetful(void)
{
    static unsigned runs;
    atomic_u32_init(&counter, 0);
    keel_task_t other = race_start(other_adds, true);
    add_well();
    race_finish(other);
    CHECK(++runs < 10);
}

#define PLANTED(function, bound) EXPLORE(function, bound, .config.step_limit = 20000)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        PLANTED(lost_update, 2),        PLANTED(right_update, 2),        PLANTED(counted_by_hand, 2),
        PLANTED(client_lost_update, 2), PLANTED(client_right_update, 2), PLANTED(missed_wake_up, 2),
        PLANTED(right_wake_up, 2),      PLANTED(data_race, 1),           PLANTED(death, 2),
        PLANTED(forgetful, 2),          PLANTED(store_overtaken, 2),     PLANTED(store_fenced, 2),
    };
    return unit_main(tests, argc, argv);
}

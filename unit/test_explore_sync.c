/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting against waking, against a deadline, and against exit: every schedule within the stated number of
 * preemptions. Deadlines pass when the test says so (unit_let_time_pass).
 */
#include "core/sync.h"
#include "race.h"
#include "support.h"

#define HOUR UINT64_C(3600000000000)

static keel_event_t event;
static keel_semaphore_t semaphore;
static keel_mutex_t mutex;
static keel_status_t waited;

static void pass_time(uint64_t argument)
{
    (void)argument;
    race_wait();
    unit_let_time_pass();
    race_done();
}

/* The waiter got what there was one of, or its time was up; then it is still there. */
static void check_one_token(void)
{
    CHECK(waited == KEEL_OK || waited == KEEL_E_TIMEOUT);
    CHECK_STATUS(keel_semaphore_down(semaphore, 0), waited == KEEL_OK ? KEEL_E_TIMEOUT : KEEL_OK);
}

/* --- The pattern of keel/sync.h: nobody misses the one signal there is --- */

static atomic_u32_t condition;

static void wait_for_condition(uint64_t argument)
{
    uint64_t sequence = 0;
    (void)argument;
    race_wait();
    for (;;) {
        CHECK_OK(keel_event_sequence(event, &sequence));
        if (atomic_u32_load_acquire(&condition) != 0) {
            break;
        }
        CHECK_OK(keel_event_wait(event, sequence, KEEL_FOREVER));
    }
    race_done();
}

static void T9_explore_signal_against_wait(void)
{
    uint32_t woken;
    atomic_u32_init(&condition, 0);
    CHECK_OK(keel_event_create(&event));
    keel_task_t other = race_start(wait_for_condition, 0);
    atomic_u32_store_release(&condition, 1);
    CHECK_OK(keel_event_signal(event, 1, &woken));
    race_finish(other);
    CHECK_OK(keel_event_release(event));
}

/* --- Who sees that the sequence has moved sees what was done before the signal (ThreadSanitizer looks) ---
 */

static uint32_t news; /* plain */

static void tell_news(uint64_t argument)
{
    uint32_t woken;
    (void)argument;
    race_wait();
    news = 1;
    CHECK_OK(keel_event_signal(event, 1, &woken));
    race_done();
}

static void T9_explore_sequence_against_signal(void)
{
    uint64_t sequence = 0;
    news = 0;
    CHECK_OK(keel_event_create(&event));
    keel_task_t other = race_start(tell_news, 0);
    CHECK_OK(keel_event_sequence(event, &sequence));
    if (sequence != 0) {
        CHECK_EQUAL(news, 1);
    }
    race_finish(other);
    CHECK_OK(keel_event_release(event));
}

/* --- A token is given to who waits, or stays --- */

static void take_token(uint64_t argument)
{
    (void)argument;
    waited = keel_semaphore_down(semaphore, HOUR);
}

static void T9_explore_token_against_deadline(void)
{
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    keel_task_t waiter = unit_spawn_until_blocked(take_token, 0);
    keel_task_t other = race_start(pass_time, 0);
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    race_finish(other);
    CHECK(unit_join(waiter) == 0);
    check_one_token();
    CHECK_OK(keel_semaphore_release(semaphore));
}

static void take_token_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    waited = keel_semaphore_down(semaphore, HOUR);
    race_done();
}

/* The deadline passes at any moment of the way to sleep; without it the token ends the wait. */
static void T9_explore_deadline_against_going_to_sleep(void)
{
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    keel_task_t other = race_start(take_token_in_race, 0);
    unit_let_time_pass();
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    race_finish(other);
    check_one_token();
    CHECK_OK(keel_semaphore_release(semaphore));
}

/* --- Of two waiters the first one's time is up: the wake-up is the second one's --- */

static keel_status_t second_waited;

static void take_token_second(uint64_t argument)
{
    (void)argument;
    second_waited = keel_semaphore_down(semaphore, KEEL_FOREVER);
}

static void T9_explore_wake_up_is_not_spent_on_who_leaves(void)
{
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    keel_task_t first = unit_spawn_until_blocked(take_token, 0);
    keel_task_t second = unit_spawn_until_blocked(take_token_second, 0);
    keel_task_t other = race_start(pass_time, 0);
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    race_finish(other);
    CHECK(unit_join(first) == 0);
    if (waited == KEEL_OK) {
        CHECK_OK(keel_semaphore_up(semaphore, 1));
    }
    CHECK(unit_join(second) == 0);
    CHECK_OK(second_waited);
    CHECK_STATUS(keel_semaphore_down(semaphore, 0), KEEL_E_TIMEOUT);
    CHECK_OK(keel_semaphore_release(semaphore));
}

/* --- Mutexes --- */

static uint32_t inside;

static void lock_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_mutex_lock(mutex, KEEL_FOREVER));
    CHECK_EQUAL(inside++, 0);
    inside--;
    CHECK_OK(keel_mutex_unlock(mutex));
    race_done();
}

static void T5_explore_two_holders(void)
{
    CHECK_OK(keel_mutex_create(&mutex));
    keel_task_t other = race_start(lock_in_race, 0);
    CHECK_OK(keel_mutex_lock(mutex, KEEL_FOREVER));
    CHECK_EQUAL(inside++, 0);
    inside--;
    CHECK_OK(keel_mutex_unlock(mutex));
    race_finish(other);
    CHECK_OK(keel_mutex_lock(mutex, 0));
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK_OK(keel_mutex_release(mutex));
}

static void lock_for_a_while(uint64_t argument)
{
    (void)argument;
    waited = keel_mutex_lock(mutex, HOUR);
    if (waited == KEEL_OK) {
        CHECK_OK(keel_mutex_unlock(mutex));
    }
}

static void T9_explore_hand_over_against_deadline(void)
{
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_OK(keel_mutex_lock(mutex, 0));
    keel_task_t waiter = unit_spawn_until_blocked(lock_for_a_while, 0);
    keel_task_t other = race_start(pass_time, 0);
    CHECK_OK(keel_mutex_unlock(mutex));
    race_finish(other);
    CHECK(unit_join(waiter) == 0);
    CHECK(waited == KEEL_OK || waited == KEEL_E_TIMEOUT);
    CHECK_OK(keel_mutex_lock(mutex, 0));
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK_OK(keel_mutex_release(mutex));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(T9_explore_signal_against_wait, RACE_BOUND),
        EXPLORE(T9_explore_sequence_against_signal, RACE_BOUND),
        EXPLORE(T9_explore_token_against_deadline, RACE_BOUND),
        EXPLORE(T9_explore_deadline_against_going_to_sleep, RACE_BOUND),
        EXPLORE(T9_explore_wake_up_is_not_spent_on_who_leaves, RACE_BOUND),
        EXPLORE(T5_explore_two_holders, RACE_BOUND),
        EXPLORE(T9_explore_hand_over_against_deadline, RACE_BOUND),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Spinlocks, shared mutexes and cancellation: every schedule within the stated number of preemptions. What
 * locks protect is plain memory: ThreadSanitizer sees whether they order it.
 */
#include "race.h"
#include "support.h"

#define HOUR UINT64_C(3600000000000)

static keel_spinlock_t locks[2];
static keel_mutex_t mutex;
static keel_semaphore_t semaphore;
static keel_task_t waiter;
static keel_status_t results[2];
static uint32_t inside, looked;

static void make_locks(uint32_t flags)
{
    CHECK_OK(keel_spinlock_create(flags, &locks[0]));
    CHECK_OK(keel_spinlock_create(0, &locks[1]));
}

static void release_locks(void)
{
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_try_lock(locks[i])); /* nobody holds it */
        CHECK_OK(keel_spinlock_unlock(locks[i]));
        CHECK_OK(keel_spinlock_release(locks[i]));
    }
}

/* --- Spinlocks --- */

static void lock_alone(void)
{
    CHECK_OK(keel_spinlock_lock(locks[0]));
    CHECK_EQUAL(inside++, 0);
    inside--;
    CHECK_OK(keel_spinlock_unlock(locks[0]));
}

static void lock_in_race(uint64_t shared)
{
    race_wait();
    if (shared != 0) {
        CHECK_OK(keel_spinlock_lock_shared(locks[0]));
        CHECK_EQUAL(inside, 0);
        CHECK_OK(keel_spinlock_unlock(locks[0]));
    } else {
        lock_alone();
    }
    race_done();
}

static void T5_explore_spinlock_hand_over(void)
{
    make_locks(0);
    inside = 0;
    keel_task_t other = race_start(lock_in_race, 0);
    lock_alone();
    race_finish(other);
    release_locks();
}

static void T5_explore_reader_against_writer(void)
{
    make_locks(KEEL_SPINLOCK_IRQ_OFF);
    inside = 0;
    keel_task_t other = race_start(lock_in_race, 1);
    lock_alone();
    race_finish(other);
    release_locks();
}

/* Each takes one lock and wants the other's: both get both, or one is refused, or both. */
static void take_both(unsigned first)
{
    CHECK_OK(keel_spinlock_lock(locks[first]));
    results[first] = keel_spinlock_lock(locks[1 - first]);
    if (results[first] == KEEL_OK) {
        CHECK_EQUAL(inside++, 0);
        inside--;
        CHECK_OK(keel_spinlock_unlock(locks[1 - first]));
    } else {
        CHECK_STATUS(results[first], KEEL_E_BUSY);
    }
    CHECK_OK(keel_spinlock_unlock(locks[first]));
}

static void take_both_in_race(uint64_t first)
{
    race_wait();
    take_both((unsigned)first);
    race_done();
}

static void T5_explore_circle(void)
{
    make_locks(0);
    inside = 0;
    keel_task_t other = race_start(take_both_in_race, 1);
    take_both(0);
    race_finish(other);
    release_locks();
}

/* --- Mutexes --- */

/* Both share it and want it alone: one gets it, once the other, who is refused, has unlocked; or one after
 * the other. */
static void upgrade(unsigned index)
{
    CHECK_OK(keel_mutex_lock_shared(mutex, KEEL_FOREVER));
    looked = inside;
    results[index] = keel_mutex_upgrade(mutex, KEEL_FOREVER);
    if (results[index] == KEEL_OK) {
        CHECK_EQUAL(inside++, 0);
        inside--;
    } else {
        CHECK_STATUS(results[index], KEEL_E_BUSY);
    }
    CHECK_OK(keel_mutex_unlock(mutex));
}

static void upgrade_in_race(uint64_t index)
{
    race_wait();
    upgrade((unsigned)index);
    race_done();
}

static void free_mutex(void)
{
    CHECK_OK(keel_mutex_lock(mutex, 0));
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK_OK(keel_mutex_release(mutex));
}

static void T9_explore_two_upgrades(void)
{
    CHECK_OK(keel_mutex_create(&mutex));
    inside = 0;
    keel_task_t other = race_start(upgrade_in_race, 1);
    upgrade(0);
    race_finish(other);
    CHECK(results[0] == KEEL_OK || results[1] == KEEL_OK);
    free_mutex();
}

static void lock_alone_for_an_hour(uint64_t argument)
{
    (void)argument;
    results[0] = keel_mutex_lock(mutex, HOUR);
    if (results[0] == KEEL_OK) {
        CHECK_OK(keel_mutex_unlock(mutex));
    }
}

static void share(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_mutex_lock_shared(mutex, KEEL_FOREVER));
    CHECK_OK(keel_mutex_unlock(mutex));
}

static void pass_time(uint64_t argument)
{
    (void)argument;
    race_wait();
    unit_let_time_pass();
    race_done();
}

/* A sharer waits behind somebody whose time is up just when the mutex becomes free: it gets in all the same.
 */
static void T9_explore_who_gives_up_against_unlock(void)
{
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_OK(keel_mutex_lock_shared(mutex, 0));
    keel_task_t first = unit_spawn_until_blocked(lock_alone_for_an_hour, 0);
    keel_task_t second = unit_spawn_until_blocked(share, 0);
    keel_task_t other = race_start(pass_time, 0);
    CHECK_OK(keel_mutex_unlock(mutex));
    race_finish(other);
    CHECK(unit_join(first) == 0);
    CHECK(unit_join(second) == 0);
    free_mutex();
}

/* --- Cancellation --- */

static void take_token(uint64_t argument)
{
    (void)argument;
    results[0] = keel_semaphore_down(semaphore, KEEL_FOREVER);
}

static void take_token_in_race(uint64_t argument)
{
    race_wait();
    take_token(argument);
    race_done();
}

static void cancel_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_task_cancel(waiter));
    race_done();
}

/* The token is taken or still there. */
static void T9_explore_cancel_against_token(void)
{
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    waiter = unit_spawn_until_blocked(take_token, 0);
    keel_task_t other = race_start(cancel_in_race, 0);
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    race_finish(other);
    CHECK(unit_join(waiter) == 0);
    CHECK(results[0] == KEEL_OK || results[0] == KEEL_E_CANCELED);
    CHECK_STATUS(keel_semaphore_down(semaphore, 0), results[0] == KEEL_OK ? KEEL_E_TIMEOUT : KEEL_OK);
    CHECK_OK(keel_semaphore_release(semaphore));
}

/* The request falls anywhere on the way to sleep, and is never missed: nothing else would end the wait. */
static void T9_explore_kill_against_going_to_sleep(void)
{
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    waiter = race_start(take_token_in_race, 0);
    CHECK_OK(keel_task_kill(waiter));
    race_finish(waiter);
    CHECK_STATUS(results[0], KEEL_E_CANCELED);
    CHECK_OK(keel_semaphore_release(semaphore));
}

static uint32_t canceled;

static void take_three_tokens(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < 3; i++) {
        keel_status_t status = keel_semaphore_down(semaphore, KEEL_FOREVER);
        CHECK(status == KEEL_OK || status == KEEL_E_CANCELED);
        canceled += status == KEEL_E_CANCELED;
    }
}

/* One request ends one wait, wherever the end of that and the beginning of the next fall. */
static void T9_explore_one_request_ends_one_wait(void)
{
    canceled = 0;
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    waiter = unit_spawn_until_blocked(take_three_tokens, 0);
    CHECK_OK(keel_task_set_affinity(waiter, 1)); /* not behind the other */
    keel_task_t other = race_start(cancel_in_race, 0);
    CHECK_OK(keel_cpu_relax()); /* the one preemption is for the other, in its request */
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    for (unsigned i = 0; i < 3; i++) {
        CHECK_OK(keel_task_yield()); /* to the waiter, once for each of its waits */
    }
    race_finish(other);
    unit_until_blocked(waiter); /* it had to wait once more, and found the request if it was left */
    CHECK_OK(keel_semaphore_up(semaphore, 3));
    CHECK(unit_join(waiter) == 0);
    CHECK_EQUAL(canceled, 1);
    CHECK_OK(keel_semaphore_release(semaphore));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(T5_explore_spinlock_hand_over, RACE_BOUND),
        EXPLORE(T5_explore_reader_against_writer, RACE_BOUND),
        EXPLORE(T5_explore_circle, RACE_BOUND, .lock_orders = 1),
        EXPLORE(T9_explore_two_upgrades, RACE_BOUND),
        EXPLORE(T9_explore_who_gives_up_against_unlock, RACE_BOUND),
        EXPLORE(T9_explore_cancel_against_token, RACE_BOUND),
        EXPLORE(T9_explore_one_request_ends_one_wait, 1),
        EXPLORE(T9_explore_kill_against_going_to_sleep, RACE_BOUND),
    };
    return unit_main(tests, argc, argv);
}

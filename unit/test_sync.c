/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keel/sync.h: every state and every error of events, semaphores and mutexes; nobody waits too long or in
 * vain (T9), and what only a holder may do is refused to others (T5).
 */
#include "core/sync.h"

#include "support.h"

#define MS   UINT64_C(1000000)
#define LONG (UINT64_C(1000) * MS)

static uint64_t now(void)
{
    uint64_t time = 0;
    CHECK_OK(keel_time_now(&time));
    return time;
}

static keel_event_t event;
static keel_semaphore_t semaphore;
static keel_mutex_t mutex;
static atomic_u32_t order;
static uint32_t rank[8];

static uint64_t sequence_of(keel_event_t of)
{
    uint64_t sequence = 0;
    CHECK_OK(keel_event_sequence(of, &sequence));
    return sequence;
}

/* --- Events --- */

static void wait_for_event(uint64_t index)
{
    CHECK_OK(keel_event_wait(event, 0, KEEL_FOREVER));
    rank[index] = atomic_u32_fetch_add(&order, 1);
}

static void T9_signal_wakes_in_order_and_as_many_as_it_says(void)
{
    keel_task_t tasks[5];
    uint32_t woken = 7;
    atomic_u32_init(&order, 0);
    CHECK_OK(keel_event_create(&event));
    CHECK_OK(keel_event_signal(event, 3, &woken)); /* nobody there: it counts all the same */
    CHECK_EQUAL(woken, 0);
    CHECK_EQUAL(sequence_of(event), 1);
    CHECK_OK(keel_event_release(event));
    CHECK_OK(keel_event_create(&event));
    for (uint64_t i = 0; i < 5; i++) {
        tasks[i] = unit_spawn(wait_for_event, i);
        unit_until_blocked(tasks[i]);
    }
    CHECK_OK(keel_event_signal(event, 0, &woken));
    CHECK_EQUAL(woken, 0);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_OK(keel_event_signal(event, 1, &woken));
        CHECK_EQUAL(woken, 1);
        CHECK(unit_join(tasks[i]) == 0);
    }
    CHECK_OK(keel_event_signal(event, UINT32_MAX, &woken));
    CHECK_EQUAL(woken, 3);
    for (uint32_t i = 2; i < 5; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    CHECK(rank[0] == 0 && rank[1] == 1);
    CHECK_EQUAL(sequence_of(event), 4);
    CHECK_OK(keel_event_release(event));
}

static void T9_event_that_came_is_not_waited_for(void)
{
    uint32_t woken;
    CHECK_OK(keel_event_create(&event));
    CHECK_STATUS(keel_event_wait(event, 0, 0), KEEL_E_TIMEOUT);
    CHECK_OK(keel_event_wait(event, 1, 0));
    CHECK_OK(keel_event_signal(event, 1, &woken));
    CHECK_OK(keel_event_wait(event, 0, KEEL_FOREVER));
    CHECK_STATUS(keel_event_sequence(event, NULL), KEEL_E_INVALID);
    CHECK_STATUS(keel_event_signal(event, 1, NULL), KEEL_E_INVALID);
    CHECK_EQUAL(sequence_of(event), 1);
    CHECK_OK(keel_event_release(event));
}

static void T9_time_is_up_in_time(void)
{
    static const uint64_t lengths[] = {1, 1000, 3 * MS, 50 * MS};
    CHECK_OK(keel_event_create(&event));
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint64_t start = now();
        CHECK_STATUS(keel_event_wait(event, 0, lengths[i]), KEEL_E_TIMEOUT);
        CHECK(now() >= start + lengths[i]);
        CHECK(now() < start + lengths[i] + 40 * MS);
    }
    CHECK_OK(keel_event_release(event));
}

static void wait_until_time_is_up(uint64_t length)
{
    CHECK_STATUS(keel_event_wait(event, 0, length), KEEL_E_TIMEOUT);
}

/* From the head, the middle and the end of the queue; who is left is woken. */
static void T9_who_leaves_the_queue_takes_nobody_along(void)
{
    for (uint64_t leaver = 0; leaver < 3; leaver++) {
        keel_task_t tasks[3];
        uint32_t woken = 0;
        CHECK_OK(keel_event_create(&event));
        for (uint64_t i = 0; i < 3; i++) {
            tasks[i] =
                i == leaver ? unit_spawn(wait_until_time_is_up, 20 * MS) : unit_spawn(wait_for_event, i);
            unit_until_blocked(tasks[i]);
        }
        CHECK(unit_join(tasks[leaver]) == 0);
        CHECK_OK(keel_event_signal(event, UINT32_MAX, &woken));
        CHECK_EQUAL(woken, 2);
        CHECK(unit_join(tasks[(leaver + 1) % 3]) == 0);
        CHECK(unit_join(tasks[(leaver + 2) % 3]) == 0);
        CHECK_OK(keel_event_release(event));
    }
}

static void sleep_and_rank(uint64_t index)
{
    CHECK_STATUS(keel_event_wait(event, 0, (index * 7 % 8 + 1) * 30 * MS), KEEL_E_TIMEOUT);
    rank[index] = atomic_u32_fetch_add(&order, 1);
}

static void take_token(uint64_t timeout)
{
    CHECK_OK(keel_semaphore_down(semaphore, timeout));
}

/* Deadlines in no order, with as many between them that are withdrawn. */
static void T9_deadlines_pass_in_order(void)
{
    keel_task_t tasks[8], takers[8];
    atomic_u32_init(&order, 0);
    CHECK_OK(keel_event_create(&event));
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    for (uint64_t i = 0; i < 8; i++) {
        tasks[i] = unit_spawn(sleep_and_rank, i);
        unit_until_blocked(tasks[i]);
        takers[i] = unit_spawn(take_token, (i * 5 % 8 + 1) * 25 * MS);
        unit_until_blocked(takers[i]);
    }
    CHECK_OK(keel_semaphore_up(semaphore, 8));
    for (unsigned i = 0; i < 8; i++) {
        CHECK(unit_join(takers[i]) == 0);
    }
    for (uint32_t i = 0; i < 8; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_EQUAL(rank[i], i * 7 % 8);
    }
    CHECK_OK(keel_semaphore_release(semaphore));
    CHECK_OK(keel_event_release(event));
}

/* --- Semaphores --- */

static void M6_semaphore_keeps_to_its_range(void)
{
    keel_semaphore_t other = {0};
    CHECK_STATUS(keel_semaphore_create(KEEL_SEMAPHORE_MAX + 1, &semaphore), KEEL_E_INVALID);
    CHECK_STATUS(keel_semaphore_create(1, NULL), KEEL_E_INVALID);
    CHECK_OK(keel_semaphore_create(KEEL_SEMAPHORE_MAX, &other));
    CHECK_STATUS(keel_semaphore_up(other, 1), KEEL_E_LIMIT);
    CHECK_STATUS(keel_semaphore_up(other, 0), KEEL_E_INVALID);
    CHECK_STATUS(keel_semaphore_up(other, KEEL_SEMAPHORE_MAX + 1), KEEL_E_INVALID);
    CHECK_OK(keel_semaphore_down(other, 0));
    CHECK_STATUS(keel_semaphore_up(other, 2), KEEL_E_LIMIT);
    CHECK_OK(keel_semaphore_up(other, 1));
    CHECK_OK(keel_semaphore_release(other));
}

static void T9_tokens_go_to_who_waits(void)
{
    keel_task_t tasks[3];
    CHECK_OK(keel_semaphore_create(1, &semaphore));
    CHECK_OK(keel_semaphore_down(semaphore, KEEL_FOREVER));
    CHECK_STATUS(keel_semaphore_down(semaphore, 0), KEEL_E_TIMEOUT);
    CHECK_STATUS(keel_semaphore_down(semaphore, 5 * MS), KEEL_E_TIMEOUT);
    for (unsigned i = 0; i < 3; i++) {
        tasks[i] = unit_spawn(take_token, i == 1 ? LONG : KEEL_FOREVER);
        unit_until_blocked(tasks[i]);
    }
    CHECK_OK(keel_semaphore_up(semaphore, 2));
    CHECK_STATUS(keel_semaphore_down(semaphore, 0), KEEL_E_TIMEOUT); /* they are taken already */
    CHECK(unit_join(tasks[0]) == 0);
    CHECK(unit_join(tasks[1]) == 0);
    CHECK_OK(keel_semaphore_up(semaphore, 3));
    CHECK(unit_join(tasks[2]) == 0);
    CHECK_OK(keel_semaphore_down(semaphore, 0));
    CHECK_OK(keel_semaphore_down(semaphore, 0));
    CHECK_STATUS(keel_semaphore_down(semaphore, 0), KEEL_E_TIMEOUT);
    CHECK_OK(keel_semaphore_release(semaphore));
}

/* --- Mutexes --- */

static void unlock_others(uint64_t argument)
{
    (void)argument;
    CHECK_STATUS(keel_mutex_unlock(mutex), KEEL_E_DENIED);
    CHECK_STATUS(keel_mutex_lock(mutex, 0), KEEL_E_TIMEOUT);
    CHECK_STATUS(keel_mutex_lock(mutex, 5 * MS), KEEL_E_TIMEOUT);
}

static void T5_only_the_holder_unlocks(void)
{
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_STATUS(keel_mutex_unlock(mutex), KEEL_E_DENIED);
    CHECK_OK(keel_mutex_lock(mutex, 0));
    CHECK_STATUS(keel_mutex_lock(mutex, KEEL_FOREVER), KEEL_E_BUSY);
    CHECK(unit_join(unit_spawn(unlock_others, 0)) == 0);
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK_STATUS(keel_mutex_unlock(mutex), KEEL_E_DENIED);
    CHECK_OK(keel_mutex_release(mutex));
}

static void lock_and_rank(uint64_t index)
{
    CHECK_OK(keel_mutex_lock(mutex, KEEL_FOREVER));
    rank[index] = atomic_u32_fetch_add(&order, 1);
    CHECK_OK(keel_task_yield());
    CHECK_OK(keel_mutex_unlock(mutex));
}

static void T9_mutex_is_handed_over_in_order(void)
{
    keel_task_t tasks[4];
    atomic_u32_init(&order, 0);
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_OK(keel_mutex_lock(mutex, KEEL_FOREVER));
    for (uint64_t i = 0; i < 4; i++) {
        tasks[i] = unit_spawn(lock_and_rank, i);
        unit_until_blocked(tasks[i]);
    }
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK_STATUS(keel_mutex_lock(mutex, 0), KEEL_E_TIMEOUT); /* it is the first waiter's already */
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(unit_join(tasks[i]) == 0);
        CHECK_EQUAL(rank[i], i);
    }
    CHECK_OK(keel_mutex_release(mutex));
}

static keel_mutex_t many[4];

static void lock_all_and_exit(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < 4; i++) {
        CHECK_OK(keel_mutex_lock(many[i], 0));
    }
    CHECK_OK(keel_mutex_unlock(many[1])); /* from the middle of what it holds */
    CHECK_OK(keel_task_exit(0));
}

static void T5_exit_unlocks_what_the_task_holds(void)
{
    for (unsigned i = 0; i < 4; i++) {
        CHECK_OK(keel_mutex_create(&many[i]));
    }
    CHECK(unit_join(unit_spawn(lock_all_and_exit, 0)) == 0);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_OK(keel_mutex_lock(many[i], 0));
        CHECK_OK(keel_mutex_unlock(many[i]));
        CHECK_OK(keel_mutex_release(many[i]));
    }
}

static void lock_and_wait(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_mutex_lock(mutex, 0));
    CHECK_OK(keel_event_wait(event, 0, KEEL_FOREVER));
}

/* The last handle goes while a task holds the mutex, and while one waits for the event. */
static void T5_objects_stay_while_they_are_used(void)
{
    uint32_t woken = 0;
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_OK(keel_event_create(&event));
    keel_task_t task = unit_spawn(lock_and_wait, 0);
    unit_until_blocked(task);
    CHECK_OK(keel_mutex_release(mutex));
    CHECK_STATUS(keel_mutex_lock(mutex, 0), KEEL_E_BAD_HANDLE);
    CHECK_AUDIT();
    CHECK_OK(keel_event_signal(event, 1, &woken));
    CHECK_EQUAL(woken, 1);
    CHECK_OK(keel_event_release(event));
    CHECK(unit_join(task) == 0);
}

static void M8_no_slots_are_left(void)
{
    static keel_mutex_t all[4097];
    unsigned count = 0;
    keel_status_t status = KEEL_OK;
    while (count < 4097 && (status = keel_mutex_create(&all[count])) == KEEL_OK) {
        count++;
    }
    CHECK(status == KEEL_E_LIMIT && count == object_slots(OBJECT_MUTEX));
    while (count > 0) {
        CHECK_OK(keel_mutex_release(all[--count]));
    }
}

/* --- Many tasks --- */

static uint64_t shared_count; /* under the mutex */

static void count_up(uint64_t turns)
{
    for (uint64_t i = 0; i < turns; i++) {
        keel_status_t status = keel_mutex_lock(mutex, i % 3 == 0 ? MS : KEEL_FOREVER);
        CHECK(status == KEEL_OK || (i % 3 == 0 && status == KEEL_E_TIMEOUT));
        if (status == KEEL_OK) {
            shared_count++;
            CHECK_OK(keel_mutex_unlock(mutex));
        } else {
            i--;
        }
    }
}

static void T5_mutex_excludes(void)
{
    keel_task_t tasks[4];
    shared_count = 0;
    CHECK_OK(keel_mutex_create(&mutex));
    for (unsigned i = 0; i < 4; i++) {
        tasks[i] = unit_spawn(count_up, 30);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    CHECK_EQUAL(shared_count, 120);
    CHECK_OK(keel_mutex_release(mutex));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_signal_wakes_in_order_and_as_many_as_it_says),
        UNIT(T9_event_that_came_is_not_waited_for),
        UNIT(T9_time_is_up_in_time),
        UNIT(T9_who_leaves_the_queue_takes_nobody_along, .seeds = 20),
        UNIT(T9_deadlines_pass_in_order, .config = {.cpu_count = 1}),
        UNIT(M6_semaphore_keeps_to_its_range),
        UNIT(T9_tokens_go_to_who_waits, .seeds = 20),
        UNIT(T5_only_the_holder_unlocks),
        UNIT(T9_mutex_is_handed_over_in_order, .seeds = 20),
        UNIT(T5_exit_unlocks_what_the_task_holds),
        UNIT(T5_objects_stay_while_they_are_used, .seeds = 20),
        UNIT(M8_no_slots_are_left),
        UNIT(T5_mutex_excludes, .seeds = 50, .config = {.cpu_count = 4}),
    };
    return unit_main(tests, argc, argv);
}

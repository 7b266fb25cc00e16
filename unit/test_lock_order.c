/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The order of the clients' locks: core/lock_order.c. Each test says in main() how many circles it makes; in
 * its body it looks where they are found.
 */
#include <stdio.h>
#include <string.h>

#include "core/object.h"
#include "support.h"

#define MS       UINT64_C(1000000)
#define FULL     "lock order: more orders than there is room for"
#define AGAINST  "; against that:\n"
#define GROUPS   3u
#define LONG_WAY 20u

static uint64_t count(void)
{
    uint64_t circles = UINT64_MAX;
    CHECK_OK(keel_lock_order_count(&circles));
    return circles;
}

static keel_spinlock_t spinlocks[LONG_WAY];
static keel_mutex_t mutexes[KEEL_HOLDS_MAX * GROUPS];

static void make_spinlocks(unsigned number)
{
    for (unsigned i = 0; i < number; i++) {
        CHECK_OK(keel_spinlock_create(0, &spinlocks[i]));
    }
}

static void release_spinlocks(unsigned number)
{
    for (unsigned i = 0; i < number; i++) {
        CHECK_OK(keel_spinlock_release(spinlocks[i]));
    }
}

static void make_mutexes(unsigned number)
{
    for (unsigned i = 0; i < number; i++) {
        CHECK_OK(keel_mutex_create(&mutexes[i]));
    }
}

static void release_mutexes(unsigned first, unsigned number)
{
    for (unsigned i = first; i < first + number; i++) {
        CHECK_OK(keel_mutex_release(mutexes[i]));
    }
}

/* One while the other is held. */
static void spin(keel_spinlock_t first, keel_spinlock_t second)
{
    CHECK_OK(keel_spinlock_lock(first));
    CHECK_OK(keel_spinlock_lock(second));
    CHECK_OK(keel_spinlock_unlock(first));
    CHECK_OK(keel_spinlock_unlock(second));
}

static void lock(keel_mutex_t first, keel_mutex_t second)
{
    CHECK_OK(keel_mutex_lock(first, KEEL_FOREVER));
    CHECK_OK(keel_mutex_lock(second, KEEL_FOREVER));
    CHECK_OK(keel_mutex_unlock(first));
    CHECK_OK(keel_mutex_unlock(second));
}

/* How often the log says it. */
static uint32_t said(const char *who, const char *kind, uint64_t held, const char *call, uint64_t wanted,
                     const char *end)
{
    char line[240];
    snprintf(line, sizeof line,
             "warning] lock order: %s on cpu0, holding %s %llu (%#llx), called %s for %s %llu (%#llx)%s", who,
             kind, (unsigned long long)handle_slot(held), (unsigned long long)held, call, kind,
             (unsigned long long)handle_slot(wanted), (unsigned long long)wanted, end);
    return unit_console_count(line);
}

static void T5_two_locks_both_ways(void)
{
    make_spinlocks(3);
    for (unsigned round = 0; round < 2; round++) { /* reported once, and the calls work each time */
        spin(spinlocks[0], spinlocks[1]);
        CHECK_EQUAL(count(), round);
        spin(spinlocks[1], spinlocks[0]);
        CHECK_EQUAL(count(), 1);
    }
    const uint64_t a = spinlocks[0].value, b = spinlocks[1].value;
    CHECK_EQUAL(said("task main", "spinlock", b, "spinlock_lock", a, AGAINST), 1);
    CHECK_EQUAL(said("task main", "spinlock", a, "spinlock_lock", b, "\n"), 1);
    spin(spinlocks[0], spinlocks[2]); /* a search from within the circle comes to an end */
    spin(spinlocks[1], spinlocks[2]);
    CHECK_EQUAL(count(), 1);
    spin(spinlocks[2], spinlocks[0]);
    CHECK_EQUAL(count(), 2);
    release_spinlocks(3);
}

static void lock_next(uint64_t index)
{
    lock(mutexes[index], mutexes[(index + 1) % 3]);
}

/* No task takes more than one lock in the wrong order, and none ever waits. */
static void T5_three_tasks_make_a_circle(void)
{
    static const char *const names[] = {"one", "two", "three"};
    make_mutexes(3);
    for (unsigned i = 0; i < 3; i++) {
        struct keel_task_options options = {.entry = lock_next, .argument = i};
        keel_task_t task = {0};
        strcpy(options.name, names[i]);
        CHECK_EQUAL(count(), 0);
        CHECK_OK(keel_task_spawn(&options, &task));
        CHECK(unit_join(task) == 0);
    }
    CHECK_EQUAL(count(), 1);
    const uint64_t a = mutexes[0].value, b = mutexes[1].value, c = mutexes[2].value;
    CHECK_EQUAL(said("task three", "mutex", c, "mutex_lock", a, AGAINST), 1);
    CHECK_EQUAL(said("task one", "mutex", a, "mutex_lock", b, "\n"), 1);
    CHECK_EQUAL(said("task two", "mutex", b, "mutex_lock", c, "\n"), 1);
    release_mutexes(0, 3);
}

static void T5_long_circle_is_cut(void)
{
    make_spinlocks(LONG_WAY);
    for (unsigned i = 0; i < LONG_WAY; i++) {
        CHECK_EQUAL(count(), 0);
        spin(spinlocks[i], spinlocks[(i + 1) % LONG_WAY]);
    }
    CHECK_EQUAL(count(), 1);
    CHECK_EQUAL(unit_console_count("lock order: task"), 1 + 16);
    CHECK_EQUAL(unit_console_count("lock order: and so on\n"), 1);
    release_spinlocks(LONG_WAY);
}

/* What is tried for makes no edge; what was got by it is held like any other lock. */
static void T5_who_tries_does_not_wait(void)
{
    make_spinlocks(2);
    make_mutexes(2);
    CHECK_OK(keel_spinlock_lock(spinlocks[0]));
    CHECK_OK(keel_spinlock_try_lock(spinlocks[1]));
    CHECK_OK(keel_spinlock_unlock(spinlocks[1]));
    CHECK_OK(keel_spinlock_try_lock_shared(spinlocks[1]));
    CHECK_OK(keel_spinlock_unlock(spinlocks[1]));
    CHECK_OK(keel_spinlock_unlock(spinlocks[0]));
    CHECK_OK(keel_mutex_lock(mutexes[0], 0));
    CHECK_OK(keel_mutex_lock(mutexes[1], 0));
    CHECK_OK(keel_mutex_unlock(mutexes[1]));
    CHECK_OK(keel_mutex_lock_shared(mutexes[1], 0));
    CHECK_OK(keel_mutex_upgrade(mutexes[1], 0));
    CHECK_OK(keel_mutex_unlock(mutexes[1]));
    CHECK_OK(keel_mutex_unlock(mutexes[0]));
    spin(spinlocks[1], spinlocks[0]);
    lock(mutexes[1], mutexes[0]);
    CHECK_EQUAL(count(), 0);
    CHECK_OK(keel_spinlock_try_lock(spinlocks[0]));
    CHECK_OK(keel_spinlock_lock(spinlocks[1]));
    CHECK_OK(keel_spinlock_unlock(spinlocks[0]));
    CHECK_OK(keel_spinlock_unlock(spinlocks[1]));
    CHECK_EQUAL(count(), 1);
    CHECK_OK(keel_mutex_lock(mutexes[0], 0));
    CHECK_OK(keel_mutex_lock(mutexes[1], KEEL_FOREVER));
    CHECK_OK(keel_mutex_unlock(mutexes[0]));
    CHECK_OK(keel_mutex_unlock(mutexes[1]));
    CHECK_EQUAL(count(), 2);
    release_spinlocks(2);
    release_mutexes(0, 2);
}

static void give_up(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_mutex_lock(mutexes[0], 0));
    CHECK_STATUS(keel_mutex_lock(mutexes[1], MS), KEEL_E_TIMEOUT);
    CHECK_OK(keel_mutex_unlock(mutexes[0]));
}

/* Who waits in vain has waited. */
static void T5_wait_with_an_end_is_a_wait(void)
{
    make_mutexes(2);
    CHECK_OK(keel_mutex_lock(mutexes[1], 0));
    CHECK(unit_join(unit_spawn(give_up, 0)) == 0);
    CHECK_OK(keel_mutex_lock_shared(mutexes[0], MS));
    CHECK_EQUAL(count(), 1);
    CHECK_OK(keel_mutex_unlock(mutexes[0]));
    CHECK_OK(keel_mutex_unlock(mutexes[1]));
    release_mutexes(0, 2);
}

static void T5_sharing_makes_no_difference(void)
{
    make_spinlocks(2);
    make_mutexes(2);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_lock_shared(spinlocks[i]));
        CHECK_OK(keel_spinlock_lock_shared(spinlocks[1 - i]));
        CHECK_OK(keel_spinlock_unlock(spinlocks[0]));
        CHECK_OK(keel_spinlock_unlock(spinlocks[1]));
        CHECK_EQUAL(count(), i);
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_mutex_lock_shared(mutexes[i], KEEL_FOREVER));
        CHECK_OK(keel_mutex_lock_shared(mutexes[1 - i], KEEL_FOREVER));
        CHECK_OK(keel_mutex_unlock(mutexes[0]));
        CHECK_OK(keel_mutex_unlock(mutexes[1]));
        CHECK_EQUAL(count(), 1 + i);
    }
    uint64_t held = spinlocks[1].value, wanted = spinlocks[0].value;
    CHECK_EQUAL(said("task main", "spinlock", held, "spinlock_lock_shared", wanted, AGAINST), 1);
    held = mutexes[1].value, wanted = mutexes[0].value;
    CHECK_EQUAL(said("task main", "mutex", held, "mutex_lock_shared", wanted, AGAINST), 1);
    release_spinlocks(2);
    release_mutexes(0, 2);
}

/* Another one that shares the first mutex may want the second: then neither moves. */
static void T5_upgrade_waits_for_those_who_share(void)
{
    make_mutexes(3);
    CHECK_OK(keel_mutex_lock_shared(mutexes[0], KEEL_FOREVER));
    CHECK_OK(keel_mutex_lock(mutexes[1], KEEL_FOREVER));
    CHECK_EQUAL(count(), 0);
    CHECK_OK(keel_mutex_upgrade(mutexes[0], KEEL_FOREVER));
    CHECK_EQUAL(count(), 1);
    CHECK_EQUAL(said("task main", "mutex", mutexes[1].value, "mutex_upgrade", mutexes[0].value, AGAINST), 1);
    CHECK_OK(keel_mutex_unlock(mutexes[1]));
    CHECK_OK(keel_mutex_downgrade(mutexes[0]));
    CHECK_OK(keel_mutex_lock(mutexes[2], KEEL_FOREVER)); /* what was downgraded is held */
    CHECK_OK(keel_mutex_unlock(mutexes[0]));
    CHECK_OK(keel_mutex_unlock(mutexes[2]));
    CHECK_OK(keel_mutex_lock_shared(mutexes[1], KEEL_FOREVER));
    CHECK_OK(keel_mutex_upgrade(mutexes[1], KEEL_FOREVER)); /* in the circle, but nothing else is held */
    CHECK_OK(keel_mutex_unlock(mutexes[1]));
    CHECK_EQUAL(count(), 1);
    CHECK_OK(keel_mutex_lock(mutexes[2], KEEL_FOREVER));
    CHECK_OK(keel_mutex_lock(mutexes[0], KEEL_FOREVER));
    CHECK_EQUAL(count(), 2);
    CHECK_OK(keel_mutex_unlock(mutexes[0]));
    CHECK_OK(keel_mutex_unlock(mutexes[2]));
    release_mutexes(0, 3);
}

/* Slots of one number, and one kind taken under the other. */
static void T5_each_kind_has_an_order_of_its_own(void)
{
    make_spinlocks(2);
    make_mutexes(2);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQUAL(handle_slot(spinlocks[i].value), handle_slot(mutexes[i].value));
    }
    lock(mutexes[0], mutexes[1]);
    spin(spinlocks[1], spinlocks[0]);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_mutex_lock(mutexes[i], KEEL_FOREVER));
        spin(spinlocks[1], spinlocks[0]);
        CHECK_OK(keel_spinlock_lock(spinlocks[i]));
        CHECK_STATUS(keel_mutex_lock(mutexes[1 - i], KEEL_FOREVER), KEEL_E_CONTEXT);
        CHECK_OK(keel_spinlock_unlock(spinlocks[i]));
        CHECK_OK(keel_mutex_unlock(mutexes[i]));
    }
    CHECK_EQUAL(count(), 0);
    release_spinlocks(2);
    release_mutexes(0, 2);
}

/* The way from the first to the third leads over a lock that has ended, also when another one has begun in
 * its slot. */
static void T5_lock_that_has_ended_is_forgotten(void)
{
    make_spinlocks(4);
    spin(spinlocks[0], spinlocks[1]);
    spin(spinlocks[1], spinlocks[2]);
    spin(spinlocks[2], spinlocks[3]);
    const uint64_t slot = handle_slot(spinlocks[1].value);
    CHECK_OK(keel_spinlock_release(spinlocks[1]));
    spin(spinlocks[2], spinlocks[0]);
    CHECK_OK(keel_spinlock_create(0, &spinlocks[1]));
    while (handle_slot(spinlocks[1].value) != slot) {
        CHECK_OK(keel_spinlock_release(spinlocks[1]));
        CHECK_OK(keel_spinlock_create(0, &spinlocks[1]));
    }
    spin(spinlocks[3], spinlocks[0]);
    spin(spinlocks[1], spinlocks[0]);
    CHECK_EQUAL(count(), 0);
    spin(spinlocks[0], spinlocks[1]);
    CHECK_EQUAL(count(), 1);
    release_spinlocks(4);
}

/* --- Interrupt handlers --- */

static keel_spinlock_t plain, irq_off, other_plain;
static atomic_u32_t fired;

static void take_irq_off(void *context)
{
    (void)context;
    CHECK_OK(keel_spinlock_lock(irq_off));
    CHECK_OK(keel_spinlock_unlock(irq_off));
    atomic_u32_store_release(&fired, 1);
}

static void interrupt(keel_timer_t timer)
{
    atomic_u32_init(&fired, 0);
    CHECK_OK(keel_timer_arm(timer, 0));
    unit_await(&fired);
}

static void T5_handler_waits_on_top_of_a_task(void)
{
    const struct keel_timer_options options = {.handler = take_irq_off};
    keel_timer_t timer = {0};
    CHECK_OK(keel_timer_create(&options, &timer));
    CHECK_OK(keel_spinlock_create(0, &plain));
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &irq_off));
    spin(irq_off, plain);
    interrupt(timer); /* of a task that holds nothing */
    CHECK_EQUAL(count(), 0);
    CHECK_OK(keel_spinlock_lock(plain));
    interrupt(timer);
    CHECK_OK(keel_spinlock_unlock(plain));
    CHECK_EQUAL(count(), 1);
    CHECK_EQUAL(said("interrupt handler", "spinlock", plain.value, "spinlock_lock", irq_off.value, AGAINST),
                1);
    CHECK_EQUAL(said("task main", "spinlock", irq_off.value, "spinlock_lock", plain.value, "\n"), 1);
    CHECK_OK(keel_spinlock_release(plain));
    CHECK_OK(keel_spinlock_release(irq_off));
    CHECK_OK(keel_timer_release(timer));
}

/* On top of a work that holds one, on the idle CPU, where there is no task to name. */
static void hold_and_be_interrupted(void *context)
{
    CHECK_OK(keel_spinlock_lock(plain));
    CHECK_OK(keel_spinlock_lock(other_plain));
    CHECK_OK(keel_spinlock_unlock(other_plain));
    interrupt(*(keel_timer_t *)context);
    CHECK_OK(keel_spinlock_unlock(plain));
}

static void queue_it(void *context)
{
    CHECK_OK(keel_work_schedule(*(keel_work_t *)context));
}

static void T5_handler_waits_on_top_of_a_work(void)
{
    keel_timer_t timer = {0}, starter = {0};
    keel_work_t work = {0};
    const struct keel_timer_options options = {.handler = take_irq_off};
    const struct keel_timer_options start_options = {.handler = queue_it, .context = &work};
    const struct keel_work_options work_options = {.handler = hold_and_be_interrupted, .context = &timer};
    CHECK_OK(keel_timer_create(&options, &timer));
    CHECK_OK(keel_timer_create(&start_options, &starter));
    CHECK_OK(keel_work_create(&work_options, &work));
    CHECK_OK(keel_spinlock_create(0, &plain));
    CHECK_OK(keel_spinlock_create(0, &other_plain));
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &irq_off));
    spin(irq_off, plain);
    spin(other_plain, plain);
    CHECK_OK(keel_timer_arm(starter, 0));
    CHECK_OK(keel_task_sleep(50000000));
    CHECK_EQUAL(count(), 2);
    CHECK_EQUAL(said("interrupt handler", "spinlock", plain.value, "spinlock_lock", irq_off.value, AGAINST),
                1);
    CHECK_EQUAL(said("work", "spinlock", plain.value, "spinlock_lock", other_plain.value, AGAINST), 1);
    CHECK_OK(keel_spinlock_release(plain));
    CHECK_OK(keel_spinlock_release(other_plain));
    CHECK_OK(keel_spinlock_release(irq_off));
    CHECK_OK(keel_work_release(work));
    CHECK_OK(keel_timer_release(timer));
    CHECK_OK(keel_timer_release(starter));
}

/* --- The table --- */

/* As many edges as a task can make at once: one for each two of them. */
static void lock_group(unsigned group)
{
    const keel_mutex_t *first = &mutexes[group * KEEL_HOLDS_MAX];
    for (unsigned i = 0; i < KEEL_HOLDS_MAX; i++) {
        CHECK_OK(keel_mutex_lock(first[i], KEEL_FOREVER));
    }
    for (unsigned i = 0; i < KEEL_HOLDS_MAX; i++) {
        CHECK_OK(keel_mutex_unlock(first[i]));
    }
}

static void T5_full_table_is_survived(void)
{
    make_mutexes(GROUPS * KEEL_HOLDS_MAX);
    for (unsigned group = 0; group < GROUPS; group++) {
        CHECK_EQUAL(unit_console_count(FULL), 0);
        lock_group(group);
    }
    CHECK_EQUAL(unit_console_count(FULL), 1);
    lock(mutexes[1], mutexes[0]); /* goes unseen */
    CHECK_EQUAL(count(), 0);
    release_mutexes(KEEL_HOLDS_MAX, KEEL_HOLDS_MAX);
    lock(mutexes[2], mutexes[0]); /* the orders of those that have ended make room */
    CHECK_EQUAL(count(), 1);
    CHECK_EQUAL(said("task main", "mutex", mutexes[2].value, "mutex_lock", mutexes[0].value, AGAINST), 1);
    CHECK_EQUAL(said("task main", "mutex", mutexes[0].value, "mutex_lock", mutexes[2].value, "\n"), 1);
    CHECK_EQUAL(unit_console_count(FULL), 1);
    release_mutexes(0, KEEL_HOLDS_MAX);
    release_mutexes(2 * KEEL_HOLDS_MAX, KEEL_HOLDS_MAX);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T5_two_locks_both_ways, .lock_orders = 2, .config.cpu_count = 1),
        UNIT(T5_three_tasks_make_a_circle, .lock_orders = 1, .config.cpu_count = 1),
        UNIT(T5_long_circle_is_cut, .lock_orders = 1),
        UNIT(T5_who_tries_does_not_wait, .lock_orders = 2),
        UNIT(T5_wait_with_an_end_is_a_wait, .lock_orders = 1),
        UNIT(T5_sharing_makes_no_difference, .lock_orders = 2, .config.cpu_count = 1),
        UNIT(T5_upgrade_waits_for_those_who_share, .lock_orders = 2, .config.cpu_count = 1),
        UNIT(T5_each_kind_has_an_order_of_its_own),
        UNIT(T5_lock_that_has_ended_is_forgotten, .lock_orders = 1),
        UNIT(T5_handler_waits_on_top_of_a_task, .lock_orders = 1, .config.cpu_count = 1),
        UNIT(T5_handler_waits_on_top_of_a_work, .lock_orders = 2, .config.cpu_count = 1),
        UNIT(T5_full_table_is_survived, .lock_orders = 1, .config.cpu_count = 1),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/wait.c: no wake-up is lost, timeouts fire in order and not early (T9).
 */
#include "core/wait.h"

#include "core/sched.h"
#include "support.h"

static atomic_u32_t order;
static uint32_t rank[8];

static uint64_t now(void)
{
    uint64_t time = 0;
    CHECK_OK(keel_time_now(&time));
    return time;
}

static void sleeper(uint64_t index)
{
    uint64_t start = now();
    uint64_t length = (index + 1) * 30000000;
    CHECK_OK(keel_task_sleep(length));
    CHECK(now() >= start + length);
    rank[index] = atomic_u32_fetch_add(&order, 1);
}

static void T9_sleepers_wake_in_order_and_not_early(void)
{
    keel_task_t tasks[5];
    atomic_u32_init(&order, 0);
    for (uint64_t i = 0; i < 5; i++) {
        tasks[i] = unit_spawn(sleeper, 4 - i);
    }
    for (unsigned i = 0; i < 5; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_EQUAL(rank[i], i);
    }
}

static void T9_sleep_of_one_nanosecond_and_of_none(void)
{
    uint64_t start = now();
    CHECK_OK(keel_task_sleep(0));
    CHECK_OK(keel_task_sleep(1));
    CHECK(now() > start);
    CHECK(now() < start + 4 * SCHED_TICK_NS);
}

static void forever(uint64_t nanoseconds)
{
    CHECK_OK(keel_task_sleep(nanoseconds));
    CHECK_NEVER("an endless sleep ended");
}

static void T9_longest_sleep_does_not_wrap_around(void)
{
    keel_task_t first = unit_spawn(forever, UINT64_MAX), second = unit_spawn(forever, UINT64_MAX - 1);
    struct keel_task_info info = {0};
    CHECK_OK(keel_task_sleep(20 * SCHED_TICK_NS));
    CHECK_OK(keel_task_info(first, &info));
    CHECK_EQUAL(info.state, KEEL_TASK_BLOCKED);
    CHECK_OK(keel_task_info(second, &info));
    CHECK_EQUAL(info.state, KEEL_TASK_BLOCKED);
}

static struct wait_queue queue;
static bool condition;

static void waiter(uint64_t argument)
{
    (void)argument;
    for (;;) {
        bool interrupts = spinlock_acquire(&queue.lock);
        if (condition) {
            spinlock_release(&queue.lock, interrupts);
            return;
        }
        (void)wait_queue_block(&queue, WAIT_LAST, WAIT_FOREVER, interrupts);
    }
}

static void T9_wake_all_finds_every_waiter(void)
{
    keel_task_t tasks[4];
    wait_queue_init(&queue);
    condition = false;
    for (unsigned i = 0; i < 4; i++) {
        tasks[i] = unit_spawn(waiter, i);
    }
    CHECK_OK(keel_task_yield());
    wait_queue_wake_all(&queue); /* too early for all */
    bool interrupts = spinlock_acquire(&queue.lock);
    condition = true;
    spinlock_release(&queue.lock, interrupts);
    wait_queue_wake_all(&queue);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    wait_queue_wake_all(&queue); /* nobody left */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_sleepers_wake_in_order_and_not_early, .seeds = 10),
        UNIT(T9_sleep_of_one_nanosecond_and_of_none, .seeds = 5),
        UNIT(T9_longest_sleep_does_not_wrap_around, .leaves_things = true),
        UNIT(T9_wake_all_finds_every_waiter, .seeds = 60, .config.cpu_count = 3),
    };
    return unit_main(tests, argc, argv);
}

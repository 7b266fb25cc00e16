/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The FIFO scheduler: order, stealing, slices, and what it does with nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/fifo.h"

static struct services_fifo fifo;
static struct keel_scheduler policy;

static int setup(void **state)
{
    (void)state;
    memset(&fifo, 0, sizeof(fifo));
    policy = services_fifo_policy(&fifo);
    return 0;
}

static void enqueue_on(uint64_t task, uint32_t cpu, uint64_t affinity)
{
    assert_int_equal(policy.enqueue(policy.context, (keel_task_t){task}, cpu, 0, affinity, KEEL_ENQUEUE_NEW),
                     KEEL_CPU_ANY);
}

static void enqueue(uint64_t task, uint32_t cpu)
{
    enqueue_on(task, cpu, UINT64_MAX);
}

static void set_affinity(uint64_t task, uint64_t affinity)
{
    assert_int_equal(policy.update(policy.context, (keel_task_t){task}, 0, 0, affinity), KEEL_CPU_ANY);
}

static uint64_t pick(uint32_t cpu)
{
    return policy.pick(policy.context, cpu).value;
}

static void dequeue(uint64_t task)
{
    policy.dequeue(policy.context, (keel_task_t){task});
}

static uint32_t tick(uint32_t cpu)
{
    return policy.tick(policy.context, (keel_task_t){1}, cpu);
}

static void test_order(void **state)
{
    (void)state;
    assert_int_equal(pick(0), 0);
    for (uint64_t task = 1; task <= 5; task++) {
        enqueue(task, 0);
    }
    for (uint64_t task = 1; task <= 5; task++) {
        assert_int_equal(pick(0), task);
    }
    assert_int_equal(pick(0), 0);
}

static void test_own_queue_first_then_longest(void **state)
{
    (void)state;
    enqueue(10, 0);
    enqueue(20, 1);
    enqueue(21, 1);
    enqueue(30, 2);
    assert_int_equal(pick(0), 10);
    assert_int_equal(pick(0), 20);
    assert_int_equal(pick(1), 21);
    assert_int_equal(pick(1), 30);
    assert_int_equal(pick(1), 0);
}

/* Nobody gets a task that it may not run, from its own queue or another one. */
static void test_affinity(void **state)
{
    (void)state;
    enqueue_on(10, 0, UINT64_C(1) << 1);
    enqueue_on(11, 0, UINT64_C(1) << 63);
    enqueue_on(12, 0, UINT64_C(3));
    enqueue_on(13, 2, UINT64_C(1) << 2);
    enqueue_on(14, 2, UINT64_C(1) << 2 | UINT64_C(1) << 5);
    assert_int_equal(pick(4), 0);
    assert_int_equal(pick(0), 12);
    assert_int_equal(pick(0), 0);
    assert_int_equal(pick(5), 14); /* past the older one */
    assert_int_equal(pick(1), 10);
    assert_int_equal(pick(63), 11);
    assert_int_equal(pick(2), 13);
}

static void test_affinity_that_changes(void **state)
{
    (void)state;
    enqueue(10, 0);
    enqueue(11, 0);
    enqueue_on(20, 1, 2);
    set_affinity(10, 2);
    set_affinity(11, 1); /* stays */
    set_affinity(99, 1); /* not queued */
    assert_int_equal(pick(0), 11);
    assert_int_equal(pick(0), 0);
    set_affinity(20, 3);
    assert_int_equal(pick(0), 20);
    assert_int_equal(pick(1), 10);
    assert_int_equal(pick(1), 0);
}

static void test_dequeue_anywhere(void **state)
{
    (void)state;
    for (uint64_t task = 1; task <= 5; task++) {
        enqueue(task, 0);
    }
    dequeue(1);
    dequeue(3);
    dequeue(5);
    dequeue(5);
    dequeue(77);
    dequeue(0);
    assert_int_equal(pick(0), 2);
    assert_int_equal(pick(0), 4);
    assert_int_equal(pick(0), 0);
    enqueue(3, 0);
    assert_int_equal(pick(0), 3);
}

static void test_slice(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(tick(0), 0); /* nobody else wants the CPU */
    }
    enqueue(2, 0);
    assert_int_equal(tick(0), 1);
    assert_int_equal(pick(0), 2);
    enqueue(3, 0);
    for (uint32_t i = 1; i < SERVICES_FIFO_SLICE; i++) {
        assert_int_equal(tick(0), 0);
    }
    assert_int_equal(tick(0), 1);
}

static void test_nonsense(void **state)
{
    (void)state;
    enqueue(0, 0);
    assert_int_equal(pick(0), 0);
    set_affinity(0, 1);
    enqueue_on(9, 3, 0); /* nobody may run it */
    assert_int_equal(pick(0), 0);
    dequeue(9);
    enqueue(1, UINT32_MAX);
    enqueue(1, 0); /* queued already */
    assert_int_equal(pick(7), 1);
    assert_int_equal(pick(UINT32_MAX), 0);
    (void)tick(UINT32_MAX);
}

static void test_full(void **state)
{
    (void)state;
    for (uint64_t task = 1; task <= SERVICES_FIFO_TASKS + 10; task++) {
        enqueue(task << 32, (uint32_t)task);
    }
    uint32_t count = 0;
    while (pick(0) != 0) {
        count++;
    }
    assert_int_equal(count, SERVICES_FIFO_TASKS);
    enqueue(5, 0);
    assert_int_equal(pick(0), 5);
}

/* Random steps beside an array of who is queued: nobody is lost, invented or handed out twice. */
static void test_model(void **state)
{
    enum { TASKS = 50 };
    int queued[TASKS + 1] = {0};
    uint64_t seed = 7;
    (void)state;
    for (uint32_t step = 0; step < 100000; step++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        uint64_t task = 1 + (seed >> 33) % TASKS;
        uint32_t cpu = (uint32_t)(seed >> 40) % 4;
        switch ((seed >> 45) % 3) {
        case 0:
            enqueue(task, cpu);
            queued[task] = 1;
            break;
        case 1:
            dequeue(task);
            queued[task] = 0;
            break;
        default:
            task = pick(cpu);
            assert_in_range(task, 0, TASKS);
            if (task != 0) {
                assert_int_equal(queued[task], 1);
            }
            for (uint64_t i = 1; task == 0 && i <= TASKS; i++) {
                assert_int_equal(queued[i], 0);
            }
            queued[task] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order, setup),
        cmocka_unit_test_setup(test_own_queue_first_then_longest, setup),
        cmocka_unit_test_setup(test_affinity, setup),
        cmocka_unit_test_setup(test_affinity_that_changes, setup),
        cmocka_unit_test_setup(test_dequeue_anywhere, setup),
        cmocka_unit_test_setup(test_slice, setup),
        cmocka_unit_test_setup(test_nonsense, setup),
        cmocka_unit_test_setup(test_full, setup),
        cmocka_unit_test_setup(test_model, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

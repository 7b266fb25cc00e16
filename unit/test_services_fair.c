/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The fair scheduler in virtual time: shares by weight, nobody starves, who wakes up comes soon, and what it
 * does with nonsense. Its books are held against a count of them after each step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "services/fair.h"
#include "services_stubs.h"

#define MS        UINT64_C(1000000)
#define S         (UINT64_C(1000) * MS)
#define TICK      (10 * MS)
#define SLICE     SERVICES_FAIR_SLICE
#define TASKS_MAX 16u

static struct services_fair fair;
static struct keel_scheduler policy;

static int setup(void **state)
{
    (void)state;
    memset(&fair, 0, sizeof(fair));
    policy = services_fair_policy(&fair);
    stub_time = 1;
    return 0;
}

static uint32_t enqueue(uint64_t task, uint32_t cpu, uint32_t priority, uint64_t affinity, uint32_t reason)
{
    return policy.enqueue(policy.context, (keel_task_t){task}, cpu, priority, affinity, reason);
}

static uint32_t add(uint64_t task, uint32_t cpu)
{
    return enqueue(task, cpu, 0, UINT64_MAX, KEEL_ENQUEUE_NEW);
}

static uint64_t pick(uint32_t cpu)
{
    return policy.pick(policy.context, cpu).value;
}

static uint32_t tick(uint64_t task, uint32_t cpu)
{
    return policy.tick(policy.context, (keel_task_t){task}, cpu);
}

static void dequeue(uint64_t task)
{
    policy.dequeue(policy.context, (keel_task_t){task});
}

static uint32_t update(uint64_t task, uint32_t cpu, uint32_t priority, uint64_t affinity)
{
    return policy.update(policy.context, (keel_task_t){task}, cpu, priority, affinity);
}

/* --- One CPU in virtual time --- */

static struct sim_task {
    uint32_t priority;
    uint64_t work, rest;   /* runs so long, then sleeps so long; 0: never sleeps */
    uint64_t worked;       /* of `work` */
    uint64_t wakes;        /* when, if it sleeps; 0: it does not */
    uint64_t woken, late;  /* when it woke up last; the longest that it waited then */
    uint64_t got, waiting; /* CPU time; since when it is queued */
    uint64_t waited;       /* the longest wait for a CPU */
    bool yields;           /* gives way after `work` */
} sim[TASKS_MAX + 1];
static uint64_t sim_running, next_tick;

static void sim_enqueue(uint64_t task, uint32_t reason, bool *preempt)
{
    uint32_t answer = enqueue(task, 0, sim[task].priority, 1, reason);
    bool may = reason == KEEL_ENQUEUE_NEW || reason == KEEL_ENQUEUE_WOKEN;
    sim[task].waiting = stub_time;
    *preempt = *preempt || (may && (answer & KEEL_CPU_PREEMPT) != 0);
}

static void sim_pick(void)
{
    sim_running = pick(0);
    struct sim_task *task = &sim[sim_running];
    if (sim_running == 0) {
        return;
    }
    uint64_t waited = stub_time - task->waiting;
    task->waited = waited > task->waited ? waited : task->waited;
    if (task->woken != 0) {
        task->late = stub_time - task->woken > task->late ? stub_time - task->woken : task->late;
        task->woken = 0;
    }
}

/* The running task leaves the CPU for this reason; 0: it sleeps. */
static void sim_switch(uint32_t reason)
{
    bool preempt = false;
    uint64_t previous = sim_running;
    sim_pick();
    if (reason != 0 && previous != 0 && sim_running == 0) {
        sim_running = previous; /* nobody else: it goes on */
    } else if (reason != 0 && previous != 0) {
        sim_enqueue(previous, reason, &preempt);
    }
}

static void sim_start(unsigned count)
{
    bool preempt = false;
    memset(&sim[0], 0, sizeof(sim[0]));
    sim_running = 0;
    next_tick = stub_time + TICK;
    (void)pick(0);
    for (uint64_t task = 1; task <= count; task++) {
        sim[task].got = sim[task].worked = sim[task].wakes = sim[task].late = sim[task].waited = 0;
        sim_enqueue(task, KEEL_ENQUEUE_NEW, &preempt);
    }
    sim_pick();
}

static void sim_wake(unsigned count)
{
    bool preempt = false;
    for (uint64_t task = 1; task <= count; task++) {
        if (sim[task].wakes != 0 && sim[task].wakes <= stub_time) {
            sim[task].wakes = 0;
            sim[task].woken = stub_time;
            sim_enqueue(task, KEEL_ENQUEUE_WOKEN, &preempt);
        }
    }
    if (preempt) {
        sim_switch(KEEL_ENQUEUE_PREEMPTED);
    }
}

/* The moment of the next event. */
static uint64_t sim_next(unsigned count, uint64_t end)
{
    uint64_t next = next_tick < end ? next_tick : end;
    const struct sim_task *running = &sim[sim_running];
    if (sim_running != 0 && running->work != 0 && stub_time + running->work - running->worked < next) {
        next = stub_time + running->work - running->worked;
    }
    for (uint64_t task = 1; task <= count; task++) {
        if (sim[task].wakes != 0 && sim[task].wakes < next) {
            next = sim[task].wakes;
        }
    }
    return next;
}

static void sim_run(unsigned count, uint64_t length)
{
    uint64_t end = stub_time + length;
    while (stub_time < end) {
        uint64_t next = sim_next(count, end);
        struct sim_task *running = &sim[sim_running];
        running->got += next - stub_time;
        running->worked += next - stub_time;
        stub_time = next;
        if (sim_running != 0 && running->work != 0 && running->worked >= running->work) {
            running->worked = 0;
            running->wakes = running->yields ? 0 : stub_time + running->rest;
            sim_switch(running->yields ? KEEL_ENQUEUE_YIELDED : 0);
        }
        if (stub_time >= next_tick) {
            next_tick = stub_time + TICK;
            if (sim_running != 0 && tick(sim_running, 0) != 0) {
                sim_switch(KEEL_ENQUEUE_PREEMPTED);
            }
        }
        sim_wake(count);
    }
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* Each second, every task has what its weight is worth, give or take `error`. */
static void check_shares(unsigned count, unsigned seconds, uint64_t error)
{
    uint64_t total = 0;
    for (unsigned task = 1; task <= count; task++) {
        total += sim[task].priority;
    }
    sim_start(count);
    for (uint64_t second = 1; second <= seconds; second++) {
        sim_run(count, S);
        for (unsigned task = 1; task <= count; task++) {
            assert_true(distance(sim[task].got, second * S * sim[task].priority / total) <= error);
        }
    }
}

static void tasks_of(unsigned count, const uint32_t *priorities)
{
    for (unsigned i = 0; i < count; i++) {
        sim[i + 1] = (struct sim_task){.priority = priorities[i]};
    }
}

static void test_shares_by_weight(void **state)
{
    static const uint32_t weights[][3] = {{1, 2, 3}, {1000, 2000, 3000}, {1024, 1024, 1024}, {1, 65536, 700}};
    for (unsigned i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
        setup(state);
        tasks_of(3, weights[i]);
        check_shares(3, 100, SLICE + TICK);
    }
}

static void test_shares_of_many(void **state)
{
    uint64_t random = 5;
    for (unsigned round = 0; round < 10; round++) {
        setup(state);
        for (unsigned task = 1; task <= TASKS_MAX; task++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            sim[task] = (struct sim_task){.priority = 1 + (uint32_t)(random >> 33) % 5000};
        }
        check_shares(TASKS_MAX, 100, 2 * (SLICE + TICK));
    }
}

/* Virtual times pass the largest number. */
static void test_times_wrap_around(void **state)
{
    static const uint32_t weights[] = {1, 2, 3};
    (void)state;
    fair.cpus[0].virtual_now = UINT64_MAX - 20 * S;
    tasks_of(3, weights);
    check_shares(3, 100, SLICE + TICK);
    assert_true(fair.cpus[0].virtual_now < UINT64_MAX / 2);
}

static void test_nobody_starves(void **state)
{
    static const uint32_t weights[] = {64, 65536, 65536, 65536};
    (void)state;
    tasks_of(4, weights);
    sim_start(4);
    sim_run(4, 1000 * S);
    uint64_t turn = (SLICE + TICK) * (64 + 3 * 65536) / 64;
    assert_in_range(sim[1].got, 1000 * S / 3073 - SLICE - TICK, 1000 * S / 3073 + SLICE + TICK);
    assert_in_range(sim[1].waited, 1, turn);
}

/* Of six that want the CPU always, one that wants it seldom gets it at once, or when a slice is over. */
static void test_sleeper_comes_soon(void **state)
{
    (void)state;
    for (unsigned task = 1; task <= 6; task++) {
        sim[task] = (struct sim_task){.priority = 0};
    }
    sim[7] = (struct sim_task){.work = MS, .rest = 97 * MS};
    sim_start(7);
    sim_run(7, 100 * S);
    assert_true(sim[7].got > 800 * MS);
    assert_in_range(sim[7].late, 0, 2 * (SLICE + TICK)); /* with turns it would be six */
}

/* Sleeping often is no way to more than one's share. */
static void test_sleeping_saves_nothing_up(void **state)
{
    (void)state;
    sim[1] = (struct sim_task){.priority = 0};
    sim[2] = (struct sim_task){.work = 9 * MS, .rest = 1};
    sim_start(2);
    sim_run(2, 100 * S);
    assert_in_range(sim[2].got, 40 * S, 51 * S);
    setup(state);
    sim[2] = (struct sim_task){.work = 5 * S, .rest = 50 * S};
    sim_start(2);
    sim_run(2, 100 * S);
    assert_in_range(sim[1].waited, 1, 2 * (SLICE + TICK));
    assert_in_range(sim[2].got, 5 * S, 10 * S);
}

/* A newcomer does not get what the others have had before its time, nor do they. */
static void test_newcomer_begins_now(void **state)
{
    (void)state;
    bool preempt = false;
    sim[1] = sim[2] = (struct sim_task){.priority = 0};
    sim_start(1);
    sim_run(1, 50 * S);
    assert_int_equal(sim[1].got, 50 * S);
    sim_enqueue(2, KEEL_ENQUEUE_NEW, &preempt);
    sim_run(2, 2 * S);
    assert_in_range(sim[2].got, S - SLICE - TICK, S + SLICE + TICK);
}

static void test_who_yields_lets_others_run(void **state)
{
    (void)state;
    sim[1] = (struct sim_task){.work = MS, .yields = true};
    sim[2] = (struct sim_task){.priority = 0};
    sim_start(2);
    sim_run(2, 10 * S);
    assert_in_range(sim[1].got, 100 * MS, 2 * S);
    assert_in_range(sim[1].waited, 1, 4 * (SLICE + TICK));
    setup(state);
    sim_start(1); /* alone, it goes on */
    sim_run(1, S);
    assert_int_equal(sim[1].got, S);
}

static void test_weight_that_changes(void **state)
{
    (void)state;
    sim[1] = sim[2] = (struct sim_task){.priority = 100};
    sim_start(2);
    sim_run(2, 10 * S);
    sim[1].priority = 300;
    (void)update(1, 0, 300, 1);
    uint64_t before = sim[1].got;
    sim_run(2, 40 * S);
    assert_in_range(sim[1].got - before, 30 * S - 2 * (SLICE + TICK), 30 * S + 2 * (SLICE + TICK));
}

/* --- CPUs --- */

static void test_idle_cpus_are_named(void **state)
{
    (void)state;
    assert_int_equal(add(1, 0), KEEL_CPU_ANY); /* no CPU has asked yet */
    for (uint32_t cpu = 0; cpu < 3; cpu++) {
        assert_int_equal(pick(cpu), cpu == 0 ? 1 : 0);
    }
    assert_int_equal(add(2, 2), 2 | KEEL_CPU_PREEMPT);
    assert_int_equal(add(3, 2), 1 | KEEL_CPU_PREEMPT);
    assert_int_equal(add(4, 2), 2); /* none idles, and all have the same weight */
    assert_int_equal(pick(2), 2);
    assert_int_equal(pick(1), 3);
}

static void test_affinity(void **state)
{
    (void)state;
    for (uint32_t cpu = 0; cpu < 3; cpu++) {
        assert_int_equal(pick(cpu), 0);
    }
    assert_int_equal(enqueue(1, 0, 0, 2, KEEL_ENQUEUE_NEW), 1 | KEEL_CPU_PREEMPT);
    assert_int_equal(enqueue(2, 0, 0, 2, KEEL_ENQUEUE_NEW), 1);
    assert_int_equal(enqueue(3, 0, 0, 6, KEEL_ENQUEUE_NEW), 2 | KEEL_CPU_PREEMPT);
    assert_int_equal(enqueue(4, 0, 0, UINT64_C(1) << 63, KEEL_ENQUEUE_NEW), KEEL_CPU_ANY);
    assert_int_equal(pick(0), 0);
    assert_int_equal(update(2, 1, 0, 1), 0 | KEEL_CPU_PREEMPT);
    assert_int_equal(pick(0), 2);
    assert_int_equal(pick(1), 1);
    assert_int_equal(pick(1), 3); /* from another queue */
    assert_int_equal(pick(1), 0);
    assert_int_equal(pick(63), 4);
}

/* Past what comes first there, which may not come. */
static void test_steals_what_may_come(void **state)
{
    (void)state;
    for (uint64_t task = 1; task <= 5; task++) {
        (void)enqueue(task, 0, 0, task == 4 ? 3 : 1, KEEL_ENQUEUE_NEW);
    }
    assert_int_equal(pick(1), 4);
    assert_int_equal(pick(1), 0);
}

/* --- Nonsense --- */

static void test_nonsense(void **state)
{
    (void)state;
    assert_int_equal(add(0, 0), KEEL_CPU_ANY);
    assert_int_equal(pick(0), 0);
    (void)add(1, UINT32_MAX);
    assert_int_equal(add(1, 0), KEEL_CPU_ANY); /* queued already */
    (void)enqueue(2, 0, 0, 0, 99);             /* nobody may run it */
    assert_int_equal(pick(7), 1);
    assert_int_equal(pick(UINT32_MAX), 0);
    (void)tick(77, UINT32_MAX);
    (void)tick(2, 5);
    (void)tick(1, 3); /* it runs there, then */
    (void)tick(0, 3);
    dequeue(0);
    dequeue(99);
    dequeue(2);
    dequeue(2);
    assert_int_equal(update(99, 0, 1, 1), KEEL_CPU_ANY);
    assert_int_equal(update(0, 0, 1, 1), KEEL_CPU_ANY);
    stub_time = 0; /* the clock goes back */
    (void)add(3, 0);
    assert_int_equal(pick(0), 3);
    stub_time = UINT64_MAX / 2;
    (void)tick(3, 0);
    assert_int_equal(pick(0), 0);
}

static void test_full(void **state)
{
    (void)state;
    for (uint64_t task = 1; task <= SERVICES_FAIR_TASKS + 10; task++) {
        (void)add(task << 32, (uint32_t)task);
    }
    uint32_t count = 0;
    while (pick(0) != 0) {
        count++;
    }
    assert_int_equal(count, SERVICES_FAIR_TASKS);
    for (uint64_t task = 1; task <= 2 * SERVICES_FAIR_TASKS; task++) { /* each takes a forgotten one's node */
        (void)add(task, 0);
        assert_int_equal(pick(0), task);
    }
}

/* Nodes of one heap, counted from below; what they say of themselves is true. */
static uint32_t count_heap(uint16_t name, uint16_t parent, uint32_t cpu, uint16_t heap, uint64_t *weight)
{
    if (name == 0) {
        return 0;
    }
    const struct services_fair_node *node = &fair.nodes[name - 1u];
    assert_int_equal(node->parent, parent);
    assert_int_equal(node->cpu, cpu);
    assert_int_equal(node->state, heap);
    if (parent != 0) {
        const struct services_fair_node *above = &fair.nodes[parent - 1u];
        uint64_t before = heap == SERVICES_FAIR_ELIGIBLE ? above->deadline : above->received;
        uint64_t after = heap == SERVICES_FAIR_ELIGIBLE ? node->deadline : node->received;
        assert_true((int64_t)(after - before) >= 0);
    }
    *weight += node->weight;
    return 1 + count_heap(node->left, name, cpu, heap, weight) +
           count_heap(node->right, name, cpu, heap, weight);
}

static void check_books(void)
{
    uint32_t queued = 0, remembered = 0, running = 0;
    for (uint32_t cpu = 0; cpu < SERVICES_FAIR_CPUS; cpu++) {
        const struct services_fair_cpu *own = &fair.cpus[cpu];
        uint64_t weight = own->running != 0 ? fair.nodes[own->running - 1u].weight : 0;
        uint32_t here = count_heap(own->waiting, 0, cpu, SERVICES_FAIR_WAITING, &weight) +
                        count_heap(own->eligible, 0, cpu, SERVICES_FAIR_ELIGIBLE, &weight);
        assert_int_equal(here, own->queued);
        assert_int_equal(weight, own->weight);
        queued += here;
        running += own->running != 0;
    }
    for (uint16_t name = fair.oldest; name != 0; name = fair.nodes[name - 1u].right) {
        assert_int_equal(fair.nodes[name - 1u].state, SERVICES_FAIR_REMEMBERED);
        remembered++;
    }
    assert_int_equal(queued, fair.queued);
    assert_int_equal(queued + running + remembered, fair.fresh);
}

/* Random steps beside an array of who is queued and where it may run: nobody is lost, invented, handed out
 * twice or given to a CPU that may not run it. */
static void test_model(void **state)
{
    enum { TASKS = 50, CPUS = 4 };
    uint64_t queued[TASKS + 1] = {0}; /* the affinity; 0: not queued */
    uint64_t seed = 7;
    (void)state;
    for (uint32_t step = 0; step < 60000; step++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        uint64_t task = 1 + (seed >> 33) % TASKS, affinity = 1 + (seed >> 20) % 15;
        uint32_t cpu = (uint32_t)(seed >> 40) % CPUS, priority = (uint32_t)(seed >> 50) % 3000;
        stub_time += (seed >> 44) % TICK;
        switch ((seed >> 58) % 6) {
        case 0:
        case 1:
            (void)enqueue(task, cpu, priority, affinity, 1 + (uint32_t)(seed >> 10) % 4);
            queued[task] = queued[task] != 0 ? queued[task] : affinity;
            break;
        case 2:
            dequeue(task);
            queued[task] = 0;
            break;
        case 3:
            (void)update(task, cpu, priority, affinity);
            queued[task] = queued[task] != 0 ? affinity : 0;
            break;
        case 4:
            (void)tick(task, cpu);
            break;
        default:
            task = pick(cpu);
            assert_in_range(task, 0, TASKS);
            assert_true(task == 0 || (queued[task] >> cpu & 1) != 0);
            for (uint64_t i = 1; task == 0 && i <= TASKS; i++) {
                assert_int_equal(queued[i] >> cpu & 1, 0);
            }
            queued[task] = 0;
        }
        if (step % 16 == 0) {
            check_books();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_shares_by_weight, setup),
        cmocka_unit_test_setup(test_shares_of_many, setup),
        cmocka_unit_test_setup(test_times_wrap_around, setup),
        cmocka_unit_test_setup(test_nobody_starves, setup),
        cmocka_unit_test_setup(test_sleeper_comes_soon, setup),
        cmocka_unit_test_setup(test_sleeping_saves_nothing_up, setup),
        cmocka_unit_test_setup(test_newcomer_begins_now, setup),
        cmocka_unit_test_setup(test_who_yields_lets_others_run, setup),
        cmocka_unit_test_setup(test_weight_that_changes, setup),
        cmocka_unit_test_setup(test_idle_cpus_are_named, setup),
        cmocka_unit_test_setup(test_affinity, setup),
        cmocka_unit_test_setup(test_steals_what_may_come, setup),
        cmocka_unit_test_setup(test_nonsense, setup),
        cmocka_unit_test_setup(test_full, setup),
        cmocka_unit_test_setup(test_model, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

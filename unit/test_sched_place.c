/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/sched.c: which CPU runs a task. Affinity is enforced whatever a scheduler answers (T1, P1); the CPU
 * that it names comes for the task, and soon (T9); CPUs that idle have no ticks, and nobody waits for ever
 * for all that.
 */
#include <string.h>

#include "sched_script.h"
#include "services/fair.h"
#include "services/fifo.h"

static atomic_u32_t done, ran_on;

static void inject(uint32_t answer)
{
    script_inject(answer);
    atomic_u32_init(&done, 0);
    atomic_u32_init(&ran_on, SCRIPT_NOBODY);
}

static void say_where(uint64_t argument)
{
    (void)argument;
    atomic_u32_store_release(&ran_on, script_cpu());
}

static void spin(uint64_t argument)
{
    (void)argument;
    unit_await(&done);
}

/* Spins for `time`, or until some task has said where it runs. */
static void wait_to_hear(uint64_t time)
{
    uint64_t start = script_now();
    while (atomic_u32_load_acquire(&ran_on) == SCRIPT_NOBODY && script_now() < start + time) {
        hal_cpu_relax();
    }
}

/* --- The CPU that a scheduler names --- */

/* The other CPU idles and has no ticks: only the kick can bring it. */
static void T9_idle_cpu_comes_when_it_is_named(void)
{
    inject(0);
    script_stay_on_cpu0();
    CHECK_OK(keel_task_sleep(5 * SCHED_TICK_NS));
    SCRIPT_SET(answer, 1);
    uint64_t start = script_now();
    keel_task_t task = unit_spawn(say_where, 0);
    wait_to_hear(SCHED_TICK_NS);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 1);
    CHECK(script_now() < start + SCHED_TICK_NS / 2);
    SCRIPT_SET(answer, SCRIPT_IN_MASK);
    CHECK(unit_join(task) == 0);
    CHECK_EQUAL(script_wrong(), 0);
}

/* A CPU that runs something comes only if the scheduler says so. */
static void T9_busy_cpu_comes_when_it_is_to_be_preempted(void)
{
    inject(SCRIPT_IN_MASK);
    script_stay_on_cpu0();
    SCRIPT_SET(answer, 1);
    keel_task_t spinner = unit_spawn(spin, 0), polite, rude;
    script_await(spinner, KEEL_TASK_RUNNING);
    polite = unit_spawn(say_where, 0);
    wait_to_hear(3 * SCHED_TICK_NS);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), SCRIPT_NOBODY);
    SCRIPT_SET(answer, 1 | KEEL_CPU_PREEMPT);
    uint64_t start = script_now();
    rude = unit_spawn(say_where, 0);
    wait_to_hear(SCHED_TICK_NS);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 1);
    CHECK(script_now() < start + SCHED_TICK_NS / 2);
    SCRIPT_SET(answer, SCRIPT_IN_MASK);
    atomic_u32_store_release(&done, 1);
    CHECK(unit_join(spinner) == 0);
    CHECK(unit_join(polite) == 0);
    CHECK(unit_join(rude) == 0);
    CHECK_EQUAL(script_wrong(), 0);
}

/* One CPU: the caller itself gives way, without waiting for a tick. */
static void T9_own_cpu_is_preempted_at_once(void)
{
    inject(0 | KEEL_CPU_PREEMPT);
    uint64_t start = script_now();
    keel_task_t task = unit_spawn(say_where, 0);
    wait_to_hear(SCHED_TICK_NS);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 0);
    CHECK(script_now() < start + SCHED_TICK_NS / 2);
    CHECK(unit_join(task) == 0);
    CHECK_EQUAL(script_wrong(), 0);
}

/* A priority that changes lets the scheduler ask for a new choice. */
static void T9_update_of_a_queued_task_preempts(void)
{
    inject(0);
    keel_task_t task = unit_spawn(say_where, 0);
    wait_to_hear(3 * SCHED_TICK_NS);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), SCRIPT_NOBODY);
    SCRIPT_SET(answer, 0 | KEEL_CPU_PREEMPT);
    CHECK_OK(keel_task_set_priority(task, 77));
    wait_to_hear(SCHED_TICK_NS / 2);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 0);
    CHECK(script.updates == 1 && script.last_priority == 77 && script.last_affinity == UINT64_MAX);
    CHECK(unit_join(task) == 0);
}

/* --- Affinity --- */

static void check_cpu(uint64_t cpu)
{
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQUAL(script_cpu(), cpu);
        CHECK_OK(keel_task_yield());
        CHECK_EQUAL(script_cpu(), cpu);
        CHECK_OK(keel_task_sleep(1000));
    }
    CHECK_EQUAL(script_cpu(), cpu);
}

static void run_pinned(unsigned cpus)
{
    keel_task_t tasks[8];
    for (unsigned i = 0; i < 8; i++) {
        tasks[i] = script_spawn(check_cpu, i % cpus, UINT64_C(1) << i % cpus);
    }
    for (unsigned i = 0; i < 8; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    CHECK_AUDIT();
}

static void T1_pinned_tasks_run_where_they_may(void)
{
    run_pinned(3);
}

static void T1_pinned_tasks_under_the_default_scheduler(void)
{
    static struct services_fifo fifo;
    memset(&fifo, 0, sizeof fifo); /* a literal could lie on this small stack */
    const struct keel_scheduler scheduler = services_fifo_policy(&fifo);
    CHECK_OK(keel_scheduler_inject(&scheduler));
    run_pinned(3);
    CHECK_EQUAL(script_wrong(), 0);
}

static void T1_pinned_tasks_under_the_fair_scheduler(void)
{
    static struct services_fair fair;
    memset(&fair, 0, sizeof fair);
    const struct keel_scheduler scheduler = services_fair_policy(&fair);
    CHECK_OK(keel_scheduler_inject(&scheduler));
    run_pinned(3);
    CHECK_EQUAL(script_wrong(), 0);
}

/* The scheduler gives any CPU any task, and names CPUs at which the task may not run. */
static void T1_scheduler_that_gives_tasks_to_other_cpus(void)
{
    inject(1);
    SCRIPT_SET(is_careful, false); /* of the masks */
    run_pinned(2);
    CHECK(script_wrong() > 0);
}

/* One CPU: the task is queued, and has not run yet, when the scheduler comes. */
static void T9_queued_task_is_told_to_a_new_scheduler(void)
{
    keel_task_t task = unit_spawn(say_where, 0);
    inject(0);
    wait_to_hear(3 * SCHED_TICK_NS);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), SCRIPT_NOBODY); /* it asks for nobody to be preempted */
    CHECK(unit_join(task) == 0);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 0);
    CHECK_EQUAL(script_wrong(), 0);
}

static void P1_cpu_outside_the_mask_is_a_wrong_answer(void)
{
    inject(SCRIPT_IN_MASK);
    script_stay_on_cpu0();
    uint64_t before = script_wrong();
    SCRIPT_SET(answer, 0);
    keel_task_t task = script_spawn(say_where, 0, CPU1);
    SCRIPT_SET(answer, SCRIPT_IN_MASK);
    CHECK_EQUAL(script_wrong(), before + 1);
    CHECK(unit_join(task) == 0);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 1);
}

static void T1_own_affinity_moves_the_caller_before_it_returns(void)
{
    keel_task_t self = {0};
    CHECK_OK(keel_task_self(&self));
    for (unsigned i = 0; i < 10; i++) {
        CHECK_OK(keel_task_set_affinity(self, UINT64_C(1) << i % 3));
        CHECK_EQUAL(script_cpu(), i % 3);
    }
    CHECK_STATUS(keel_task_set_affinity(self, UINT64_C(1) << 3), KEEL_E_INVALID);
    CHECK_EQUAL(script_cpu(), 0);
    CHECK_OK(keel_task_set_affinity(self, 0));
    CHECK_OK(keel_task_release(self));
}

static void report_moves(uint64_t argument)
{
    (void)argument;
    while (atomic_u32_load_acquire(&done) == 0) {
        atomic_u32_store_release(&ran_on, script_cpu());
        hal_cpu_relax();
    }
}

/* A task that runs elsewhere is taken off, though it never calls anything. */
static void T1_running_task_is_moved(void)
{
    inject(SCRIPT_IN_MASK);
    SCRIPT_SET(tick, 1);
    script_stay_on_cpu0();
    keel_task_t task = script_spawn(report_moves, 0, CPU1);
    wait_to_hear(SCHED_TICK_NS);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 1);
    CHECK_OK(keel_task_set_affinity(task, CPU0));
    CHECK_AUDIT();
    uint64_t start = script_now();
    while (atomic_u32_load_acquire(&ran_on) != 0 && script_now() < start + 4 * SCHED_TICK_NS) {
        hal_cpu_relax();
    }
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 0);
    CHECK_EQUAL(script.last_affinity, CPU0);
    atomic_u32_store_release(&done, 1);
    CHECK(unit_join(task) == 0);
    CHECK_EQUAL(script_wrong(), 0);
}

/* --- Ticks that stop --- */

static void T9_idle_cpus_do_not_tick(void)
{
    inject(SCRIPT_IN_MASK);
    uint64_t before = script.picks;
    CHECK_OK(keel_task_sleep(200 * SCHED_TICK_NS));
    CHECK(script.picks - before < 20);
}

/* All CPUs idle, and the scheduler says nothing of the task that it has: it is found by who may run it. */
static void T9_task_held_back_is_started_where_it_may_run(void)
{
    inject(SCRIPT_IN_MASK);
    script_stay_on_cpu0();
    SCRIPT_SET(lets_go, false);
    uint64_t start = script_now();
    keel_task_t task = script_spawn(say_where, 0, CPU1);
    CHECK(unit_join(task) == 0);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 1);
    CHECK(script_now() < start + 4 * (SCHED_PATIENCE_TICKS + 2) * SCHED_TICK_NS);
    CHECK(script_wrong() > 0);
}

/* The scheduler names a busy CPU, and changes its mind when the other one, without ticks by then, asks. */
static void T9_task_that_nobody_is_told_of_is_found(void)
{
    inject(0);
    script_stay_on_cpu0();
    CHECK_OK(keel_task_sleep(5 * SCHED_TICK_NS));
    keel_task_t task = unit_spawn(say_where, 0); /* for CPU 0, which is busy */
    CHECK(script.queued == 1);
    SCRIPT_SET(queue[0].cpus, UINT64_MAX); /* but CPU 1 would have it too */
    wait_to_hear(3 * SCHED_TICK_NS);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran_on), 1);
    CHECK(unit_join(task) == 0);
    CHECK_EQUAL(script_wrong(), 0);
}

static void sleep_on(uint64_t length)
{
    uint64_t start = script_now();
    CHECK_OK(keel_task_sleep(length));
    CHECK(script_now() >= start + length && script_now() < start + length + 2 * SCHED_TICK_NS);
}

/* Each deadline is kept by a CPU that idles by then, whichever added it. */
static void T9_deadlines_are_kept_by_idle_cpus(void)
{
    keel_task_t tasks[6];
    for (unsigned i = 0; i < 6; i++) {
        tasks[i] = script_spawn(sleep_on, (10 + i * 5) * SCHED_TICK_NS, CPU1 << i % 2);
    }
    for (unsigned i = 6;
         i-- > 0;) { /* the last first, or waking up would make this task's CPU keep the next */
        CHECK(unit_join(tasks[i]) == 0);
    }
}

/* Sleeps when the idle CPUs have no ticks any more. */
static void spin_and_sleep(uint64_t length)
{
    uint64_t start = script_now();
    while (script_now() < start + 3 * SCHED_TICK_NS) {
        hal_cpu_relax();
    }
    sleep_on(length);
}

/* Nothing but the earlier deadline's timer can see to the later one. */
static void T9_next_deadline_is_kept_where_the_last_one_was(void)
{
    script_inject(KEEL_CPU_ANY);
    keel_task_t early = script_spawn(spin_and_sleep, 20 * SCHED_TICK_NS, CPU1);
    keel_task_t late = script_spawn(spin_and_sleep, 40 * SCHED_TICK_NS, UINT64_C(4));
    CHECK(unit_join(late) == 0);
    CHECK(unit_join(early) == 0);
}

/* --- Waits inside Keel --- */

#define TABLE_VA UINT64_C(0x400000)
#define TIMES    20u
#define NAP      UINT64_C(20000)

static keel_space_t mapped_space;
static keel_frame_t mapped_frame;
static keel_task_t at_times;
static keel_timer_t timer;
static bool inside, asked; /* one CPU */

static void map_and_unmap(uint64_t page)
{
    uint64_t unmapped = 0, va = TABLE_VA + page * KEEL_PAGE_SIZE;
    CHECK_OK(keel_space_map(mapped_space, va, mapped_frame, KEEL_READ));
    CHECK_OK(keel_space_unmap(mapped_space, va, 1, &unmapped));
}

static void map_all_the_time(uint64_t argument)
{
    (void)argument;
    while (atomic_u32_load_acquire(&done) == 0) {
        map_and_unmap(0);
        SCRIPT_SET(lets_go, true);
        CHECK_OK(keel_cpu_relax());
        CHECK_OK(keel_task_yield());
    }
}

/* Whoever waits inside Keel is also asked to stop waiting, which its next sleep does. */
static void cancel_who_waits(void *context)
{
    (void)context;
    if (inside && !asked) {
        struct keel_task_info info = {0};
        CHECK_OK(keel_task_info(at_times, &info));
        asked = info.state == KEEL_TASK_BLOCKED;
        CHECK_OK(asked ? keel_task_cancel(at_times) : keel_timer_arm(timer, SCHED_TICK_NS / 4));
    }
}

/* It comes in the middle of the other's call, and the scheduler would rather see it run from then on. */
static void map_at_times(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < TIMES; i++) {
        CHECK_STATUS(keel_task_sleep(NAP), asked ? KEEL_E_CANCELED : KEEL_OK);
        SCRIPT_SET(lets_go, false);
        asked = false;
        inside = true;
        CHECK_OK(keel_timer_arm(timer, SCHED_TICK_NS / 4));
        map_and_unmap(1);
        inside = false;
    }
    SCRIPT_SET(lets_go, true);
    atomic_u32_store_release(&done, 1);
}

static void T9_waiter_inside_keel_leaves_the_cpu(void)
{
    mapped_space = unit_space();
    mapped_frame = unit_frame();
    map_and_unmap(2);
    inject(0 | KEEL_CPU_PREEMPT);
    const struct keel_timer_options options = {.handler = cancel_who_waits};
    CHECK_OK(keel_timer_create(&options, &timer));
    inside = asked = false;
    at_times = unit_spawn(map_at_times, 0);
    keel_task_t often = unit_spawn(map_all_the_time, 0);
    CHECK(unit_join(often) == 0);
    CHECK(unit_join(at_times) == 0);
    (void)keel_timer_cancel(timer);
    CHECK_OK(keel_timer_release(timer));
    CHECK_OK(keel_frame_release(mapped_frame));
    CHECK_OK(keel_space_release(mapped_space));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_idle_cpu_comes_when_it_is_named),
        UNIT(T9_busy_cpu_comes_when_it_is_to_be_preempted),
        UNIT(T9_own_cpu_is_preempted_at_once, .config.cpu_count = 1),
        UNIT(T9_update_of_a_queued_task_preempts, .config.cpu_count = 1),
        UNIT(T1_pinned_tasks_run_where_they_may, .config.cpu_count = 3, .seeds = 20),
        UNIT(T1_pinned_tasks_under_the_default_scheduler, .config.cpu_count = 3, .seeds = 20),
        UNIT(T1_pinned_tasks_under_the_fair_scheduler, .config.cpu_count = 3, .seeds = 20),
        UNIT(T1_scheduler_that_gives_tasks_to_other_cpus, .seeds = 10),
        UNIT(T9_queued_task_is_told_to_a_new_scheduler, .config.cpu_count = 1),
        UNIT(P1_cpu_outside_the_mask_is_a_wrong_answer, .seeds = 5),
        UNIT(T1_own_affinity_moves_the_caller_before_it_returns, .config.cpu_count = 3, .seeds = 20),
        UNIT(T1_running_task_is_moved, .seeds = 10),
        UNIT(T9_idle_cpus_do_not_tick, .config.cpu_count = 4),
        UNIT(T9_task_held_back_is_started_where_it_may_run, .seeds = 10),
        UNIT(T9_task_that_nobody_is_told_of_is_found),
        UNIT(T9_deadlines_are_kept_by_idle_cpus, .config.cpu_count = 3),
        UNIT(T9_next_deadline_is_kept_where_the_last_one_was, .config.cpu_count = 3),
        UNIT(T9_waiter_inside_keel_leaves_the_cpu, .config.cpu_count = 1, .seeds = 60),
    };
    return unit_main(tests, argc, argv);
}

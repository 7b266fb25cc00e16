/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/work.c: when and how often works run.
 */
#include "work_script.h"

/* --- When works run --- */

static void T9_work_runs_at_once_for_a_task(void)
{
    begin(run);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK_OK(keel_work_schedule(work));
        CHECK_EQUAL(count_ran(), i);
        CHECK_EQUAL(cpu_context(), CONTEXT_TASK);
        CHECK(hal_irq_enabled());
    }
    CHECK_OK(keel_work_release(work));
    struct keel_work_options none = {.handler = NULL};
    CHECK_STATUS(keel_work_create(&none, &work), KEEL_E_INVALID);
}

static void T9_work_runs_after_the_interrupt(void)
{
    begin(run);
    interrupt_soon(queue);
    uint64_t start = hal_time_now();
    while (count_ran() == 0 && hal_time_now() < start + MS) { /* no tick comes between */
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_EQUAL(count_ran(), 1);
    CHECK_OK(keel_work_release(work));
}

/* Nothing but the work comes to an idle CPU. */
static void run_and_note_time(void *context)
{
    run(context);
    *(uint64_t *)context = hal_time_now();
}

static void T9_work_runs_on_an_idle_cpu(void)
{
    uint64_t noted = 0, start = hal_time_now();
    begin(run);
    CHECK_OK(keel_work_release(work));
    work = make_work(run_and_note_time, &noted);
    interrupt_soon(queue);
    CHECK_OK(keel_task_sleep(50 * MS));
    CHECK_EQUAL(count_ran(), 1);
    CHECK(noted > start && noted < start + MS);
    CHECK_OK(keel_work_release(work));
}

static void endless(void *context, struct keel_user_regs *regs, struct keel_user_event *event)
{
    (void)context;
    (void)regs;
    (void)event;
}

static void T9_work_runs_when_user_mode_was_left(void)
{
    keel_space_t space = unit_space();
    struct keel_user_regs regs = {.rip = KEEL_USER_START};
    struct keel_user_event event = {0};
    CHECK_OK(keel_space_activate(space));
    begin(run);
    interrupt_soon(queue);
    CHECK_OK(keel_user_run(&regs, &event));
    CHECK_EQUAL(event.reason, KEEL_USER_INTERRUPT);
    CHECK_EQUAL(count_ran(), 1);
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_work_release(work));
}

/* Queued by an interrupt handler and by the task itself, it waits until the last guard and lock is gone. */
static void T2_work_waits_for_the_end_of_atomic_mode(void)
{
    keel_guard_t guard = {0}, irq_guard = {0};
    keel_spinlock_t lock = {0};
    CHECK_OK(keel_spinlock_create(0, &lock));
    begin(run);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_OK(keel_preempt_disable(&guard));
        CHECK_OK(keel_spinlock_lock(lock));
        if (i == 0) {
            interrupt_soon(queue);
        } else {
            CHECK_OK(keel_work_schedule(work));
        }
        uint64_t start = hal_time_now();
        while (hal_time_now() < start + 3 * SCHED_TICK_NS) {
            CHECK_OK(keel_cpu_relax());
        }
        CHECK_STATUS(keel_work_schedule(work), KEEL_E_EXISTS);
        CHECK_OK(keel_guard_release(guard));
        CHECK_OK(keel_irq_disable(&irq_guard));
        CHECK_OK(keel_spinlock_unlock(lock));
        CHECK_EQUAL(count_ran(), i);
        CHECK_OK(keel_guard_release(irq_guard));
        CHECK_EQUAL(count_ran(), i + 1);
        CHECK(hal_irq_enabled());
    }
    CHECK_OK(keel_spinlock_release(lock));
    CHECK_OK(keel_work_release(work));
}

/* Many, in the order of queueing, but for the one that is cancelled and the one that moves to the end. */
static uint32_t order[8];

static void note_order(void *context)
{
    order[atomic_u32_fetch_add(&ran, 1) % 8] = *(uint32_t *)context;
}

static void T9_works_run_in_order_and_once(void)
{
    static const uint32_t expected[] = {0, 2, 4, 5, 6, 1};
    static uint32_t names[8];
    keel_work_t works[8];
    keel_guard_t guard = {0};
    atomic_u32_init(&ran, 0);
    CHECK_OK(keel_preempt_disable(&guard));
    for (uint32_t i = 0; i < 8; i++) {
        names[i] = i;
        works[i] = make_work(note_order, &names[i]);
        CHECK_OK(keel_work_schedule(works[i]));
        CHECK_STATUS(keel_work_schedule(works[i / 2]), KEEL_E_EXISTS);
    }
    CHECK_OK(keel_work_cancel(works[3]));
    CHECK_OK(keel_work_cancel(works[7]));
    CHECK_OK(keel_work_cancel(works[1]));
    CHECK_OK(keel_work_schedule(works[1]));
    CHECK_AUDIT();
    CHECK_OK(keel_guard_release(guard));
    CHECK_EQUAL(count_ran(), 6);
    for (uint32_t i = 0; i < 6; i++) {
        CHECK_EQUAL(order[i], expected[i]);
    }
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_OK(keel_work_release(works[i]));
    }
}

static void T9_cancelled_work_does_not_run(void)
{
    keel_guard_t guard = {0};
    begin(run);
    CHECK_STATUS(keel_work_cancel(work), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_preempt_disable(&guard));
    CHECK_OK(keel_work_schedule(work));
    CHECK_OK(keel_work_cancel(work));
    CHECK_STATUS(keel_work_cancel(work), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_guard_release(guard));
    CHECK_EQUAL(count_ran(), 0);
    CHECK_OK(keel_work_schedule(work));
    CHECK_EQUAL(count_ran(), 1);
    CHECK_STATUS(keel_work_cancel(work), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_work_release(work));
}

static void M6_queued_work_outlives_its_handle(void)
{
    keel_guard_t guard = {0};
    begin(run);
    CHECK_OK(keel_preempt_disable(&guard));
    for (unsigned i = 0; i < 3; i++) {
        CHECK_STATUS(keel_work_schedule(work), i == 0 ? KEEL_OK : KEEL_E_EXISTS);
    }
    CHECK_OK(keel_work_release(work));
    CHECK_STATUS(keel_work_schedule(work), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_guard_release(guard));
    CHECK_EQUAL(count_ran(), 1);
    keel_work_t other = make_work(run, NULL);
    CHECK(other.value != work.value);
    CHECK_OK(keel_work_release(other));
}

/* --- Works that queue works --- */

static keel_semaphore_t semaphore;

static void queue_again(void *context)
{
    run(context);
    if (count_ran() < 30) {
        CHECK_OK(keel_work_schedule(work));
        CHECK_STATUS(keel_work_schedule(work), KEEL_E_EXISTS);
    } else {
        CHECK_OK(keel_semaphore_up(semaphore, 1));
    }
}

static void T8_work_that_queues_itself_leaves_time(void)
{
    keel_guard_t guard = {0};
    begin(queue_again);
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    CHECK_OK(keel_work_schedule(work));
    CHECK_EQUAL(count_ran(), 1);
    CHECK_OK(keel_irq_disable(&guard));
    CHECK_STATUS(keel_work_schedule(work), KEEL_E_EXISTS); /* by itself */
    CHECK_OK(keel_guard_release(guard));
    uint32_t before = count_ran();
    uint64_t start = hal_time_now(), turns = 0;
    while (count_ran() < 30) {
        CHECK_OK(keel_cpu_relax());
        turns++;
    }
    CHECK(before < 10 && turns >= 29 - before);
    CHECK(hal_time_now() >= start + (29 - before) * KEEL_WORK_PAUSE);
    /* A task that works on in atomic mode again and again lets it run each time it leaves that, once. */
    CHECK_OK(keel_semaphore_down(semaphore, 0));
    atomic_u32_init(&ran, 0);
    CHECK_OK(keel_work_schedule(work));
    for (uint32_t i = 2; i <= 30; i++) {
        CHECK_OK(keel_irq_disable(&guard));
        CHECK_OK(keel_guard_release(guard));
        CHECK(count_ran() >= i && count_ran() <= i + 10);
    }
    CHECK_OK(keel_semaphore_down(semaphore, KEEL_FOREVER));
    CHECK_OK(keel_semaphore_release(semaphore));
    CHECK_OK(keel_work_release(work));
}

/* No task runs, no tick comes: the CPU's timer is all there is. */
static void T9_idle_cpu_does_not_sleep_on_a_work(void)
{
    begin(queue_again);
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    uint64_t start = hal_time_now();
    CHECK_OK(keel_work_schedule(work));
    CHECK_OK(keel_semaphore_down(semaphore, KEEL_FOREVER));
    CHECK_EQUAL(count_ran(), 30);
    CHECK(hal_time_now() < start + 5 * MS);
    CHECK_OK(keel_semaphore_release(semaphore));
    CHECK_OK(keel_work_release(work));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_work_runs_at_once_for_a_task, .seeds = 5),
        UNIT(T9_work_runs_after_the_interrupt, .config.cpu_count = 1),
        UNIT(T9_work_runs_on_an_idle_cpu, .config.cpu_count = 1),
        UNIT(T9_work_runs_when_user_mode_was_left, .config.cpu_count = 1,
             .config.user_engine = HOSTED_USER_SCRIPT, .config.user_script = endless),
        UNIT(T2_work_waits_for_the_end_of_atomic_mode, .config.cpu_count = 1, .seeds = 5),
        UNIT(T9_works_run_in_order_and_once, .seeds = 5),
        UNIT(T9_cancelled_work_does_not_run, .seeds = 5),
        UNIT(M6_queued_work_outlives_its_handle, .seeds = 5),
        UNIT(T8_work_that_queues_itself_leaves_time, .config.cpu_count = 1),
        UNIT(T9_idle_cpu_does_not_sleep_on_a_work, .config.cpu_count = 1),
    };
    return unit_main(tests, argc, argv);
}

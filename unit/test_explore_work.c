/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Works that two CPUs queue and cancel, and interrupts on top of them: every schedule within the stated
 * number of preemptions. What a work touches is plain memory: ThreadSanitizer sees whether its runs are
 * ordered, among each other and before the answer that it is over.
 */
#include "race.h"
#include "support.h"

static keel_work_t work;
static uint32_t touched, inside;
static atomic_u32_t ran, asked, seen;

static void run(void *context)
{
    (void)context;
    CHECK_EQUAL(inside++, 0); /* never on two CPUs */
    touched++;
    atomic_u32_store_relaxed(&seen, atomic_u32_load_relaxed(&asked));
    inside--;
    atomic_u32_fetch_add(&ran, 1);
}

static void start(void)
{
    const struct keel_work_options options = {.handler = run};
    touched = 0;
    inside = 0;
    atomic_u32_init(&ran, 0);
    atomic_u32_init(&asked, 0);
    atomic_u32_init(&seen, 0);
    CHECK_OK(keel_work_create(&options, &work));
}

/* What one CPU queues: some run is to see that it has asked for one. Answers how many runs that is to mean.
 */
static uint32_t queue(void)
{
    atomic_u32_fetch_add(&asked, 1);
    keel_status_t status = keel_work_schedule(work);
    CHECK(status == KEEL_OK || status == KEEL_E_EXISTS);
    return status == KEEL_OK;
}

static uint32_t queued_by_other;

static void queue_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    queued_by_other = queue();
    race_done();
}

/* What was queued where it ran may be waiting for its pass. */
static void finish(uint32_t expected)
{
    while (atomic_u32_load_acquire(&ran) < expected) {
        CHECK_OK(keel_task_sleep(KEEL_WORK_PAUSE));
    }
    CHECK_STATUS(keel_work_cancel(work), KEEL_E_NOT_FOUND);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran), expected);
    CHECK_EQUAL(touched, expected);
    CHECK_OK(keel_work_release(work));
}

static void T9_explore_queue_on_two_cpus(void)
{
    start();
    keel_task_t other = race_start(queue_in_race, 0);
    uint32_t queued = queue();
    race_finish(other);
    finish(queued + queued_by_other);
    CHECK_EQUAL(atomic_u32_load_relaxed(&seen), 2);
}

/* Queued on the other CPU; who cancels is told what comes of it. */
static void T9_explore_cancel_against_queue_and_run(void)
{
    start();
    keel_task_t other = race_start(queue_in_race, 0);
    keel_status_t status = keel_work_cancel(work);
    while (status == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
        status = keel_work_cancel(work);
    }
    uint32_t count = atomic_u32_load_acquire(&ran);
    CHECK(status == KEEL_OK ? count == 0 : status == KEEL_E_NOT_FOUND);
    race_finish(other);
    finish(queued_by_other - (status == KEEL_OK));
}

/* It runs on the other CPU, which has queued it in atomic mode; the handle goes meanwhile. */
static void queue_in_atomic_mode(uint64_t argument)
{
    keel_guard_t guard = {0};
    (void)argument;
    CHECK_OK(keel_preempt_disable(&guard));
    CHECK_OK(keel_work_schedule(work));
    race_wait();
    CHECK_OK(keel_guard_release(guard));
    race_done();
}

static void M6_explore_release_against_run(void)
{
    start();
    keel_task_t other = race_start(queue_in_atomic_mode, 0);
    CHECK_OK(keel_work_release(work));
    race_finish(other);
    CHECK_EQUAL(atomic_u32_load_acquire(&ran), 1);
    CHECK_EQUAL(touched, 1);
}

static void T9_explore_cancel_against_run(void)
{
    start();
    keel_task_t other = race_start(queue_in_atomic_mode, 0);
    keel_status_t status = keel_work_cancel(work);
    while (status == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
        status = keel_work_cancel(work);
    }
    touched += status == KEEL_OK; /* it is over, either way */
    CHECK_EQUAL(touched, 1);
    CHECK_STATUS(status, atomic_u32_load_relaxed(&ran) == 0 ? KEEL_OK : KEEL_E_NOT_FOUND);
    race_finish(other);
    CHECK_EQUAL(touched, 1);
    CHECK_OK(keel_work_release(work));
}

/* Queued here while it runs there, or before, or after. */
static void T8_explore_queue_against_run(void)
{
    start();
    keel_task_t other = race_start(queue_in_atomic_mode, 0);
    uint32_t queued = queue();
    race_finish(other);
    finish(1 + queued);
    CHECK_EQUAL(atomic_u32_load_relaxed(&seen), 1);
}

/* One CPU: a timer whose handler queues the work rings at any point of its being queued, run, and cancelled
 * by the task. */
static atomic_u32_t rung;

static void ring(void *context)
{
    (void)context;
    atomic_u32_fetch_add(&rung, queue());
}

static void T8_explore_interrupt_against_everything(void)
{
    const struct keel_timer_options options = {.handler = ring};
    keel_timer_t timer = {0};
    start();
    atomic_u32_init(&rung, 0);
    CHECK_OK(keel_timer_create(&options, &timer));
    hosted_explore_begin();
    CHECK_OK(keel_timer_arm(timer, 0));
    uint32_t queued = queue();
    keel_status_t status = keel_work_cancel(work);
    hosted_explore_end();
    CHECK(status == KEEL_OK || status == KEEL_E_NOT_FOUND);
    keel_status_t armed = keel_timer_cancel(timer);
    CHECK(armed == KEEL_OK || armed == KEEL_E_NOT_FOUND);
    finish(queued + atomic_u32_load_acquire(&rung) - (status == KEEL_OK));
    CHECK_OK(keel_timer_release(timer));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(T9_explore_queue_on_two_cpus, RACE_BOUND),
        EXPLORE(T9_explore_cancel_against_queue_and_run, RACE_BOUND),
        EXPLORE(M6_explore_release_against_run, RACE_BOUND),
        EXPLORE(T9_explore_cancel_against_run, RACE_BOUND),
        EXPLORE(T8_explore_queue_against_run, RACE_BOUND),
        EXPLORE(T8_explore_interrupt_against_everything, RACE_BOUND, .config.cpu_count = 1,
                .config.explore_timers = true),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A timer that fires against who cancels it, arms it again, or releases it: every schedule within the stated
 * number of preemptions. Time passes when the other task says so.
 */
#include "race.h"
#include "support.h"

#define HOUR UINT64_C(3600000000000)

static keel_timer_t timer;
static uint32_t touched; /* plain: who is told that the timer is over may use what the handler uses */
static atomic_u32_t fired;

static void fire(void *context)
{
    (void)context;
    touched++;
    atomic_u32_fetch_add(&fired, 1);
}

static void pass_time(uint64_t argument)
{
    (void)argument;
    race_wait();
    unit_let_time_pass();
    race_done();
}

static keel_task_t start(void)
{
    const struct keel_timer_options options = {.handler = fire};
    touched = 0;
    atomic_u32_init(&fired, 0);
    CHECK_OK(keel_timer_create(&options, &timer));
    CHECK_OK(keel_timer_arm(timer, HOUR));
    return race_start(pass_time, 0);
}

static void T9_explore_cancel_against_fire(void)
{
    keel_task_t other = start();
    keel_status_t status = keel_timer_cancel(timer);
    while (status == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
        status = keel_timer_cancel(timer);
    }
    touched++; /* it is over, either way */
    uint32_t count = atomic_u32_load_relaxed(&fired);
    CHECK_STATUS(status, count == 0 ? KEEL_OK : KEEL_E_NOT_FOUND);
    race_finish(other);
    CHECK_EQUAL(atomic_u32_load_relaxed(&fired), count);
    CHECK_OK(keel_timer_release(timer));
}

static void T9_explore_arm_against_fire(void)
{
    keel_task_t other = start();
    CHECK_OK(keel_timer_arm(timer, 2 * HOUR));
    race_finish(other);
    keel_status_t status = keel_timer_cancel(timer);
    uint32_t count = atomic_u32_load_acquire(&fired);
    /* Moved before it could fire, then perhaps fired; or fired, and armed for the second time. */
    CHECK(count <= 2);
    CHECK_STATUS(status, count == 2 || (count == 1 && status != KEEL_OK) ? KEEL_E_NOT_FOUND : KEEL_OK);
    CHECK_OK(keel_timer_release(timer));
}

static void M6_explore_release_against_fire(void)
{
    keel_task_t other = start();
    CHECK_OK(keel_timer_release(timer));
    race_finish(other);
    CHECK_EQUAL(atomic_u32_load_acquire(&fired), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(T9_explore_cancel_against_fire, RACE_BOUND),
        EXPLORE(T9_explore_arm_against_fire, RACE_BOUND),
        EXPLORE(M6_explore_release_against_fire, RACE_BOUND),
    };
    return unit_main(tests, argc, argv);
}

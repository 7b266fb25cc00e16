/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keel_task_cancel and keel_task_kill: every wait, before it begins and while it lasts (core/wait.c).
 */
#include "support.h"

#define MS UINT64_C(1000000)

static keel_event_t event;
static keel_semaphore_t semaphore;
static keel_mutex_t mutex;
static keel_task_t sleeper;

static void begin(void)
{
    CHECK_OK(keel_event_create(&event));
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_OK(keel_mutex_lock(mutex, 0));
}

static void end(void)
{
    CHECK_OK(keel_mutex_unlock(mutex));
    CHECK_OK(keel_mutex_release(mutex));
    CHECK_OK(keel_semaphore_release(semaphore));
    CHECK_OK(keel_event_release(event));
}

static void sleep_long(uint64_t argument)
{
    CHECK_STATUS(keel_task_sleep(KEEL_FOREVER), argument == 0 ? KEEL_E_CANCELED : KEEL_OK);
}

enum wait_way { EVENT, SEMAPHORE, MUTEX, MUTEX_SHARED, SLEEP, JOIN, WAYS };

static keel_status_t wait_by(uint64_t way, uint64_t timeout)
{
    int32_t status;
    switch (way) {
    case EVENT:
        return keel_event_wait(event, 0, timeout);
    case SEMAPHORE:
        return keel_semaphore_down(semaphore, timeout);
    case MUTEX:
        return keel_mutex_lock(mutex, timeout);
    case MUTEX_SHARED:
        return keel_mutex_lock_shared(mutex, timeout);
    case SLEEP:
        return keel_task_sleep(timeout);
    default:
        return keel_task_join(sleeper, &status);
    }
}

/* The first wait ends early; the second one is not touched. */
static void be_cancelled_once(uint64_t way)
{
    CHECK_STATUS(wait_by(way, KEEL_FOREVER), KEEL_E_CANCELED);
    CHECK_STATUS(wait_by(SEMAPHORE, MS), KEEL_E_TIMEOUT);
}

static void T9_cancel_ends_every_kind_of_wait(void)
{
    begin();
    sleeper = unit_spawn(sleep_long, 0);
    for (uint64_t way = 0; way < WAYS; way++) {
        keel_task_t task = unit_spawn(be_cancelled_once, way);
        unit_until_blocked(task);
        CHECK_OK(keel_task_cancel(task));
        CHECK(unit_join(task) == 0);
    }
    CHECK_OK(keel_task_cancel(sleeper));
    CHECK(unit_join(sleeper) == 0);
    end();
}

/* A request to a task that does not wait is for its next wait, and several are one. */
static void T9_cancel_is_remembered(void)
{
    keel_task_t self;
    begin();
    sleeper = unit_spawn(sleep_long, 0);
    CHECK_OK(keel_task_self(&self));
    for (uint64_t way = 0; way < WAYS; way++) {
        if (way == MUTEX || way == MUTEX_SHARED) {
            continue; /* the caller holds it */
        }
        CHECK_OK(keel_task_cancel(self));
        CHECK_OK(keel_task_cancel(self));
        CHECK_OK(keel_task_yield()); /* no wait */
        CHECK_OK(keel_mutex_unlock(mutex));
        CHECK_OK(keel_mutex_lock(mutex, KEEL_FOREVER));                  /* need not wait */
        CHECK_STATUS(keel_semaphore_down(semaphore, 0), KEEL_E_TIMEOUT); /* does not wait */
        CHECK_STATUS(wait_by(way, KEEL_FOREVER), KEEL_E_CANCELED);
        CHECK_STATUS(keel_event_wait(event, 0, MS), KEEL_E_TIMEOUT);
    }
    CHECK_OK(keel_task_cancel(sleeper));
    CHECK(unit_join(sleeper) == 0);
    CHECK_OK(keel_task_release(self));
    end();
}

static void be_killed(uint64_t argument)
{
    (void)argument;
    for (unsigned turn = 0; turn < 3; turn++) {
        for (uint64_t way = 0; way < WAYS; way++) {
            CHECK_STATUS(wait_by(way, KEEL_FOREVER), KEEL_E_CANCELED);
        }
    }
}

static void T9_kill_ends_every_wait_from_then_on(void)
{
    begin();
    sleeper = unit_spawn(sleep_long, 0);
    keel_task_t task = unit_spawn(be_killed, 0);
    unit_until_blocked(task);
    CHECK_OK(keel_task_kill(task));
    CHECK(unit_join(task) == 0);
    CHECK_OK(keel_task_kill(sleeper));
    CHECK_OK(keel_task_kill(sleeper));
    int32_t status;
    CHECK_OK(keel_task_join(sleeper, &status));
    CHECK_OK(keel_task_kill(sleeper)); /* the dead are left alone */
    CHECK_OK(keel_task_cancel(sleeper));
    CHECK_OK(keel_task_release(sleeper));
    end();
}

/* Who is cancelled leaves its queue, and a token that comes next goes to the next one. */
static void take_token(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_semaphore_down(semaphore, KEEL_FOREVER));
}

static void T9_token_is_not_spent_on_who_was_cancelled(void)
{
    begin();
    keel_task_t first = unit_spawn(be_cancelled_once, SEMAPHORE);
    unit_until_blocked(first);
    keel_task_t second = unit_spawn(take_token, 0);
    unit_until_blocked(second);
    CHECK_OK(keel_task_cancel(first));
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    CHECK(unit_join(second) == 0);
    CHECK(unit_join(first) == 0);
    end();
}

/* User mode is answered as a wait: once for a request, always for the killed. */
static void run_user(uint64_t killed)
{
    struct keel_user_regs regs = {0};
    struct keel_user_event happened;
    keel_task_t self;
    keel_space_t space = unit_space();
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(killed != 0 ? keel_task_kill(self) : keel_task_cancel(self));
    CHECK_STATUS(keel_user_run(&regs, &happened), KEEL_E_CANCELED);
    CHECK_STATUS(keel_user_run(&regs, &happened), killed != 0 ? KEEL_E_CANCELED : KEEL_OK);
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_task_release(self));
}

static void T9_cancel_keeps_a_program_from_running(void)
{
    for (uint64_t killed = 0; killed < 2; killed++) {
        CHECK(unit_join(unit_spawn(run_user, killed)) == 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_cancel_ends_every_kind_of_wait, .seeds = 10),
        UNIT(T9_cancel_is_remembered),
        UNIT(T9_kill_ends_every_wait_from_then_on, .seeds = 20, .config.cpu_count = 2),
        UNIT(T9_token_is_not_spent_on_who_was_cancelled, .seeds = 10),
        UNIT(T9_cancel_keeps_a_program_from_running),
    };
    return unit_main(tests, argc, argv);
}

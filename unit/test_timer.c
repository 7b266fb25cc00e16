/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Timers and interrupt context (core/timer.c, core/interrupt.c).
 */
#include "core/timer.h"

#include "core/cpu.h"
#include "core/queued_spinlock.h"
#include "core/sched.h"
#include "support.h"

#define MS   UINT64_C(1000000)
#define HOUR (UINT64_C(3600000) * MS)

static atomic_u32_t fired;
static uint64_t fired_at[64];
static keel_timer_t timer;

static uint64_t now(void)
{
    uint64_t time = 0;
    CHECK_OK(keel_time_now(&time));
    return time;
}

static void note_time(void *context)
{
    (void)context;
    fired_at[atomic_u32_load_relaxed(&fired) % 64] = now();
    atomic_u32_fetch_add(&fired, 1);
}

static keel_timer_t make_timer(void (*handler)(void *), void *context)
{
    keel_timer_t made = {0};
    const struct keel_timer_options options = {.handler = handler, .context = context};
    CHECK_OK(keel_timer_create(&options, &made));
    return made;
}

static void begin(void (*handler)(void *))
{
    atomic_u32_init(&fired, 0);
    timer = make_timer(handler, NULL);
}

static uint32_t count_fired(void)
{
    return atomic_u32_load_acquire(&fired);
}

static void T9_timer_fires_once_and_not_early(void)
{
    static const uint64_t delays[] = {0, 1, KEEL_TIMER_DELAY_MIN, 3 * MS, 25 * MS};
    begin(note_time);
    for (uint32_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        uint64_t delay = delays[i] > KEEL_TIMER_DELAY_MIN ? delays[i] : KEEL_TIMER_DELAY_MIN;
        uint64_t start = now();
        CHECK_OK(keel_timer_arm(timer, delays[i]));
        CHECK_OK(keel_task_sleep(60 * MS));
        CHECK_EQUAL(count_fired(), i + 1);
        CHECK(fired_at[i] >= start + delay);
        CHECK(fired_at[i] < start + delay + 15 * MS);
    }
    CHECK_OK(keel_timer_release(timer));
}

static void T9_arming_again_replaces(void)
{
    begin(note_time);
    uint64_t start = now();
    CHECK_OK(keel_timer_arm(timer, 5 * MS));
    CHECK_OK(keel_timer_arm(timer, HOUR));
    CHECK_OK(keel_task_sleep(20 * MS));
    CHECK_EQUAL(count_fired(), 0);
    CHECK_OK(keel_timer_arm(timer, 5 * MS));
    CHECK_OK(keel_task_sleep(40 * MS));
    CHECK_EQUAL(count_fired(), 1);
    CHECK(fired_at[0] >= start + 25 * MS);
    CHECK_OK(keel_timer_arm(timer, UINT64_MAX)); /* never, without wrapping around */
    CHECK_OK(keel_task_sleep(40 * MS));
    CHECK_EQUAL(count_fired(), 1);
    CHECK_OK(keel_timer_cancel(timer));
    CHECK_OK(keel_timer_release(timer));
}

static void T9_cancelled_timer_does_not_fire(void)
{
    begin(note_time);
    CHECK_STATUS(keel_timer_cancel(timer), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_timer_arm(timer, 5 * MS));
    CHECK_OK(keel_timer_cancel(timer));
    CHECK_STATUS(keel_timer_cancel(timer), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_task_sleep(30 * MS));
    CHECK_EQUAL(count_fired(), 0);
    CHECK_OK(keel_timer_arm(timer, 5 * MS));
    CHECK_OK(keel_task_sleep(30 * MS));
    CHECK_EQUAL(count_fired(), 1);
    CHECK_STATUS(keel_timer_cancel(timer), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_timer_release(timer));
}

static void M6_armed_timer_outlives_its_handle(void)
{
    begin(note_time);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_OK(keel_timer_arm(timer, 5 * MS));
    }
    CHECK_OK(keel_timer_release(timer));
    CHECK_STATUS(keel_timer_arm(timer, MS), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_task_sleep(30 * MS));
    CHECK(count_fired() >= 1 && count_fired() <= 3); /* time may leap between two calls */
    keel_timer_t other = make_timer(note_time, NULL);
    CHECK(other.value != timer.value);
    CHECK_OK(keel_timer_release(other));
    struct keel_timer_options none = {.handler = NULL};
    CHECK_STATUS(keel_timer_create(&none, &other), KEEL_E_INVALID);
}

/* Many at once, in order. */
static uint32_t order[40];

static void note_order(void *context)
{
    order[atomic_u32_fetch_add(&fired, 1) % 40] = *(uint32_t *)context;
}

static void T9_timers_fire_in_order(void)
{
    static uint32_t names[40];
    keel_timer_t timers[40];
    atomic_u32_init(&fired, 0);
    for (uint32_t i = 0; i < 40; i++) {
        names[i] = (i * 7) % 40;
        timers[i] = make_timer(note_order, &names[i]);
        CHECK_OK(keel_timer_arm(timers[i], (20 + names[i]) * MS));
    }
    CHECK_OK(keel_timer_cancel(timers[3])); /* 21 */
    CHECK_OK(keel_task_sleep(100 * MS));
    CHECK_EQUAL(count_fired(), 39);
    for (uint32_t i = 0; i < 39; i++) {
        CHECK_EQUAL(order[i], i < 21 ? i : i + 1);
    }
    for (uint32_t i = 0; i < 40; i++) {
        CHECK_OK(keel_timer_release(timers[i]));
    }
}

/* Each leaves the heap of deadlines from another place, and what takes that place may belong further up. */
static void T9_timers_fire_in_order_whichever_is_cancelled(void)
{
    static uint32_t delays[] = {1, 10, 2, 11, 12, 3, 4, 13, 14, 15, 16, 5};
    enum { COUNT = sizeof delays / sizeof delays[0] };
    keel_timer_t timers[COUNT];
    for (unsigned gone = 0; gone < COUNT; gone++) {
        atomic_u32_init(&fired, 0);
        for (unsigned i = 0; i < COUNT; i++) {
            timers[i] = make_timer(note_order, &delays[i]);
            CHECK_OK(keel_timer_arm(timers[i], (20 + delays[i]) * MS));
        }
        CHECK_OK(keel_timer_cancel(timers[gone]));
        CHECK_OK(keel_task_sleep(50 * MS));
        CHECK_EQUAL(count_fired(), COUNT - 1);
        for (unsigned place = 1; place < COUNT - 1; place++) {
            CHECK(order[place - 1] < order[place]);
        }
        for (unsigned i = 0; i < COUNT; i++) {
            CHECK_OK(keel_timer_release(timers[i]));
        }
    }
}

/* --- Handlers --- */

static void rearm(void *context)
{
    (void)context;
    if (atomic_u32_fetch_add(&fired, 1) < 30) {
        CHECK_OK(keel_timer_arm(timer, 0));
    }
}

/* A handler that arms its timer for at once leaves the CPU some time. */
static void T8_handler_that_arms_itself_leaves_time(void)
{
    begin(rearm);
    uint64_t start = now(), turns = 0;
    CHECK_OK(keel_timer_arm(timer, 0));
    while (count_fired() < 31) {
        CHECK_OK(keel_cpu_relax());
        turns++;
    }
    CHECK(turns > 30);
    CHECK(now() >= start + 31 * KEEL_TIMER_DELAY_MIN);
    CHECK_OK(keel_timer_release(timer));
}

static keel_spinlock_t plain, irq_off;

/* Takes what it may, is refused what it may not, and gives nothing back. */
static void keep_things(void *context)
{
    keel_guard_t guard;
    (void)context;
    CHECK_STATUS(keel_task_yield(), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_spinlock_lock(plain), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_spinlock_try_lock_shared(plain), KEEL_E_CONTEXT);
    CHECK_OK(keel_spinlock_lock(irq_off));
    CHECK_OK(keel_preempt_disable(&guard));
    CHECK_OK(keel_irq_disable(&guard));
    CHECK_OK(keel_guard_release(guard));
    CHECK(!hal_irq_enabled());
    CHECK_OK(keel_rcu_read_begin(&guard));
    CHECK_EQUAL(cpu_context(), CONTEXT_INTERRUPT);
    atomic_u32_fetch_add(&fired, 1);
}

static void make_locks(void)
{
    CHECK_OK(keel_spinlock_create(0, &plain));
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &irq_off));
}

static void release_locks(void)
{
    CHECK_OK(keel_spinlock_release(plain));
    CHECK_OK(keel_spinlock_release(irq_off));
}

static void T8_handler_leaves_nothing_behind(void)
{
    keel_guard_t guard;
    make_locks();
    begin(keep_things);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_OK(keel_preempt_disable(&guard)); /* what is interrupted has a list of its own */
        CHECK_OK(keel_timer_arm(timer, 0));
        while (count_fired() == i) {
            CHECK_OK(keel_cpu_relax());
        }
        CHECK_STATUS(keel_task_yield(), KEEL_E_CONTEXT);
        CHECK_OK(keel_spinlock_try_lock(irq_off));
        CHECK_OK(keel_spinlock_unlock(irq_off));
        CHECK_OK(keel_guard_release(guard));
        CHECK(hal_irq_enabled());
        CHECK_OK(keel_rcu_synchronize(0, 0));
        CHECK_AUDIT();
    }
    CHECK_OK(keel_timer_release(timer));
    release_locks();
}

/* A handler cannot give back what the task holds that it interrupted. */
static keel_guard_t the_tasks;

static void try_the_tasks(void *context)
{
    (void)context;
    CHECK_STATUS(keel_guard_release(the_tasks), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_spinlock_unlock(plain), KEEL_E_DENIED);
    atomic_u32_fetch_add(&fired, 1);
}

static void T5_handler_does_not_hold_what_it_interrupted_holds(void)
{
    make_locks();
    begin(try_the_tasks);
    CHECK_OK(keel_preempt_disable(&the_tasks));
    CHECK_OK(keel_spinlock_lock(plain));
    CHECK_OK(keel_timer_arm(timer, 0));
    while (count_fired() == 0) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_spinlock_unlock(plain));
    CHECK_OK(keel_guard_release(the_tasks));
    CHECK_OK(keel_timer_release(timer));
    release_locks();
}

/* Counting under a lock from tasks and from handlers, on several CPUs; plain numbers. */
static uint32_t counted;
static keel_semaphore_t semaphore;

static void count_in_handler(void *context)
{
    (void)context;
    CHECK_OK(keel_spinlock_lock(irq_off));
    counted++;
    CHECK_OK(keel_spinlock_unlock(irq_off));
    if (atomic_u32_fetch_add(&fired, 1) < 20) {
        CHECK_OK(keel_timer_arm(timer, 0));
    } else {
        CHECK_OK(keel_semaphore_up(semaphore, 1));
    }
}

static void count_in_task(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < 20; i++) {
        CHECK_OK(keel_spinlock_lock(irq_off));
        counted++;
        CHECK_OK(keel_spinlock_unlock(irq_off));
    }
}

static void T5_handlers_and_tasks_share_a_lock(void)
{
    counted = 0;
    make_locks();
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    begin(count_in_handler);
    keel_task_t tasks[2] = {unit_spawn(count_in_task, 0), unit_spawn(count_in_task, 1)};
    CHECK_OK(keel_timer_arm(timer, 0));
    CHECK_OK(keel_semaphore_down(semaphore, KEEL_FOREVER)); /* woken by the handler */
    CHECK(unit_join(tasks[0]) == 0);
    CHECK(unit_join(tasks[1]) == 0);
    CHECK_EQUAL(counted, 61);
    CHECK_OK(keel_semaphore_release(semaphore));
    CHECK_OK(keel_timer_release(timer));
    release_locks();
}

/* While the handler runs, cancelling says so. */
static atomic_u32_t inside, leave;

/* In a read section, and with its timer armed again if it has a context. */
static void stay_inside(void *context)
{
    keel_guard_t guard;
    CHECK_OK(keel_rcu_read_begin(&guard));
    if (context != NULL) {
        CHECK_OK(keel_timer_arm(timer, HOUR));
    }
    atomic_u32_store_release(&inside, 1);
    while (atomic_u32_load_acquire(&leave) == 0) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_guard_release(guard));
}

/* Cancelling says so until it is out. */
static void let_handler_end(void)
{
    keel_status_t status = KEEL_E_BUSY;
    atomic_u32_store_release(&leave, 1);
    while (status == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
        status = keel_timer_cancel(timer);
    }
    CHECK_STATUS(status, KEEL_E_NOT_FOUND);
}

static void arm_and_spin(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_timer_arm(timer, 0));
    while (atomic_u32_load_acquire(&inside) == 0) {
        CHECK_OK(keel_cpu_relax());
    }
}

static void T9_cancel_says_that_the_handler_runs(void)
{
    keel_guard_t guard;
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&leave, 0);
    begin(stay_inside);
    CHECK_OK(keel_irq_disable(&guard)); /* it fires on the other CPU */
    CHECK_OK(keel_guard_release(guard));
    keel_task_t other = unit_spawn(arm_and_spin, 0);
    CHECK_OK(keel_irq_disable(&guard));
    while (atomic_u32_load_acquire(&inside) == 0) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_STATUS(keel_timer_cancel(timer), KEEL_E_BUSY);
    CHECK_AUDIT();
    CHECK_OK(keel_guard_release(guard));
    let_handler_end();
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_timer_release(timer));
}

static void arm_and_die(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_timer_arm(timer, MS));
}

/* The handler runs on a CPU that idles, in a read section, and has armed its timer again: all in order for
 * the audit, and the cancelled timer is not the handler's end. */
static void T9_cancelled_timer_of_a_handler_that_runs(void)
{
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&leave, 0);
    atomic_u32_init(&fired, 0);
    timer = make_timer(stay_inside, &fired);
    keel_guard_t guard;
    keel_task_t other = unit_spawn(arm_and_die, 0);
    CHECK_OK(keel_irq_disable(&guard));
    while (atomic_u32_load_acquire(&inside) == 0) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_AUDIT();
    CHECK_OK(keel_timer_cancel(timer));
    CHECK_STATUS(keel_timer_cancel(timer), KEEL_E_BUSY);
    CHECK_OK(keel_guard_release(guard));
    let_handler_end();
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_timer_release(timer));
}

/* A CPU spins for a lock, with interrupts on; a handler on it takes another one, which the holder of the
 * first spins for: no circle, since the handler lets it go. */
static void take_irq_off_for_long(void *context)
{
    (void)context;
    CHECK_OK(keel_spinlock_lock(irq_off));
    atomic_u32_store_release(&inside, 1);
    for (unsigned i = 0; i < 400; i++) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_spinlock_unlock(irq_off));
}

static void spin_with_interrupts(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_timer_arm(timer, 0));
    CHECK_OK(keel_spinlock_lock(plain));
    CHECK_OK(keel_spinlock_unlock(plain));
}

static void T5_interrupted_wait_is_no_circle(void)
{
    keel_guard_t guard;
    atomic_u32_init(&inside, 0);
    make_locks();
    begin(take_irq_off_for_long);
    keel_task_t other = unit_spawn(spin_with_interrupts, 0);
    CHECK_OK(keel_spinlock_lock(plain));
    CHECK_OK(keel_irq_disable(&guard)); /* the timer is for the other CPU */
    while (atomic_u32_load_acquire(&inside) == 0) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_spinlock_lock(irq_off));
    CHECK_OK(keel_spinlock_unlock(irq_off));
    CHECK_OK(keel_guard_release(guard));
    CHECK_OK(keel_spinlock_unlock(plain));
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_timer_release(timer));
    release_locks();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T9_timer_fires_once_and_not_early, .config.cpu_count = 1),
        UNIT(T9_arming_again_replaces),
        UNIT(T9_cancelled_timer_does_not_fire),
        UNIT(M6_armed_timer_outlives_its_handle, .seeds = 5),
        UNIT(T9_timers_fire_in_order_whichever_is_cancelled),
        UNIT(T9_timers_fire_in_order, .config.cpu_count = 1),
        UNIT(T8_handler_that_arms_itself_leaves_time, .config.cpu_count = 1),
        UNIT(T8_handler_leaves_nothing_behind, .seeds = 5),
        UNIT(T5_handler_does_not_hold_what_it_interrupted_holds),
        UNIT(T5_handlers_and_tasks_share_a_lock, .config.cpu_count = 3, .seeds = 20),
        UNIT(T9_cancel_says_that_the_handler_runs, .config.cpu_count = 2),
        UNIT(T9_cancelled_timer_of_a_handler_that_runs, .config.cpu_count = 2),
        UNIT(T5_interrupted_wait_is_no_circle, .config.cpu_count = 2),
    };
    return unit_main(tests, argc, argv);
}

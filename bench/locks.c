/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Locks, guards and read sections: taken and let go by one task, which nobody disturbs; and by two tasks on a
 * CPU each, which fight for one lock.
 */
#include "keel/keel.h"

#include <stddef.h>

#include "kernel.h"
#include "measure.h"

static keel_spinlock_t spinlock;
static keel_mutex_t mutex;
static keel_semaphore_t semaphore;
static keel_event_t event;

/* Each of these is tried once here, so that the loops need not look what they answer. */

static void prepare_spinlock(void)
{
    must(keel_spinlock_create(0, &spinlock), "spinlock_create");
    must(keel_spinlock_lock(spinlock), "spinlock_lock");
    must(keel_spinlock_unlock(spinlock), "spinlock_unlock");
    must(keel_spinlock_lock_shared(spinlock), "spinlock_lock_shared");
    must(keel_spinlock_unlock(spinlock), "spinlock_unlock");
}

static void prepare_mutex(void)
{
    must(keel_mutex_create(&mutex), "mutex_create");
    must(keel_mutex_lock(mutex, KEEL_FOREVER), "mutex_lock");
    must(keel_mutex_unlock(mutex), "mutex_unlock");
    must(keel_mutex_lock_shared(mutex, KEEL_FOREVER), "mutex_lock_shared");
    must(keel_mutex_unlock(mutex), "mutex_unlock");
}

static void prepare_semaphore(void)
{
    must(keel_semaphore_create(1, &semaphore), "semaphore_create");
    must(keel_semaphore_down(semaphore, 0), "semaphore_down");
    must(keel_semaphore_up(semaphore, 1), "semaphore_up");
}

static void prepare_event(void)
{
    uint32_t woken;
    must(keel_event_create(&event), "event_create");
    must(keel_event_signal(event, 1, &woken), "event_signal");
}

static void prepare_guard(void)
{
    keel_guard_t guard;
    must(keel_preempt_disable(&guard), "preempt_disable");
    must(keel_guard_release(guard), "guard_release");
    must(keel_rcu_read_begin(&guard), "rcu_read_begin");
    must(keel_guard_release(guard), "guard_release");
}

/* clang-format off */
#define RUN(name, take, let_go)                                                                              \
    static void run_##name(uint64_t n)                                                                       \
    {                                                                                                        \
        for (uint64_t i = 0; i < n; i++) {                                                                   \
            (void)take;                                                                                      \
            (void)let_go;                                                                                    \
        }                                                                                                    \
    }
RUN(spinlock, keel_spinlock_lock(spinlock), keel_spinlock_unlock(spinlock))
RUN(spinlock_shared, keel_spinlock_lock_shared(spinlock), keel_spinlock_unlock(spinlock))
RUN(mutex, keel_mutex_lock(mutex, KEEL_FOREVER), keel_mutex_unlock(mutex))
RUN(mutex_shared, keel_mutex_lock_shared(mutex, KEEL_FOREVER), keel_mutex_unlock(mutex))
RUN(semaphore, keel_semaphore_down(semaphore, KEEL_FOREVER), keel_semaphore_up(semaphore, 1))
/* clang-format on */

static void run_guard(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        keel_guard_t guard = {0};
        (void)keel_preempt_disable(&guard);
        (void)keel_guard_release(guard);
    }
}

static void run_rcu(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        keel_guard_t guard = {0};
        (void)keel_rcu_read_begin(&guard);
        (void)keel_guard_release(guard);
    }
}

static void run_event(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint32_t woken;
        (void)keel_event_signal(event, 1, &woken);
    }
}

static void run_spinlock_both(uint64_t n)
{
    bench_both(run_spinlock, n);
}

static void run_mutex_both(uint64_t n)
{
    bench_both(run_mutex, n);
}

/* clang-format off */
#define ROW(measure, what, count)                                                                            \
    {.name = #measure, .things = 1, .operations = count, .prepare = prepare_##what, .run = run_##measure}
const struct measure lock_measures[] = {
    ROW(guard, guard, 50000),
    ROW(rcu, guard, 50000),
    ROW(spinlock, spinlock, 50000),
    ROW(spinlock_shared, spinlock, 50000),
    ROW(spinlock_both, spinlock, 10000),
    ROW(mutex, mutex, 50000),
    ROW(mutex_shared, mutex, 50000),
    ROW(mutex_both, mutex, 1000),
    ROW(semaphore, semaphore, 50000),
    ROW(event, event, 50000),
    {.name = NULL},
};
/* clang-format on */

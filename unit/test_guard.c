/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Guards, and atomic mode by whatever makes it: core/hold.c.
 */
#include "core/cpu.h"
#include "core/hold.h"
#include "core/sched.h"
#include "support.h"

static keel_spinlock_t unit_spinlock(uint32_t flags)
{
    keel_spinlock_t spinlock = {0};
    CHECK_OK(keel_spinlock_create(flags, &spinlock));
    return spinlock;
}

static bool is_atomic(void)
{
    return keel_task_yield() == KEEL_E_CONTEXT;
}

/* --- Guards --- */

/* Every order of release of five things: interrupts come back with the last that keeps them off, preemption
 * with the last of all. */
static keel_spinlock_t plain, irq_off;
static keel_guard_t guards[5];

static void take(unsigned i)
{
    switch (i) {
    case 0:
    case 3:
        CHECK_OK(keel_irq_disable(&guards[i]));
        break;
    case 1:
        CHECK_OK(keel_spinlock_lock(irq_off));
        break;
    case 2:
        CHECK_OK(keel_spinlock_lock_shared(plain));
        break;
    default:
        CHECK_OK(keel_preempt_disable(&guards[i]));
    }
}

static void give_back(unsigned i)
{
    if (i == 1) {
        CHECK_OK(keel_spinlock_unlock(irq_off));
    } else if (i == 2) {
        CHECK_OK(keel_spinlock_unlock(plain));
    } else {
        CHECK_OK(keel_guard_release(guards[i]));
        CHECK_STATUS(keel_guard_release(guards[i]), KEEL_E_BAD_HANDLE);
    }
}

static void check_mode(unsigned held)
{
    bool off = (held & 0x0b) != 0; /* 0, 1, 3 */
    CHECK_EQUAL(hal_irq_enabled(), !off);
    CHECK_EQUAL(is_atomic(), held != 0);
    CHECK_AUDIT();
}

static void release_in_order(const unsigned *order)
{
    unsigned held = 0;
    for (unsigned i = 0; i < 5; i++) {
        take(i);
        held |= 1u << i;
        check_mode(held);
    }
    for (unsigned i = 0; i < 5; i++) {
        give_back(order[i]);
        held &= ~(1u << order[i]);
        check_mode(held);
    }
}

static void permute(unsigned *order, unsigned from)
{
    if (from == 5) {
        release_in_order(order);
        return;
    }
    for (unsigned i = from; i < 5; i++) {
        unsigned kept = order[from];
        order[from] = order[i];
        order[i] = kept;
        permute(order, from + 1);
        order[i] = order[from];
        order[from] = kept;
    }
}

static void T5_guards_and_locks_in_every_order(void)
{
    unsigned order[5] = {0, 1, 2, 3, 4};
    plain = unit_spinlock(0);
    irq_off = unit_spinlock(KEEL_SPINLOCK_IRQ_OFF);
    permute(order, 0);
    CHECK_OK(keel_spinlock_release(plain));
    CHECK_OK(keel_spinlock_release(irq_off));
}

static keel_guard_t others;

static void release_the_others(uint64_t argument)
{
    (void)argument;
    CHECK_STATUS(keel_guard_release(others), KEEL_E_BAD_HANDLE);
    CHECK(!is_atomic());
}

static void T5_guard_is_its_task_s_own(void)
{
    keel_guard_t mine = {0}, forged = {0};
    CHECK_STATUS(keel_preempt_disable(NULL), KEEL_E_INVALID);
    CHECK(!is_atomic());
    CHECK_OK(keel_preempt_disable(&others));
    keel_task_t other = {0};
    CHECK_OK(keel_guard_release(others));
    other = unit_spawn(release_the_others, 0);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_preempt_disable(&mine));
    CHECK(mine.value != others.value);
    CHECK_STATUS(keel_guard_release(others), KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_guard_release(forged), KEEL_E_BAD_HANDLE);
    forged.value = mine.value + 1;
    CHECK_STATUS(keel_guard_release(forged), KEEL_E_BAD_HANDLE);
    CHECK(is_atomic());
    CHECK_OK(keel_guard_release(mine));
    CHECK(!is_atomic());
}

/* A live guard of a task on another CPU. */
static atomic_u32_t taken, tried;

static void take_and_wait(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_preempt_disable(&others));
    atomic_u32_store_release(&taken, 1);
    unit_await(&tried);
    CHECK_OK(keel_guard_release(others));
}

static void T5_guard_of_another_cpu_is_refused(void)
{
    keel_guard_t mine = {0};
    atomic_u32_init(&taken, 0);
    atomic_u32_init(&tried, 0);
    keel_task_t other = unit_spawn(take_and_wait, 0);
    unit_await(&taken);
    CHECK_OK(keel_preempt_disable(&mine));
    CHECK_STATUS(keel_guard_release(others), KEEL_E_BAD_HANDLE);
    CHECK(is_atomic());
    CHECK_OK(keel_guard_release(mine));
    atomic_u32_store_release(&tried, 1);
    CHECK(unit_join(other) == 0);
}

static void T5_holds_have_a_limit(void)
{
    keel_guard_t held[KEEL_HOLDS_MAX], more = {7};
    keel_spinlock_t spinlock = unit_spinlock(0);
    keel_mutex_t mutex = {0};
    CHECK_OK(keel_mutex_create(&mutex));
    for (unsigned i = 0; i < KEEL_HOLDS_MAX; i++) {
        CHECK_OK(keel_preempt_disable(&held[i]));
    }
    CHECK_STATUS(keel_irq_disable(&more), KEEL_E_LIMIT);
    CHECK_EQUAL(more.value, 7);
    CHECK(hal_irq_enabled());
    CHECK_STATUS(keel_spinlock_lock(spinlock), KEEL_E_LIMIT);
    CHECK_STATUS(keel_spinlock_try_lock_shared(spinlock), KEEL_E_LIMIT);
    for (unsigned i = 0; i < KEEL_HOLDS_MAX; i++) {
        CHECK(is_atomic());
        CHECK_OK(keel_guard_release(held[i]));
    }
    CHECK(!is_atomic());
    CHECK_OK(keel_spinlock_release(spinlock));
    CHECK_OK(keel_mutex_release(mutex));
}

/* The names of guards are used up before one comes back (H3). */
static void H3_guard_is_never_named_twice(void)
{
    keel_guard_t last = {0}, more = {0};
    uint64_t *made = &cpu_this()->guards_made;
    *made = (UINT64_C(1) << GUARD_NUMBER_BITS) - 1;
    CHECK_OK(keel_preempt_disable(&last));
    CHECK_EQUAL(handle_kind(last.value), OBJECT_GUARD);
    CHECK_STATUS(keel_preempt_disable(&more), KEEL_E_LIMIT);
    CHECK_OK(keel_guard_release(last));
    CHECK_STATUS(keel_preempt_disable(&more), KEEL_E_LIMIT);
    CHECK_STATUS(keel_irq_disable(&more), KEEL_E_LIMIT);
    CHECK(!is_atomic());
    CHECK(hal_irq_enabled());
}

static void take_turns(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < 10; i++) {
        CHECK_OK(keel_task_yield());
    }
}

static uint64_t turns_of(keel_task_t task)
{
    struct keel_task_info info = {0};
    CHECK_OK(keel_task_info(task, &info));
    return info.state == KEEL_TASK_DEAD ? 0 : info.switches;
}

/* One CPU: another task is runnable, ticks pass, and it gets its turn when the last guard goes, at once. */
static void T2_nobody_else_runs_in_atomic_mode(void)
{
    keel_guard_t outer = {0}, inner = {0};
    keel_task_t other = unit_spawn(take_turns, 0);
    CHECK_OK(keel_preempt_disable(&outer));
    CHECK_OK(keel_preempt_disable(&inner));
    uint64_t start = hal_time_now(), before = turns_of(other);
    while (hal_time_now() - start < 4 * SCHED_TICK_NS) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_EQUAL(turns_of(other), before);
    CHECK_OK(keel_guard_release(outer));
    CHECK_EQUAL(turns_of(other), before);
    CHECK_OK(keel_guard_release(inner));
    CHECK(turns_of(other) != before);
    CHECK(unit_join(other) == 0);
}

static uint32_t handle_fault(void *context, uint64_t va, uint32_t access)
{
    keel_guard_t guard;
    (void)va;
    (void)access;
    (*(unsigned *)context)++;
    CHECK_OK(keel_irq_disable(&guard));
    return 1;
}

static void T2_fault_handler_cannot_leave_atomic_mode_behind(void)
{
    unsigned calls = 0;
    const struct keel_fault_handler handler = {&calls, handle_fault};
    keel_space_t space = unit_space();
    uint64_t value;
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_fault_handler_inject(&handler));
    CHECK_STATUS(keel_user_load(KEEL_USER_START, 8, &value), KEEL_E_FAULT);
    CHECK_EQUAL(calls, 1);
    CHECK(hal_irq_enabled());
    CHECK(!is_atomic());
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T5_guards_and_locks_in_every_order),
        UNIT(T5_guard_is_its_task_s_own),
        UNIT(T5_guard_of_another_cpu_is_refused, .config.cpu_count = 2, .seeds = 20),
        UNIT(T5_holds_have_a_limit),
        UNIT(H3_guard_is_never_named_twice, .leaves_things = true),
        UNIT(T2_nobody_else_runs_in_atomic_mode, .seeds = 30, .config.cpu_count = 1),
        UNIT(T2_fault_handler_cannot_leave_atomic_mode_behind),
    };
    return unit_main(tests, argc, argv);
}

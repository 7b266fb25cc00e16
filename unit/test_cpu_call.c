/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls on other CPUs (core/cpu_call.c): where handlers run, and where not.
 */
#include "core/cpu_call.h"

#include "core/cpu.h"
#include "support.h"

#define CPUS 4u

static uint32_t counts[CPUS]; /* plain: of each CPU's handlers */
static uint64_t given, got[CPUS];
static atomic_u32_t called;

static void begin(void)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        counts[cpu] = 0;
        got[cpu] = 0;
    }
    atomic_u32_init(&called, 0);
}

static keel_status_t call(uint64_t cpus, void (*handler)(void *), void *context)
{
    const struct keel_cpu_call_options options = {.handler = handler, .context = context};
    return keel_cpu_call(cpus, &options);
}

static keel_task_t spawn_on(uint64_t affinity, void (*entry)(uint64_t), uint64_t argument)
{
    keel_task_t task = {0};
    const struct keel_task_options options = {
        .entry = entry, .argument = argument, .name = "other", .affinity = affinity};
    CHECK_OK(keel_task_spawn(&options, &task));
    return task;
}

static void stay_on(uint64_t affinity)
{
    keel_task_t self = {0};
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_set_affinity(self, affinity));
    CHECK_OK(keel_task_release(self));
}

static void count(void *context)
{
    uint32_t cpu = CPUS;
    CHECK_OK(keel_cpu_current(&cpu));
    CHECK_EQUAL(cpu_context(), CONTEXT_INTERRUPT);
    CHECK(!hal_irq_enabled());
    counts[cpu]++;
    got[cpu] = *(uint64_t *)context;
    atomic_u32_fetch_add(&called, 1);
}

static void T8_call_runs_once_on_each_cpu_of_the_set(void)
{
    uint64_t online = 0;
    CHECK_OK(keel_cpu_online(&online));
    CHECK_EQUAL(online, 0xf);
    for (uint64_t cpus = 1; cpus <= online; cpus++) {
        begin();
        given = cpus + 100;
        CHECK_OK(call(cpus, count, &given));
        for (unsigned cpu = 0; cpu < CPUS; cpu++) {
            CHECK_EQUAL(counts[cpu], cpus >> cpu & 1);
            CHECK_EQUAL(got[cpu], (cpus >> cpu & 1) != 0 ? given : 0);
        }
        CHECK_EQUAL(cpu_context(), CONTEXT_TASK);
        CHECK(hal_irq_enabled());
    }
}

static void call_on(void *context)
{
    uint64_t online = 0;
    CHECK_OK(keel_cpu_online(&online));
    CHECK_EQUAL(online, 3);
    CHECK_STATUS(call(online, count, context), KEEL_E_CONTEXT);
    atomic_u32_fetch_add(&called, 1);
}

static void H4_call_is_refused(void)
{
    static const uint64_t wrong[] = {0, 4, 7, UINT64_C(1) << 63, UINT64_MAX};
    keel_guard_t guard = {0};
    begin();
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(call(wrong[i], count, &given), KEEL_E_INVALID);
    }
    CHECK_STATUS(call(3, NULL, NULL), KEEL_E_INVALID);
    CHECK_OK(keel_preempt_disable(&guard));
    CHECK_STATUS(call(1, count, &given), KEEL_E_CONTEXT);
    CHECK_OK(keel_guard_release(guard));
    CHECK_EQUAL(atomic_u32_load_acquire(&called), 0);
    CHECK_OK(call(3, call_on, &given));
    CHECK_EQUAL(atomic_u32_load_acquire(&called), 2);
}

/* --- What the target does --- */

#define CODE UINT64_C(0x400000)

static atomic_u32_t ready, stop;

static void run_program(uint64_t argument)
{
    static const unsigned char loop[] = {0xeb, 0xfe};
    struct keel_user_regs regs = {.rip = CODE};
    struct keel_user_event event = {0};
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    (void)argument;
    CHECK_OK(keel_frame_write(frame, 0, loop, sizeof loop));
    CHECK_OK(keel_space_map(space, CODE, frame, KEEL_READ | KEEL_EXEC));
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_space_release(space));
    atomic_u32_store_release(&ready, 1);
    while (atomic_u32_load_acquire(&stop) == 0) {
        CHECK_OK(keel_user_run(&regs, &event));
        CHECK_EQUAL(event.reason, KEEL_USER_INTERRUPT);
    }
}

static void T8_call_interrupts_idling_cpus_and_programs(void)
{
    begin();
    atomic_u32_init(&ready, 0);
    atomic_u32_init(&stop, 0);
    stay_on(1);
    keel_task_t other = spawn_on(2, run_program, 0);
    unit_await(&ready);
    CHECK_OK(keel_task_sleep(30000000)); /* the third CPU has no ticks any more */
    for (uint32_t i = 1; i <= 20; i++) {
        CHECK_OK(call(6, count, &given));
        CHECK_EQUAL(counts[1], i);
        CHECK_EQUAL(counts[2], i);
    }
    atomic_u32_store_release(&stop, 1);
    CHECK(unit_join(other) == 0);
}

static keel_spinlock_t lock;
static uint32_t inside; /* plain: under the lock, or with interrupts off */

static void enter(void *context)
{
    CHECK_EQUAL(inside, 0);
    CHECK_OK(keel_spinlock_lock(lock));
    CHECK_EQUAL(inside++, 0);
    inside--;
    CHECK_OK(keel_spinlock_unlock(lock));
    count(context);
}

/* In the lock, in a guard, and in both. */
static void keep_interrupts_off(uint64_t round)
{
    keel_guard_t guard = {0};
    uint32_t before;
    atomic_u32_store_release(&ready, 1);
    CHECK_OK(round % 3 != 0 ? keel_irq_disable(&guard) : keel_preempt_disable(&guard));
    if (round % 3 != 1) {
        CHECK_OK(keel_spinlock_lock(lock));
    }
    before = counts[1];
    inside++;
    for (unsigned i = 0; i < 40; i++) {
        CHECK_OK(keel_cpu_relax());
    }
    inside--;
    CHECK_EQUAL(counts[1], before);
    if (round % 3 != 1) {
        CHECK_OK(keel_spinlock_unlock(lock));
    }
    CHECK_OK(keel_guard_release(guard));
}

static void T8_call_waits_until_interrupts_are_on(void)
{
    begin();
    inside = 0;
    stay_on(1);
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &lock));
    for (uint64_t round = 0; round < 6; round++) {
        atomic_u32_init(&ready, 0);
        keel_task_t other = spawn_on(2, keep_interrupts_off, round);
        unit_await(&ready);
        CHECK_OK(call(2, enter, &given));
        CHECK_EQUAL(counts[1], round + 1);
        CHECK(unit_join(other) == 0);
    }
    CHECK_OK(keel_spinlock_release(lock));
}

static void keep_things(void *context)
{
    keel_guard_t guard = {0};
    CHECK_OK(keel_spinlock_lock(lock));
    CHECK_OK(keel_spinlock_unlock(lock));
    CHECK_OK(keel_rcu_read_begin(&guard));
    CHECK_OK(keel_irq_disable(&guard));
    CHECK_OK(keel_spinlock_lock(lock));
    count(context);
}

static void T8_called_handler_leaves_nothing_behind(void)
{
    begin();
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &lock));
    CHECK_OK(call(3, keep_things, &given));
    CHECK_EQUAL(counts[0] + counts[1], 2);
    CHECK(hal_irq_enabled());
    CHECK_OK(keel_spinlock_try_lock(lock));
    CHECK_OK(keel_spinlock_unlock(lock));
    CHECK_OK(keel_rcu_synchronize(0, 0));
    CHECK_AUDIT();
    CHECK_OK(keel_spinlock_release(lock));
}

/* --- Many at once --- */

#define CALLERS 7u
#define ROUNDS  15u

static void call_and_call(uint64_t argument)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t value = argument << 8 | round;
        CHECK_OK(call(1 + (argument * 5 + round * 3) % 15, count, &value));
        if (round % 4 == 0) {
            CHECK_OK(keel_task_yield());
        }
    }
}

static void T8_many_call_at_once(void)
{
    keel_task_t others[CALLERS];
    uint64_t expected[CPUS] = {0};
    begin();
    for (uint64_t i = 0; i < CALLERS; i++) {
        others[i] = unit_spawn(call_and_call, i);
        for (uint64_t round = 0; round < ROUNDS; round++) {
            for (unsigned cpu = 0; cpu < CPUS; cpu++) {
                expected[cpu] += (1 + (i * 5 + round * 3) % 15) >> cpu & 1;
            }
        }
    }
    CHECK_AUDIT();
    for (unsigned i = 0; i < CALLERS; i++) {
        CHECK(unit_join(others[i]) == 0);
    }
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        CHECK_EQUAL(counts[cpu], expected[cpu]);
    }
}

static void wait_with_interrupts_off(uint64_t argument)
{
    keel_guard_t guard = {0};
    (void)argument;
    CHECK_OK(keel_irq_disable(&guard));
    atomic_u32_store_release(&ready, 1);
    while (atomic_u32_load_acquire(&stop) == 0) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_guard_release(guard));
}

static void say_stop(uint64_t argument)
{
    (void)argument;
    atomic_u32_store_release(&stop, 1);
}

/* The target goes on only when a task has run that needs the caller's CPU. */
static void T9_caller_that_waits_leaves_its_cpu_to_others(void)
{
    begin();
    atomic_u32_init(&ready, 0);
    atomic_u32_init(&stop, 0);
    stay_on(1);
    keel_task_t target = spawn_on(2, wait_with_interrupts_off, 0);
    unit_await(&ready);
    keel_task_t other = spawn_on(1, say_stop, 0);
    CHECK_OK(call(3, count, &given));
    CHECK_EQUAL(counts[0], 1);
    CHECK_EQUAL(counts[1], 1);
    CHECK(unit_join(target) == 0);
    CHECK(unit_join(other) == 0);
}

static void count_work(void *context)
{
    atomic_u32_fetch_add((atomic_u32_t *)context, 1);
}

static void queue_work(void *context)
{
    CHECK_OK(keel_work_schedule(*(keel_work_t *)context));
}

/* A work that the handler queues on the caller's own CPU has run when the call returns. */
static void T9_work_of_a_call_on_oneself_runs(void)
{
    static atomic_u32_t works;
    keel_work_t work = {0};
    const struct keel_work_options work_options = {.handler = count_work, .context = &works};
    const struct keel_cpu_call_options options = {.handler = queue_work, .context = &work};
    atomic_u32_init(&works, 0);
    CHECK_OK(keel_work_create(&work_options, &work));
    CHECK_OK(keel_cpu_call(1, &options));
    CHECK_EQUAL(atomic_u32_load_acquire(&works), 1);
    CHECK_OK(keel_work_release(work));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T8_call_runs_once_on_each_cpu_of_the_set, .config.cpu_count = 4, .seeds = 10),
        UNIT(H4_call_is_refused, .config.cpu_count = 2),
        UNIT(T8_call_interrupts_idling_cpus_and_programs, .config.cpu_count = 3, .seeds = 3),
        UNIT(T8_call_waits_until_interrupts_are_on, .config.cpu_count = 2, .seeds = 30),
        UNIT(T8_called_handler_leaves_nothing_behind, .config.cpu_count = 2, .seeds = 5),
        UNIT(T8_many_call_at_once, .config.cpu_count = 4, .seeds = 20),
        UNIT(T9_work_of_a_call_on_oneself_runs, .config.cpu_count = 1),
        UNIT(T9_caller_that_waits_leaves_its_cpu_to_others, .config.cpu_count = 2, .seeds = 3),
    };
    return unit_main(tests, argc, argv);
}

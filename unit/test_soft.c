/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Soft context (core/work.c): what may come on top of a work, what it holds, and works on several CPUs.
 */
#include "work_script.h"

static keel_semaphore_t semaphore;

/* --- On top of it --- */

static atomic_u32_t inside, leave, interrupts;
static keel_work_t second;

static void note_interrupt(void *context)
{
    (void)context;
    uint32_t before = count_ran();
    CHECK_OK(keel_work_schedule(second));
    CHECK_STATUS(keel_work_schedule(work), KEEL_E_EXISTS); /* it has queued itself */
    CHECK_STATUS(keel_work_cancel(second), KEEL_OK);
    CHECK_OK(keel_work_schedule(second));
    CHECK_EQUAL(count_ran(), before);
    atomic_u32_fetch_add(&interrupts, 1);
}

/* Through an interrupt and some ticks. */
static void stay_through_interrupts(void *context)
{
    struct keel_task_info info = {0};
    keel_task_t other = *(keel_task_t *)context;
    if (atomic_u32_fetch_add(&inside, 1) > 0) {
        return;
    }
    CHECK_OK(keel_work_schedule(work));
    interrupt_soon(note_interrupt);
    uint64_t start = hal_time_now();
    while (hal_time_now() < start + 5 * SCHED_TICK_NS) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_EQUAL(atomic_u32_load_acquire(&interrupts), 1);
    CHECK_EQUAL(count_ran(), 0);
    CHECK_EQUAL(cpu_context(), CONTEXT_SOFT);
    CHECK_OK(keel_task_info(other, &info));
    CHECK_EQUAL(info.switches, 0);
}

static void do_nothing(uint64_t argument)
{
    (void)argument;
}

/* An interrupt comes on top of a work; no other work does, and no task, though one waits for this CPU. */
static void T8_only_interrupts_come_on_top_of_a_work(void)
{
    struct keel_task_info info = {0};
    keel_task_t other = unit_spawn(do_nothing, 0);
    atomic_u32_init(&ran, 0);
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&interrupts, 0);
    work = make_work(stay_through_interrupts, &other);
    second = make_work(run, NULL);
    CHECK_OK(keel_work_schedule(work));
    CHECK_OK(keel_task_info(other, &info));
    CHECK(info.switches != 0); /* as soon as the work was done */
    CHECK_OK(keel_task_sleep(MS));
    CHECK_EQUAL(atomic_u32_load_acquire(&inside), 2);
    CHECK_EQUAL(count_ran(), 1);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_work_release(work));
    CHECK_OK(keel_work_release(second));
}

/* --- What works hold --- */

static keel_spinlock_t plain, irq_off;

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

/* Takes what it can, and gives nothing back. */
static void keep_things(void *context)
{
    keel_guard_t guard;
    (void)context;
    CHECK_OK(keel_preempt_disable(&guard));
    CHECK_OK(keel_guard_release(guard));
    CHECK_STATUS(keel_guard_release(guard), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_spinlock_lock(plain));
    CHECK_STATUS(keel_spinlock_try_lock_shared(plain), KEEL_E_BUSY);
    CHECK(hal_irq_enabled());
    CHECK_OK(keel_irq_disable(&guard));
    CHECK_OK(keel_spinlock_lock(irq_off));
    CHECK_OK(keel_guard_release(guard));
    CHECK(!hal_irq_enabled());
    CHECK_OK(keel_rcu_read_begin(&guard));
    CHECK_EQUAL(cpu_context(), CONTEXT_SOFT);
    atomic_u32_fetch_add(&ran, 1);
}

static void T8_work_leaves_nothing_behind(void)
{
    make_locks();
    begin(keep_things);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK_OK(keel_work_schedule(work));
        CHECK_EQUAL(count_ran(), i);
        CHECK(hal_irq_enabled());
        CHECK_OK(keel_task_yield());
        CHECK_OK(keel_spinlock_try_lock(plain));
        CHECK_OK(keel_spinlock_try_lock(irq_off));
        CHECK_OK(keel_spinlock_unlock(irq_off));
        CHECK_OK(keel_spinlock_unlock(plain));
        CHECK_OK(keel_rcu_synchronize(0, 0));
        CHECK_AUDIT();
    }
    CHECK_OK(keel_work_release(work));
    release_locks();
}

/* Counting under a lock that interrupt handlers cannot take, from tasks and works on several CPUs. */
static uint32_t counted;

static void count_once(void)
{
    CHECK_OK(keel_spinlock_lock(plain));
    counted++;
    CHECK_OK(keel_spinlock_unlock(plain));
}

static void count_in_work(void *context)
{
    count_once();
    if (atomic_u32_fetch_add(&ran, 1) < 20) {
        CHECK_OK(keel_work_schedule(*(keel_work_t *)context));
    } else {
        CHECK_OK(keel_semaphore_up(semaphore, 1));
    }
}

static void count_in_task(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < 20; i++) {
        count_once();
    }
}

static void T5_works_and_tasks_share_a_lock(void)
{
    counted = 0;
    make_locks();
    atomic_u32_init(&ran, 0);
    work = make_work(count_in_work, &work);
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    keel_task_t tasks[2] = {unit_spawn(count_in_task, 0), unit_spawn(count_in_task, 1)};
    interrupt_soon(queue);
    CHECK_OK(keel_semaphore_down(semaphore, KEEL_FOREVER)); /* woken by the work */
    CHECK(unit_join(tasks[0]) == 0);
    CHECK(unit_join(tasks[1]) == 0);
    CHECK_EQUAL(counted, 61);
    CHECK_OK(keel_semaphore_release(semaphore));
    CHECK_OK(keel_work_release(work));
    release_locks();
}

/* --- Several CPUs --- */

static atomic_u32_t cpus[4];

static void note_cpu(void *context)
{
    uint32_t cpu = 0;
    run(context);
    CHECK_OK(keel_cpu_current(&cpu));
    atomic_u32_fetch_add(&cpus[cpu % 4], 1);
}

static void queue_own(uint64_t cpu)
{
    keel_work_t own = make_work(note_cpu, NULL);
    keel_task_t self = {0};
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_set_affinity(self, UINT64_C(1) << cpu));
    for (uint32_t i = 1; i <= 5; i++) {
        CHECK_OK(keel_work_schedule(own));
        CHECK_EQUAL(atomic_u32_load_acquire(&cpus[cpu]), i);
    }
    CHECK_OK(keel_task_release(self));
    CHECK_OK(keel_work_release(own));
}

static void T9_work_runs_where_it_was_queued(void)
{
    keel_task_t tasks[4];
    atomic_u32_init(&ran, 0);
    for (uint32_t i = 0; i < 4; i++) {
        atomic_u32_init(&cpus[i], 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        tasks[i] = unit_spawn(queue_own, i);
    }
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(unit_join(tasks[i]) == 0);
        CHECK_EQUAL(atomic_u32_load_acquire(&cpus[i]), 5);
    }
}

/* Once on the other CPU, in a read section; ever after it is short. */
static uint32_t begun_on[2];

static void stay_inside(void *context)
{
    keel_guard_t guard;
    uint32_t before = atomic_u32_fetch_add(&inside, 1);
    (void)context;
    CHECK_OK(keel_cpu_current(&begun_on[before % 2]));
    if (before > 0) {
        return;
    }
    CHECK_OK(keel_rcu_read_begin(&guard));
    unit_await(&leave);
    CHECK_OK(keel_guard_release(guard));
}

static void queue_and_end(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_work_schedule(work));
}

/* The work is queued here while it runs there: it does not run here. */
static void T8_work_never_runs_on_two_cpus(void)
{
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&leave, 0);
    begin(stay_inside);
    keel_task_t other = unit_spawn(queue_and_end, 0);
    unit_await(&inside);
    CHECK_STATUS(keel_work_cancel(work), KEEL_E_BUSY);
    CHECK_OK(keel_work_schedule(work));
    CHECK_STATUS(keel_work_schedule(work), KEEL_E_EXISTS);
    CHECK_AUDIT();
    CHECK_OK(keel_work_cancel(work));
    CHECK_STATUS(keel_work_cancel(work), KEEL_E_BUSY);
    CHECK_OK(keel_work_schedule(work));
    CHECK_EQUAL(atomic_u32_load_acquire(&inside), 1);
    CHECK_OK(keel_work_release(work));
    atomic_u32_store_release(&leave, 1);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_task_sleep(MS));
    CHECK_EQUAL(atomic_u32_load_acquire(&inside), 2);
    CHECK_EQUAL(begun_on[0], begun_on[1]);
}

static void T7_reader_in_a_work_holds_up_the_grace_period(void)
{
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&leave, 0);
    begin(stay_inside);
    keel_task_t other = unit_spawn(queue_and_end, 0);
    unit_await(&inside);
    CHECK_STATUS(keel_rcu_synchronize(0, 30 * MS), KEEL_E_TIMEOUT);
    CHECK_AUDIT();
    atomic_u32_store_release(&leave, 1);
    CHECK_OK(keel_rcu_synchronize(0, KEEL_FOREVER));
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_work_release(work));
}

/* The same on a CPU without a task, which is in order for the audit; it answers shootdowns, and the work gets
 * the lock that it spins for. */
static void spin_for_lock(void *context)
{
    (void)context;
    keel_guard_t guard;
    CHECK_OK(keel_rcu_read_begin(&guard));
    atomic_u32_store_release(&inside, 1);
    count_once();
    atomic_u32_fetch_add(&ran, 1);
}

static void interrupt_idle(uint64_t argument)
{
    const struct keel_timer_options options = {.handler = queue};
    (void)argument;
    CHECK_OK(keel_timer_create(&options, &timer));
    CHECK_OK(keel_timer_arm(timer, MS));
    CHECK_OK(keel_timer_release(timer));
}

static void T5_work_on_an_idle_cpu_spins_for_a_lock(void)
{
    keel_guard_t guard = {0};
    counted = 0;
    atomic_u32_init(&inside, 0);
    make_locks();
    begin(spin_for_lock);
    keel_task_t other = unit_spawn(interrupt_idle, 0);
    CHECK_OK(keel_spinlock_lock(plain));
    CHECK_OK(keel_irq_disable(&guard));
    unit_await(&inside);
    for (unsigned i = 0; i < 100; i++) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_EQUAL(counted, 0);
    CHECK_AUDIT();
    CHECK_OK(keel_guard_release(guard));
    CHECK_OK(keel_spinlock_unlock(plain));
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_task_sleep(MS));
    CHECK_EQUAL(counted, 1);
    CHECK_EQUAL(count_ran(), 1);
    CHECK_OK(keel_work_release(work));
    release_locks();
}

/* --- Planted damage --- */

static void T8_audit_sees_damage(void)
{
    keel_guard_t guard = {0};
    begin(run);
    CHECK_OK(keel_irq_disable(&guard));
    struct cpu *cpu = cpu_this();
    struct work *queued = (struct work *)object_slot_of(OBJECT_WORK, work.value);
    CHECK_OK(keel_work_schedule(work));
    CHECK_AUDIT();
    atomic_u32_init(&cpu->works.count, 2);
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("a CPU's queue of works is broken"));
    atomic_u32_init(&cpu->works.count, 1);
    uint32_t state = atomic_u32_peek(&queued->state);
    atomic_u32_init(&queued->state, state + (1u << WORK_CPU_SHIFT));
    CHECK(unit_audit() > 0);
    atomic_u32_init(&queued->state, state);
    queued->next = queued;
    CHECK(unit_audit() > 0);
    queued->next = NULL;
    CHECK_AUDIT();
    cpu->soft_holds.count = 1;
    CHECK(unit_audit() > 0);
    CHECK(unit_console_contains("a work has left something behind"));
    cpu->soft_holds.count = 0;
    CHECK_OK(keel_guard_release(guard));
    CHECK_EQUAL(count_ran(), 1);
    CHECK_OK(keel_work_release(work));
}

/* --- Out of it --- */

static jmp_buf way_out;

static void jump_out(void *context)
{
    (void)context;
    longjmp(way_out, 1);
}

static void be_jumped_into(uint64_t argument)
{
    (void)argument;
    if (setjmp(way_out) == 0) {
        CHECK_OK(keel_work_schedule(work));
    }
    CHECK_STATUS(keel_task_yield(), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_task_exit(0), KEEL_E_CONTEXT);
}

static void T8_work_that_jumps_out_stops_the_machine(void)
{
    begin(jump_out);
    (void)unit_join(unit_spawn(be_jumped_into, 0));
}

/* --- Time for tasks --- */

static void busy(void *context)
{
    (void)context;
    uint64_t start = hal_time_now();
    while (hal_time_now() < start + 2 * MS) {
        CHECK_OK(keel_cpu_relax());
    }
    atomic_u32_fetch_add(&ran, 1);
}

/* It queues the work, and comes again much sooner than that is done. */
static void queue_and_ring(void *context)
{
    keel_timer_t *again = context;
    keel_status_t status = keel_work_schedule(work);
    CHECK(status == KEEL_OK || status == KEEL_E_EXISTS);
    CHECK_OK(keel_timer_arm(*again, 20000));
}

/* A work that takes long, and interrupts that queue it all the time, leave about half of it to tasks. */
static void T8_works_leave_time_to_tasks(void)
{
    keel_timer_t again = {0};
    const struct keel_timer_options options = {.handler = queue_and_ring, .context = &again};
    begin(busy);
    CHECK_OK(keel_timer_create(&options, &again));
    CHECK_OK(keel_timer_arm(again, 0));
    uint64_t start = hal_time_now(), last = start, own = 0;
    for (uint64_t now = start; now < start + 200 * MS; now = hal_time_now()) {
        own += now - last < MS ? now - last : 0;
        last = now;
        CHECK_OK(keel_cpu_relax());
    }
    while (keel_timer_cancel(again) != KEEL_OK) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK(own > 60 * MS);
    CHECK(count_ran() > 20);
    CHECK_OK(keel_timer_release(again));
    CHECK_OK(keel_task_sleep(20 * MS));
    CHECK_OK(keel_work_release(work));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T8_only_interrupts_come_on_top_of_a_work, .config.cpu_count = 1),
        UNIT(T8_work_leaves_nothing_behind, .config.cpu_count = 2, .seeds = 5),
        UNIT(T5_works_and_tasks_share_a_lock, .config.cpu_count = 3, .seeds = 20),
        UNIT(T9_work_runs_where_it_was_queued, .config.cpu_count = 4, .seeds = 5),
        UNIT(T8_work_never_runs_on_two_cpus, .config.cpu_count = 2),
        UNIT(T7_reader_in_a_work_holds_up_the_grace_period, .config.cpu_count = 2),
        UNIT(T5_work_on_an_idle_cpu_spins_for_a_lock, .config.cpu_count = 2),
        UNIT(T8_works_leave_time_to_tasks, .config.cpu_count = 1),
        UNIT(T8_audit_sees_damage),
        UNIT(T8_work_that_jumps_out_stops_the_machine, .end = HOSTED_PANIC,
             .message = "a handler did not return to its caller"),
    };
    return unit_main(tests, argc, argv);
}

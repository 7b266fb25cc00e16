/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/audit_holds.c: planted damage in what tasks and CPUs hold, and in queues of works, is seen.
 */
#include "core/cpu.h"
#include "core/mutex.h"
#include "core/queued_spinlock.h"
#include "core/task.h"
#include "core/work.h"
#include "plant.h"

static void *object_of(enum object_kind kind, uint64_t handle)
{
    return object_slot_of(kind, handle);
}

/* A slot that nobody uses. */
static void *last_of(enum object_kind kind)
{
    return object_at(kind, object_slots(kind) - 1);
}

static keel_guard_t guard_of(keel_status_t (*take)(keel_guard_t *))
{
    keel_guard_t guard = {0};
    CHECK_OK(take(&guard));
    return guard;
}

static void T5_audit_sees_a_mutex_that_disagrees(void)
{
    keel_mutex_t handle = {0};
    CHECK_OK(keel_mutex_create(&handle));
    struct mutex *mutex = object_of(OBJECT_MUTEX, handle.value);
    struct hold *hold = &task_current()->holds.entries[0];
    CHECK_OK(keel_mutex_lock(handle, KEEL_FOREVER));
    PLANT(hold->object, void *, last_of(OBJECT_MUTEX), "a task holds a lock that is gone");
    PLANT(hold->object, void *, last_of(OBJECT_MUTEX), "a mutex is held by other tasks than hold it");
    PLANT(mutex->holder, struct task *, last_of(OBJECT_TASK), "a mutex and its holder disagree");
    PLANT(hold->kind, enum hold_kind, HOLD_MUTEX_SHARED, "a mutex and its holder disagree");
    PLANT(mutex->queue.lock.next_ticket, uint32_t, 77, NULL); /* somebody is changing it */
    CHECK_OK(keel_mutex_downgrade(handle));
    PLANT(mutex->shared, uint32_t, 2, "a mutex is held by other tasks than hold it");
    CHECK_OK(keel_mutex_unlock(handle));
    PLANT(mutex->shared, uint32_t, 1, "a mutex is held by other tasks than hold it");
    CHECK_OK(keel_mutex_release(handle));
}

static void T5_audit_sees_a_spinlock_that_disagrees(void)
{
    keel_spinlock_t handle = {0};
    CHECK_OK(keel_spinlock_create(0, &handle));
    struct queued_spinlock *lock = object_of(OBJECT_SPINLOCK, handle.value);
    CHECK_OK(keel_spinlock_lock(handle));
    PLANT(lock->holders, uint64_t, UINT64_C(1) << 63, "a spinlock and its holder disagree");
    CHECK_OK(keel_spinlock_unlock(handle));
    CHECK_OK(keel_spinlock_release(handle));
}

static void T5_audit_sees_wrong_counts_of_holds(void)
{
    struct holds *holds = &task_current()->holds;
    keel_guard_t guard = guard_of(keel_irq_disable);
    PLANT(holds->atomic, uint32_t, 0, "a task's counts of what it holds are wrong");
    PLANT(holds->irq_off, uint32_t, 0, "a task's counts of what it holds are wrong");
    PLANT(holds->count, uint32_t, HOLDS_MAX + 1, "a task's counts of what it holds are wrong");
    CHECK_OK(keel_guard_release(guard));
}

static void sleep_long(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_task_sleep(1000000));
}

static void T2_audit_sees_a_task_in_atomic_mode_that_is_off(void)
{
    keel_task_t handle = unit_spawn_until_blocked(sleep_long, 0);
    struct task *task = object_of(OBJECT_TASK, handle.value);
    PLANT(task->holds.atomic, uint32_t, 1, "a task in atomic mode is off its CPU");
    PLANT(task->holds.irq_off, uint32_t, 1, "a task in atomic mode is off its CPU");
    CHECK(unit_join(handle) == 0);
}

static void T8_audit_sees_what_handlers_left_behind(void)
{
    bool interrupts = hal_irq_disable();
    struct cpu *cpu = cpu_this();
    PLANT(cpu->interrupt_holds.count, uint32_t, 1, "an interrupt handler has left something behind");
    PLANT(cpu->soft_holds.count, uint32_t, 1, "a work has left something behind");
    hal_irq_restore(interrupts);
}

static void T7_audit_sees_wrong_counts_of_sections(void)
{
    keel_guard_t guard = guard_of(keel_rcu_read_begin);
    struct cpu *cpu = cpu_this();
    PLANT(cpu->rcu_depth, uint32_t, 0, "a CPU's count of read sections is wrong");
    PLANT(cpu->rcu_epoch, uint64_t, 0, "a read section that nobody waits for");
    PLANT(cpu->rcu_depth, uint32_t, 2, NULL); /* one that begins, or ends */
    CHECK_OK(keel_guard_release(guard));
}

/* The other CPU idles. */
static void T7_audit_sees_an_idle_cpu_that_reads(void)
{
    unit_let_time_pass();
    keel_guard_t guard = guard_of(keel_preempt_disable);
    struct cpu *other = cpu_at(1 - hal_cpu_id());
    CHECK(other->current == NULL);
    PLANT(other->rcu_depth, uint32_t, 1, "a CPU's count of read sections is wrong");
    CHECK_OK(keel_guard_release(guard));
}

static void count_one(void *context)
{
    atomic_u32_fetch_add(context, 1);
}

static void T8_audit_sees_a_broken_queue_of_works(void)
{
    static atomic_u32_t runs;
    keel_work_t handles[2] = {{0}};
    struct work *works[2];
    const struct keel_work_options options = {.handler = count_one, .context = &runs};
    atomic_u32_init(&runs, 0);
    keel_guard_t guard = guard_of(keel_preempt_disable);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_work_create(&options, &handles[i]));
        CHECK_OK(keel_work_schedule(handles[i]));
        works[i] = object_of(OBJECT_WORK, handles[i].value);
    }
    struct work_list *list = &cpu_this()->works;
    const char *said = "a CPU's queue of works is broken";
    PLANT(list->count, uint32_t, 1, said);
    PLANT(list->count, uint32_t, 3, said);
    PLANT(list->tail, struct work *, works[0], said);
    PLANT(works[1]->previous, struct work *, NULL, said);
    PLANT(works[1]->next, struct work *, works[0], said); /* a loop */
    PLANT(works[0]->state, uint32_t, 0, said);
    PLANT(works[1]->object.ref.word, uint64_t, 0, said);
    PLANT(list->lock.next_ticket, uint32_t, 77, NULL); /* somebody is changing it */
    CHECK_OK(keel_guard_release(guard));
    CHECK_EQUAL(atomic_u32_load_acquire(&runs), 2);
    CHECK_OK(keel_work_release(handles[0]));
    CHECK_OK(keel_work_release(handles[1]));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T5_audit_sees_a_mutex_that_disagrees, .config.cpu_count = 1),
        UNIT(T5_audit_sees_a_spinlock_that_disagrees, .config.cpu_count = 1),
        UNIT(T5_audit_sees_wrong_counts_of_holds, .config.cpu_count = 1),
        UNIT(T2_audit_sees_a_task_in_atomic_mode_that_is_off, .config.cpu_count = 1),
        UNIT(T8_audit_sees_what_handlers_left_behind, .config.cpu_count = 1),
        UNIT(T7_audit_sees_wrong_counts_of_sections, .config.cpu_count = 1),
        UNIT(T7_audit_sees_an_idle_cpu_that_reads),
        UNIT(T8_audit_sees_a_broken_queue_of_works, .config.cpu_count = 1),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The audit of what tasks hold (core/hold.h): lists and locks agree, and nobody in atomic mode is off its
 * CPU; and of the works that are queued (core/work.h). It runs frozen; a CPU that stands in the middle of a
 * step shows by the lock it holds.
 */
#include "core/audit.h"
#include "core/cpu.h"
#include "core/mutex.h"
#include "core/queued_spinlock.h"
#include "core/task.h"
#include "core/work.h"

static bool is_live(const struct object *object)
{
    return ref_word_state(atomic_u64_peek(&object->ref.word)) == REF_LIVE;
}

static bool is_locked(const struct spinlock *lock)
{
    return atomic_u32_peek(&lock->next_ticket) != atomic_u32_peek(&lock->serving);
}

static void check_hold(const struct task *task, uint32_t slot, const struct hold *hold,
                       audit_report_t *report)
{
    struct mutex *mutex = hold->object;
    const struct queued_spinlock *spinlock = hold->object;
    bool is_mutex = hold->kind == HOLD_MUTEX || hold->kind == HOLD_MUTEX_SHARED;
    if (hold->object == NULL) {
        return; /* a guard */
    }
    if (!is_live(hold->object)) {
        report("T5", "a task holds a lock that is gone, slot", slot);
    } else if (is_mutex && !is_locked(&mutex->queue.lock)) {
        mutex->audit_holds++;
        if ((mutex->holder == task) != (hold->kind == HOLD_MUTEX)) {
            report("T5", "a mutex and its holder disagree, slot", slot);
        }
    } else if (!is_mutex && (atomic_u64_peek(&spinlock->holders) >> task->last_cpu & 1) == 0) {
        report("T5", "a spinlock and its holder disagree, slot", slot);
    }
}

static void check_task(const struct task *task, uint32_t slot, audit_report_t *report)
{
    const struct holds *holds = &task->holds;
    bool on_cpu = (atomic_u32_peek(&task->state) & TASK_ON) != 0;
    uint32_t atomic = 0, irq_off = 0;
    for (uint32_t i = 0; i < holds->count && i < HOLDS_MAX; i++) {
        const struct hold *hold = &holds->entries[i];
        check_hold(task, slot, hold, report);
        atomic += hold->kind != HOLD_MUTEX && hold->kind != HOLD_MUTEX_SHARED;
        irq_off += hold->irq_off;
    }
    /* Who waits for a spinlock has entered atomic mode, and does not hold it yet. */
    if (holds->count > HOLDS_MAX || atomic > holds->atomic || irq_off > holds->irq_off) {
        report("T5", "a task's counts of what it holds are wrong, slot", slot);
    }
    if (!on_cpu && (holds->atomic | holds->irq_off) != 0) {
        report("T2", "a task in atomic mode is off its CPU, slot", slot);
    }
}

static void check_mutex(struct mutex *mutex, uint32_t slot, audit_report_t *report)
{
    uint32_t holders = mutex->holder != NULL ? 1 : mutex->shared;
    if (is_live(&mutex->object) && !is_locked(&mutex->queue.lock) && mutex->audit_holds != holders) {
        report("T5", "a mutex is held by other tasks than hold it, slot", slot);
    }
    mutex->audit_holds = 0;
}

static uint32_t count_sections(const struct holds *holds)
{
    uint32_t sections = 0;
    for (uint32_t i = 0; i < holds->count && i < HOLDS_MAX; i++) {
        sections += holds->entries[i].kind == HOLD_GUARD_RCU;
    }
    return sections;
}

/* Who begins or ends a read section counts it first, and last. */
static void check_cpu(const struct cpu *cpu, unsigned id, audit_report_t *report)
{
    bool in_handler = cpu->holds == &cpu->interrupt_holds; /* below it there may be a work */
    bool in_work = cpu->holds == &cpu->soft_holds;
    uint32_t sections = count_sections(&cpu->interrupt_holds) + count_sections(&cpu->soft_holds);
    if (cpu->current != NULL) {
        sections += count_sections(&cpu->current->holds);
    }
    if (!in_handler && cpu->interrupt_holds.count != 0) {
        report("T8", "an interrupt handler has left something behind, cpu", id);
    }
    if (!in_handler && !in_work && cpu->soft_holds.count != 0) {
        report("T8", "a work has left something behind, cpu", id);
    }
    if (sections > cpu->rcu_depth ||
        (cpu->current == NULL && !in_handler && !in_work && cpu->rcu_depth > 0)) {
        report("T7", "a CPU's count of read sections is wrong, cpu", id);
    }
    if (sections > 0 && atomic_u64_peek(&cpu->rcu_epoch) == 0) {
        report("T7", "a read section that nobody waits for, cpu", id);
    }
}

/* The list holds what says that it is queued there, and as many as it says. */
static void check_works(const struct work_list *works, unsigned id, audit_report_t *report)
{
    const uint32_t here = (uint32_t)id << WORK_CPU_SHIFT | WORK_QUEUED, left = ~(uint32_t)WORK_RUNNING;
    const struct work *work = works->head, *previous = NULL;
    uint32_t count = 0;
    while (work != NULL && (atomic_u32_peek(&work->state) & left) == here && is_live(&work->object) &&
           work->previous == previous && count < atomic_u32_peek(&works->count)) {
        previous = work;
        work = work->next;
        count++;
    }
    if (work != NULL || works->tail != previous || count != atomic_u32_peek(&works->count)) {
        report("T8", "a CPU's queue of works is broken, cpu", id);
    }
}

void audit_holds(audit_report_t *report)
{
    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        check_cpu(cpu_at(id), id, report);
        if (!is_locked(&cpu_at(id)->works.lock)) {
            check_works(&cpu_at(id)->works, id, report);
        }
    }
    for (uint32_t i = 0, slots = object_slots(OBJECT_TASK); i < slots; i++) {
        const struct task *task = (const struct task *)object_at(OBJECT_TASK, i);
        if (is_live(&task->object)) {
            check_task(task, i, report);
        }
    }
    for (uint32_t i = 0, slots = object_slots(OBJECT_MUTEX); i < slots; i++) {
        check_mutex((struct mutex *)object_at(OBJECT_MUTEX, i), i, report);
    }
}

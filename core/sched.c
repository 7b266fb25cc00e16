/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Choosing and switching, see core/sched.h and the states in core/task.h.
 */
#include "core/sched.h"

#include <stddef.h>

#include "core/assert.h"
#include "core/cpu.h"
#include "core/deadline.h"
#include "core/policy.h"
#include "core/user.h"
#include "core/work.h"
#include "keel/sched_reason.h"

static struct spinlock lock;
/* Under the lock, all of them. */
/* What can be picked: the tasks that are RUNNABLE and have left their CPU, or are about to while this CPU
 * holds the lock, in the order in which they became it. */
static struct runnable runnables;
/* CPUs that found nothing to run and were not kicked since. What is enqueued later kicks one of them, or its
 * policy asks for none. */
static uint64_t idle_mask;
/* Those of them without ticks. A CPU goes without only while nothing is runnable; whoever makes something
 * runnable then has ticks, or is about to look for work itself, and starts the others' ticks at its own next
 * one. */
static uint64_t tickless_mask;

void sched_init(void)
{
    spinlock_init(&lock);
    runnables = (struct runnable){&runnables, &runnables};
    idle_mask = 0;
    tickless_mask = 0;
}

bool sched_lock(void)
{
    return spinlock_acquire(&lock);
}

void sched_unlock(bool interrupts)
{
    spinlock_release(&lock, interrupts);
}

static uint64_t bit_of(unsigned cpu)
{
    return UINT64_C(1) << cpu;
}

/* Interrupts the CPUs that kick and ask answered, once the lock is free; this one sees for itself. Interrupts
 * are off. */
KEEL_COLD static void interrupt(uint64_t cpus)
{
    cpus &= ~bit_of(hal_cpu_id());
    for (unsigned cpu = 0; cpus != 0 && cpu < hal_cpu_count(); cpu++) {
        if ((cpus >> cpu & 1) != 0) {
            hal_ipi_send(cpu);
        }
    }
}

static void unlock_and_interrupt(uint64_t cpus, bool interrupts)
{
    spinlock_release_irq_off(&lock);
    if (cpus != 0) {
        interrupt(cpus);
    }
    hal_irq_restore(interrupts);
}

/* A CPU that runs a task shall choose anew as soon as it takes interrupts. The lock is held. */
static uint64_t ask(unsigned cpu)
{
    atomic_u32_store_relaxed(&cpu_at(cpu)->resched, 1);
    if (cpu == hal_cpu_id()) {
        cpu_timer_by(0); /* an interrupt for itself: switching happens at the end of one */
    }
    return bit_of(cpu);
}

/* An idle CPU shall look for work; one that runs a task only if `preempt`. The bit of an idle one is taken
 * with the kick, so that the next task kicks the next CPU. The lock is held. */
static uint64_t kick(unsigned cpu, bool preempt)
{
    if ((idle_mask & bit_of(cpu)) != 0) {
        idle_mask &= ~bit_of(cpu);
        return bit_of(cpu);
    }
    return preempt ? ask(cpu) : 0;
}

/* Kicks an idle CPU that the task may run on, if there is one, preferably where it ran last. Not this one: it
 * looks before it waits. The lock is held. */
static uint64_t kick_idle(const struct task *task)
{
    uint64_t idle = idle_mask & atomic_u64_load_relaxed(&task->affinity) & ~bit_of(hal_cpu_id());
    unsigned target = task->last_cpu;
    if (idle == 0) {
        return 0;
    }
    if ((idle >> target & 1) == 0) {
        for (target = 0; (idle >> target & 1) == 0; target++) {
        }
    }
    return kick(target, false);
}

/* The same as the policy wishes. The lock is held. */
static uint64_t kick_for(const struct task *task, struct policy_place place)
{
    return place.answer == POLICY_CHOSE ? kick(place.cpu, place.preempt) : kick_idle(task);
}

/* The list of what can be picked. The lock is held. */

static bool any_runnable(void)
{
    return runnables.next != &runnables;
}

static void append(struct task *task)
{
    struct runnable *last = runnables.previous;
    task->runnable = (struct runnable){&runnables, last};
    last->next = &task->runnable;
    runnables.previous = &task->runnable;
}

static void take_off(const struct task *task)
{
    task->runnable.previous->next = task->runnable.next;
    task->runnable.next->previous = task->runnable.previous;
}

static struct task *task_of(struct runnable *runnable)
{
    return (struct task *)(void *)((char *)runnable - offsetof(struct task, runnable));
}

/* A task that can be picked from now on. The lock is held. */
static uint64_t enqueue(struct task *task, uint32_t reason)
{
    append(task);
    struct policy_place place = policy_task_enqueue(task, task->last_cpu, reason);
    /* Tasks that left their CPU to others must not chase those away again, and so on without end. */
    place.preempt = place.preempt && (reason == KEEL_ENQUEUE_NEW || reason == KEEL_ENQUEUE_WOKEN);
    return kick_for(task, place);
}

void sched_start(struct task *task)
{
    bool interrupts = spinlock_acquire(&lock);
    task->last_cpu = hal_cpu_id();
    atomic_u32_store_release(&task->state, TASK_RUNNABLE);
    unlock_and_interrupt(enqueue(task, KEEL_ENQUEUE_NEW), interrupts);
}

void sched_wake(struct task *task)
{
    bool interrupts = spinlock_acquire(&lock);
    uint32_t state = atomic_u32_load_acquire(&task->state);
    CORE_ASSERT((state & TASK_STATE_MASK) == TASK_BLOCKED);
    uint64_t kicks = 0;
    atomic_u32_store_release(&task->state, TASK_RUNNABLE | (state & TASK_ON));
    if ((state & TASK_ON) == 0) {
        kicks = enqueue(task, KEEL_ENQUEUE_WOKEN);
    }
    unlock_and_interrupt(kicks, interrupts);
}

/* What is known of the task has changed. The lock is held. */
static uint64_t tell(struct task *task)
{
    uint32_t state = atomic_u32_load_acquire(&task->state);
    bool queued = state == TASK_RUNNABLE;
    if (!queued && (state & TASK_STATE_MASK) != TASK_RUNNING) {
        return 0; /* it is enqueued with the news, if ever */
    }
    struct policy_place place = policy_task_update(task, task->last_cpu);
    if (queued) {
        return kick_for(task, place);
    }
    return place.answer == POLICY_CHOSE ? kick(place.cpu, place.preempt) : 0;
}

void sched_set_priority(struct task *task, uint32_t priority)
{
    bool interrupts = spinlock_acquire(&lock);
    atomic_u32_store_relaxed(&task->priority, priority);
    unlock_and_interrupt(tell(task), interrupts);
}

void sched_set_affinity(struct task *task, uint64_t affinity)
{
    bool interrupts = spinlock_acquire(&lock);
    uint32_t state = atomic_u32_load_acquire(&task->state);
    uint64_t kicks = 0;
    if ((state & TASK_STATE_MASK) == TASK_RUNNING && (affinity >> task->last_cpu & 1) == 0) {
        kicks = ask(task->last_cpu); /* first: the audit wants a task outside its mask to be on its way */
    }
    atomic_u64_store_relaxed(&task->affinity, affinity);
    unlock_and_interrupt(kicks | tell(task), false);
    sched_preempt(cpu_this()); /* perhaps it is this CPU that was asked */
    hal_irq_restore(interrupts);
}

void sched_kick_all_idle(void)
{
    bool interrupts = spinlock_acquire(&lock);
    uint64_t kicks = idle_mask;
    idle_mask = 0;
    unlock_and_interrupt(kicks, interrupts);
}

/* RUNNABLE -> RUNNING|ON, if it is RUNNABLE, off every CPU, and may run on this one. The lock is held. */
static bool claim(struct task *task)
{
    if (!task_may_run(task, hal_cpu_id()) || atomic_u32_load_acquire(&task->state) != TASK_RUNNABLE) {
        return false;
    }
    take_off(task);
    atomic_u32_store_release(&task->state, TASK_RUNNING | TASK_ON);
    task->last_cpu = hal_cpu_id();
    return true;
}

/* The fallback: whoever has waited longest of those that may run here. The lock is held. */
static struct task *claim_oldest(void)
{
    for (struct runnable *at = runnables.next; at != &runnables; at = at->next) {
        if (claim(task_of(at))) {
            return task_of(at);
        }
    }
    return NULL;
}

/* Ticks go on where they had stopped. */
static void start_ticks(struct cpu *cpu)
{
    if (cpu->next_tick == UINT64_MAX) {
        cpu->next_tick = hal_time_now() + SCHED_TICK_NS;
        cpu_timer_by(cpu->next_tick);
    }
}

/* Core chooses where the policy's answer does not count, or it has answered "none" for too long. The lock is
 * held. */
KEEL_COLD static struct task *pick_instead(struct cpu *cpu, enum policy_answer answer)
{
    if (answer == POLICY_NONE && (cpu->idle_ticks < SCHED_PATIENCE_TICKS || !any_runnable())) {
        return NULL;
    }
    struct task *task = claim_oldest();
    cpu->idle_ticks = 0; /* where all that is runnable must run elsewhere, patience begins again */
    if (task != NULL && answer == POLICY_NONE) {
        policy_task_wrong();
    }
    if (task != NULL && answer != POLICY_ABSENT) {
        policy_task_fallback(task);
    }
    return task;
}

/* The next task for this CPU, claimed; NULL: none. The lock is held. */
static struct task *pick(struct cpu *cpu)
{
    struct task *task = NULL;
    enum policy_answer answer = policy_task_pick(hal_cpu_id(), &task);
    if (answer == POLICY_CHOSE && !claim(task)) {
        policy_task_wrong();
        answer = POLICY_WRONG;
    }
    return answer == POLICY_CHOSE ? task : pick_instead(cpu, answer);
}

static void acquire(void)
{
    CORE_ASSERT(!hal_irq_enabled());
    spinlock_acquire_irq_off(&lock);
}

/* Switches from what runs on this CPU to `next`, claimed before; NULL: the idle context. A task that leaves
 * RUNNABLE is enqueued here, for `reason`. The lock is held, and released on the other side (sched_tail): not
 * before may anybody pick who left (T1). */
static void switch_to(struct cpu *cpu, struct task *next, uint32_t reason)
{
    struct task *previous = cpu->current;
    bool runnable =
        previous != NULL && atomic_u32_load_acquire(&previous->state) == (TASK_RUNNABLE | TASK_ON);
    atomic_u32_store_relaxed(&cpu->resched, 0); /* done; what the policy asks for from here on is news */
    cpu->kicks = runnable ? enqueue(previous, reason) : 0;
    if (cpu->vector_owner != NULL) {
        user_vector_detach();
    }
    cpu->previous = previous;
    cpu_set_current(cpu, next);
    cpu->idle_ticks = 0;
    if (next != NULL) {
        atomic_u64_store_relaxed(&next->switches, atomic_u64_peek(&next->switches) + 1);
    }
    struct space *space = next != NULL ? next->space : NULL;
    if (cpu->loaded != space) {
        space_load(space);
    }
    hal_context_switch(previous != NULL ? &previous->context : &cpu->idle,
                       next != NULL ? &next->context : &cpu->idle);
    sched_tail();
}

void sched_tail(void)
{
    struct cpu *cpu = cpu_this();
    struct task *previous = cpu->previous;
    uint32_t state = 0;
    cpu->previous = NULL;
    if (previous != NULL) {
        state = atomic_u32_load_acquire(&previous->state) & ~TASK_ON;
        if (state == TASK_DEAD) {
            hal_context_finish(&previous->context);
        }
        atomic_u32_store_release(&previous->state, state);
    }
    unlock_and_interrupt(cpu->kicks, false);
    if (state == TASK_DEAD) {
        task_put(previous); /* the reference that running was */
    }
}

static void yield_for(uint32_t reason)
{
    struct cpu *cpu = cpu_this();
    struct task *current = cpu->current;
    CORE_ASSERT(cpu->holds->atomic == 0); /* T2 */
    acquire();
    struct task *next = pick(cpu);
    bool leaves = next != NULL || !task_may_run(current, hal_cpu_id());
    if (leaves) {
        atomic_u32_store_release(&current->state, TASK_RUNNABLE | TASK_ON);
        switch_to(cpu, next, reason);
    } else {
        atomic_u32_store_relaxed(&cpu->resched, 0);
        spinlock_release_irq_off(&lock);
    }
}

void sched_give_way(void)
{
    yield_for(KEEL_ENQUEUE_YIELDED);
}

KEEL_COLD void sched_preempt_now(void)
{
    const struct cpu *cpu = cpu_this();
    if (cpu->current != NULL && cpu->holds->atomic == 0) {
        yield_for(KEEL_ENQUEUE_PREEMPTED);
    }
}

/* The calling task cannot go on, unless it was woken meanwhile: the next task or the idle context does. */
static void switch_away(void)
{
    struct cpu *cpu = cpu_this();
    acquire();
    switch_to(cpu, pick(cpu), KEEL_ENQUEUE_WOKEN);
}

void sched_block(void)
{
    CORE_ASSERT(cpu_this()->holds->atomic == 0); /* T2 */
    switch_away();
}

_Noreturn void sched_exit(void)
{
    switch_away();
    hal_panic("a dead task was resumed");
}

/* Ticks of an idle CPU while tasks are runnable show that the policy holds on to them; otherwise it needs no
 * more of them. The lock is held. */
static void note_idle_tick(struct cpu *cpu)
{
    cpu->idle_ticks = any_runnable() ? cpu->idle_ticks + 1 : 0;
    cpu->next_tick = any_runnable() ? cpu->next_tick : UINT64_MAX;
}

static void note_tick(struct cpu *cpu)
{
    uint64_t kicks = 0;
    bool interrupts = spinlock_acquire(&lock);
    if (cpu->current == NULL) {
        note_idle_tick(cpu);
    } else if (policy_task_tick(cpu->current, hal_cpu_id()) && any_runnable()) {
        atomic_u32_store_relaxed(&cpu->resched, 1);
    }
    if (any_runnable()) {
        kicks = tickless_mask;
        tickless_mask = 0;
        idle_mask &= ~kicks;
    }
    unlock_and_interrupt(kicks, interrupts);
}

void sched_tick(void)
{
    struct cpu *cpu = cpu_this();
    uint64_t now = hal_time_now();
    uint64_t next_wake = deadline_expire(now);
    if (now >= cpu->next_tick) {
        cpu->next_tick = now + SCHED_TICK_NS;
        note_tick(cpu);
    }
    cpu->timer = next_wake < cpu->next_tick ? next_wake : cpu->next_tick;
    hal_timer_arm(cpu->timer);
}

void hal_upcall_timer(void)
{
    cpu_count(CPU_COUNT_TIMER);
    sched_tick();
}

void hal_upcall_interrupt_exit(void)
{
    works_run_after_interrupt();
    sched_preempt(cpu_this());
}

/* This CPU found nothing to run. The lock is held: what is enqueued from here on sees that. */
static void note_idle(struct cpu *cpu)
{
    idle_mask |= bit_of(hal_cpu_id());
    if (any_runnable()) {
        start_ticks(cpu);
    } else if (cpu->next_tick == UINT64_MAX) {
        tickless_mask |= bit_of(hal_cpu_id());
    }
}

_Noreturn void sched_idle(void)
{
    struct cpu *cpu = cpu_this();
    for (;;) {
        acquire();
        idle_mask &= ~bit_of(hal_cpu_id());
        tickless_mask &= ~bit_of(hal_cpu_id());
        struct task *next = pick(cpu);
        if (next != NULL) {
            start_ticks(cpu);
            switch_to(cpu, next, 0);
        } else {
            note_idle(cpu);
            atomic_u32_store_relaxed(&cpu->resched, 0);
            spinlock_release_irq_off(&lock);
            hal_cpu_wait();
            works_run(cpu_this());
        }
    }
}

/* The list has exactly the tasks that can be picked. A CPU in the middle of a step holds the lock. */
void sched_audit(audit_report_t *report)
{
    uint32_t slots = object_slots(OBJECT_TASK), listed = 0, runnable = 0;
    if (atomic_u32_peek(&lock.next_ticket) != atomic_u32_peek(&lock.serving)) {
        return;
    }
    for (struct runnable *at = runnables.next; at != &runnables && listed <= slots; at = at->next) {
        listed++;
        if (at->next->previous != at || atomic_u32_peek(&task_of(at)->state) != TASK_RUNNABLE) {
            report("T1", "a task is listed that cannot be picked, the place", listed);
        }
    }
    for (uint32_t i = 0; i < slots; i++) {
        const struct task *task = (const struct task *)object_at(OBJECT_TASK, i);
        runnable += atomic_u32_peek(&task->state) == TASK_RUNNABLE;
    }
    if (listed != runnable) {
        report("T9", "not all tasks that can be picked are listed, but so many", listed);
    }
}

void sched_for_each_queued(void (*step)(struct task *task))
{
    for (struct runnable *at = runnables.next; at != &runnables; at = at->next) {
        step(task_of(at));
    }
}

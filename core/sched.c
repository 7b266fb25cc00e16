/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Choosing and switching, see core/sched.h and the states in core/task.h.
 */
#include "core/sched.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/deadline.h"
#include "core/policy.h"
#include "core/user.h"
#include "core/work.h"
#include "keel/sched_reason.h"

static struct spinlock lock;
/* Under the lock, all of them. */
static uint32_t runnable_count; /* tasks in state RUNNABLE without ON */
static uint32_t scan_from;      /* where the fallback looks first */
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
    runnable_count = 0;
    scan_from = 0;
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
static void interrupt(uint64_t cpus)
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
    interrupt(cpus);
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

/* A task that just became RUNNABLE without ON. The lock is held. */
static uint64_t enqueue(struct task *task, uint32_t reason)
{
    runnable_count++;
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
    sched_preempt(); /* perhaps it is this CPU that was asked */
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
    uint32_t state = TASK_RUNNABLE;
    if (!task_may_run(task, hal_cpu_id()) || !atomic_u32_cas(&task->state, &state, TASK_RUNNING | TASK_ON)) {
        return false;
    }
    task->last_cpu = hal_cpu_id();
    runnable_count--;
    return true;
}

/* The fallback: the next RUNNABLE task in slot order that may run here. The lock is held. */
static struct task *scan(void)
{
    uint32_t slots = object_slots(OBJECT_TASK);
    for (uint32_t i = 0; i < slots && runnable_count > 0; i++) {
        uint32_t index = (scan_from + i) % slots;
        struct task *task = (struct task *)object_at(OBJECT_TASK, index);
        if (claim(task)) {
            scan_from = index + 1;
            return task;
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
static struct task *pick_instead(struct cpu *cpu, enum policy_answer answer)
{
    if (answer == POLICY_NONE && (cpu->idle_ticks < SCHED_PATIENCE_TICKS || runnable_count == 0)) {
        return NULL;
    }
    struct task *task = scan();
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
    idle_mask &= ~bit_of(hal_cpu_id());
    tickless_mask &= ~bit_of(hal_cpu_id());
    enum policy_answer answer = policy_task_pick(hal_cpu_id(), &task);
    if (answer == POLICY_CHOSE && !claim(task)) {
        policy_task_wrong();
        answer = POLICY_WRONG;
    }
    if (answer != POLICY_CHOSE) {
        task = pick_instead(cpu, answer);
    }
    if (task != NULL) {
        start_ticks(cpu);
    }
    return task;
}

/* What this CPU was asked for is done with a pick and its consequences. */
static void unlock_after_pick(struct cpu *cpu, bool interrupts)
{
    CORE_ASSERT(!interrupts);
    atomic_u32_store_relaxed(&cpu->resched, 0);
    spinlock_release(&lock, interrupts);
}

/* Switches from what runs on this CPU to `next`, claimed before; NULL: the idle context. */
static void switch_to(struct cpu *cpu, struct task *next, uint32_t reason)
{
    struct task *previous = cpu->current;
    user_vector_detach();
    cpu->previous = previous;
    cpu->previous_reason = reason;
    cpu_set_current(cpu, next);
    cpu->idle_ticks = 0;
    if (next != NULL) {
        atomic_u64_fetch_add(&next->switches, 1);
    }
    space_load(next != NULL ? next->space : NULL);
    hal_context_switch(previous != NULL ? &previous->context : &cpu->idle,
                       next != NULL ? &next->context : &cpu->idle);
    sched_tail();
}

void sched_tail(void)
{
    struct cpu *cpu = cpu_this();
    struct task *previous = cpu->previous;
    if (previous == NULL) {
        return;
    }
    cpu->previous = NULL;
    if (atomic_u32_load_acquire(&previous->state) == (TASK_DEAD | TASK_ON)) {
        hal_context_finish(&previous->context);
        atomic_u32_store_release(&previous->state, TASK_DEAD);
        task_put(previous); /* the reference that running was */
        return;
    }
    bool interrupts = spinlock_acquire(&lock);
    uint32_t state = atomic_u32_load_acquire(&previous->state) & ~TASK_ON;
    uint64_t kicks = 0;
    atomic_u32_store_release(&previous->state, state);
    if (state == TASK_RUNNABLE) {
        kicks = enqueue(previous, cpu->previous_reason);
    }
    unlock_and_interrupt(kicks, interrupts);
}

static void yield_for(uint32_t reason)
{
    struct cpu *cpu = cpu_this();
    struct task *current = cpu->current;
    CORE_ASSERT(cpu->holds->atomic == 0); /* T2 */
    bool interrupts = spinlock_acquire(&lock);
    struct task *next = pick(cpu);
    bool leaves = next != NULL || !task_may_run(current, hal_cpu_id());
    if (leaves) {
        atomic_u32_store_release(&current->state, TASK_RUNNABLE | TASK_ON);
    }
    unlock_after_pick(cpu, interrupts);
    if (leaves) {
        switch_to(cpu, next, reason);
    }
}

void sched_give_way(void)
{
    yield_for(KEEL_ENQUEUE_YIELDED);
}

void sched_preempt(void)
{
    struct cpu *cpu = cpu_this();
    bool may = cpu->current != NULL && cpu->holds->atomic == 0;
    if (may && atomic_u32_load_relaxed(&cpu->resched) != 0) {
        yield_for(KEEL_ENQUEUE_PREEMPTED);
    }
}

/* The calling task cannot go on: the next task or the idle context does. */
static void switch_away(uint32_t reason)
{
    struct cpu *cpu = cpu_this();
    bool interrupts = spinlock_acquire(&lock);
    struct task *next = pick(cpu);
    unlock_after_pick(cpu, interrupts);
    switch_to(cpu, next, reason);
}

void sched_block(void)
{
    CORE_ASSERT(cpu_this()->holds->atomic == 0); /* T2 */
    switch_away(KEEL_ENQUEUE_WOKEN);
}

_Noreturn void sched_exit(void)
{
    switch_away(KEEL_ENQUEUE_YIELDED);
    hal_panic("a dead task was resumed");
}

/* Ticks of an idle CPU while tasks are runnable show that the policy holds on to them; otherwise it needs no
 * more of them. The lock is held. */
static void note_idle_tick(struct cpu *cpu)
{
    cpu->idle_ticks = runnable_count > 0 ? cpu->idle_ticks + 1 : 0;
    cpu->next_tick = runnable_count > 0 ? cpu->next_tick : UINT64_MAX;
}

static void note_tick(struct cpu *cpu)
{
    uint64_t kicks = 0;
    bool interrupts = spinlock_acquire(&lock);
    if (cpu->current == NULL) {
        note_idle_tick(cpu);
    } else if (policy_task_tick(cpu->current, hal_cpu_id()) && runnable_count > 0) {
        atomic_u32_store_relaxed(&cpu->resched, 1);
    }
    if (runnable_count > 0) {
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
    sched_preempt();
}

/* This CPU found nothing to run. The lock is held: what is enqueued from here on sees that. */
static void note_idle(struct cpu *cpu)
{
    idle_mask |= bit_of(hal_cpu_id());
    if (runnable_count > 0) {
        start_ticks(cpu);
    } else if (cpu->next_tick == UINT64_MAX) {
        tickless_mask |= bit_of(hal_cpu_id());
    }
}

_Noreturn void sched_idle(void)
{
    struct cpu *cpu = cpu_this();
    for (;;) {
        bool interrupts = spinlock_acquire(&lock);
        struct task *next = pick(cpu);
        if (next == NULL) {
            note_idle(cpu);
        }
        unlock_after_pick(cpu, interrupts);
        if (next != NULL) {
            switch_to(cpu, next, 0);
        } else {
            hal_cpu_wait();
            works_run();
        }
    }
}

void sched_for_each_queued(void (*step)(struct task *task))
{
    for (uint32_t i = 0; i < object_slots(OBJECT_TASK); i++) {
        struct task *task = (struct task *)object_at(OBJECT_TASK, i);
        if (atomic_u32_load_acquire(&task->state) == TASK_RUNNABLE) {
            step(task);
        }
    }
}

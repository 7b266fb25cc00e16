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
#include "keel/sched_reason.h"

static struct spinlock lock;
static uint32_t runnable_count; /* tasks in state RUNNABLE without ON; under the lock */
static uint32_t scan_from;      /* where the fallback looks first; under the lock */
/* CPUs that idle: set before the last look at the queue, so no wake-up is lost. */
static atomic_u64_t idle_mask;

void sched_init(void)
{
    spinlock_init(&lock);
    runnable_count = 0;
    scan_from = 0;
    atomic_u64_init(&idle_mask, 0);
}

bool sched_lock(void)
{
    return spinlock_acquire(&lock);
}

void sched_unlock(bool interrupts)
{
    spinlock_release(&lock, interrupts);
}

/* A task that just became RUNNABLE without ON. The lock is held. */
static void enqueue(struct task *task, uint32_t reason)
{
    runnable_count++;
    policy_task_enqueue(task, task->last_cpu, reason);
}

/* Interrupts an idle CPU, if there is one, so that it looks at the queue. Its bit is taken with the kick, so
 * that the next task wakes the next CPU; the CPU sets it again before it looks. */
static void kick_idle(uint32_t preferred)
{
    uint64_t self = UINT64_C(1) << hal_cpu_id();
    uint64_t idle = atomic_u64_load_acquire(&idle_mask) & ~self;
    while (idle != 0) {
        unsigned target = preferred;
        if ((idle >> preferred & 1) == 0) {
            for (target = 0; (idle >> target & 1) == 0; target++) {
            }
        }
        uint64_t bit = UINT64_C(1) << target;
        idle = atomic_u64_fetch_and(&idle_mask, ~bit) & ~self;
        if ((idle & bit) != 0) {
            hal_ipi_send(target);
            return;
        }
    }
}

void sched_start(struct task *task)
{
    bool interrupts = spinlock_acquire(&lock);
    task->last_cpu = hal_cpu_id();
    uint32_t cpu = task->last_cpu;
    atomic_u32_store_release(&task->state, TASK_RUNNABLE);
    enqueue(task, KEEL_ENQUEUE_NEW);
    spinlock_release_irq_off(&lock);
    kick_idle(cpu);
    hal_irq_restore(interrupts);
}

void sched_wake(struct task *task)
{
    bool interrupts = spinlock_acquire(&lock);
    uint32_t state = atomic_u32_load_acquire(&task->state);
    CORE_ASSERT((state & TASK_STATE_MASK) == TASK_BLOCKED);
    uint32_t cpu = task->last_cpu;
    atomic_u32_store_release(&task->state, TASK_RUNNABLE | (state & TASK_ON));
    if ((state & TASK_ON) == 0) {
        enqueue(task, KEEL_ENQUEUE_WOKEN);
    }
    spinlock_release_irq_off(&lock);
    kick_idle(cpu);
    hal_irq_restore(interrupts);
}

/* RUNNABLE -> RUNNING|ON, if it is RUNNABLE and off every CPU. The lock is held. */
static bool claim(struct task *task)
{
    uint32_t state = TASK_RUNNABLE;
    if (!atomic_u32_cas(&task->state, &state, TASK_RUNNING | TASK_ON)) {
        return false;
    }
    runnable_count--;
    return true;
}

/* The fallback: the next RUNNABLE task in slot order. The lock is held. */
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

/* The next task for this CPU, claimed; NULL: none. The lock is held. */
static struct task *pick(struct cpu *cpu)
{
    struct task *task = NULL;
    enum policy_answer answer = policy_task_pick(hal_cpu_id(), &task);
    if (answer == POLICY_CHOSE && !claim(task)) {
        policy_task_wrong();
        answer = POLICY_WRONG;
    }
    if (answer == POLICY_NONE && cpu->idle_ticks >= SCHED_PATIENCE_TICKS && runnable_count > 0) {
        policy_task_wrong();
        answer = POLICY_WRONG;
    }
    if (answer == POLICY_ABSENT || answer == POLICY_WRONG) {
        task = scan();
    } else if (answer == POLICY_NONE) {
        task = NULL;
    }
    if (answer == POLICY_WRONG && task != NULL) {
        policy_task_fallback(task);
    }
    return task;
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
        next->last_cpu = hal_cpu_id();
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
    uint32_t last_cpu = previous->last_cpu;
    atomic_u32_store_release(&previous->state, state);
    if (state == TASK_RUNNABLE) {
        enqueue(previous, cpu->previous_reason);
    }
    spinlock_release(&lock, interrupts);
    if (state == TASK_RUNNABLE) {
        kick_idle(last_cpu);
    }
}

static void yield_for(uint32_t reason)
{
    struct cpu *cpu = cpu_this();
    struct task *current = cpu->current;
    CORE_ASSERT(current->holds.atomic == 0); /* T2 */
    atomic_u32_store_relaxed(&cpu->resched, 0);
    bool interrupts = spinlock_acquire(&lock);
    CORE_ASSERT(!interrupts);
    struct task *next = pick(cpu);
    if (next != NULL) {
        atomic_u32_store_release(&current->state, TASK_RUNNABLE | TASK_ON);
    }
    spinlock_release(&lock, interrupts);
    if (next != NULL) {
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
    bool may = cpu->current != NULL && cpu->current->holds.atomic == 0;
    if (may && atomic_u32_load_relaxed(&cpu->resched) != 0) {
        yield_for(KEEL_ENQUEUE_PREEMPTED);
    }
}

/* The calling task cannot go on: the next task or the idle context does. */
static void switch_away(uint32_t reason)
{
    struct cpu *cpu = cpu_this();
    bool interrupts = spinlock_acquire(&lock);
    CORE_ASSERT(!interrupts);
    struct task *next = pick(cpu);
    spinlock_release(&lock, interrupts);
    switch_to(cpu, next, reason);
}

void sched_block(void)
{
    CORE_ASSERT(cpu_this()->current->holds.atomic == 0); /* T2 */
    switch_away(KEEL_ENQUEUE_WOKEN);
}

_Noreturn void sched_exit(void)
{
    switch_away(KEEL_ENQUEUE_YIELDED);
    hal_panic("a dead task was resumed");
}

/* Ticks of an idle CPU while tasks are runnable show that the policy holds on to them. */
static void note_idle_tick(struct cpu *cpu)
{
    bool interrupts = spinlock_acquire(&lock);
    cpu->idle_ticks = runnable_count > 0 ? cpu->idle_ticks + 1 : 0;
    spinlock_release(&lock, interrupts);
}

static void note_task_tick(struct cpu *cpu)
{
    bool interrupts = spinlock_acquire(&lock);
    if (policy_task_tick(cpu->current, hal_cpu_id()) && runnable_count > 0) {
        atomic_u32_store_relaxed(&cpu->resched, 1);
    }
    spinlock_release(&lock, interrupts);
}

void sched_tick(void)
{
    struct cpu *cpu = cpu_this();
    uint64_t now = hal_time_now();
    uint64_t next_wake = deadline_expire(now);
    if (now >= cpu->next_tick) {
        cpu->next_tick = now + SCHED_TICK_NS;
        if (cpu->current != NULL) {
            note_task_tick(cpu);
        } else {
            note_idle_tick(cpu);
        }
    }
    hal_timer_arm(next_wake < cpu->next_tick ? next_wake : cpu->next_tick);
}

void hal_upcall_timer(void)
{
    sched_tick();
}

void hal_upcall_interrupt_exit(void)
{
    sched_preempt();
}

_Noreturn void sched_idle(void)
{
    uint64_t bit = UINT64_C(1) << hal_cpu_id();
    struct cpu *cpu = cpu_this();
    cpu->next_tick = hal_time_now() + SCHED_TICK_NS;
    hal_timer_arm(cpu->next_tick);
    for (;;) {
        atomic_u64_fetch_or(&idle_mask, bit);
        bool interrupts = spinlock_acquire(&lock);
        CORE_ASSERT(!interrupts);
        struct task *next = pick(cpu);
        /* Under the lock: who enqueues from here on kicks another CPU. */
        if (next != NULL) {
            atomic_u64_fetch_and(&idle_mask, ~bit);
        }
        spinlock_release(&lock, interrupts);
        if (next != NULL) {
            switch_to(cpu, next, 0);
        } else {
            hal_cpu_wait();
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

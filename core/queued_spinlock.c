/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Spinlocks of the clients, see core/queued_spinlock.h.
 */
#include "core/queued_spinlock.h"

#include "core/atomic_mode.h"
#include "core/lock_order.h"
#include "core/tlb.h"

/* Turns between two looks for a circle. */
#define TURNS_PER_LOOK 32u

/* On the stack of who waits. */
struct spin_waiter {
    struct spin_waiter *next, *previous;
    unsigned cpu;
    bool shared;
    atomic_u32_t granted;
};

/* What each CPU spins for. */
static struct spinning {
    /* The lock's address; 0: nothing. One read here may be of a lock that is gone meanwhile: a slot of the
     * pool all the same. */
    atomic_u64_t lock;
    atomic_u64_t number; /* another one each time that it begins to, and that a handler interrupts it */
} spinning[HAL_CPU_MAX];

void queued_spinlock_init(void)
{
    for (unsigned cpu = 0; cpu < HAL_CPU_MAX; cpu++) {
        atomic_u64_init(&spinning[cpu].lock, 0);
        atomic_u64_init(&spinning[cpu].number, 0);
    }
}

keel_status_t queued_spinlock_create(bool irq_off, uint64_t *handle)
{
    struct queued_spinlock *lock = (struct queued_spinlock *)object_claim(OBJECT_SPINLOCK);
    if (lock == NULL) {
        return KEEL_E_LIMIT;
    }
    lock->irq_off = irq_off;
    spinlock_init(&lock->lock);
    lock->shared = false;
    atomic_u64_store_relaxed(&lock->holders, 0);
    lock->head = NULL;
    lock->tail = NULL;
    *handle = object_handle(OBJECT_SPINLOCK, &lock->object);
    ref_publish(&lock->object.ref, 1, true);
    return KEEL_OK;
}

void queued_spinlock_put(struct queued_spinlock *lock)
{
    if (ref_put(&lock->object.ref)) {
        CORE_ASSERT(atomic_u64_peek(&lock->holders) == 0 && lock->head == NULL);
        ref_finish(&lock->object.ref);
    }
}

static uint64_t bit_of(unsigned cpu)
{
    return UINT64_C(1) << cpu;
}

/* --- The queue; lock->lock is held --- */

static void append(struct queued_spinlock *lock, struct spin_waiter *waiter)
{
    waiter->next = NULL;
    waiter->previous = lock->tail;
    if (lock->tail != NULL) {
        lock->tail->next = waiter;
    } else {
        lock->head = waiter;
    }
    lock->tail = waiter;
}

static void take_off(struct queued_spinlock *lock, struct spin_waiter *waiter)
{
    if (waiter->previous != NULL) {
        waiter->previous->next = waiter->next;
    } else {
        lock->head = waiter->next;
    }
    if (waiter->next != NULL) {
        waiter->next->previous = waiter->previous;
    } else {
        lock->tail = waiter->previous;
    }
}

/* May it be held like this, besides those who hold it? */
static bool admits(const struct queued_spinlock *lock, bool shared)
{
    return atomic_u64_peek(&lock->holders) == 0 || (lock->shared && shared);
}

static void admit(struct queued_spinlock *lock, unsigned cpu, bool shared)
{
    lock->shared = shared;
    atomic_u64_store_release(&lock->holders, atomic_u64_peek(&lock->holders) | bit_of(cpu));
}

/* Whoever is first in the queue and may have it gets it. */
KEEL_COLD static void hand_over(struct queued_spinlock *lock)
{
    while (lock->head != NULL && admits(lock, lock->head->shared)) {
        struct spin_waiter *first = lock->head;
        take_off(lock, first);
        admit(lock, first->cpu, first->shared);
        atomic_u32_store_release(&first->granted, 1); /* its last moment */
    }
}

/* --- Waiting --- */

void spin_turn(void)
{
    if (!hal_irq_enabled()) {
        tlb_serve();
    }
    hal_cpu_relax();
}

static void spins_for(struct spinning *self, uint64_t lock)
{
    atomic_u64_store_release(&self->number, atomic_u64_load_relaxed(&self->number) + 1);
    atomic_u64_store_release(&self->lock, lock);
}

uint64_t spin_hide(void)
{
    struct spinning *self = &spinning[hal_cpu_id()];
    uint64_t lock = atomic_u64_load_relaxed(&self->lock);
    spins_for(self, 0);
    return lock;
}

void spin_unhide(uint64_t lock)
{
    atomic_u64_store_release(&spinning[hal_cpu_id()].lock, lock);
}

/* Who holds the lock that the CPU waits for. 0: it does not, or was let in and has not noticed yet. */
static uint64_t waits_for(unsigned cpu)
{
    const struct queued_spinlock *lock =
        (const struct queued_spinlock *)(uintptr_t)atomic_u64_load_acquire(&spinning[cpu].lock);
    uint64_t holders = lock != NULL ? atomic_u64_load_acquire(&lock->holders) : 0;
    return (holders & bit_of(cpu)) == 0 ? holders : 0;
}

/* Does a holder of `lock`, which this CPU waits for, wait for this CPU, itself or by way of others?
 *
 * `stuck` begins with this CPU, which does not move while it looks here, and grows by CPUs that wait for one
 * that is in it already. What its handlers hold for a moment looks as if a CPU held it that waits: so in the
 * end all of them must still be in the same wait, and not have been interrupted in it. Then there was a
 * moment at which all waited for each other. */
static bool is_circle(const struct queued_spinlock *lock)
{
    uint64_t numbers[HAL_CPU_MAX];
    const uint64_t self = bit_of(hal_cpu_id());
    uint64_t stuck = self, before = 0;
    while (stuck != before) {
        before = stuck;
        for (unsigned cpu = 0; cpu < hal_cpu_count(); cpu++) {
            uint64_t number = atomic_u64_load_acquire(&spinning[cpu].number);
            if ((stuck & bit_of(cpu)) == 0 && (waits_for(cpu) & stuck) != 0) {
                numbers[cpu] = number;
                stuck |= bit_of(cpu);
            }
        }
    }
    bool circle = (atomic_u64_load_acquire(&lock->holders) & stuck) != 0;
    for (unsigned cpu = 0; cpu < hal_cpu_count() && circle; cpu++) {
        if ((stuck & ~self & bit_of(cpu)) != 0) {
            circle = waits_for(cpu) != 0 && atomic_u64_load_acquire(&spinning[cpu].number) == numbers[cpu];
        }
    }
    return circle;
}

/* Out of the queue. False: it was granted meanwhile. */
static bool withdraw(struct queued_spinlock *lock, struct spin_waiter *waiter)
{
    bool interrupts = spinlock_acquire(&lock->lock);
    bool waits = atomic_u32_peek(&waiter->granted) == 0;
    if (waits) {
        take_off(lock, waiter);
        hand_over(lock); /* it may have stood between readers */
    }
    spinlock_release(&lock->lock, interrupts);
    return waits;
}

/* Until it is let in. False: that would never be. */
static bool spin(struct queued_spinlock *lock, struct spin_waiter *waiter)
{
    bool granted = true;
    spins_for(&spinning[waiter->cpu], (uint64_t)(uintptr_t)lock);
    for (uint32_t turn = 1; granted && atomic_u32_load_acquire(&waiter->granted) == 0; turn++) {
        spin_turn();
        if (turn % TURNS_PER_LOOK == 0 && is_circle(lock)) {
            granted = !withdraw(lock, waiter);
        }
    }
    atomic_u64_store_release(&spinning[waiter->cpu].lock, 0);
    return granted;
}

/* --- Calls --- */

/* Lets this CPU in if the lock is free for it, or else puts it into the queue, unless `waiter` is NULL.
 * Interrupts are off. */
static bool enter(struct queued_spinlock *lock, bool shared, struct spin_waiter *waiter)
{
    spinlock_acquire_irq_off(&lock->lock);
    bool free = lock->head == NULL && admits(lock, shared);
    if (free) {
        admit(lock, hal_cpu_id(), shared);
    } else if (waiter != NULL) {
        waiter->cpu = hal_cpu_id();
        waiter->shared = shared;
        atomic_u32_init(&waiter->granted, 0);
        append(lock, waiter);
    }
    spinlock_release_irq_off(&lock->lock);
    return free;
}

/* The same, however long it takes, with interrupts on meanwhile or not. False: it would be for ever. */
KEEL_COLD static bool enter_or_wait(struct queued_spinlock *lock, bool shared, bool interrupts)
{
    struct spin_waiter waiter;
    bool free = enter(lock, shared, &waiter);
    hal_irq_restore(interrupts);
    bool granted = free || spin(lock, &waiter);
    (void)hal_irq_disable();
    return granted;
}

/* Interrupts are off. E_BUSY, E_LIMIT, E_CONTEXT. */
static keel_status_t prepare(struct holds *holds, const struct queued_spinlock *lock)
{
    if (cpu_context() == CONTEXT_INTERRUPT && !lock->irq_off) {
        return KEEL_E_CONTEXT;
    }
    if (hold_find(holds, lock) != NULL) {
        return KEEL_E_BUSY;
    }
    return holds_full(holds) ? KEEL_E_LIMIT : KEEL_OK;
}

keel_status_t queued_spinlock_lock(struct queued_spinlock *lock, bool shared, bool try)
{
    bool interrupts = hal_irq_disable();
    struct cpu *cpu = cpu_this();
    struct holds *holds = cpu->holds;
    keel_status_t status = prepare(holds, lock);
    if (status != KEEL_OK) {
        hal_irq_restore(interrupts);
        return status;
    }
    if (!try) {
        lock_order_note(holds, OBJECT_SPINLOCK, &lock->object,
                        shared ? "spinlock_lock_shared" : "spinlock_lock");
    }
    interrupts = interrupts && !lock->irq_off;
    atomic_enter(holds, lock->irq_off);
    if (!enter(lock, shared, NULL) && (try || !enter_or_wait(lock, shared, interrupts))) {
        atomic_leave(cpu, lock->irq_off);
        return KEEL_E_BUSY;
    }
    hold_add(holds, shared ? HOLD_SPINLOCK_SHARED : HOLD_SPINLOCK, lock->irq_off, lock);
    hal_irq_restore(interrupts);
    return KEEL_OK;
}

void queued_spinlock_unlock(struct hold *hold)
{
    (void)hal_irq_disable();
    struct cpu *cpu = cpu_this();
    struct queued_spinlock *lock = hold->object;
    hold_remove(cpu->holds, hold);
    spinlock_acquire_irq_off(&lock->lock);
    atomic_u64_store_release(&lock->holders, atomic_u64_peek(&lock->holders) & ~bit_of(hal_cpu_id()));
    if (lock->head != NULL) {
        hand_over(lock);
    }
    spinlock_release_irq_off(&lock->lock);
    atomic_leave(cpu, lock->irq_off);
    if (!ref_put_quick(&lock->object.ref)) {
        queued_spinlock_put(lock);
    }
}

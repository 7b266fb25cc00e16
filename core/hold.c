/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Guards, and the list of what is held, see core/hold.h.
 */
#include "core/hold.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/mutex.h"
#include "core/queued_spinlock.h"
#include "core/rcu.h"
#include "core/sched.h"
#include "core/work.h"

#define GUARD_NUMBER_END (UINT64_C(1) << GUARD_NUMBER_BITS)

_Static_assert(HAL_CPU_MAX <= UINT64_C(1) << (56 - GUARD_NUMBER_BITS), "a guard's name has room for its CPU");

void holds_init(struct holds *holds)
{
    holds->count = 0;
    holds->atomic = 0;
    holds->irq_off = 0;
}

/* A task may move to another CPU meanwhile: the list stays its own. */
static struct holds *holds_current(void)
{
    bool interrupts = hal_irq_disable();
    struct holds *holds = cpu_this()->holds;
    hal_irq_restore(interrupts);
    return holds;
}

static bool is_atomic(const struct hold *hold)
{
    return hold->kind != HOLD_MUTEX && hold->kind != HOLD_MUTEX_SHARED;
}

bool holds_full(const struct holds *holds)
{
    return holds->count == HOLDS_MAX;
}

void hold_add(struct holds *holds, enum hold_kind kind, bool irq_off, void *object)
{
    CORE_ASSERT(!holds_full(holds));
    holds->entries[holds->count++] = (struct hold){.kind = kind, .irq_off = irq_off, .object = object};
}

struct hold *hold_find(const struct holds *holds, enum hold_kind kind, const void *object)
{
    for (uint32_t i = holds->count; i-- > 0;) {
        const struct hold *hold = &holds->entries[i];
        if (hold->object == object && hold->kind == kind) {
            return (struct hold *)hold;
        }
    }
    return NULL;
}

void hold_remove(struct holds *holds, struct hold *hold)
{
    holds->count--;
    for (; hold < &holds->entries[holds->count]; hold++) {
        *hold = hold[1];
    }
}

void atomic_enter(struct holds *holds, bool irq_off)
{
    CORE_ASSERT(!hal_irq_enabled());
    holds->irq_off += irq_off;
    if (holds->atomic++ == 0) {
        hal_cpu_word_set(CONTEXT_ATOMIC);
    }
}

void atomic_leave(struct holds *holds, bool irq_off)
{
    CORE_ASSERT(!hal_irq_enabled() && holds->atomic > 0 && holds->irq_off >= irq_off);
    holds->irq_off -= irq_off;
    if (--holds->atomic == 0) {
        hal_cpu_word_set(CONTEXT_TASK);
        works_run();
        sched_preempt();
    }
    hal_irq_restore(holds->irq_off == 0);
}

keel_status_t guard_take(enum guard_also also, uint64_t *token)
{
    bool irq_off = also == GUARD_IRQ_OFF;
    bool interrupts = hal_irq_disable();
    struct cpu *cpu = cpu_this();
    struct holds *holds = cpu->holds;
    if (holds_full(holds) || cpu->guards_made == GUARD_NUMBER_END) {
        hal_irq_restore(interrupts);
        return KEEL_E_LIMIT;
    }
    atomic_enter(holds, irq_off);
    if (also == GUARD_RCU) {
        rcu_enter();
    }
    hold_add(holds, also == GUARD_RCU ? HOLD_GUARD_RCU : HOLD_GUARD, irq_off, NULL);
    *token = handle_make(OBJECT_GUARD, 0, 0) | (uint64_t)hal_cpu_id() << GUARD_NUMBER_BITS | cpu->guards_made;
    cpu->guards_made++;
    holds->entries[holds->count - 1].token = *token;
    hal_irq_restore(interrupts && !irq_off);
    return KEEL_OK;
}

struct hold *guard_find(uint64_t token)
{
    if (cpu_context() == CONTEXT_TASK) {
        return NULL; /* who holds one is in atomic mode, and stays on this CPU */
    }
    struct holds *holds = cpu_this()->holds;
    for (uint32_t i = holds->count; i-- > 0;) {
        struct hold *hold = &holds->entries[i];
        bool is_guard = hold->kind == HOLD_GUARD || hold->kind == HOLD_GUARD_RCU;
        if (is_guard && hold->token == token) {
            return hold;
        }
    }
    return NULL;
}

void guard_release(struct hold *guard)
{
    (void)hal_irq_disable();
    struct holds *holds = cpu_this()->holds;
    bool irq_off = guard->irq_off;
    bool reads = guard->kind == HOLD_GUARD_RCU;
    hold_remove(holds, guard);
    if (reads) {
        rcu_leave();
    }
    atomic_leave(holds, irq_off);
}

static void give_back(struct hold *hold)
{
    keel_status_t status = KEEL_OK;
    switch (hold->kind) {
    case HOLD_GUARD:
    case HOLD_GUARD_RCU:
        guard_release(hold);
        break;
    case HOLD_SPINLOCK:
    case HOLD_SPINLOCK_SHARED:
        status = queued_spinlock_unlock(hold->object);
        break;
    case HOLD_MUTEX:
    case HOLD_MUTEX_SHARED:
        status = mutex_unlock(hold->object);
        break;
    }
    CORE_ASSERT(status == KEEL_OK);
}

bool holds_release_atomic(void)
{
    struct holds *holds = holds_current();
    bool any = holds->atomic > 0;
    for (uint32_t i = holds->count; i-- > 0;) {
        if (is_atomic(&holds->entries[i])) {
            give_back(&holds->entries[i]);
        }
    }
    return any;
}

void holds_release_all(void)
{
    struct holds *holds = holds_current();
    while (holds->count > 0) {
        give_back(&holds->entries[holds->count - 1]);
    }
}

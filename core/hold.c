/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Guards, and the list of what is held, see core/hold.h.
 */
#include "core/hold.h"

#include "core/atomic_mode.h"
#include "core/mutex.h"
#include "core/queued_spinlock.h"
#include "core/rcu.h"

#define GUARD_NUMBER_END (UINT64_C(1) << GUARD_NUMBER_BITS)

_Static_assert(HAL_CPU_MAX <= UINT64_C(1) << (56 - GUARD_NUMBER_BITS), "a guard's name has room for its CPU");

void holds_init(struct holds *holds)
{
    holds->count = 0;
    holds->atomic = 0;
    holds->irq_off = 0;
}

struct holds *holds_current(void)
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

struct hold *hold_add(struct holds *holds, enum hold_kind kind, bool irq_off, void *object)
{
    CORE_ASSERT(!holds_full(holds));
    struct hold *hold = &holds->entries[holds->count++];
    *hold = (struct hold){.kind = kind, .irq_off = irq_off, .object = object};
    return hold;
}

struct hold *hold_find(struct holds *holds, const void *object)
{
    for (uint32_t i = holds->count; i-- > 0;) {
        if (holds->entries[i].object == object) {
            return &holds->entries[i];
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

static inline keel_status_t take(enum hold_kind kind, bool irq_off, uint64_t *token)
{
    bool interrupts = hal_irq_disable();
    struct cpu *cpu = cpu_this();
    struct holds *holds = cpu->holds;
    if (holds_full(holds) || cpu->guards_made == GUARD_NUMBER_END) {
        hal_irq_restore(interrupts);
        return KEEL_E_LIMIT;
    }
    atomic_enter(holds, irq_off);
    if (kind == HOLD_GUARD_RCU) {
        rcu_enter(cpu);
    }
    struct hold *hold = hold_add(holds, kind, irq_off, NULL);
    hold->token =
        handle_make(OBJECT_GUARD, 0, 0) | (uint64_t)hal_cpu_id() << GUARD_NUMBER_BITS | cpu->guards_made;
    cpu->guards_made++;
    *token = hold->token;
    hal_irq_restore(interrupts && !irq_off);
    return KEEL_OK;
}

keel_status_t guard_take(uint64_t *token)
{
    return take(HOLD_GUARD, false, token);
}

keel_status_t guard_take_irq_off(uint64_t *token)
{
    return take(HOLD_GUARD, true, token);
}

keel_status_t guard_take_rcu(uint64_t *token)
{
    return take(HOLD_GUARD_RCU, false, token);
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
    struct cpu *cpu = cpu_this();
    bool irq_off = guard->irq_off;
    bool reads = guard->kind == HOLD_GUARD_RCU;
    hold_remove(cpu->holds, guard);
    if (reads) {
        rcu_leave(cpu);
    }
    atomic_leave(cpu, irq_off);
}

static void give_back(struct hold *hold)
{
    switch (hold->kind) {
    case HOLD_GUARD:
    case HOLD_GUARD_RCU:
        guard_release(hold);
        break;
    case HOLD_SPINLOCK:
    case HOLD_SPINLOCK_SHARED:
        queued_spinlock_unlock(hold);
        break;
    case HOLD_MUTEX:
    case HOLD_MUTEX_SHARED:
        mutex_unlock(hold);
        break;
    }
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

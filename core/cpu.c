/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Per-CPU state, see core/cpu.h.
 */
#include "core/cpu.h"

#include "core/assert.h"
#include "hal/cpu.h"

static struct cpu cpus[HAL_CPU_MAX];

void cpu_init(void)
{
    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        struct cpu *cpu = &cpus[id];
        cpu->id = id;
        cpu->current = NULL;
        cpu->previous = NULL;
        cpu->previous_reason = 0;
        cpu->loaded = NULL;
        cpu->vector_owner = NULL;
        cpu->next_tick = 0;
        cpu->idle_ticks = 0;
        cpu->policy_depth = 0;
        atomic_u64_init(&cpu->walks_under, 0);
        atomic_u32_init(&cpu->resched, 0);
        atomic_u32_init(&cpu->online, 0);
    }
}

struct cpu *cpu_this(void)
{
    return &cpus[hal_cpu_id()];
}

struct cpu *cpu_at(unsigned id)
{
    CORE_ASSERT(id < hal_cpu_count());
    return &cpus[id];
}

uint64_t cpu_online_mask(void)
{
    uint64_t mask = 0;
    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        mask |= (uint64_t)atomic_u32_load_acquire(&cpus[id].online) << id;
    }
    return mask;
}

unsigned cpu_context(void)
{
    bool interrupts = hal_irq_disable();
    const struct cpu *cpu = cpu_this();
    unsigned context = CONTEXT_IDLE;
    if (atomic_u32_load_relaxed(&cpu->online) == 0) {
        context = CONTEXT_EARLY;
    } else if (cpu->policy_depth > 0) {
        context = CONTEXT_POLICY;
    } else if (cpu->current != NULL) {
        context = CONTEXT_TASK;
    }
    hal_irq_restore(interrupts);
    return context;
}

void cpu_policy_enter(void)
{
    cpu_this()->policy_depth++;
}

void cpu_policy_leave(void)
{
    cpu_this()->policy_depth--;
}

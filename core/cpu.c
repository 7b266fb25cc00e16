/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Per-CPU state, see core/cpu.h.
 */
#include "core/cpu.h"

#include <string.h>

#include "core/assert.h"
#include "hal/cpu.h"

static struct cpu cpus[HAL_CPU_MAX];

void cpu_init(void)
{
    hal_cpu_word_set(CONTEXT_EARLY);
    hal_cpu_pointer_set(NULL);
    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        struct cpu *cpu = &cpus[id];
        cpu->current = NULL;
        cpu->previous = NULL;
        cpu->kicks = 0;
        cpu->loaded = NULL;
        memset(cpu->tagged, 0, sizeof(cpu->tagged));
        cpu->next_tag = 0;
        cpu->vector_owner = NULL;
        cpu->next_tick = UINT64_MAX;
        cpu->timer = UINT64_MAX;
        cpu->idle_ticks = 0;
        atomic_u64_init(&cpu->walks_under, 0);
        cpu->walk_count = 0;
        atomic_u64_init(&cpu->rcu_epoch, 0);
        cpu->rcu_depth = 0;
        cpu->holds = NULL;
        cpu->interrupted_holds = NULL;
        holds_init(&cpu->interrupt_holds);
        cpu->interrupt_holds.atomic = 1;
        cpu->interrupt_holds.irq_off = 1;
        holds_init(&cpu->soft_holds);
        cpu->soft_holds.atomic = 1;
        spinlock_init(&cpu->works.lock);
        cpu->works.head = NULL;
        cpu->works.tail = NULL;
        cpu->works.entered = 0;
        cpu->works.pause_end = 0;
        atomic_u32_init(&cpu->works.count, 0);
        cpu->guards_made = 0;
        atomic_u32_init(&cpu->resched, 0);
        atomic_u32_init(&cpu->online, 0);
        for (unsigned kind = 0; kind < CPU_COUNTS; kind++) {
            atomic_u64_init(&cpu->counts[kind], 0);
        }
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

bool cpu_is_online(unsigned id)
{
    return id < hal_cpu_count() && atomic_u32_load_acquire(&cpus[id].online) != 0;
}

void cpu_timer_by(uint64_t time)
{
    struct cpu *cpu = cpu_this();
    if (time < cpu->timer) {
        cpu->timer = time;
        hal_timer_arm(time);
    }
}

void cpu_count(enum cpu_count kind)
{
    atomic_u64_t *count = &cpu_this()->counts[kind];
    atomic_u64_store_relaxed(count, atomic_u64_peek(count) + 1);
}

static uint32_t context_of(const struct cpu *cpu)
{
    return cpu->current != NULL ? CONTEXT_TASK : CONTEXT_IDLE;
}

void cpu_set_current(struct cpu *cpu, struct task *task)
{
    cpu->current = task;
    hal_cpu_pointer_set(task);
    cpu->holds = task != NULL ? &task->holds : NULL;
    hal_cpu_word_set(context_of(cpu));
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Into atomic mode and out of it, for what core/hold.h lists. In line: every guard and every spinlock does
 * both. Of the code that runs, on this CPU, with interrupts off; `irq_off`: what is taken keeps them off.
 */
#ifndef CORE_ATOMIC_MODE_H
#define CORE_ATOMIC_MODE_H

#include "core/assert.h"
#include "core/sched.h"
#include "core/work.h"

/* Before a lock is tried for (T5). */
static inline void atomic_enter(struct holds *holds, bool irq_off)
{
    CORE_ASSERT(!hal_irq_enabled());
    holds->irq_off += irq_off;
    if (holds->atomic++ == 0) {
        hal_cpu_word_set(CONTEXT_ATOMIC);
    }
}

/* After it was released. Switches interrupts on if nothing keeps them off; before that works run that were
 * queued meanwhile, and the task is switched if that was asked for. */
static inline void atomic_leave(struct cpu *cpu, bool irq_off)
{
    struct holds *holds = cpu->holds; /* a task's own, also when it has been switched */
    CORE_ASSERT(!hal_irq_enabled() && holds->atomic > 0 && holds->irq_off >= irq_off);
    holds->irq_off -= irq_off;
    if (--holds->atomic == 0) {
        hal_cpu_word_set(CONTEXT_TASK);
        works_run(cpu);
        sched_preempt(cpu);
    }
    hal_irq_restore(holds->irq_off == 0);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt context, see core/interrupt.h.
 */
#include "core/interrupt.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/queued_spinlock.h"

void interrupt_enter(struct interrupt_frame *outer)
{
    struct cpu *cpu = cpu_this();
    CORE_ASSERT(!hal_irq_enabled() && cpu->holds != &cpu->interrupt_holds);
    *outer = (struct interrupt_frame){cpu_context(), cpu->holds, spin_hide()};
    cpu->interrupted_holds = cpu->holds;
    cpu->holds = &cpu->interrupt_holds;
    hal_cpu_word_set(CONTEXT_INTERRUPT);
}

void interrupt_leave(const struct interrupt_frame *outer)
{
    struct cpu *cpu = cpu_this();
    (void)holds_release_atomic();
    CORE_ASSERT(!hal_irq_enabled() && cpu->interrupt_holds.count == 0);
    cpu->holds = outer->holds;
    spin_unhide(outer->spins_for);
    hal_cpu_word_set(outer->context);
}

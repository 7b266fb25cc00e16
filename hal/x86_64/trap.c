/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Traps from kernel code, and interrupts from anywhere.
 */
#include "trap.h"
#include "hal/cpu.h"
#include "hal/ioapic.h"
#include "insn.h"
#include "keel/user_regs.h"
#include "parts.h"
#include "percpu.h"

#define FLAG_TF (UINT64_C(1) << 8)
#define FLAG_IF (UINT64_C(1) << 9)

void x86_interrupt(uint64_t vector)
{
    switch (vector) {
    case X86_VECTOR_TIMER:
        x86_apic_acknowledge();
        x86_timer_interrupt();
        break;
    case X86_VECTOR_IPI:
        x86_apic_acknowledge();
        x86_cpu_attend();
        hal_upcall_ipi();
        break;
    case X86_VECTOR_APIC_ERROR:
        x86_apic_acknowledge();
        /* Counted, not printed: a device that sends illegal vectors must not buy the console with them (D8).
         */
        x86_this_cpu()->apic_error_count++;
        x86_this_cpu()->apic_error_status |= x86_apic_error();
        break;
    case IOAPIC_VECTOR_FIRST ... IOAPIC_VECTOR_FIRST + HAL_IRQ_SOURCES_MAX - 1:
        /* Acknowledged at the end: a level that is still active then interrupts again. */
        hal_upcall_irq((unsigned)(vector - IOAPIC_VECTOR_FIRST));
        ioapic_end((unsigned)(vector - IOAPIC_VECTOR_FIRST));
        x86_apic_acknowledge();
        break;
    default:
        /* Nobody was given this vector: a device that firmware left armed or that forges messages, or a
         * spurious interrupt: of the masked 8259s (Intel 8259A data sheet, "default IR7"), or the APIC's own,
         * of which it keeps nothing in service (SDM vol. 3A, 10.9). A device may send that one's vector, too:
         * unacknowledged it would keep everything else of this CPU waiting. */
        x86_this_cpu()->stray_interrupt_count++;
        if (x86_apic_in_service(vector)) {
            x86_apic_acknowledge();
        }
        break;
    }
}

_Static_assert(X86_USER_END == KEEL_USER_END, "layout.h");

/* Where a fault may go on; 0: nowhere. An access to user memory can fault there in one way only: by a page
 * fault at a user's address. Anything else is a mistake on the kernel's side of the copy. */
static uint64_t find_fixup(const struct x86_frame *frame, uint64_t cr2)
{
    for (const struct x86_fixup *fixup = x86_fixups_start; fixup < x86_fixups_end; fixup++) {
        if (fixup->fault == frame->rip) {
            bool covered =
                frame->vector == X86_VECTOR_PF ? cr2 < fixup->limit : fixup->limit == X86_FIXUP_ANY;
            return covered ? fixup->go_on : 0;
        }
    }
    return 0;
}

void x86_trap_kernel(struct x86_frame *frame)
{
    const uint64_t cr2 = x86_read_cr2();
    uint64_t go_on;

    if (frame->vector >= X86_VECTOR_IRQ) {
        x86_interrupt(frame->vector);
        if (!x86_this_cpu()->waiting && (frame->rflags & FLAG_IF) != 0) {
            hal_upcall_interrupt_exit();
        }
        return;
    }
    go_on = find_fixup(frame, cr2);
    if (go_on == 0) {
        x86_fault(frame, cr2);
    }
    frame->rip = go_on;
}

/* Where an interrupt that is pending would be served before HLT now (wait.S), nothing is waited for. */
static void leave_wait(struct x86_frame *frame)
{
    if (frame->cs == X86_KERNEL_CS && frame->rip == (uint64_t)(uintptr_t)x86_wait_halt) {
        frame->rip = (uint64_t)(uintptr_t)x86_wait_end;
    }
}

void x86_trap_paranoid(struct x86_frame *frame)
{
    switch (frame->vector) {
    case X86_VECTOR_NMI:
        /* Another CPU ends the run; no other source of NMIs is programmed here: a stray one is counted and
         * changes nothing. */
        if (x86_is_stopped()) {
            x86_halt_forever();
        }
        x86_this_cpu()->nmi_count++;
        break;
    case X86_VECTOR_DB:
        /* No breakpoint is ever armed; a user's single step may trail into the SYSCALL entry on some CPUs. */
        frame->rflags &= ~FLAG_TF;
        x86_write_dr6(0xffff0ff0);
        x86_this_cpu()->kernel_debug_count++;
        break;
    default:
        x86_fault(frame, x86_read_cr2());
    }
    leave_wait(frame);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The last report: what the kernel did, where, and how it came there. Nothing here takes a lock or needs
 * memory; a fault inside ends the run at once.
 */
#include "hal/context.h"
#include "hal/cpu.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"
#include "trap.h"

#define ERROR_PRESENT (UINT64_C(1) << 0)
#define ERROR_WRITE   (UINT64_C(1) << 1)
#define ERROR_FETCH   (UINT64_C(1) << 4)

/* One CPU reports, the others stand still: the one whose number plus one stands in `reporter`. */
static void begin(void)
{
    static atomic_u32_t reporter;
    const uint32_t self = hal_cpu_id() + 1;
    uint32_t first = 0;

    x86_cli();
    if (!atomic_u32_cas(&reporter, &first, self)) {
        if (first != self) {
            x86_halt_forever();
        }
        x86_print("\nkeel: panic while reporting a panic\n");
        x86_power_fail();
    }
    x86_stop_others();
}

void hal_panic(const char *message)
{
    begin();
    x86_print("keel: panic: %s\n", message);
    x86_backtrace((uint64_t)(uintptr_t)hal_panic, (uint64_t)(uintptr_t)__builtin_frame_address(0));
    x86_power_fail();
}

static const char *exception_name(uint64_t vector)
{
    static const char *const names[] = {
        "divide error",
        "debug exception",
        "NMI",
        "breakpoint",
        "overflow",
        "bound range exceeded",
        "invalid opcode",
        "device not available",
        "double fault",
        "coprocessor overrun",
        "invalid TSS",
        "segment not present",
        "stack fault",
        "general protection",
        "page fault",
        "exception 15",
        "x87 error",
        "alignment check",
        "machine check",
        "SIMD error",
        "virtualization exception",
        "control protection",
    };

    return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "unknown exception";
}

/* A push onto a guard page faults, the push of that fault's frame faults again: a stack overflow arrives as
 * #DF, with the address of the last #PF in CR2 (T3). */
static bool report_overflow(const struct x86_frame *frame, uint64_t cr2)
{
    char name[32];
    const char *own;
    unsigned slot;

    if (frame->vector != X86_VECTOR_DF && frame->vector != X86_VECTOR_PF) {
        return false;
    }
    own = x86_stack_guard_name(cr2, &slot);
    if (own != NULL) {
        x86_print("keel: panic: kernel stack overflow: %s stack of cpu %u\n", own,
                  (uint64_t)x86_cpus[slot].id);
        return true;
    }
    if (!hal_upcall_guard_owner(cr2, name, sizeof(name))) {
        return false;
    }
    x86_print("keel: panic: kernel stack overflow in task %s\n", name);
    return true;
}

static void report_page_fault(uint64_t error, uint64_t cr2)
{
    const char *access = (error & ERROR_FETCH) != 0   ? "executing"
                         : (error & ERROR_WRITE) != 0 ? "writing"
                                                      : "reading";

    x86_print("keel: panic: page fault in the kernel, %s %s memory at 0x%x\n", access,
              (error & ERROR_PRESENT) != 0 ? "protected" : "unmapped", cr2);
}

void x86_fault(const struct x86_frame *frame, uint64_t cr2)
{
    begin();
    if (!report_overflow(frame, cr2)) {
        if (frame->vector == X86_VECTOR_PF) {
            report_page_fault(frame->error, cr2);
        } else {
            x86_print("keel: panic: %s in the kernel, error code 0x%x\n", exception_name(frame->vector),
                      frame->error);
        }
    }
    x86_print("  rip 0x%x rsp 0x%x address 0x%x flags 0x%x\n", frame->rip, frame->rsp, cr2, frame->rflags);
    x86_backtrace(frame->rip, frame->rbp);
    x86_power_fail();
}

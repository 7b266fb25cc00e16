/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What happens when a program does something that the CPU refuses.
 */
#include "program.h"

#define VECTOR_PAGE_FAULT 14u
/* Page-fault error code (Intel SDM vol. 3A, 4.7). Whether the page was present is not shown: for kernel
 * addresses that differs from machine to machine. */
#define PF_WRITE 0x02u
#define PF_USER  0x04u
#define PF_FETCH 0x10u

/* Intel SDM vol. 3A, table 6-1. */
static const char *vector_name(uint32_t vector)
{
    static const char *const names[32] = {
        [0] = "divide error",
        [1] = "debug exception",
        [2] = "non-maskable interrupt",
        [3] = "breakpoint",
        [4] = "overflow",
        [5] = "bound range exceeded",
        [6] = "invalid opcode",
        [7] = "device not available",
        [8] = "double fault",
        [10] = "invalid task state",
        [11] = "segment not present",
        [12] = "stack fault",
        [13] = "general protection",
        [14] = "page fault",
        [16] = "x87 floating-point error",
        [17] = "alignment check",
        [18] = "machine check",
        [19] = "SIMD floating-point error",
        [20] = "virtualization exception",
        [21] = "control protection",
    };
    return vector < 32 && names[vector] != NULL ? names[vector] : "reserved exception";
}

static const char *access_name(uint64_t error)
{
    if ((error & PF_FETCH) != 0) {
        return "execute";
    }
    return (error & PF_WRITE) != 0 ? "write" : "read";
}

static void report(struct program *program, const struct keel_user_regs *regs,
                   const struct keel_user_event *event)
{
    struct line line = {.length = 0};
    line_add(&line, "[fault: ");
    line_add(&line, vector_name(event->vector));
    if (event->vector == VECTOR_PAGE_FAULT) {
        line_add(&line, " at ");
        line_add_hex(&line, event->address);
        line_add(&line, " (");
        line_add(&line, access_name(event->error));
        line_add(&line, (event->error & PF_USER) != 0 ? ", user)" : ", kernel)");
    } else if (event->error != 0) {
        line_add(&line, ", error ");
        line_add_hex(&line, event->error);
    }
    line_add(&line, ", rip ");
    line_add_hex(&line, regs->rip);
    line_add(&line, "]");
    line_print(&line, program->name);
}

void program_fault(struct program *program, struct keel_user_regs *regs, const struct keel_user_event *event)
{
    struct fault_handler handler = program->handler;
    program->handler.armed = false;
    if (!handler.armed || !handler.quiet) {
        if (program->output.length != 0) {
            line_print(&program->output, program->name);
        }
        report(program, regs, event);
    }
    if (!handler.armed) {
        program->ended = true;
        return;
    }
    regs->rip = handler.resume;
    regs->rsp = handler.rsp;
    regs->rflags = 0; /* Keel sets what must be set */
    regs->rax = event->vector;
    regs->rdx = event->error;
}

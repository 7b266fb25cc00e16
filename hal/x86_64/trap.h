/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What lies on the stack after any entry into the kernel, and who handles it (trap_entry.S says which path).
 */
#ifndef X86_TRAP_H
#define X86_TRAP_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct x86_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss; /* the CPU's own part (SDM vol. 3A, 6.14.2) */
};

_Static_assert(offsetof(struct x86_frame, vector) == X86_FRAME_VECTOR, "layout.h");
_Static_assert(offsetof(struct x86_frame, rip) == X86_FRAME_RIP, "layout.h");
_Static_assert(offsetof(struct x86_frame, cs) == X86_FRAME_CS, "layout.h");
_Static_assert(sizeof(struct x86_frame) == X86_FRAME_SIZE, "layout.h");

/* Called by trap_entry.S, interrupts off, kernel GS. */
void x86_trap_kernel(struct x86_frame *frame);   /* from kernel code; returns to it */
void x86_trap_paranoid(struct x86_frame *frame); /* NMI, #DF, #MC anywhere; #DB in the kernel */
void x86_trap_user(struct x86_frame *frame);     /* from user mode; hal_user_run returns next */
void x86_trap_iret(struct x86_frame *frame);     /* the IRETQ to user mode faulted; likewise */

/* wait.S: lets interrupts in and halts. */
void x86_wait(void);
extern const unsigned char x86_wait_halt[], x86_wait_end[];

/* Handles an interrupt vector and acknowledges it. */
void x86_interrupt(uint64_t vector);

/* The stubs, one each 32 bytes, and the SYSCALL entry. */
#define X86_STUB_SIZE 32u
extern const unsigned char x86_trap_stubs[];
extern const unsigned char x86_syscall_entry[];

#endif

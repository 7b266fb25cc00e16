/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The context switch, see hal/x86_switch.h. The System V ABI's callee-saved registers and RSP are all that a function
 * call must keep; the control words of x87 and SSE are the same everywhere in a kernel.
 */

    .text

    .globl x86_switch
    .type x86_switch, @function
x86_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .size x86_switch, . - x86_switch

/* Where a new context begins. The zero in RBP ends backtraces. */
    .globl x86_context_start
    .type x86_context_start, @function
x86_context_start:
    .cfi_startproc
    .cfi_undefined %rip
    mov %r13, %rdi
    call *%r12
    ud2
    .cfi_endproc
    .size x86_context_start, . - x86_context_start

    .section .note.GNU-stack, "", @progbits

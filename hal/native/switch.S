/* SPDX-License-Identifier: BSD-2-Clause
 *
 * native_switch(void **save_stack, void *load_stack): the System V ABI's callee-saved registers and RSP. The control
 * words of x87 and SSE are the same everywhere here.
 */
    .text
    .globl native_switch
    .type native_switch, @function
native_switch:
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
    .size native_switch, . - native_switch

/* Where a new context begins (context.c fills R12 and R13). The zero in RBP ends backtraces. */
    .globl native_context_start
    .type native_context_start, @function
native_context_start:
    .cfi_startproc
    .cfi_undefined %rip
    mov %r13, %rdi
    call *%r12
    ud2
    .cfi_endproc
    .size native_context_start, . - native_context_start

    .section .note.GNU-stack, "", @progbits

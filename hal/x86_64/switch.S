/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Context switch.
 */

    .text

/* x86_switch(uint64_t *save_stack, uint64_t load_stack): the System V ABI's callee-saved registers and RSP
 * are all that a function call must keep. */
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

/* Where a new context begins (context.c fills R12 and R13). The zero in RBP ends backtraces. */
    .globl x86_context_start
    .type x86_context_start, @function
x86_context_start:
    mov %r13, %rdi
    call *%r12
    ud2
    .size x86_context_start, . - x86_context_start

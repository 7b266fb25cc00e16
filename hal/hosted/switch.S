/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Stack switch between coroutines, System V ABI for x86-64: rbx, rbp, r12-r15, the x87 control word and the control
 * bits of MXCSR belong to the callee. stack.c builds the same layout for a fresh stack.
 */
        .text
        .globl  hosted_stack_switch
        .type   hosted_stack_switch, @function
hosted_stack_switch:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        fldcw   4(%rsp)
        ldmxcsr (%rsp)
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        popq    %r14
        .cfi_adjust_cfa_offset -8
        popq    %r13
        .cfi_adjust_cfa_offset -8
        popq    %r12
        .cfi_adjust_cfa_offset -8
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   hosted_stack_switch, . - hosted_stack_switch

/* First code on a fresh stack: entry in r12, its argument in r13. The return address is undefined, so unwinders stop. */
        .globl  hosted_stack_start
        .type   hosted_stack_start, @function
hosted_stack_start:
        .cfi_startproc
        .cfi_undefined %rip
        xorl    %ebp, %ebp
        movq    %r13, %rdi
        call    *%r12
        ud2
        .cfi_endproc
        .size   hosted_stack_start, . - hosted_stack_start

        .section .note.GNU-stack, "", @progbits

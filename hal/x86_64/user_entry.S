/* SPDX-License-Identifier: BSD-2-Clause
 *
 * x86_user_enter(regs, by_sysret): into user mode, with callee-saved registers on the stack; x86_user_return
 * is where it comes back to, from whichever trap ends the visit, with what it answers in RAX. Interrupts are
 * off until the last instruction.
 */
#include "layout.h"

    .text
    .globl x86_user_enter
    .type x86_user_enter, @function
x86_user_enter:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp
    /* 16-byte aligned now: the frames pushed below it must be. */
    mov %rsp, %gs:X86_CPU_KERNEL_STACK
    mov %rsp, %gs:X86_CPU_TSS_RSP0

    mov %rdi, %rax
    mov X86_REGS_RBX(%rax), %rbx
    mov X86_REGS_RDX(%rax), %rdx
    mov X86_REGS_RDI(%rax), %rdi
    mov X86_REGS_RBP(%rax), %rbp
    mov X86_REGS_R8(%rax), %r8
    mov X86_REGS_R9(%rax), %r9
    mov X86_REGS_R10(%rax), %r10
    mov X86_REGS_R12(%rax), %r12
    mov X86_REGS_R13(%rax), %r13
    mov X86_REGS_R14(%rax), %r14
    mov X86_REGS_R15(%rax), %r15
    test %sil, %sil
    mov X86_REGS_RSI(%rax), %rsi
    jz 1f

    /* SYSRET: the caller has seen that RCX is RIP, R11 is RFLAGS, and RIP is a user address. On Intel a
     * non-canonical one would fault here, in ring 0 and on the user's stack (SDM vol. 2B, SYSRET). */
    mov X86_REGS_RIP(%rax), %rcx
    mov X86_REGS_RFLAGS(%rax), %r11
    mov X86_REGS_RSP(%rax), %rsp
    mov X86_REGS_RAX(%rax), %rax
    swapgs
    sysretq

1:
    pushq $X86_USER_SS
    pushq X86_REGS_RSP(%rax)
    pushq X86_REGS_RFLAGS(%rax)
    pushq $X86_USER_CS
    pushq X86_REGS_RIP(%rax)
    mov X86_REGS_RCX(%rax), %rcx
    mov X86_REGS_R11(%rax), %r11
    mov X86_REGS_RAX(%rax), %rax
    swapgs
    .globl x86_iret_to_user
x86_iret_to_user:
    iretq

    .globl x86_user_return
x86_user_return:
    mov %gs:X86_CPU_KERNEL_STACK, %rsp
    add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .size x86_user_enter, . - x86_user_enter

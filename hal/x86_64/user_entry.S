/* SPDX-License-Identifier: BSD-2-Clause
 *
 * x86_user_enter(regs, by_sysret): into user mode, with callee-saved registers on the stack; x86_user_return
 * is where it comes back to, from whichever trap ends the visit. Interrupts are off until the last
 * instruction.
 */
#include "layout.h"

/* struct keel_user_regs; user.c checks these. */
#define REGS_RAX    0
#define REGS_RBX    8
#define REGS_RCX    16
#define REGS_RDX    24
#define REGS_RSI    32
#define REGS_RDI    40
#define REGS_RBP    48
#define REGS_RSP    56
#define REGS_R8     64
#define REGS_R9     72
#define REGS_R10    80
#define REGS_R11    88
#define REGS_R12    96
#define REGS_R13    104
#define REGS_R14    112
#define REGS_R15    120
#define REGS_RIP    128
#define REGS_RFLAGS 136

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
    mov REGS_RBX(%rax), %rbx
    mov REGS_RDX(%rax), %rdx
    mov REGS_RDI(%rax), %rdi
    mov REGS_RBP(%rax), %rbp
    mov REGS_R8(%rax), %r8
    mov REGS_R9(%rax), %r9
    mov REGS_R10(%rax), %r10
    mov REGS_R12(%rax), %r12
    mov REGS_R13(%rax), %r13
    mov REGS_R14(%rax), %r14
    mov REGS_R15(%rax), %r15
    test %sil, %sil
    mov REGS_RSI(%rax), %rsi
    jz 1f

    /* SYSRET: the caller has seen that RCX is RIP, R11 is RFLAGS, and RIP is a user address. On Intel a
     * non-canonical one would fault here, in ring 0 and on the user's stack (SDM vol. 2B, SYSRET). */
    mov REGS_RIP(%rax), %rcx
    mov REGS_RFLAGS(%rax), %r11
    mov REGS_RSP(%rax), %rsp
    mov REGS_RAX(%rax), %rax
    swapgs
    sysretq

1:
    pushq $X86_USER_SS
    pushq REGS_RSP(%rax)
    pushq REGS_RFLAGS(%rax)
    pushq $X86_USER_CS
    pushq REGS_RIP(%rax)
    mov REGS_RCX(%rax), %rcx
    mov REGS_R11(%rax), %r11
    mov REGS_RAX(%rax), %rax
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

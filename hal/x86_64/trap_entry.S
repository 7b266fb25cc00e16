/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Every way into the kernel but boot. Three paths lead from the vector stubs to C:
 *
 * - common: the code segment on the stack says whether GS is the user's. True for all vectors that cannot
 *   arrive between SWAPGS and the change of privilege: interrupts are off there, and none of the
 *   instructions there can fault, but for one IRETQ, which is known by its address.
 * - paranoid: NMI, #DF, #MC and #DB can arrive anywhere. They have stacks of their own (IST), at whose top
 *   lies the CPU's x86_cpu; the handler puts that into GS and puts back what was there, whatever it was (U4).
 * - system call: SYSCALL changes neither stack nor GS.
 *
 * What comes from user mode never returns through its frame: the registers go to where hal_user_run wants
 * them, and hal_user_run returns. The exceptions are NMI and what is fatal.
 */
#include "layout.h"

    .macro SAVE_REGISTERS
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

/* Back to the interrupted code, past vector and error code. */
    .macro RESTORE_AND_IRET
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq
    .endm

/* Neither DF nor AC is changed by an interrupt gate (SDM vol. 3A, 6.12.1.3): C wants DF clear, and AC would
 * switch SMAP off. CLAC does not exist on a CPU without SMAP. */
    .macro CLEAR_FLAGS
    cld
    cmpb $0, x86_smap_on(%rip)
    je 9f
    clac
9:
    .endm

/* 256 stubs, all alike, also for vectors where the CPU pushes an error code and for those where a later CPU
 * may. Whether it did shows in RSP: the CPU aligns it to 16 bytes before it pushes five words, or six
 * (6.14.2). */
    .section .text.x86_trap_stubs, "ax"
    .globl x86_trap_stubs
    .balign 32
x86_trap_stubs:
    .set vector, 0
    .rept 256
    .balign 32, 0xcc
    testb $8, %spl
    jz 1f
    pushq $0
1:
    pushq $vector
    .if vector == X86_VECTOR_DB || vector == X86_VECTOR_NMI || vector == X86_VECTOR_DF || \
        vector == X86_VECTOR_MC
    jmp trap_paranoid
    .else
    jmp trap_common
    .endif
    .set vector, vector + 1
    .endr
    .balign 32, 0xcc

    .section .text.x86_trap_paths, "ax"
    .type trap_common, @function
trap_common:
    SAVE_REGISTERS
    testb $3, X86_FRAME_CS(%rsp)
    jnz trap_from_user
    lea x86_iret_to_user(%rip), %rax
    cmp %rax, X86_FRAME_RIP(%rsp)
    je trap_at_iret
    lfence /* no speculation past the branches with the wrong GS */
    CLEAR_FLAGS
    mov %rsp, %rdi
    call x86_trap_kernel
    RESTORE_AND_IRET
    .size trap_common, . - trap_common

    .type trap_from_user, @function
trap_from_user:
    swapgs
    lfence
trap_on_kernel_stack:
    CLEAR_FLAGS
    mov %rsp, %rdi
    call x86_trap_user
    xor %eax, %eax
    jmp x86_user_return
    .size trap_from_user, . - trap_from_user

/* The IRETQ into user mode refused its frame: still in ring 0, GS is the user's already. */
    .type trap_at_iret, @function
trap_at_iret:
    swapgs
    lfence
    CLEAR_FLAGS
    mov %rsp, %rdi
    call x86_trap_iret
    xor %eax, %eax
    jmp x86_user_return
    .size trap_at_iret, . - trap_at_iret

    .type trap_paranoid, @function
trap_paranoid:
    SAVE_REGISTERS
    CLEAR_FLAGS
    cmpq $X86_VECTOR_DB, X86_FRAME_VECTOR(%rsp)
    jne 1f
    testb $3, X86_FRAME_CS(%rsp)
    jnz trap_debug_from_user
1:
    mov $X86_MSR_GS_BASE, %ecx
    rdmsr
    mov %eax, %ebx
    mov %edx, %r12d
    mov X86_FRAME_SIZE(%rsp), %rax
    mov %rax, %rdx
    shr $32, %rdx
    wrmsr
    mov %rsp, %rdi
    call x86_trap_paranoid
    mov $X86_MSR_GS_BASE, %ecx
    mov %ebx, %eax
    mov %r12d, %edx
    wrmsr
    RESTORE_AND_IRET
    .size trap_paranoid, . - trap_paranoid

/* A single step or INT1 in user mode is an exception like others: leave the IST stack for the one that
 * hal_user_run left, and go the common way. */
    .type trap_debug_from_user, @function
trap_debug_from_user:
    swapgs
    lfence
    mov %gs:X86_CPU_KERNEL_STACK, %rdi
    sub $X86_FRAME_SIZE, %rdi
    mov %rdi, %rax
    mov %rsp, %rsi
    mov $(X86_FRAME_SIZE / 8), %ecx
    rep movsq
    mov %rax, %rsp
    jmp trap_on_kernel_stack
    .size trap_debug_from_user, . - trap_debug_from_user

/* RCX holds the user's RIP, R11 the flags; FMASK has cleared IF, DF, AC, TF and the rest. No frame: the registers
 * go to where hal_user_run wants them. */
    .globl x86_syscall_entry
    .type x86_syscall_entry, @function
x86_syscall_entry:
    swapgs
    mov %rsp, %gs:X86_CPU_USER_STACK
    mov %gs:X86_CPU_KERNEL_STACK, %rsp
    push %rax
    mov %gs:X86_CPU_USER_REGS, %rax
    popq X86_REGS_RAX(%rax)
    mov %rbx, X86_REGS_RBX(%rax)
    mov %rcx, X86_REGS_RCX(%rax)
    mov %rdx, X86_REGS_RDX(%rax)
    mov %rsi, X86_REGS_RSI(%rax)
    mov %rdi, X86_REGS_RDI(%rax)
    mov %rbp, X86_REGS_RBP(%rax)
    mov %r8, X86_REGS_R8(%rax)
    mov %r9, X86_REGS_R9(%rax)
    mov %r10, X86_REGS_R10(%rax)
    mov %r11, X86_REGS_R11(%rax)
    mov %r12, X86_REGS_R12(%rax)
    mov %r13, X86_REGS_R13(%rax)
    mov %r14, X86_REGS_R14(%rax)
    mov %r15, X86_REGS_R15(%rax)
    mov %rcx, X86_REGS_RIP(%rax)
    mov %r11, X86_REGS_RFLAGS(%rax)
    mov %gs:X86_CPU_USER_STACK, %rcx
    mov %rcx, X86_REGS_RSP(%rax)
    mov $1, %eax
    jmp x86_user_return
    .size x86_syscall_entry, . - x86_syscall_entry

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The first instructions of a secondary CPU. It wakes in real mode at a page below 1 MiB, into which secondary.c
 * has copied the code between x86_trampoline_start and x86_trampoline_end and filled in what depends on where that
 * page is; from there it goes through protected mode (Intel SDM vol. 3A, 8.4.3, 9.8.5) to the kernel's own half.
 */
#include "layout.h"

#define CR0_PE         0x1
#define CR0_PROTECTION 0x80010033 /* PG, WP, NE, ET, MP, PE; caches on */
#define CR4_PAE        0x20
#define MSR_EFER       0xc0000080

#define DATA_32 0x10

    .section .rodata.x86_trampoline, "a"
    .balign 16
    .globl x86_trampoline_start
x86_trampoline_start:
    .code16
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    movzwl %ax, %ebx
    shl $4, %ebx /* the page's address, from here on */
    lgdtl (trampoline_gdt_pointer - x86_trampoline_start)
    mov $CR0_PE, %eax
    mov %eax, %cr0
    ljmpl *(trampoline_to_32 - x86_trampoline_start)

    .code32
trampoline_32:
    mov $DATA_32, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov (trampoline_root - x86_trampoline_start)(%ebx), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    mov (trampoline_efer - x86_trampoline_start)(%ebx), %eax
    xor %edx, %edx
    wrmsr
    mov $CR0_PROTECTION, %eax
    mov %eax, %cr0
    ljmpl *(trampoline_to_64 - x86_trampoline_start)(%ebx)

    .code64
trampoline_64:
    mov %ebx, %ebx /* the upper halves of registers are anything by now (SDM vol. 1, 3.4.1.1) */
    jmp *(trampoline_entry - x86_trampoline_start)(%rbx)

/* Filled in by secondary.c: struct trampoline. */
    .balign 16
    .globl x86_trampoline_data
x86_trampoline_data:
trampoline_gdt:
    .quad 0, 0, 0, 0
trampoline_entry:
    .quad 0
trampoline_root:
    .long 0
trampoline_efer:
    .long 0
trampoline_to_32:
    .long 0
    .word 0, 0
trampoline_to_64:
    .long 0
    .word 0, 0
trampoline_gdt_pointer:
    .word 0
    .long 0
    .word 0
    .globl x86_trampoline_end
x86_trampoline_end:
    .globl x86_trampoline_32, x86_trampoline_64
    .set x86_trampoline_32, trampoline_32
    .set x86_trampoline_64, trampoline_64

/* In the kernel's half, still without a stack and on the trampoline's page tables. The CPU looks itself up by its
 * APIC id, takes the offer that it finds there, and only then uses memory (hal/cpu_start.h). */
    .section .text.x86_secondary_entry, "ax"
    .globl x86_secondary_entry
    .type x86_secondary_entry, @function
x86_secondary_entry:
    mov x86_kernel_root(%rip), %rax
    mov %rax, %cr3
    xor %eax, %eax
    cpuid
    cmp $0xb, %eax
    jb 1f
    /* The id of 32 bits, where the leaf says anything (SDM vol. 2A, CPUID). */
    mov $0xb, %eax
    xor %ecx, %ecx
    cpuid
    mov %edx, %esi
    test %ebx, %ebx
    jnz 2f
1:
    mov $1, %eax
    cpuid
    shr $24, %ebx
    mov %ebx, %esi
2:
    lea x86_cpus(%rip), %rdi
    mov $X86_CPUS_MAX, %ecx
3:
    cmp %esi, X86_CPU_APIC_ID(%rdi)
    jne 4f
    mov $X86_START_OFFERED, %eax
    mov $X86_START_TAKEN, %edx
    lock cmpxchg %edx, X86_CPU_START(%rdi)
    je 5f
4:
    add $X86_CPU_SIZE, %rdi
    dec %ecx
    jnz 3b
    cli
6:
    hlt
    jmp 6b
5:
    mov X86_CPU_IDLE_STACK(%rdi), %rsp
    xor %ebp, %ebp
    push $2 /* no flag but the fixed one */
    popfq
    push %rbp /* a return address that ends backtraces */
    push %rbp
    call x86_secondary_start
    ud2
    .size x86_secondary_entry, . - x86_secondary_entry

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Context switch, and the few loads and stores that may fault: each stands in the table .fixups with the
 * address to go on at, and nothing else in the kernel may fault.
 */
#include "layout.h"

    .macro FIXUP fault, go_on
    .pushsection .fixups, "a"
    .quad \fault, \go_on
    .popsection
    .endm

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

/* x86_user_copy(to, from, size): the bytes that were not copied. One of the two is user memory; AC lifts
 * SMAP for these instructions alone. Words first: on a fault RCX counts those left, R8 the bytes behind
 * them. */
    .globl x86_user_copy
    .type x86_user_copy, @function
x86_user_copy:
    cmpb $0, x86_smap_on(%rip)
    je 1f
    stac
1:
    mov %rdx, %rcx
    mov %rdx, %r8
    shr $3, %rcx
    and $7, %r8d
2:
    rep movsq
    mov %r8, %rcx
    xor %r8d, %r8d
3:
    rep movsb
4:
    cmpb $0, x86_smap_on(%rip)
    je 5f
    clac
5:
    mov %rcx, %rax
    ret
6:
    lea (%r8, %rcx, 8), %rcx
    jmp 4b
    .size x86_user_copy, . - x86_user_copy
    FIXUP 2b, 6b
    FIXUP 3b, 4b

/* x86_read_word(va, uint64_t *to): 1, or 0 when `va` cannot be read. For backtraces of broken stacks. */
    .globl x86_read_word
    .type x86_read_word, @function
x86_read_word:
7:
    mov (%rdi), %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret
8:
    xor %eax, %eax
    ret
    .size x86_read_word, . - x86_read_word
    FIXUP 7b, 8b

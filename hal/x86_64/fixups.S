/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The few loads and stores that may fault: each stands in the table .fixups with the address to go on at and
 * the limit below which the faulting address must lie. Nothing else in the kernel may fault.
 *
 * AC lifts SMAP between USER_OPEN and USER_CLOSE alone. A trap in between closes it for its handler
 * (trap_entry.S) and comes back with it open, so every way out passes USER_CLOSE, the fixed-up ones too.
 */
#include "layout.h"

    .macro FIXUP fault, go_on, limit=X86_USER_END
    .pushsection .fixups, "a"
    .quad \fault, \go_on, \limit
    .popsection
    .endm

/* STAC and CLAC do not exist on a CPU without SMAP. */
    .macro USER_OPEN
    cmpb $0, x86_smap_on(%rip)
    je 90f
    stac
90:
    .endm

    .macro USER_CLOSE
    cmpb $0, x86_smap_on(%rip)
    je 91f
    clac
91:
    .endm

    .macro FUNCTION name
    .globl \name
    .type \name, @function
\name:
    .endm

    .text

/* x86_user_copy(to, from, size): the bytes that were not copied. One of the two is user memory. Words first;
 * a word that cannot be moved whole was not moved at all, and the bytes from there on are tried one by one,
 * so that the first one out of reach is known exactly. */
    FUNCTION x86_user_copy
    USER_OPEN
    mov %rdx, %rcx
    mov %rdx, %r8
    shr $3, %rcx
    and $7, %r8d
1:
    rep movsq
    mov %r8, %rcx
2:
    rep movsb
3:
    USER_CLOSE
    mov %rcx, %rax
    ret
4:
    lea (%r8, %rcx, 8), %rcx
    jmp 2b
    .size x86_user_copy, . - x86_user_copy
    FIXUP 1b, 4b
    FIXUP 2b, 3b

/* x86_user_string(to, from, size, bool *ended): the bytes that were not copied. `from` is user memory. */
    FUNCTION x86_user_string
    USER_OPEN
    mov %rdx, %rax
    xor %edx, %edx
    test %rax, %rax
    jz 3f
1:
    movzbl (%rsi), %r8d
    mov %r8b, (%rdi)
    inc %rsi
    inc %rdi
    dec %rax
    test %r8d, %r8d
    jz 2f
    test %rax, %rax
    jnz 1b
    jmp 3f
2:
    mov $1, %edx
3:
    USER_CLOSE
    mov %dl, (%rcx)
    ret
    .size x86_user_string, . - x86_user_string
    FIXUP 1b, 3b

/* What the single accesses answer: 1, or 0 after a fault. */
    .macro ANSWER
    USER_CLOSE
    mov $1, %eax
    ret
3:
    USER_CLOSE
    xor %eax, %eax
    ret
    .endm

/* x86_user_loadN(va, uint64_t *value) */
    .macro USER_LOAD name, register
    FUNCTION \name
    USER_OPEN
1:
    mov (%rdi), \register
    mov %rdx, (%rsi)
    ANSWER
    .size \name, . - \name
    FIXUP 1b, 3b
    .endm
    USER_LOAD x86_user_load4, %edx
    USER_LOAD x86_user_load8, %rdx

/* x86_user_storeN(va, value) */
    .macro USER_STORE name, register
    FUNCTION \name
    USER_OPEN
1:
    mov \register, (%rdi)
    ANSWER
    .size \name, . - \name
    FIXUP 1b, 3b
    .endm
    USER_STORE x86_user_store4, %esi
    USER_STORE x86_user_store8, %rsi

/* x86_user_casN(va, expected, desired, uint64_t *found). CMPXCHG writes in any case, what it found if nothing
 * else (SDM vol. 2A), so it needs the right to. */
    .macro USER_CAS name, register, accumulator
    FUNCTION \name
    USER_OPEN
    mov %rsi, %rax
1:
    lock cmpxchg \register, (%rdi)
    mov \accumulator, \accumulator
    mov %rax, (%rcx)
    ANSWER
    .size \name, . - \name
    FIXUP 1b, 3b
    .endm
    USER_CAS x86_user_cas4, %edx, %eax
    USER_CAS x86_user_cas8, %rdx, %rax

/* x86_read_word(va, uint64_t *to): 1, or 0 when `va` cannot be read. For backtraces of broken stacks. */
    FUNCTION x86_read_word
1:
    mov (%rdi), %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret
2:
    xor %eax, %eax
    ret
    .size x86_read_word, . - x86_read_word
    FIXUP 1b, 2b, X86_FIXUP_ANY

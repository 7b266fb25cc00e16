/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel's first instructions, in the state of boot/handoff.h: RDI is the physical address of the
 * handoff.
 */
#include "layout.h"

    .section .text.x86_entry, "ax"
    .globl x86_entry
    .type x86_entry, @function
x86_entry:
    lea (x86_stacks + X86_BOOT_STACK_END)(%rip), %rsp
    xor %ebp, %ebp
    push $2 /* no flag but the fixed one: IF, DF, AC, NT, IOPL may be anything */
    popfq
    push %rbp /* a return address that ends backtraces */
    push %rbp
    call x86_start
    ud2
    .size x86_entry, . - x86_entry

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting for an interrupt. STI takes effect after the next instruction, so no interrupt comes between it and HLT (SDM
 * vol. 2B, STI). An NMI may, and its IRETQ ends that: an interrupt that is pending would be served before HLT, and the
 * CPU would sleep over what it has brought about (T9). So the handler returns past HLT, which it knows by its address
 * (trap.c): there is this one alone.
 */
    .text

    .globl x86_wait, x86_wait_halt, x86_wait_end
    .type x86_wait, @function
x86_wait:
    sti
x86_wait_halt:
    hlt
x86_wait_end:
    cli
    ret
    .size x86_wait, . - x86_wait

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * loader_enter(root, stack_top, handoff, entry): the last step into the kernel. Microsoft's calling
 * convention: RCX, RDX, R8, R9. State afterwards: boot/handoff.h.
 */

#define MSR_EFER 0xc0000080
#define EFER_NXE (1 << 11)
#define CR0_WP   (1 << 16)

    .text
    .globl loader_enter
loader_enter:
    cli
    cld
    mov %rcx, %r10
    mov %rdx, %r11

    /* NX bits stand in the new tables: reserved, hence a fault, unless NXE comes first. */
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_NXE, %eax
    wrmsr
    mov %r10, %cr3
    mov %cr0, %rax
    or $CR0_WP, %eax
    mov %rax, %cr0

    mov %r11, %rsp
    mov %r8, %rdi
    xor %ebp, %ebp
    jmp *%r9

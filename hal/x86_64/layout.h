/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where things lie, for C and assembly. The upper half of every address space (A4):
 *
 *   HAL_LINEAR_BASE ..    RAM, but for the frames of the kernel image: readable, writable, not executable
 *   HAL_WINDOW_BASE ..    core's window: kernel stacks and the like (hal/pte.h)
 *   X86_IMAGE_BASE ..     the kernel image, each section with its own rights (boot/kernel.ld)
 *   X86_FIXED_BASE ..     single pages of device registers, uncached; then one for each CPU (io.c)
 *   X86_STACKS_BASE ..    stacks of secondary CPUs, each above a page that is never mapped
 */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H

/* Selectors. The order is SYSCALL's and SYSRET's (SDM vol. 3A, 5.8.8): kernel code, kernel data; then a gap
 * where 32-bit user code would stand, user data, user code. */
#define X86_KERNEL_CS   0x08
#define X86_KERNEL_SS   0x10
#define X86_SYSRET_BASE 0x1b
#define X86_USER_SS     0x23
#define X86_USER_CS     0x2b
#define X86_TSS         0x30

/* Interrupt stack table slots (1..7; 0: none). */
#define X86_IST_NMI           1
#define X86_IST_DOUBLE_FAULT  2
#define X86_IST_MACHINE_CHECK 3
#define X86_IST_DEBUG         4

#define X86_VECTOR_DB  1
#define X86_VECTOR_NMI 2
#define X86_VECTOR_BP  3
#define X86_VECTOR_OF  4
#define X86_VECTOR_DF  8
#define X86_VECTOR_GP  13
#define X86_VECTOR_PF  14
#define X86_VECTOR_MC  18
/* The first vector that is not an exception. */
#define X86_VECTOR_IRQ 32
/* Where the masked legacy controllers' spurious interrupts end up: 0x20..0x2f. */
#define X86_VECTOR_PIC        0x20
#define X86_VECTOR_TIMER      0xf0
#define X86_VECTOR_IPI        0xf1
#define X86_VECTOR_APIC_ERROR 0xf2
#define X86_VECTOR_SPURIOUS   0xff

/* struct x86_frame (trap.h) */
#define X86_FRAME_VECTOR 120
#define X86_FRAME_RIP    136
#define X86_FRAME_CS     144
#define X86_FRAME_SIZE   176

/* struct keel_user_regs (user.c) */
#define X86_REGS_RAX    0
#define X86_REGS_RBX    8
#define X86_REGS_RCX    16
#define X86_REGS_RDX    24
#define X86_REGS_RSI    32
#define X86_REGS_RDI    40
#define X86_REGS_RBP    48
#define X86_REGS_RSP    56
#define X86_REGS_R8     64
#define X86_REGS_R9     72
#define X86_REGS_R10    80
#define X86_REGS_R11    88
#define X86_REGS_R12    96
#define X86_REGS_R13    104
#define X86_REGS_R14    112
#define X86_REGS_R15    120
#define X86_REGS_RIP    128
#define X86_REGS_RFLAGS 136

/* struct x86_cpu (percpu.h) */
#define X86_CPU_SELF         0
#define X86_CPU_KERNEL_STACK 8
#define X86_CPU_USER_STACK   16
#define X86_CPU_IDLE_STACK   24
#define X86_CPU_APIC_ID      32
#define X86_CPU_START        36
#define X86_CPU_TSS_RSP0     56
#define X86_CPU_USER_REGS    168
#define X86_CPU_SIZE         320
#define X86_CPUS_MAX         64

/* enum-like values of hal/cpu_start.h */
#define X86_START_OFFERED 1
#define X86_START_TAKEN   2

#define X86_MSR_GS_BASE 0xc0000101
#define X86_MSR_PAT     0x277

/* KEEL_USER_END (keel/user_regs.h) */
#define X86_USER_END 0x7ffffffff000

/* struct x86_fixup (parts.h): goes on after any fault. */
#define X86_FIXUP_ANY 0xffffffffffffffff

/* struct x86_guarded_stack (parts.h); a CPU's idle stack is the first of its own. */
#define X86_STACK_SIZE     0x4000
#define X86_BOOT_STACK_END 0x5000

#ifndef __ASSEMBLER__
#include <stdint.h>

#define X86_UPPER_HALF  UINT64_C(0xffff800000000000)
#define X86_IMAGE_BASE  UINT64_C(0xffffffff80000000)
#define X86_FIXED_BASE  UINT64_C(0xffffffffc0000000)
#define X86_STACKS_BASE UINT64_C(0xffffffffd0000000)
#endif

#endif

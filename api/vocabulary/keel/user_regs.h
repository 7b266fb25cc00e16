/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The registers of a user program and the reasons why it came back. Vocabulary: no call stands here.
 */
#ifndef KEEL_USER_REGS_H
#define KEEL_USER_REGS_H

#include <stdint.h>

/* First user address and the first one past the end. Page 0 is never mapped, and the last page below the
 * canonical hole stays empty so that no instruction ends at a non-canonical address (Intel SDM vol.
 * 1, 3.3.7.1). */
#define KEEL_USER_START UINT64_C(0x0000000000001000)
#define KEEL_USER_END   UINT64_C(0x00007ffffffff000)

/* General registers of a user program on x86-64, as a client sees and sets them. Selectors are not here: they
 * are always Keel's own. */
struct keel_user_regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint64_t fs_base, gs_base;
};

enum keel_user_reason {
    KEEL_USER_SYSCALL = 1,   /* the program executed `syscall`; rip is past it, rax holds the number */
    KEEL_USER_EXCEPTION = 2, /* vector, error and address say which; rip as the CPU reports it */
    KEEL_USER_INTERRUPT = 3, /* the kernel wanted the CPU back, or something was in the way that is gone; run
                                again to go on */
};

/* Why a user program came back. Fields that a reason does not use are zero. */
struct keel_user_event {
    uint32_t reason;  /* enum keel_user_reason */
    uint32_t vector;  /* exception vector 0..31 (Intel SDM vol. 3A, table 6-1) */
    uint64_t error;   /* error code that the CPU pushed, or 0 */
    uint64_t address; /* #PF: the address that faulted (CR2); other exceptions: rip */
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A user address space with a page of tiny programs, assembled by hand, and a page of data.
 */
#ifndef KERNELS_USER_CODE_H
#define KERNELS_USER_CODE_H

#include "check.h"

#define USER_CODE UINT64_C(0x400000)
#define USER_DATA UINT64_C(0x500000)

/* Where each program begins in the page at USER_CODE. */
enum user_program {
    USER_SYSCALL = 0x00,     /* syscall */
    USER_NOP_SYSCALL = 0x10, /* nop; syscall */
    USER_UD2 = 0x20,         /* ud2 */
    USER_INT3 = 0x30,        /* int3 */
    USER_HLT = 0x40,         /* hlt */
    USER_SPIN = 0x50,        /* 1: jmp 1b */
    USER_SWAPGS = 0x60,      /* swapgs */
    USER_STORE_XMM = 0x70,   /* movdqu %xmm0, (%rdi); movdqu %xmm15, 16(%rdi); syscall */
    USER_STORE_YMM = 0x80,   /* vmovdqu %ymm0, (%rdi); vmovdqu %ymm15, 32(%rdi); syscall */
    USER_LOAD_XMM = 0x90,    /* movdqu (%rdi), %xmm0; movdqu 16(%rdi), %xmm15; syscall */
    USER_SYSCALL_GS = 0xa0,  /* mov %gs:0, %rax; syscall */
};

/* The pages, mapped and active in the calling task. */
struct user_space {
    keel_space_t space;
    keel_frame_t code, data;
};
bool user_space_open(struct user_space *user);
void user_space_close(struct user_space *user);

/* Registers for a program: everything else is zero. */
struct keel_user_regs user_regs_at(enum user_program program);

/* keel_user_run, again and again until something other than an interrupt happens. */
void user_run_to_event(struct keel_user_regs *regs, struct keel_user_event *event);

#endif

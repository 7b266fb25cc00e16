/* SPDX-License-Identifier: BSD-2-Clause
 *
 * System calls: Linux's numbers and meanings, plus two of this kernel's own. Everything in the registers is
 * the program's word and nothing more: each value is checked or handed to a call of Keel's that checks it.
 */
#include "../common/linux.h"
#include "program.h"

/* 0x4b00 (resume, quiet): a one-shot fault handler, as a signal handler would be. The program's next
 * exception does not end it. It is reported (unless quiet is 1), and the program goes on at `resume` with the
 * stack pointer that it has now, default flags, the vector in rax and the error code in rdx. 0x4b01: forget
 * the handler. */
#define HELLO_EXPECT_FAULT 0x4b00u
#define HELLO_FORGET_FAULT 0x4b01u

static int64_t serve_write(struct program *program, uint64_t fd, uint64_t va, uint64_t size)
{
    return fd == 1 || fd == 2 ? line_output_user(&program->output, program->name, va, size) : -LINUX_EBADF;
}

static int64_t serve_exit(struct program *program, uint64_t status)
{
    struct line line = {.length = 0};
    if (program->output.length != 0) {
        line_print(&program->output, program->name);
    }
    line_add(&line, "[exited with status ");
    line_add_decimal(&line, status & 0xff); /* what wait(2) would show of it */
    line_add(&line, "]");
    line_print(&line, program->name);
    program->ended = true;
    return 0;
}

static int64_t serve_expect_fault(struct program *program, const struct keel_user_regs *regs)
{
    program->handler = (struct fault_handler){true, regs->rsi == 1, regs->rdi, regs->rsp};
    return 0;
}

static int64_t serve_forget_fault(struct program *program)
{
    program->handler.armed = false;
    return 0;
}

static int64_t serve(struct program *program, const struct keel_user_regs *regs)
{
    switch (regs->rax) {
    case LINUX_WRITE:
        return serve_write(program, regs->rdi, regs->rsi, regs->rdx);
    case LINUX_MMAP:
        return program_mmap(program, regs);
    case LINUX_MUNMAP:
        return program_munmap(program, regs->rdi, regs->rsi);
    case LINUX_SCHED_YIELD:
        return keel_task_yield() == KEEL_OK ? 0 : -LINUX_EINVAL;
    case LINUX_GETPID:
        return program->pid;
    case LINUX_EXIT:
    case LINUX_EXIT_GROUP:
        return serve_exit(program, regs->rdi);
    case HELLO_EXPECT_FAULT:
        return serve_expect_fault(program, regs);
    case HELLO_FORGET_FAULT:
        return serve_forget_fault(program);
    default:
        return -LINUX_ENOSYS;
    }
}

void program_syscall(struct program *program, struct keel_user_regs *regs)
{
    regs->rax = (uint64_t)serve(program, regs);
    /* The instruction itself overwrites these two (Intel SDM vol. 2B, SYSCALL): let programs see the same
     * values however the machine returns to them. */
    regs->rcx = regs->rip;
    regs->r11 = regs->rflags;
}

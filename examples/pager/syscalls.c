/* SPDX-License-Identifier: BSD-2-Clause
 *
 * System calls: Linux's numbers and meanings, plus one of this kernel's own. Wherever the kernel touches a
 * program's memory here, the page may be missing: then Keel calls the fault handler of pager.c in the middle
 * of keel_user_read or keel_user_write.
 */
#include "../common/linux.h"
#include "pager.h"

/* 0x4b10 (key): memory that all programs share which ask for the same key. Answers its address. */
#define PAGER_SHARE 0x4b10u

/* What wait(2) shows of a program that was ended by its own fault: signal 11. */
#define WAIT_FAULTED 11

static int64_t serve_write(struct process *process, uint64_t fd, uint64_t va, uint64_t size)
{
    return fd == 1 || fd == 2 ? line_output_user(&process->output, process->name, va, size) : -LINUX_EBADF;
}

/* The child is a copy of the parent, down to the vector registers; its fork answers 0. */
static int64_t serve_fork(struct process *parent)
{
    uint64_t vector_size = 0;
    struct process *child = process_claim(parent->program, parent);
    if (child == NULL) {
        return -LINUX_EAGAIN;
    }
    child->regs = parent->regs;
    child->regs.rax = 0;
    child->vector_size = 0;
    if (keel_user_vector_size(&vector_size) == KEEL_OK && vector_size <= sizeof(child->vector) &&
        keel_user_vector_read(0, child->vector, (size_t)vector_size) == KEEL_OK) {
        child->vector_size = vector_size;
    }
    memory_fork(parent, child);
    return process_start(child) == KEEL_OK ? (int64_t)child->pid : -LINUX_EAGAIN;
}

/* Only this process reaps its children, and only one at a time. */
static struct process *find_child(const struct process *parent, uint64_t pid)
{
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        struct process *child = &processes[i];
        /* Another process may be claiming this one, and writes to it until it waits. */
        if (process_waits(child) && child->parent == parent->pid &&
            (pid == UINT64_MAX || pid == child->pid)) {
            return child;
        }
    }
    return NULL;
}

static int64_t serve_wait(const struct process *process, uint64_t pid, uint64_t status_va, uint64_t options)
{
    struct process *child = find_child(process, pid);
    if (options != 0) {
        return -LINUX_EINVAL;
    }
    if (child == NULL) {
        return -LINUX_ECHILD;
    }
    int32_t status = process_reap(child);
    if (status_va != 0 && keel_user_write(status_va, &status, sizeof(status)) != KEEL_OK) {
        return -LINUX_EFAULT;
    }
    return child->pid;
}

static void end_process(struct process *process, int32_t status)
{
    if (process->output.length != 0) {
        line_print(&process->output, process->name);
    }
    process->exit_status = status;
    process->ended = true;
}

static int64_t serve_exit(struct process *process, uint64_t status)
{
    struct line line = {.length = 0};
    end_process(process, (int32_t)(status & 0xff) << 8);
    line_add(&line, "[exited with status ");
    line_add_decimal(&line, status & 0xff);
    line_add(&line, "]");
    line_print(&line, process->name);
    return 0;
}

void process_fault(struct process *process, const struct keel_user_event *event, uint32_t access)
{
    struct line line = {.length = 0};
    end_process(process, WAIT_FAULTED);
    line_add(&line, access != 0 ? "[page fault at " : "[exception ");
    if (access != 0) {
        line_add_hex(&line, event->address);
        line_add(&line, access == KEEL_WRITE ? " (write)" : access == KEEL_EXEC ? " (execute)" : " (read)");
    } else {
        line_add_decimal(&line, event->vector);
    }
    line_add(&line, "]");
    line_print(&line, process->name);
}

static int64_t serve(struct process *process)
{
    const struct keel_user_regs *regs = &process->regs;
    switch (regs->rax) {
    case LINUX_WRITE:
        return serve_write(process, regs->rdi, regs->rsi, regs->rdx);
    case LINUX_MMAP:
        return memory_mmap(process, regs->rsi, regs->rdx, regs->r10);
    case LINUX_MUNMAP:
        return memory_munmap(process, regs->rdi, regs->rsi);
    case LINUX_SCHED_YIELD:
        return keel_task_yield() == KEEL_OK ? 0 : -LINUX_EINVAL;
    case LINUX_GETPID:
        return process->pid;
    case LINUX_FORK:
        return serve_fork(process);
    case LINUX_EXIT:
    case LINUX_EXIT_GROUP:
        return serve_exit(process, regs->rdi);
    case LINUX_WAIT4:
        return serve_wait(process, regs->rdi, regs->rsi, regs->rdx);
    case PAGER_SHARE:
        return memory_share(process, regs->rdi);
    default:
        return -LINUX_ENOSYS;
    }
}

void process_syscall(struct process *process)
{
    /* The instruction itself overwrites these two (Intel SDM vol. 2B, SYSCALL). */
    process->regs.rcx = process->regs.rip;
    process->regs.r11 = process->regs.rflags;
    process->regs.rax = (uint64_t)serve(process);
}

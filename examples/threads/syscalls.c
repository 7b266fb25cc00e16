/* SPDX-License-Identifier: BSD-2-Clause
 *
 * System calls: Linux's numbers and meanings, as far as the README says. Everything in the registers is the
 * program's word and nothing more: each value is checked or handed to a call of Keel's that checks it.
 */
#include "../common/linux.h"
#include "threads.h"

/* --- Ends --- */

/* What wait4 shows of a process is what its last thread leaves (Linux since 5.18; before it was the main
 * thread), unless exit_group or a signal ends it. */
static int64_t serve_exit(struct thread *thread, uint64_t status)
{
    struct process *process = thread->process;
    program_lock(process->program);
    if (!atomic_load(&process->dying)) {
        process->wait_status = (int32_t)(status & 0xff) << 8;
    }
    program_unlock(process->program);
    thread->ended = true;
    return 0;
}

static int64_t serve_exit_group(struct thread *thread, uint64_t status)
{
    struct process *process = thread->process;
    program_lock(process->program);
    process_kill(process, (int32_t)(status & 0xff) << 8);
    program_unlock(process->program);
    return 0;
}

void thread_fault(struct thread *thread, const struct keel_user_event *event)
{
    /* By exception (Intel SDM vol. 3A, table 6-1); whatever is not here is a SIGSEGV. */
    static const uint8_t signals[32] = {
        [0] = LINUX_SIGFPE,  [1] = LINUX_SIGTRAP, [3] = LINUX_SIGTRAP,
        [6] = LINUX_SIGILL,  [11] = LINUX_SIGBUS, [12] = LINUX_SIGBUS,
        [16] = LINUX_SIGFPE, [17] = LINUX_SIGBUS, [19] = LINUX_SIGFPE,
    };
    struct process *process = thread->process;
    int32_t signal =
        event->vector < 32 && signals[event->vector] != 0 ? signals[event->vector] : LINUX_SIGSEGV;
    program_lock(process->program);
    process_kill(process, signal);
    program_unlock(process->program);
}

/* --- Registers, ids, signals, time --- */

static int64_t serve_set_base(uint64_t *base, uint64_t value)
{
    if (value >= KEEL_USER_END) {
        return -LINUX_EPERM;
    }
    *base = value;
    return 0;
}

static int64_t serve_get_base(uint64_t base, uint64_t va)
{
    return keel_user_write(va, &base, sizeof(base)) == KEEL_OK ? 0 : -LINUX_EFAULT;
}

static int64_t serve_arch_prctl(struct keel_user_regs *regs)
{
    switch (regs->rdi) {
    case LINUX_ARCH_SET_FS:
        return serve_set_base(&regs->fs_base, regs->rsi);
    case LINUX_ARCH_SET_GS:
        return serve_set_base(&regs->gs_base, regs->rsi);
    case LINUX_ARCH_GET_FS:
        return serve_get_base(regs->fs_base, regs->rsi);
    case LINUX_ARCH_GET_GS:
        return serve_get_base(regs->gs_base, regs->rsi);
    default:
        return -LINUX_EINVAL;
    }
}

static int64_t serve_set_tid_address(struct thread *thread, uint64_t va)
{
    thread->clear_tid = va;
    return thread->tid;
}

/* There are no signal handlers: SIGPIPE can be ignored or not, and that is all. */
static int64_t serve_sigaction(struct process *process, uint64_t signal, uint64_t action_va, uint64_t old_va)
{
    uint64_t handler;
    if (signal != LINUX_SIGPIPE || old_va != 0) {
        return -LINUX_EINVAL;
    }
    if (keel_user_read(action_va, &handler, sizeof(handler)) != KEEL_OK) {
        return -LINUX_EFAULT;
    }
    if (handler != LINUX_SIG_DFL && handler != LINUX_SIG_IGN) {
        return -LINUX_EINVAL;
    }
    program_lock(process->program);
    process->ignores_sigpipe = handler == LINUX_SIG_IGN;
    program_unlock(process->program);
    return 0;
}

static int64_t serve_clock(uint64_t clock, uint64_t va)
{
    uint64_t nanoseconds = 0;
    if (clock != LINUX_CLOCK_MONOTONIC || keel_time_now(&nanoseconds) != KEEL_OK) {
        return -LINUX_EINVAL;
    }
    const uint64_t words[] = {nanoseconds / 1000000000u, nanoseconds % 1000000000u};
    return keel_user_write(va, words, sizeof(words)) == KEEL_OK ? 0 : -LINUX_EFAULT;
}

/* --- Memory --- */

static int64_t serve_memory(struct thread *thread)
{
    struct process *process = thread->process;
    const struct keel_user_regs *regs = &thread->regs;
    program_lock(process->program);
    int64_t answer =
        regs->rax == LINUX_MMAP ? memory_mmap(process, regs) : memory_munmap(process, regs->rdi, regs->rsi);
    program_unlock(process->program);
    return answer;
}

static int64_t serve(struct thread *thread)
{
    struct keel_user_regs *regs = &thread->regs;
    switch (regs->rax) {
    case LINUX_READ:
        return pipe_read(thread, regs->rdi, regs->rsi, regs->rdx);
    case LINUX_WRITE:
        return pipe_write(thread, regs->rdi, regs->rsi, regs->rdx);
    case LINUX_CLOSE:
        return pipe_close(thread, regs->rdi);
    case LINUX_PIPE2:
        return pipe_open(thread, regs->rdi, regs->rsi);
    case LINUX_MMAP:
    case LINUX_MUNMAP:
        return serve_memory(thread);
    case LINUX_SCHED_YIELD:
        return keel_task_yield() == KEEL_OK ? 0 : -LINUX_EINVAL;
    case LINUX_NANOSLEEP:
        return thread_sleep(thread, regs->rdi);
    case LINUX_CLOCK_GETTIME:
        return serve_clock(regs->rdi, regs->rsi);
    case LINUX_GETPID:
        return thread->process->pid;
    case LINUX_GETTID:
        return thread->tid;
    case LINUX_SET_TID_ADDRESS:
        return serve_set_tid_address(thread, regs->rdi);
    case LINUX_ARCH_PRCTL:
        return serve_arch_prctl(regs);
    case LINUX_RT_SIGACTION:
        return serve_sigaction(thread->process, regs->rdi, regs->rsi, regs->rdx);
    case LINUX_CLONE:
        return thread_clone(thread);
    case LINUX_FORK:
        return process_fork(thread, 0, 0, 0);
    case LINUX_WAIT4:
        return regs->r10 != 0 ? -LINUX_EINVAL : process_wait(thread, regs->rdi, regs->rsi, regs->rdx);
    case LINUX_FUTEX:
        return futex_call(thread);
    case LINUX_EXIT:
        return serve_exit(thread, regs->rdi);
    case LINUX_EXIT_GROUP:
        return serve_exit_group(thread, regs->rdi);
    default:
        return -LINUX_ENOSYS;
    }
}

void thread_syscall(struct thread *thread)
{
    /* The instruction itself overwrites these two (Intel SDM vol. 2B, SYSCALL). */
    thread->regs.rcx = thread->regs.rip;
    thread->regs.r11 = thread->regs.rflags;
    thread->regs.rax = (uint64_t)serve(thread);
}

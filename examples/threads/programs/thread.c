/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads, locks and pipes, see thread.h.
 */
#include "thread.h"

void say(const char *what, bool holds)
{
    print(what);
    print(holds ? ": yes\n" : ": no\n");
}

/* --- Threads --- */

__asm__(".globl clone_thread\n"
        "clone_thread:\n"
        "    movq %rcx, %r10\n"
        "    movl $56, %eax\n"
        "    syscall\n"
        "    testq %rax, %rax\n"
        "    jz 1f\n"
        "    ret\n"
        "1:  xorl %ebp, %ebp\n"
        "    popq %rax\n"
        "    popq %rdi\n"
        "    call *%rax\n"
        "    xorl %edi, %edi\n"
        "    movl $60, %eax\n"
        "    syscall\n"
        "    ud2\n");

bool thread_start(struct thread *thread, void (*run)(uint64_t argument), uint64_t argument)
{
    int64_t stack = map_pages(0, STACK_SIZE, PROT_READ | PROT_WRITE, 0);
    if (stack < 0) {
        return false;
    }
    thread->stack = (char *)stack;
    uint64_t *top = (uint64_t *)(thread->stack + STACK_SIZE);
    top[-2] = (uint64_t)run;
    top[-1] = argument;
    *(uint64_t *)thread->stack = (uint64_t)stack;
    int64_t tid =
        clone_thread(CLONE_PTHREAD, (uint64_t)&top[-2], &thread->tid, &thread->tid, (uint64_t)stack);
    if (tid < 0) {
        (void)system_call(CALL_MUNMAP, (uint64_t)stack, STACK_SIZE, 0, 0);
    }
    return tid > 0;
}

void thread_join(struct thread *thread)
{
    uint32_t tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE);
    while (tid != 0) {
        /* The kernel wakes by the memory, not by the address: no FUTEX_PRIVATE here. */
        (void)system_call(CALL_FUTEX, (uint64_t)&thread->tid, FUTEX_WAIT, tid, 0);
        tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE);
    }
    (void)system_call(CALL_MUNMAP, (uint64_t)thread->stack, STACK_SIZE, 0, 0);
}

/* --- Locks --- */

int64_t futex_wait(const uint32_t *word, uint32_t value, const struct time *timeout)
{
    return system_call(CALL_FUTEX, (uint64_t)word, FUTEX_WAIT | FUTEX_PRIVATE, value, (uint64_t)timeout);
}

int64_t futex_wake(const uint32_t *word, uint32_t limit)
{
    return system_call(CALL_FUTEX, (uint64_t)word, FUTEX_WAKE | FUTEX_PRIVATE, limit, 0);
}

void mutex_lock(struct mutex *mutex)
{
    uint32_t state = 0;
    if (__atomic_compare_exchange_n(&mutex->state, &state, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return;
    }
    while (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_ACQUIRE) != 0) {
        (void)futex_wait(&mutex->state, 2, NULL);
    }
}

void mutex_unlock(struct mutex *mutex)
{
    if (__atomic_exchange_n(&mutex->state, 0, __ATOMIC_RELEASE) == 2) {
        (void)futex_wake(&mutex->state, 1);
    }
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
    uint32_t sequence = __atomic_load_n(&condition->sequence, __ATOMIC_RELAXED);
    mutex_unlock(mutex);
    (void)futex_wait(&condition->sequence, sequence, NULL);
    mutex_lock(mutex);
}

void condition_signal(struct condition *condition, uint32_t limit)
{
    __atomic_fetch_add(&condition->sequence, 1, __ATOMIC_RELAXED);
    (void)futex_wake(&condition->sequence, limit);
}

/* --- Processes and pipes --- */

int64_t fork(void)
{
    return system_call(CALL_FORK, 0, 0, 0, 0);
}

int32_t wait_for(int64_t pid)
{
    int32_t status = 0;
    if (pid <= 0 || system_call(CALL_WAIT4, (uint64_t)pid, (uint64_t)&status, 0, 0) != pid) {
        return -1;
    }
    return status & ~0x80;
}

_Noreturn void exit_group(int32_t status)
{
    for (;;) {
        (void)system_call(CALL_EXIT_GROUP, (uint64_t)status, 0, 0, 0);
    }
}

void sleep_for(int64_t nanoseconds)
{
    struct time time = {0, nanoseconds};
    (void)system_call(CALL_NANOSLEEP, (uint64_t)&time, 0, 0, 0);
}

int64_t pipe_open(struct ends *ends)
{
    return system_call(CALL_PIPE2, (uint64_t)ends, 0, 0, 0);
}

int64_t close_fd(uint32_t fd)
{
    return system_call(CALL_CLOSE, fd, 0, 0, 0);
}

uint64_t read_all(uint32_t fd, void *bytes, uint64_t size)
{
    uint64_t done = 0;
    int64_t part = 1;
    while (done < size && part > 0) {
        part = system_call(CALL_READ, fd, (uint64_t)bytes + done, size - done, 0);
        done += part > 0 ? (uint64_t)part : 0;
    }
    return done;
}

int64_t write_all(uint32_t fd, const void *bytes, uint64_t size)
{
    uint64_t done = 0;
    int64_t part = 0;
    while (done < size && part >= 0) {
        part = system_call(CALL_WRITE, fd, (uint64_t)bytes + done, size - done, 0);
        done += part > 0 ? (uint64_t)part : 0;
    }
    return part < 0 ? part : (int64_t)done;
}

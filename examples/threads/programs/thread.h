/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads, locks and pipes for the programs of this kernel, on Linux's system calls. All of it works the same
 * on Linux.
 */
#ifndef PROGRAMS_THREAD_H
#define PROGRAMS_THREAD_H

#include "user.h"

enum {
    CALL_READ = 0,
    CALL_CLOSE = 3,
    CALL_RT_SIGACTION = 13,
    CALL_NANOSLEEP = 35,
    CALL_CLONE = 56,
    CALL_ARCH_PRCTL = 158,
    CALL_GETTID = 186,
    CALL_FUTEX = 202,
    CALL_SET_TID_ADDRESS = 218,
    CALL_CLOCK_GETTIME = 228,
    CALL_EXIT_GROUP = 231,
    CALL_PIPE2 = 293,
};

enum {
    EPERM = 1,
    EBADF = 9,
    ECHILD = 10,
    EAGAIN = 11,
    ENOMEM = 12,
    EFAULT = 14,
    EINVAL = 22,
    ENFILE = 23,
    EMFILE = 24,
    EPIPE = 32,
    ENOSYS = 38,
    ETIMEDOUT = 110,
};

enum {
    CLONE_VM = 0x100,
    CLONE_SIGHAND = 0x800,
    CLONE_THREAD = 0x10000,
    CLONE_SETTLS = 0x80000,
    /* What pthread_create asks for: share everything, set the FS base and the id, clear the id at the end. */
    CLONE_PTHREAD = 0x3d0f00,
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_PRIVATE = 128,
    ARCH_SET_GS = 0x1001,
    ARCH_SET_FS = 0x1002,
    MAP_SHARED = 0x01,
    SIGPIPE = 13,
    SIGSEGV = 11,
};

struct time {
    int64_t seconds, nanoseconds;
};

/* Prints "WHAT: yes" or "WHAT: no". */
void say(const char *what, bool holds);

/* --- Threads --- */

#define STACK_SIZE UINT64_C(16384)

struct thread {
    uint32_t tid; /* 0 when it has ended: a futex */
    char *stack;  /* its lowest word is where the FS base points, and holds its own address */
};

/* Clone by hand: the new thread, which begins on `stack`, takes a function and its argument off it. Answers
 * the id or a negative error number. */
int64_t clone_thread(uint64_t flags, uint64_t stack, uint32_t *parent_tid, uint32_t *child_tid, uint64_t tls);
/* False: no memory or no thread. */
bool thread_start(struct thread *thread, void (*run)(uint64_t argument), uint64_t argument);
/* Waits for its end and gives its stack back. */
void thread_join(struct thread *thread);

/* The word that the FS base points to. */
static inline uint64_t thread_pointer(void)
{
    uint64_t word;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(word));
    return word;
}

/* --- Locks --- */

int64_t futex_wait(const uint32_t *word, uint32_t value, const struct time *timeout);
int64_t futex_wake(const uint32_t *word, uint32_t limit);

/* 0: free; 1: held; 2: held, and others may wait (Drepper: Futexes are tricky, 2011). */
struct mutex {
    uint32_t state;
};
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

struct condition {
    uint32_t sequence;
};
void condition_wait(struct condition *condition, struct mutex *mutex);
void condition_signal(struct condition *condition, uint32_t limit);

/* --- Processes and pipes --- */

int64_t fork(void);
/* Waits for the child; its status as wait4 shows it, without the core dump bit. -1: something else came. */
int32_t wait_for(int64_t pid);
_Noreturn void exit_group(int32_t status);
void sleep_for(int64_t nanoseconds);

struct ends {
    uint32_t read, write;
};
int64_t pipe_open(struct ends *ends);
int64_t close_fd(uint32_t fd);
/* All bytes, by as many calls as it takes; fewer at the end of the stream. */
uint64_t read_all(uint32_t fd, void *bytes, uint64_t size);
int64_t write_all(uint32_t fd, const void *bytes, uint64_t size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What system calls, and switching between threads and processes cost, in ticks of the time stamp counter.
 * Runs on Linux, too. docs/benchmarks.md says how to make ticks of instructions.
 */
#include "thread.h"

#define ROUNDS 10u
#define TIMES  200u /* in a round */

/* Of both processes: pages that are shared. */
struct board {
    uint32_t turn; /* 0: the parent's */
    uint32_t yields;
};

static struct board *board;
static struct ends to_child, to_parent;
static uint32_t turn; /* 0: the first thread's; a futex */

/* Read after all earlier loads, and before all later ones (Intel SDM vol. 2B, RDTSC). */
static uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static void measure(const char *what, void (*once)(void))
{
    uint64_t least = UINT64_MAX, all = 0;
    once(); /* the other side is there */
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t start = ticks();
        for (uint32_t i = 0; i < TIMES; i++) {
            once();
        }
        uint64_t taken = (ticks() - start) / TIMES;
        least = taken < least ? taken : least;
        all += taken;
    }
    print(what);
    print(": least ");
    print_decimal((int64_t)least);
    print(", mean ");
    print_decimal((int64_t)(all / ROUNDS));
    print("\n");
}

/* --- Alone --- */

static void call_getpid(void)
{
    (void)system_call(CALL_GETPID, 0, 0, 0, 0);
}

static void yield(void)
{
    (void)system_call(CALL_SCHED_YIELD, 0, 0, 0, 0);
}

static void wake_nobody(void)
{
    (void)futex_wake(&turn, 1);
}

/* --- Two processes --- */

static void await_by_yield(uint32_t mine)
{
    while (__atomic_load_n(&board->turn, __ATOMIC_ACQUIRE) != mine) {
        (void)__atomic_fetch_add(&board->yields, 1, __ATOMIC_RELAXED);
        yield();
    }
}

static void yield_round(void)
{
    __atomic_store_n(&board->turn, 1, __ATOMIC_RELEASE);
    await_by_yield(0);
}

static void pipe_round(void)
{
    char byte = 1;
    (void)write_all(to_child.write, &byte, 1);
    (void)read_all(to_parent.read, &byte, 1);
}

static _Noreturn void be_child(void)
{
    char byte;
    for (uint32_t i = 0; i < ROUNDS * TIMES + 1; i++) {
        await_by_yield(1);
        __atomic_store_n(&board->turn, 0, __ATOMIC_RELEASE);
    }
    for (uint32_t i = 0; i < ROUNDS * TIMES + 1; i++) {
        (void)read_all(to_child.read, &byte, 1);
        (void)write_all(to_parent.write, &byte, 1);
    }
    exit_group(0);
}

static bool measure_processes(void)
{
    if (pipe_open(&to_child) != 0 || pipe_open(&to_parent) != 0) {
        return false;
    }
    int64_t child = fork();
    if (child == 0) {
        be_child();
    }
    measure("yield to the other process and back", yield_round);
    measure("byte through a pipe to the other process and back", pipe_round);
    print("yields for each round: ");
    print_decimal(board->yields / (ROUNDS * TIMES));
    print("\n");
    return wait_for(child) == 0;
}

/* --- Two threads --- */

static void await_by_futex(uint32_t mine)
{
    while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine) {
        (void)futex_wait(&turn, 1 - mine, NULL);
    }
}

static void pass_by_futex(uint32_t to)
{
    __atomic_store_n(&turn, to, __ATOMIC_RELEASE);
    (void)futex_wake(&turn, 1);
}

static void futex_round(void)
{
    pass_by_futex(1);
    await_by_futex(0);
}

static void be_second(uint64_t argument)
{
    (void)argument;
    for (uint32_t i = 0; i < ROUNDS * TIMES + 1; i++) {
        await_by_futex(1);
        pass_by_futex(0);
    }
}

static bool measure_threads(void)
{
    struct thread second;
    if (!thread_start(&second, be_second, 0)) {
        return false;
    }
    measure("wake the other thread by a futex and back", futex_round);
    thread_join(&second);
    return true;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int64_t pages = system_call(CALL_MMAP, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
    if (pages < 0) {
        return 1;
    }
    board = (struct board *)pages;
    measure("getpid", call_getpid);
    measure("yield alone", yield);
    measure("futex wake without a waiter", wake_nobody);
    return measure_processes() && measure_threads() ? 0 : 1;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Switching elsewhere: boost.context jumps from stack to stack, and knows neither tasks nor a scheduler; two
 * threads of Linux that share a host CPU wake each other by a futex.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"
#include "measure.h"

#define STACK_SIZE 65536u

/* boost/context/detail/fcontext.hpp, in C. */
struct transfer {
    void *from, *data;
};
static void *(*make_fcontext)(void *stack_top, size_t size, void (*entry)(struct transfer));
static struct transfer (*jump_fcontext)(void *to, void *data);

static _Alignas(64) char stack[STACK_SIZE];
static void *partner;

static void jump_back(struct transfer transfer)
{
    for (;;) {
        transfer = jump_fcontext(transfer.from, NULL);
    }
}

static void prepare_boost(void)
{
    void *library = bench_load("libboost_context.so.1.74.0");
    bench_find(library, "make_fcontext", &make_fcontext);
    bench_find(library, "jump_fcontext", &jump_fcontext);
    partner = make_fcontext(stack + STACK_SIZE, STACK_SIZE, jump_back);
}

static void run_boost(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        partner = jump_fcontext(partner, NULL).from;
    }
}

static atomic_uint turn; /* of thread 0 or 1 */

static void await_turn(unsigned mine)
{
    while (atomic_load(&turn) != mine) {
        (void)syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1 - mine, NULL, NULL, 0);
    }
}

static void pass_turn(unsigned to)
{
    atomic_store(&turn, to);
    (void)syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *answer(void *count)
{
    for (uint64_t i = *(const uint64_t *)count; i > 0; i--) {
        await_turn(1);
        pass_turn(0);
    }
    return NULL;
}

/* The new thread inherits the one CPU. */
static void run_futex(uint64_t n)
{
    cpu_set_t all, one;
    pthread_t thread;
    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    require(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
    require(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
    require(pthread_create(&thread, NULL, answer, &n) == 0, "pthread_create");
    for (uint64_t i = 0; i < n; i++) {
        pass_turn(1);
        await_turn(0);
    }
    require(pthread_join(thread, NULL) == 0, "pthread_join");
    require(sched_setaffinity(0, sizeof all, &all) == 0, "sched_setaffinity");
}

static void *nothing(void *argument)
{
    return argument;
}

static void run_spawn(uint64_t n)
{
    pthread_t thread;
    for (uint64_t i = 0; i < n; i++) {
        require(pthread_create(&thread, NULL, nothing, NULL) == 0, "pthread_create");
        require(pthread_join(thread, NULL) == 0, "pthread_join");
    }
}

const struct measure switch_peer_measures[] = {
    {.name = "boost_switch", .things = 1, .operations = 100000, .prepare = prepare_boost, .run = run_boost},
    {.name = "futex_switch", .things = 1, .operations = 2000, .run = run_futex},
    {.name = "futex_handover", .things = 2, .operations = 2000, .run = run_futex},
    {.name = "pthread_spawn", .things = 1, .operations = 500, .run = run_spawn},
    {.name = NULL},
};

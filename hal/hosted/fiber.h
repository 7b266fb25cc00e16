/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fibers: stacks of the host process that take turns on its one thread, and what the sanitizers must be told
 * of them.
 */
#ifndef HOSTED_FIBER_H
#define HOSTED_FIBER_H

#include <stdbool.h>
#include <stddef.h>

struct hosted_fiber {
    const char *bottom; /* lowest byte of the stack */
    size_t size;
    void *asan_fake_stack;
    void *tsan;
    bool used;    /* belongs to a context */
    bool running; /* some CPU executes it, or the machine's owner does */
};

/* The thread that called hosted_run. */
extern struct hosted_fiber fiber_owner;

/* A fiber for the stack [bottom, bottom + size), NULL when all are taken. */
struct hosted_fiber *fiber_take(const void *bottom, size_t size);
void fiber_give_back(struct hosted_fiber *fiber);

/* Switches from the running fiber to another one; returns when somebody switches back. `ordered`: all that
 * happened before, happened before what the other fiber does next (one CPU changes its context); otherwise
 * the switch means nothing to the happens-before order (another CPU runs for a while). */
void fiber_switch(struct hosted_fiber *from, void **save, struct hosted_fiber *to, void *resume,
                  bool ordered);

/* First thing on a fresh stack. */
void fiber_arrived(void);

/* A signal handler moved execution from `from`, which is lost, to the stack of `to`. */
void fiber_jumped(struct hosted_fiber *to);

/* The run is over and the owner runs again: everything that any fiber did happened before. Gives all back. */
void fiber_give_back_all(void);

#endif

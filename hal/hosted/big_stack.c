/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A fiber that waits for something to call. See big_stack.h.
 */
#define _GNU_SOURCE
#include "big_stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fiber.h"
#include "state.h"
#include "switch.h"

#define BIG_STACK_SIZE (UINT64_C(4) << 20)

static struct hosted_fiber *fiber; /* NULL: not started in this run */
static char *stack;                /* kept from run to run */
static void *stack_pointer;

static struct {
    void (*function)(void *);
    void *argument;
    struct hosted_fiber *caller;
    void *caller_stack_pointer;
} call;

void big_stack_prepare(void)
{
    fiber = NULL;
}

static void serve(void *unused)
{
    (void)unused;
    fiber_arrived();
    for (;;) {
        call.function(call.argument);
        fiber_switch(fiber, &stack_pointer, call.caller, call.caller_stack_pointer, true);
    }
}

static void start(void)
{
    if (!stack) {
        stack = mmap(NULL, BIG_STACK_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED) {
            perror("keel: hosted machine: big stack");
            abort();
        }
    }
    fiber = fiber_take(stack, BIG_STACK_SIZE);
    if (!fiber) {
        machine_end(HOSTED_PANIC, 1, "too many contexts for this machine");
    }
    stack_pointer = hosted_stack_prepare(stack + BIG_STACK_SIZE, serve, NULL);
}

void big_stack_call(void (*function)(void *), void *argument)
{
    if (!fiber) {
        start();
    }
    call.function = function;
    call.argument = argument;
    call.caller = machine.current->fiber;
    fiber_switch(call.caller, &call.caller_stack_pointer, fiber, stack_pointer, true);
}

bool big_stack_contains(const void *address)
{
    return (uintptr_t)address - (uintptr_t)stack < BIG_STACK_SIZE;
}

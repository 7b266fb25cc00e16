/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A fault in the kernel window is the kernel's own: reported and the end of the run. The signal handler runs
 * on a stack of its own; it only redirects the interrupted code to report_fault on a second one and returns,
 * so that the report runs outside of signal context. Every other fault goes to whoever handled it before (a
 * sanitizer, a fuzzer, the default).
 */
#define _GNU_SOURCE
#include "fault.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "hal/context.h"
#include "report.h"
#include "state.h"
#include "window.h"

#define SIGNAL_STACK_SIZE (64u * 1024)
#define REPORT_STACK_SIZE (256u * 1024)

#define OWNER_NAME_SIZE 64

static struct sigaction previous;
static char *report_stack;
static struct hosted_fiber *report_fiber;
static uint64_t fault_va;

static char *make_stack(size_t size)
{
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) {
        perror("keel: hosted machine: fault stack");
        abort();
    }
    return stack;
}

/* Entered instead of the faulting instruction, on the report stack. */
static void report_fault(void)
{
    char owner[OWNER_NAME_SIZE] = "";
    char message[OWNER_NAME_SIZE + 64];
    fiber_jumped(report_fiber);
    machine.current->fiber = report_fiber;
    if (hal_upcall_guard_owner(fault_va, owner, sizeof owner)) {
        snprintf(message, sizeof message, "kernel stack overflow in task %s", owner);
    } else {
        snprintf(message, sizeof message, "kernel page fault at %#llx", (unsigned long long)fault_va);
    }
    machine_print("keel: %s", message);
    machine_print("keel: panic");
    machine_end(HOSTED_FAULT, 1, message);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else {
        /* The default action comes with the second fault of the same instruction. */
        signal(number, SIG_DFL);
    }
}

static void handle_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;
    if (!machine.running || machine.current->fiber == report_fiber ||
        !window_address(info->si_addr, &fault_va)) {
        pass_on(number, info, context);
        return;
    }
    /* A function begins as after a call: with the stack pointer 8 below a multiple of 16. */
    uintptr_t top = (uintptr_t)(report_stack + REPORT_STACK_SIZE);
    interrupted->uc_mcontext.gregs[REG_RSP] = (greg_t)(top - 8);
    interrupted->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)report_fault;
}

static void install(void)
{
    stack_t stack = {.ss_sp = NULL};
    if (sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_DISABLE)) {
        stack = (stack_t){.ss_sp = make_stack(SIGNAL_STACK_SIZE), .ss_size = SIGNAL_STACK_SIZE};
        sigaltstack(&stack, NULL);
    }
    report_stack = make_stack(REPORT_STACK_SIZE);
}

/* At each run: a test framework may have put its own handler in between. */
static void catch_faults(void)
{
    struct sigaction action = {.sa_sigaction = handle_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK}, before;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGSEGV, &action, &before) != 0) {
        perror("keel: hosted machine: SIGSEGV");
        abort();
    }
    if (!(before.sa_flags & SA_SIGINFO) || before.sa_sigaction != handle_signal) {
        previous = before;
    }
}

void fault_prepare(void)
{
    if (!report_stack) {
        install();
    }
    catch_faults();
    report_fiber = fiber_take(report_stack, REPORT_STACK_SIZE);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel contexts of the hosted machine: a coroutine each (context.c).
 */
#ifndef HAL_CONTEXT_ARCH_H
#define HAL_CONTEXT_ARCH_H

/* Sanitizers put redzones around every local, so frames are several times as large as on the real machine. */
#ifndef HOSTED_STACK_PAGES /* the build tree may choose */
#define HOSTED_STACK_PAGES 16u
#endif
#define HAL_STACK_PAGES HOSTED_STACK_PAGES

struct hosted_fiber;

struct hal_context {
    void *stack_pointer; /* where the saved registers lie; meaningless while the context runs */
    struct hosted_fiber *fiber;
};

#endif

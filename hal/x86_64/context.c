/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel contexts. A context that does not run is its stack pointer; what x86_switch saves lies there.
 */
#include "hal/context.h"
#include "parts.h"

/* What x86_switch pops, in its order. */
struct switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

void hal_context_init(struct hal_context *context, uint64_t stack_va, void (*entry)(void *), void *argument)
{
    /* RSP is 16-byte aligned where x86_context_start begins, as its call wants it. */
    const uint64_t top = stack_va + HAL_STACK_PAGES * HAL_PAGE_SIZE - 16;
    struct switch_frame *frame = (struct switch_frame *)(top - sizeof(*frame));

    *frame = (struct switch_frame){
        .r12 = (uint64_t)(uintptr_t)entry,
        .r13 = (uint64_t)(uintptr_t)argument,
        .rip = (uint64_t)(uintptr_t)x86_context_start,
    };
    context->stack = (uint64_t)(uintptr_t)frame;
}

void hal_context_adopt(struct hal_context *context)
{
    context->stack = 0;
}

void hal_context_switch(struct hal_context *from, struct hal_context *to)
{
    /* Stores become visible in program order on x86, so `from` is complete before the other context's first.
     */
    x86_switch(&from->stack, to->stack);
}

void hal_context_finish(struct hal_context *context)
{
    context->stack = 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel contexts. A context that does not run is its stack pointer; what x86_switch saves lies there.
 */
#include "hal/context.h"

#include "hal/x86_switch.h"

void hal_context_init(struct hal_context *context, uint64_t stack_va, uint64_t page_count,
                      void (*entry)(void *), void *argument)
{
    void *top = (void *)(stack_va + page_count * HAL_PAGE_SIZE);
    context->stack = x86_switch_prepare(top, entry, argument);
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

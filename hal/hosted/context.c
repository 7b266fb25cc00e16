/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/context.h: kernel contexts are fibers on stacks in the kernel window.
 */
#include "hal/atomic.h"
#include "hal/context.h"

#include "mmu.h"
#include "report.h"
#include "state.h"
#include "switch.h"
#include "window.h"

/* Where a fresh context begins, at the top of its own stack. */
struct start {
    void (*entry)(void *);
    void *argument;
};

static void start_context(void *argument)
{
    fiber_arrived();
    struct start start = *(struct start *)argument;
    start.entry(start.argument);
    machine_check("HAL", "a context returned from its entry");
    machine_end(HOSTED_PANIC, 1, "a context returned from its entry");
}

static bool stack_in_order(uint64_t stack_va, uint64_t page_count)
{
    for (uint64_t i = 0; i < page_count; i++) {
        uint64_t frame;
        if (!window_page_mapped(stack_va + i * HAL_PAGE_SIZE, &frame) || ram.use[frame] != HAL_FRAME_STACK) {
            return false;
        }
    }
    return true;
}

void hal_context_init(struct hal_context *context, uint64_t stack_va, uint64_t page_count,
                      void (*entry)(void *), void *argument)
{
    const size_t size = page_count * HAL_PAGE_SIZE;
    char *bottom = window_pointer(stack_va, size);
    if (!CONTRACT(!context->fiber, "the context is in use") ||
        !CONTRACT(page_count >= HAL_STACK_PAGES, "the stack is too small") ||
        !CONTRACT(bottom && stack_in_order(stack_va, page_count),
                  "the stack is not mapped, synced and used as one")) {
        machine_end(HOSTED_PANIC, 1, "no stack for a context");
    }

    context->fiber = fiber_take(bottom, size);
    if (!context->fiber) {
        machine_end(HOSTED_PANIC, 1, "too many contexts for this machine");
    }
    struct start *start = (struct start *)(void *)(bottom + size) - 1;
    *start = (struct start){entry, argument};
    context->stack_pointer = hosted_stack_prepare(start, start_context, start);
}

void hal_context_adopt(struct hal_context *context)
{
    *context = (struct hal_context){.fiber = cpu_current()->fiber};
}

void hal_context_switch(struct hal_context *from, struct hal_context *to)
{
    CONTRACT(!cpu_current()->irq_on, "interrupts are on");
    CONTRACT(from->fiber == cpu_current()->fiber, "the saved context is not the running one");
    /* Other CPUs may act while this one is about to save itself. */
    hosted_point(HAL_POINT_HAL, NULL);
    if (from == to) {
        return;
    }
    if (!to->fiber || !to->fiber->used || to->fiber->running) {
        machine_check("T1", "switch to a context that %s",
                      !to->fiber || !to->fiber->used ? "is finished" : "runs");
        machine_end(HOSTED_PANIC, 1, "impossible context switch");
    }
    from->fiber->running = false;
    to->fiber->running = true;
    cpu_current()->fiber = to->fiber;
    fiber_switch(from->fiber, &from->stack_pointer, to->fiber, to->stack_pointer, true);
}

void hal_context_finish(struct hal_context *context)
{
    if (!CONTRACT(context->fiber && context->fiber->used, "the context is finished already")) {
        return;
    }
    if (context->fiber->running) {
        machine_check("T4", "a running context is finished");
        return;
    }
    fiber_give_back(context->fiber);
    *context = (struct hal_context){0};
}

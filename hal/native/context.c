/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/context.h. ThreadSanitizer is told of each switch: to it, a context is a thread.
 */
#include "hal/atomic.h"
#include "hal/context.h"
#include "hal/x86_switch.h"

#include "state.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NATIVE_TSAN
#endif
#endif

#ifdef NATIVE_TSAN
#include <sanitizer/tsan_interface.h>

static void fiber_create(struct hal_context *context)
{
    context->fiber = __tsan_create_fiber(0);
}

static void fiber_adopt(struct hal_context *context)
{
    context->fiber = __tsan_get_current_fiber();
}

/* What was done before the switch happened before what comes after: one CPU does both. Inlined, since
 * ThreadSanitizer keeps a stack of calls for each fiber. */
static inline __attribute__((always_inline)) void fiber_switch(const struct hal_context *to)
{
    __tsan_switch_to_fiber(to->fiber, 0);
}

static void fiber_destroy(struct hal_context *context)
{
    __tsan_destroy_fiber(context->fiber);
}
#else
static void fiber_create(struct hal_context *context)
{
    context->fiber = NULL;
}

static void fiber_adopt(struct hal_context *context)
{
    context->fiber = NULL;
}

static inline void fiber_switch(const struct hal_context *to)
{
    (void)to;
}

static void fiber_destroy(struct hal_context *context)
{
    (void)context;
}
#endif

void hal_context_init(struct hal_context *context, uint64_t stack_va, uint64_t page_count,
                      void (*entry)(void *), void *argument)
{
    char *stack = native_ram.window + (stack_va - HAL_WINDOW_BASE);
    context->stack = x86_switch_prepare(stack + page_count * HAL_PAGE_SIZE, entry, argument);
    fiber_create(context);
}

void hal_context_adopt(struct hal_context *context)
{
    fiber_adopt(context);
}

__attribute__((no_sanitize("thread"))) void hal_context_switch(struct hal_context *from,
                                                               struct hal_context *to)
{
    fiber_switch(to);
    x86_switch(&from->stack, to->stack);
}

void hal_context_finish(struct hal_context *context)
{
    fiber_destroy(context);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A hostile page-fault handler: it makes the next call of the input in the middle of the access that faulted,
 * or maps the page in some space or other, and answers anything. And an interrupt handler that makes the next
 * call where it may.
 */
#include "calls_world.h"
#include "core/task.h"

static void map_somewhere(uint64_t va, uint64_t random)
{
    keel_frame_t frame;
    if (keel_frame_alloc(&frame) != KEEL_OK) {
        return;
    }
    keel_space_t space = {calls_handle(OBJECT_SPACE, (uint8_t)random)};
    keel_space_map(space, va, frame, KEEL_READ | ((random >> 8) % 2 != 0 ? (uint32_t)KEEL_WRITE : 0));
    keel_frame_release(frame);
}

static uint32_t handle(void *context, uint64_t va, uint32_t access)
{
    uint64_t random = calls_random(&calls_world.random);
    (void)context;
    (void)access;
    /* Stacks are small here: only the outermost handler makes calls that may be deep. */
    struct calls_op op;
    if (random % 4 < 2 && task_current()->fault_depth == 1 && calls_next(&op)) {
        calls_execute(&op);
    } else if (random % 4 == 2) {
        map_somewhere(va, random >> 8);
    }
    return (random >> 32) % 8 == 0 ? (uint32_t)(random >> 40) : 1;
}

static void ring(void *context)
{
    (void)context;
    struct calls_op op;
    if (calls_random(&calls_world.random) % 2 == 0 && calls_next(&op)) {
        calls_execute(&op);
    }
}

struct keel_timer_options calls_timer_options(void)
{
    return (struct keel_timer_options){.handler = ring, .context = NULL};
}

struct keel_cpu_call_options calls_cpu_call_options(void)
{
    return (struct keel_cpu_call_options){.handler = ring, .context = NULL};
}

struct keel_work_options calls_work_options(void)
{
    return (struct keel_work_options){.handler = ring, .context = NULL};
}

struct keel_fault_handler calls_fault_handler(void)
{
    return (struct keel_fault_handler){.context = NULL, .handle = handle};
}

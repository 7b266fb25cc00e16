/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Stacks of the backend's own, see parts.h: five for each CPU. Guard pages are never mapped (T3).
 */
#include "parts.h"

_Alignas(4096) struct x86_guarded_stack x86_stacks[X86_STACK_COUNT];

_Static_assert(sizeof(struct x86_guarded_stack) % 4096 == 0, "a guard page needs a page of its own");
_Static_assert(X86_STACK_SIZE >= 0x4000, "hal/boot.h promises core an idle stack of 16 KiB");

#define SECONDARY_STACKS ((struct x86_guarded_stack *)X86_STACKS_BASE)

/* The place of a secondary CPU counts from 1. */
struct x86_guarded_stack *x86_stacks_of(unsigned slot)
{
    return slot == 0 ? x86_stacks : SECONDARY_STACKS + (slot - 1) * X86_STACK_COUNT;
}

void x86_stacks_map(unsigned slot)
{
    for (unsigned stack = 0; stack < X86_STACK_COUNT; stack++) {
        const uint64_t bytes = (uint64_t)(uintptr_t)x86_stacks_of(slot)[stack].bytes;

        for (uint64_t offset = 0; offset < X86_STACK_SIZE; offset += HAL_PAGE_SIZE) {
            x86_map_memory(bytes + offset, x86_pool_page());
        }
    }
}

/* The stack whose guard page holds `va`, of `count` stacks from `stacks` on; `count`: none. */
static uint64_t guarded_by(uint64_t va, const struct x86_guarded_stack *stacks, uint64_t count)
{
    const uint64_t offset = va - (uint64_t)(uintptr_t)stacks;
    const uint64_t stack = offset / sizeof(*stacks);

    return stack < count && offset % sizeof(*stacks) < sizeof(stacks->guard) ? stack : count;
}

const char *x86_stack_guard_name(uint64_t va, unsigned *slot)
{
    static const char *const names[X86_STACK_COUNT] = {
        [X86_STACK_IDLE] = "idle",
        [X86_STACK_NMI] = "NMI handler",
        [X86_STACK_DOUBLE_FAULT] = "#DF handler",
        [X86_STACK_MACHINE_CHECK] = "#MC handler",
        [X86_STACK_DEBUG] = "#DB handler",
    };
    const uint64_t secondaries = (HAL_CPU_MAX - 1) * X86_STACK_COUNT;
    uint64_t stack = guarded_by(va, x86_stacks, X86_STACK_COUNT);

    *slot = 0;
    if (stack == X86_STACK_COUNT) {
        stack = guarded_by(va, SECONDARY_STACKS, secondaries);
        if (stack == secondaries) {
            return NULL;
        }
        *slot = 1 + (unsigned)(stack / X86_STACK_COUNT);
    }
    return names[stack % X86_STACK_COUNT];
}

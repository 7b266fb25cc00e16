/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Stacks inside the kernel image. tables.c leaves the guard pages unmapped (T3).
 */
#include "parts.h"

_Alignas(4096) struct x86_guarded_stack x86_stacks[X86_STACK_COUNT];

_Static_assert(sizeof(struct x86_guarded_stack) % 4096 == 0, "a guard page needs a page of its own");
_Static_assert(X86_STACK_SIZE >= 0x4000, "hal/boot.h promises core an idle stack of 16 KiB");

const char *x86_stack_guard_name(uint64_t va)
{
    static const char *const names[X86_STACK_COUNT] = {
        [X86_STACK_BOOT] = "boot CPU idle",       [X86_STACK_NMI] = "NMI handler",
        [X86_STACK_DOUBLE_FAULT] = "#DF handler", [X86_STACK_MACHINE_CHECK] = "#MC handler",
        [X86_STACK_DEBUG] = "#DB handler",
    };

    for (unsigned i = 0; i < X86_STACK_COUNT; i++) {
        if (va - (uint64_t)(uintptr_t)x86_stacks[i].guard < sizeof(x86_stacks[i].guard)) {
            return names[i];
        }
    }
    return NULL;
}

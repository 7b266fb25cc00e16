/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fresh stacks for switch.S.
 */
#include "switch.h"

#include <stdint.h>

#include "raw.h"

void hosted_stack_start(void); /* switch.S */

/* What hosted_stack_switch pops, lowest address first, and above it the word that keeps the stack aligned. */
struct frame {
    uint32_t mxcsr;
    uint16_t x87_control, unused;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t return_address;
};

void *hosted_stack_prepare(void *top, void (*entry)(void *), void *argument)
{
    struct frame frame = {
        .mxcsr = 0x1f80,       /* all exceptions masked, round to nearest (Intel SDM vol. 1, 10.2.3) */
        .x87_control = 0x037f, /* as after FNINIT (Intel SDM vol. 1, 8.1.5) */
        .r12 = (uint64_t)(uintptr_t)entry,
        .r13 = (uint64_t)(uintptr_t)argument,
        .return_address = (uint64_t)(uintptr_t)hosted_stack_start,
    };
    char *at = (char *)top - sizeof frame;
    raw_copy(at, &frame, sizeof frame);
    return at;
}

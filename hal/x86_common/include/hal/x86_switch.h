/* SPDX-License-Identifier: BSD-2-Clause
 *
 * For backends whose contexts are real ones: the switch from one stack to another (switch.S).
 */
#ifndef HAL_X86_SWITCH_H
#define HAL_X86_SWITCH_H

#include <stdint.h>

/* What x86_switch pops, from the stack pointer upwards. */
struct x86_switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp, rip;
    uint64_t unused[2]; /* RSP is 16-byte aligned where x86_context_start begins, as its call wants it */
};

/* Saves what a call must keep on this stack, and RSP to `save_stack`; goes on where `load_stack` was saved.
 */
void x86_switch(uint64_t *save_stack, uint64_t load_stack);

/* Calls R12 with R13. */
void x86_context_start(void);

/* Prepares the stack that ends at `top` (16-byte aligned): the first switch to what this answers calls
 * `entry(argument)`, which must not return. */
static inline uint64_t x86_switch_prepare(void *top, void (*entry)(void *), void *argument)
{
    struct x86_switch_frame *frame = (struct x86_switch_frame *)top - 1;
    *frame = (struct x86_switch_frame){
        .r12 = (uint64_t)(uintptr_t)entry,
        .r13 = (uint64_t)(uintptr_t)argument,
        .rip = (uint64_t)(uintptr_t)x86_context_start,
    };
    return (uint64_t)(uintptr_t)frame;
}

#endif

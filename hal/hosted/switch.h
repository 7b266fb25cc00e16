/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The stack switch of the hosted machine (switch.S).
 */
#ifndef HOSTED_SWITCH_H
#define HOSTED_SWITCH_H

#include <stddef.h>

/* Saves the callee-saved registers (System V ABI for x86-64, 3.2.1) on the stack, the stack pointer in
 * `*save`, and resumes what `resume` was saved as. */
void hosted_stack_switch(void **save, void *resume);

/* A stack pointer for `resume` above that enters entry(argument) on the empty stack that ends at `top`
 * (16-byte aligned). `entry` must not return. */
void *hosted_stack_prepare(void *top, void (*entry)(void *), void *argument);

#endif

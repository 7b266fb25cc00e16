/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A stack for what needs more than a kernel stack has: Unicorn.
 */
#ifndef HOSTED_BIG_STACK_H
#define HOSTED_BIG_STACK_H

#include <stdbool.h>

/* For each run. */
void big_stack_prepare(void);

/* Calls function(argument) on the big stack. Not nested, and no other CPU runs meanwhile. */
void big_stack_call(void (*function)(void *), void *argument);

/* For who runs there: does it have the address? */
bool big_stack_contains(const void *address);

#endif

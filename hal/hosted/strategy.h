/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Who runs next.
 */
#ifndef HOSTED_STRATEGY_H
#define HOSTED_STRATEGY_H

#include "state.h"

/* The next number of the generator whose state that is. */
uint64_t strategy_random(uint64_t *state);

void strategy_prepare(void);

/* machine.until_switch has run out: the CPU to go on with, perhaps the current one. Sets until_switch anew.
 */
struct cpu *strategy_decide(void);

/* The current CPU can't or doesn't want to go on: another one that can, NULL if there is none. */
struct cpu *strategy_give_way(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the strategies ask of the explorer (explore.c); its users include hosted/explore.h.
 */
#ifndef HOSTED_EXPLORE_INTERNAL_H
#define HOSTED_EXPLORE_INTERNAL_H

#include <stdbool.h>

/* A search is going on. */
bool explore_active(void);

/* The next choice of the schedule that is being tried. */
unsigned explore_choose(unsigned count);

/* As schedule_choose, where anything but 0 is a preemption: none is made beyond the bound. */
unsigned explore_choose_switch(unsigned count);

#endif

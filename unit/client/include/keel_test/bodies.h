/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the bodies of tests do often; each checks that the calls it makes succeed.
 */
#ifndef KEEL_TEST_BODIES_H
#define KEEL_TEST_BODIES_H

#include <stdbool.h>
#include <stdint.h>

#include "keel/handle.h"

/* How often what the console got in this run contains `text`; and whether it does. */
uint32_t unit_console_count(const char *text);
bool unit_console_contains(const char *text);

keel_frame_t unit_frame(void);
keel_unique_t unit_unique(void);
keel_list_t unit_list(void);
keel_space_t unit_space(void);
keel_task_t unit_spawn(void (*entry)(uint64_t), uint64_t argument);
int32_t unit_join(keel_task_t task); /* and releases it */
/* Lets the task run until it waits, or is dead. */
void unit_until_blocked(keel_task_t task);
keel_task_t unit_spawn_until_blocked(void (*entry)(uint64_t), uint64_t argument);
/* Passes every deadline there is, as one timer interrupt at the end of time would. */
void unit_let_time_pass(void);
/* Waits until no task but the caller is left. */
void unit_settle(void);

#endif

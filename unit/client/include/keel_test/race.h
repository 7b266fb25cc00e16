/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A race of the first task with one other, which CPU 1 runs. The other prepares itself and waits; from then
 * to its last word every schedule of the two is explored.
 */
#ifndef KEEL_TEST_RACE_H
#define KEEL_TEST_RACE_H

#include <stdint.h>

#include "keel/task.h"

/* Preemptions to explore within, where there is no reason for another number. A schedule takes
 * ThreadSanitizer some ten times as long. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACE_BOUND 1
#endif
#endif
#ifndef RACE_BOUND
#define RACE_BOUND 2
#endif

/* The first task: race_start, its own part, race_finish. race_start is race_prepare and race_begin. */

/* Brings a new task, which runs `entry(argument)`, to its race_wait. */
keel_task_t race_prepare(void (*entry)(uint64_t), uint64_t argument);
void race_begin(void);
keel_task_t race_start(void (*entry)(uint64_t), uint64_t argument);

/* Waits for the other's race_done, explores no further, joins the other, and audits. */
void race_finish(keel_task_t other);

/* The other task: what it prepares, race_wait, its part, race_done, and what it puts away. */
void race_wait(void);
void race_done(void);

#endif

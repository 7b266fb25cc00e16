/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Bounded exhaustive search over interleavings. The kernel under test marks the interesting stretch with
 * hosted_explore_begin and _end; inside it, every scheduling point is a choice between going on and switching
 * to another CPU. All schedules with at most `preemption_bound` switches away from a CPU that could have gone
 * on are tried, each in a fresh run of the machine; switches at waits and relaxes are free.
 */
#ifndef HOSTED_EXPLORE_H
#define HOSTED_EXPLORE_H

#include "hosted/machine.h"

struct hosted_explore {
    struct hosted_config config; /* the strategy and the choices are the explorer's */
    unsigned preemption_bound;
    uint64_t schedule_limit; /* stop after so many; 0: none */
};

#define HOSTED_EXPLORE_CHOICE_MAX 4096u

struct hosted_explored {
    uint64_t schedules;          /* tried */
    bool complete;               /* nothing within the bound was left out */
    bool failed;                 /* a run did not power off with status 0, or a machine check was counted */
    struct hosted_result result; /* of the failing run, otherwise of the last */
    /* The failing schedule: config.choices of a HOSTED_REPLAY run repeats it. */
    size_t choice_count;
    uint8_t choices[HOSTED_EXPLORE_CHOICE_MAX];
};

/* Tries schedules until one fails or none is left. `found` is written whole. */
void hosted_explore(const struct hosted_explore *explore, struct hosted_explored *found);

/* To be called by the kernel under test, on any CPU: choices are made from here, up to there. Outside, and in
 * other strategies than the explorer's and HOSTED_REPLAY, the marks do nothing. */
void hosted_explore_begin(void);
void hosted_explore_end(void);

#endif

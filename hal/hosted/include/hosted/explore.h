/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Search over interleavings. The kernel under test marks the interesting stretch with hosted_explore_begin
 * and _end; inside it, every scheduling point is a choice between going on, switching to another CPU, and, if
 * the configuration says so, letting the timer ring. What is chosen is a schedule; each is tried in a fresh
 * run of the machine. A switch away from a CPU that could have gone on is a preemption; switches at waits and
 * relaxes are free.
 */
#ifndef HOSTED_EXPLORE_H
#define HOSTED_EXPLORE_H

#include "hal/atomic.h"
#include "hosted/machine.h"

enum hosted_search {
    HOSTED_SEARCH_EXHAUSTIVE, /* every schedule with at most `bound` preemptions */
    /* `schedule_limit` schedules, each from a seed of its own: `seed`, `seed` + 1, ... Before them comes the
     * one without preemption. */
    HOSTED_SEARCH_RANDOM, /* at most `bound` preemptions, at a rate that is drawn for each schedule */
    HOSTED_SEARCH_PCT,    /* priorities that change at `bound` - 1 points: finds bugs of depth `bound` */
    HOSTED_SEARCH_STEPS,  /* the one schedule of `steps` */
};

/* Something else than the first possibility (which is to go on) was chosen: by `cpu`, when it had a choice
 * for the `at`-th time in this run, the first being 0. A schedule is the list of its steps. Since each CPU
 * counts for itself, a step keeps its meaning when another one is left out. */
struct hosted_step {
    uint32_t at;
    uint8_t cpu;
    uint8_t choice;
};

#define HOSTED_FRAME_MAX 12u

enum hosted_event_kind {
    HOSTED_EVENT_POINT,     /* does what it came for */
    HOSTED_EVENT_PREEMPTED, /* stops before it has done that, by its choice `at` */
    HOSTED_EVENT_RELAXES,   /* stops because it waits for something that another CPU does */
    HOSTED_EVENT_WAITS,     /* stops until an interrupt comes */
    HOSTED_EVENT_TIMER,     /* its timer rings early, by its choice `at` */
    HOSTED_EVENT_INTERRUPT, /* takes an interrupt */
};

/* What a CPU does in the stretch, in the order in which it happens. */
struct hosted_event {
    enum hosted_event_kind kind;
    unsigned cpu;
    uint32_t at;
    enum hal_point_kind point;
    const volatile void *address; /* the word of an atomic operation, or NULL */
    unsigned frame_count;
    uint64_t frames[HOSTED_FRAME_MAX]; /* return addresses less the executable's base, the innermost first */
};

struct hosted_explore {
    struct hosted_config config; /* the strategy and the choices are the explorer's */
    enum hosted_search search;
    unsigned bound;
    uint64_t seed;
    uint64_t schedule_limit; /* stop after so many; 0: none (EXHAUSTIVE), or 1000 */
    const struct hosted_step *steps;
    size_t step_count;
    bool reduce;       /* EXHAUSTIVE: cut schedules that are equivalent to others (explore_points.c) */
    bool count_states; /* fill `states` */
    /* Called for each event, on the stack of the CPU. NULL: nobody listens. */
    void (*trace)(const struct hosted_event *event);
};

#define HOSTED_EXPLORE_CHOICE_MAX 16384u

/* Kept up to date while a run goes on: in memory shared with another process, `schedules` and the steps
 * outlive a run that ends this process. */
struct hosted_explored {
    uint64_t schedules; /* begun */
    uint64_t step_count;
    struct hosted_step steps[HOSTED_EXPLORE_CHOICE_MAX]; /* the failing schedule, otherwise the last */
    uint64_t cut;         /* of the schedules, those that were left when they proved equivalent to others */
    uint64_t points;      /* scheduling points passed in the stretch, in all schedules */
    uint64_t states;      /* combinations of the ways that the CPUs took since the stretch began */
    bool states_full;     /* there were more states than can be counted */
    bool complete;        /* EXHAUSTIVE: nothing within the bound was left out */
    bool failed;          /* a run did not power off with status 0, or a machine check was counted */
    unsigned preemptions; /* of the failing schedule, otherwise of the last */
    struct hosted_result result; /* the same */
    /* The same schedule as config.choices of a HOSTED_REPLAY run. */
    size_t choice_count;
    uint8_t choices[HOSTED_EXPLORE_CHOICE_MAX];
};

/* Tries schedules until one fails or none is left. `found` is written whole. */
void hosted_explore(const struct hosted_explore *explore, struct hosted_explored *found);

/* Where the executable lies in memory, less where it was linked to lie. */
uint64_t hosted_image_base(void);

/* To be called by the kernel under test, on any CPU: choices are made from here, up to there. Outside, and in
 * other strategies than the explorer's and HOSTED_REPLAY, the marks do nothing. */
void hosted_explore_begin(void);
void hosted_explore_end(void);

#endif

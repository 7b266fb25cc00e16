/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The frame of every unit test: a test is a function that runs as the first task of a fresh hosted machine.
 * Around it this code boots the machine, and afterwards looks for leaks and audits. Checks record their
 * failure and go on: they run on simulated CPUs' stacks, from which CMocka must not jump away.
 *
 * A test's name begins with the id of the invariant that it attacks (docs/soundness.md refers to it by that).
 */
#ifndef UNIT_SUPPORT_H
#define UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bodies.h"
#include "checks.h"
#include "hal/atomic.h"
#include "hosted/explore.h"
#include "keel/keel.h"

struct unit_case {
    const char *name;
    void (*body)(void);          /* the first task */
    struct hosted_config config; /* console belongs to this frame; strategy and seed too, where seeds > 0 */
    unsigned seeds;              /* this many more runs, randomly interleaved, with seeds 1, 2, ... */
    bool by_amd;  /* all of that once more with AMD's remapping units in the place of Intel's */
    bool explore; /* every schedule within explore_bound preemptions, between the marks in the body */
    unsigned explore_bound;
    bool devices;        /* explored with PCI and remapping units; without them each schedule boots faster */
    enum hosted_end end; /* how the run must end ... */
    int32_t status;      /* ... with this status ... */
    const char *message; /* ... and a message that contains this; NULL: any */
    const char *violation; /* the machine must report one that begins so; NULL: it must report none */
    void (*early)(void);   /* called in the middle of the boot, before there are tasks */
    bool lends_slabs;      /* a slab allocator is injected, and may keep empty slabs at the end */
    bool leaves_things;    /* no look for leaks: the body means to leave something behind */
    uint32_t lock_orders;  /* circles in the order of locks: as many as are reported, where the build looks */
};

/* An entry of the table that main() hands to unit_main. */
#define UNIT(function, ...)                                                                                  \
    {                                                                                                        \
        #function, unit_run_case, NULL, NULL, &(struct unit_case)                                            \
        {                                                                                                    \
            .name = #function, .body = function, __VA_ARGS__                                                 \
        }                                                                                                    \
    }

/* A test whose schedules within `bound` preemptions are explored; the same with PCI and remapping units. */
#define EXPLORE(function, bound, ...)         UNIT(function, .explore = true, .explore_bound = (bound), __VA_ARGS__)
#define EXPLORE_DEVICES(function, bound, ...) EXPLORE(function, bound, .devices = true, __VA_ARGS__)

void unit_run_case(void **state);

/* Whether the run that has just ended was one with which all is well. */
bool unit_as_expected(const struct unit_case *test, const struct hosted_result *result);
/* The machine of this test, about to run. */
void unit_prepare(const struct unit_case *test, struct hosted_config *config);
/* How a run ended, on standard error. */
void unit_print_run(const struct unit_case *test, const struct hosted_result *result);

/* Runs the tests; an argument picks those whose name matches it ("M2_*"). Answers the exit status.
 * UNIT_SEED=n in the environment runs seed n alone; UNIT_STOP=1 ends the program at the first failure;
 * UNIT_BOUND=n explores within n preemptions at most; UNIT_STORES=n has each CPU keep back up to n stores. */
#define unit_main(tests, argc, argv) unit_main_of(tests, sizeof(tests) / sizeof((tests)[0]), argc, argv)
int unit_main_of(const struct CMUnitTest *tests, size_t count, int argc, char **argv);

/* Spins until the flag is set. (In line: ThreadSanitizer must see the load, and does not look at support.c.)
 */
static inline void unit_await(atomic_u32_t *flag)
{
    while (atomic_u32_load_acquire(flag) == 0) {
        hal_point(HAL_POINT_RELAX, flag);
    }
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the test kernels share: a list of tests, checks that count, random numbers from a printed seed. A test
 * kernel is a client like any other: it sees include/keel only, and the same source runs on both machines.
 *
 * Each test prints "KERNEL| NAME: ok" or says what failed; these lines are the transcript that CTest
 * compares. Everything that differs from run to run goes to the log.
 */
#ifndef KERNELS_CHECK_H
#define KERNELS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keel/keel.h"

struct test {
    const char *name; /* begins with the id of the invariant that it attacks (docs/soundness.md) */
    void (*run)(void);
    bool any_lock_order; /* it takes locks in the wrong order on purpose */
};
#define TEST(function)           {.name = #function, .run = function}
#define TEST_ANY_ORDER(function) {.name = #function, .run = function, .any_lock_order = true}
#define COUNT_OF(array)          (sizeof(array) / sizeof((array)[0]))

/* Runs the tests in order, and after each one checks that the kernel is sane: the audit is clean, time moves,
 * other tasks run, every frame that the test took is free again, and the build has seen no wrong order of
 * locks, if it looks. Answers the status for keel_main. */
int32_t tests_run(const char *kernel, const struct test *tests, size_t count);

/* A failed check prints its line and `value`, and makes the test fail; only the first few of a test are
 * printed. */
void check_failed(const char *what, int line, uint64_t value);
#define CHECK_VALUE(condition, value)                                                                        \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            check_failed(#condition, __LINE__, (value));                                                     \
        }                                                                                                    \
    } while (0)
#define CHECK(condition) CHECK_VALUE(condition, 0)
/* The call must answer exactly this status. */
#define CHECK_STATUS(expected, call)                                                                         \
    do {                                                                                                     \
        keel_status_t check_status = (call);                                                                 \
        if (check_status != (expected)) {                                                                    \
            check_failed(#call, __LINE__, (uint64_t)check_status);                                           \
        }                                                                                                    \
    } while (0)
#define CHECK_OK(call) CHECK_STATUS(KEEL_OK, call)

/* The number behind `name` ("seed=") on the kernel command line. */
uint64_t option_number(const char *name, uint64_t otherwise);
/* Whether the command line contains this word. */
bool option_given(const char *word);

void random_begin(uint64_t seed);
uint64_t random_next(void);
uint64_t random_below(uint64_t limit);

/* Writes "text: number" to the log. */
void note(const char *text, uint64_t number);

/* A joined and released task that ran `entry`; answers its exit status, -1 if it could not be run. */
int32_t task_run(const char *name, void (*entry)(uint64_t argument), uint64_t argument);
keel_task_t task_start(const char *name, void (*entry)(uint64_t argument), uint64_t argument);
int32_t task_finish(keel_task_t task);

uint64_t frames_free(void);

/* The interrupt source that is a PC's old line. */
uint32_t source_of_line(uint32_t legacy);

#endif

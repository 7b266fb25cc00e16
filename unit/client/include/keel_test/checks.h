/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checks record their failure and go on: they run on simulated CPUs' stacks, where nobody can be jumped away
 * from. The run that they are in then counts as failed.
 */
#ifndef KEEL_TEST_CHECKS_H
#define KEEL_TEST_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "keel/status.h"

void unit_check(bool holds, const char *text, const char *file, int line);
void unit_check_equal(uint64_t actual, uint64_t expected, const char *text, const char *file, int line);
void unit_check_status(keel_status_t actual, keel_status_t expected, const char *text, const char *file,
                       int line);

#define CHECK(condition)              unit_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected) unit_check_equal((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_STATUS(call, expected)  unit_check_status((call), (expected), #call, __FILE__, __LINE__)
#define CHECK_OK(call)                CHECK_STATUS(call, KEEL_OK)
#define CHECK_AUDIT()                 CHECK_EQUAL(unit_audit(), 0)

/* Here the test should not have come. */
#define CHECK_NEVER(what) unit_check(false, what, __FILE__, __LINE__)

/* Violations that keel_audit finds. */
uint32_t unit_audit(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a test program does for ./keel explore (unit/explore.py), in place of running its tests.
 */
#ifndef UNIT_EXPLORE_TOOL_H
#define UNIT_EXPLORE_TOOL_H

#include "support.h"

/* Answers the exit status: 0 all is well, 1 a schedule failed, 2 the arguments are wrong. */
int unit_explore_main(const struct CMUnitTest *tests, size_t count, int argc, char **argv);

/* The steps of a schedule as --replay takes them; what has no room is left out, marked by dots. */
void unit_print_steps(const struct hosted_explored *found, char *text, size_t size);

#endif

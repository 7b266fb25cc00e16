/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tests of clients, in the frame of all unit tests.
 */
#include "keel_test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct unit_case case_of(const struct keel_test *test)
{
    return (struct unit_case){
        .name = test->name,
        .body = test->body,
        .config =
            {
                .ram_size = test->ram_size,
                .cpu_count = test->cpus,
                .command_line = test->command_line,
                .command_line_size = test->command_line != NULL ? strlen(test->command_line) : 0,
                .initrd = test->initrd,
                .initrd_size = test->initrd_size,
            },
        .seeds = test->seeds,
        .explore = test->explore,
        .explore_bound = test->bound,
        .devices = test->devices,
        .lends_slabs = test->lends_slabs,
        .leaves_things = test->leaves_things,
        .lock_orders = test->lock_orders,
    };
}

int keel_test_main_of(const struct keel_test *tests, size_t count, int argc, char **argv)
{
    struct unit_case *cases = calloc(count, sizeof *cases);
    struct CMUnitTest *units = calloc(count, sizeof *units);
    int status = 1;
    if (cases != NULL && units != NULL) {
        for (size_t i = 0; i < count; i++) {
            cases[i] = case_of(&tests[i]);
            units[i] = (struct CMUnitTest){
                .name = tests[i].name, .test_func = unit_run_case, .initial_state = &cases[i]};
        }
        status = unit_main_of(units, count, argc, argv);
    } else {
        fprintf(stderr, "keel: no memory for the table of tests\n");
    }
    free(units);
    free(cases);
    return status;
}

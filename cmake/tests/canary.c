/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Canaries: planted faults that the test harness must report. `canary assert` fails a CMocka test, the other
 * arguments are each something for one sanitizer. A harness that lets one of them pass proves nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plant_race.h"

static void failing_test(void **state)
{
    (void)state;
    assert_int_equal(1, 2);
}

static int plant_assert(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(failing_test)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

static int plant_address(void)
{
    volatile size_t size = 8;
    char *bytes = calloc(1, size);
    if (bytes == NULL) {
        return 0;
    }
    volatile char last = bytes[size];
    free(bytes);
    return last;
}

static int plant_undefined(void)
{
    volatile int large = INT32_MAX;
    volatile int sum = large + 1;
    return sum == 0;
}

static int plant_thread(void)
{
    plant_race();
    return 0;
}

int main(int argc, char **argv)
{
    const char *fault = argc == 2 ? argv[1] : "";
    if (strcmp(fault, "assert") == 0) {
        return plant_assert();
    }
    if (strcmp(fault, "address") == 0) {
        return plant_address();
    }
    if (strcmp(fault, "undefined") == 0) {
        return plant_undefined();
    }
    if (strcmp(fault, "thread") == 0) {
        return plant_thread();
    }
    return 2;
}

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

/* Absent without ThreadSanitizer. */
__attribute__((weak)) void *__tsan_get_current_fiber(void);
__attribute__((weak)) void *__tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void *fiber);
__attribute__((weak)) void __tsan_switch_to_fiber(void *fiber, unsigned flags);

static int shared;

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

/* Two unordered writes, on one host thread: what two real threads do to each other depends on their timing,
 * and a race that both run at the same instant can escape ThreadSanitizer. */
static int plant_thread(void)
{
    if (__tsan_create_fiber == NULL) {
        return 0;
    }
    void *self = __tsan_get_current_fiber();
    void *other = __tsan_create_fiber(0);
    shared++;
    __tsan_switch_to_fiber(other, 1); /* 1: the switch itself orders nothing */
    shared++;
    __tsan_switch_to_fiber(self, 1);
    __tsan_destroy_fiber(other);
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

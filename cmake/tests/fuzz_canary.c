/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A fuzz target with planted faults, one byte away from its seed: goes by what was never written, writes one
 * variable from two fibers, and reads past the end of the input, which MemorySanitizer, ThreadSanitizer or
 * AddressSanitizer must report and the smoke test of either fuzzer must turn into a failure.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Absent without ThreadSanitizer. */
__attribute__((weak)) void *__tsan_get_current_fiber(void);
__attribute__((weak)) void *__tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void *fiber);
__attribute__((weak)) void __tsan_switch_to_fiber(void *fiber, unsigned flags);

static int shared;

static void race(void)
{
    if (__tsan_create_fiber == NULL) {
        return;
    }
    void *self = __tsan_get_current_fiber();
    void *other = __tsan_create_fiber(0);
    shared++;
    __tsan_switch_to_fiber(other, 1); /* 1: the switch itself orders nothing */
    shared++;
    __tsan_switch_to_fiber(self, 1);
    __tsan_destroy_fiber(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    volatile uint8_t seen = 0;
    if (size > 0 && data[0] != 's') {
        volatile uint8_t *fresh = malloc(size);
        if (fresh != NULL && fresh[0] == 's') {
            seen = 1;
        }
        free((void *)(uintptr_t)fresh);
        race();
        seen = data[size];
    }
    (void)seen;
    return 0;
}

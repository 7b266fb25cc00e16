/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A fuzz target with planted faults, one byte away from its seed: goes by what was never written, writes one
 * variable from two fibers, and reads past the end of the input, which MemorySanitizer, ThreadSanitizer or
 * AddressSanitizer must report and the smoke test of either fuzzer must turn into a failure.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "plant_race.h"

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
        plant_race();
        seen = data[size];
    }
    (void)seen;
    return 0;
}

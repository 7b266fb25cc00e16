/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A fuzz target with a planted fault, one byte away from its seed: reads past the end of the input, which
 * AddressSanitizer must report and the smoke test of either fuzzer must turn into a failure.
 */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    volatile uint8_t seen = 0;
    if (size > 0 && data[0] != 's') {
        seen = data[size];
    }
    (void)seen;
    return 0;
}

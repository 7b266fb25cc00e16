/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz targets of clients: each input is a unit test of its own (support.h).
 */
#include "keel_test/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define HEADER_SIZE         2u
#define LITTLE              128u
#define LITTLE_SIZE_PER_CPU (UINT64_C(256) << 10)
#define RAM_SIZE            (UINT64_C(2) << 20)
#define CPUS                2u
#define STEP_LIMIT          UINT64_C(4000000)

static const uint8_t *input;
static size_t input_size, input_at;

size_t fuzz_left(void)
{
    return input_size - input_at;
}

size_t fuzz_bytes(void *buffer, size_t size)
{
    size_t part = size < fuzz_left() ? size : fuzz_left();
    if (part > 0) {
        memcpy(buffer, input + input_at, part);
    }
    input_at += part;
    return part;
}

uint8_t fuzz_byte(void)
{
    uint8_t byte = 0;
    (void)fuzz_bytes(&byte, 1);
    return byte;
}

uint64_t fuzz_number(unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size && i < sizeof value; i++) {
        value |= (uint64_t)fuzz_byte() << 8 * i;
    }
    return value;
}

bool fuzz_prints(void)
{
    return getenv("KEEL_PRINT") != NULL;
}

/* Few frames are left of it when the kernel is up: the smallest machines are those of one or two CPUs. */
static uint64_t little_memory(unsigned cpus, uint8_t byte)
{
    uint64_t parts = cpus > CPUS ? cpus : CPUS;
    return parts * LITTLE_SIZE_PER_CPU + (uint64_t)(byte - LITTLE) * 4096;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct unit_case test = {
        .name = "fuzz",
        .body = keel_fuzzer.body,
        .config =
            {
                .ram_size = keel_fuzzer.ram_size != 0 ? keel_fuzzer.ram_size : RAM_SIZE,
                .cpu_count = keel_fuzzer.cpus != 0 ? keel_fuzzer.cpus : CPUS,
                .step_limit = STEP_LIMIT,
            },
        .lends_slabs = keel_fuzzer.lends_slabs,
        .leaves_things = keel_fuzzer.leaves_things,
    };
    struct hosted_config config;
    if (size < HEADER_SIZE) {
        return 0;
    }
    input = data;
    input_size = size;
    input_at = HEADER_SIZE;
    unit_prepare(&test, &config);
    config.lazy_window = true;
    config.strategy = data[0] != 0 ? HOSTED_RANDOM : HOSTED_SEQUENTIAL;
    config.seed = data[0];
    if (data[1] >= LITTLE) {
        config.ram_size = little_memory(config.cpu_count, data[1]);
    }
    struct hosted_result result = hosted_run(&config);
    bool well = unit_as_expected(&test, &result);
    if (!well || fuzz_prints()) {
        unit_print_run(&test, &result);
    }
    if (!well) {
        abort();
    }
    return 0;
}

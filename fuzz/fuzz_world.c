/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_world: one input drives everything that can happen to a machine of one to four CPUs: the calls of
 * fuzz_calls, interleaving, hostile policies and callbacks, user programs whose bytes are the input's,
 * devices that reach for memory, send and forge messages and become something else, remapping units of all
 * kinds that may stop, and memory that runs out at any moment (calls_input.h, world_events.h). What must hold
 * is what fuzz_calls looks at.
 *
 * KEEL_PRINT=1 in the environment prints the calls and the console.
 */
#include <string.h>

#include "calls_world.h"

#define RAM_SIZE   (UINT64_C(640) << 10)
#define STEP_LIMIT UINT64_C(8000000)
#define CPUS_MAX   4u
#define TAGS_MAX   4u

static const struct hal_region regions[] = {{0, RAM_SIZE, HAL_REGION_USABLE},
                                            {0x40800, 0x7000, HAL_REGION_RECLAIMABLE}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned units(const struct calls_input *input)
{
    static const unsigned bits[16] = {
        HOSTED_IOMMU_REGISTERS,      HOSTED_IOMMU_NARROW,     HOSTED_IOMMU_RANGE,
        HOSTED_IOMMU_OLD_INTERRUPTS, HOSTED_IOMMU_APART,      HOSTED_IOMMU_NONE,
        [8] = HOSTED_IOMMU_DIES,     [9] = HOSTED_IOMMU_PLAIN}; /* of machine, then of more */
    unsigned iommu = (input->flags & CALLS_AMD) != 0 ? HOSTED_IOMMU_AMD : 0;
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        iommu |= ((input->machine | input->more << 8) >> i & 1) != 0 ? bits[i] : 0;
    }
    return iommu;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char trusting[] = "keel.dma=trust-devices";
    memset(&calls_world, 0, sizeof(calls_world));
    if (!world_input_parse(data, size, &calls_world.input)) {
        return 0;
    }
    calls_begin();
    uint8_t machine = calls_world.input.machine;
    bool programs = (machine & WORLD_PROGRAMS) != 0;
    struct hosted_config config = {
        .ram_size = RAM_SIZE,
        .cpu_count = 1u + calls_world.input.cpus % CPUS_MAX,
        .tlb_tags = 1u + (calls_world.input.cpus / CPUS_MAX + 2u) % TAGS_MAX,
        .regions = regions,
        .region_count = sizeof(regions) / sizeof(regions[0]),
        .command_line = trusting,
        .command_line_size = (machine & WORLD_TRUSTED) != 0 ? sizeof(trusting) - 1 : 0,
        .iommu = units(&calls_world.input),
        .iommu_stalls = calls_world.input.stalls,
        .user_engine = programs ? HOSTED_USER_UNICORN : HOSTED_USER_SCRIPT,
        .user_script = programs ? NULL : calls_user_script,
        .step_limit = STEP_LIMIT,
    };
    calls_run("fuzz_world", &config);
    return 0;
}

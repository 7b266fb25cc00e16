/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_calls: sequences of API calls from several tasks on two simulated CPUs, with hostile policies and a
 * hostile user program, all driven by the input (calls_input.h). After every call the whole machine is
 * audited. At the end every task must end that is asked to, and what clients may wait for must come (T7, T9);
 * when every handle is released, no frame may be missing (M8). fuzz_world does the same with everything else
 * that can happen to a machine.
 *
 * KEEL_PRINT=1 in the environment prints the calls and the console.
 */
#include <string.h>

#include "calls_world.h"

#define RAM_SIZE      (UINT64_C(480) << 10) /* small: quick to audit, and it runs out */
#define RAM_SIZE_MUCH (UINT64_C(6) << 20)   /* a large page or two */
#define STEP_LIMIT    UINT64_C(4000000)

/* RAM with a stretch in the middle that boot data share in part. */
static const struct hal_region regions[] = {{0, RAM_SIZE, HAL_REGION_USABLE},
                                            {0x40800, 0x7000, HAL_REGION_RECLAIMABLE}};
static const struct hal_region regions_much[] = {{0, RAM_SIZE_MUCH, HAL_REGION_USABLE},
                                                 {0x40800, 0x7000, HAL_REGION_RECLAIMABLE}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&calls_world, 0, sizeof(calls_world));
    if (!calls_input_parse(data, size, &calls_world.input)) {
        return 0;
    }
    calls_begin();
    bool much = CALLS_MUCH_MEMORY(calls_world.input.workers);
    struct hosted_config config = {
        .ram_size = much ? RAM_SIZE_MUCH : RAM_SIZE,
        .cpu_count = 2,
        .regions = much ? regions_much : regions,
        .region_count = sizeof(regions) / sizeof(regions[0]),
        .iommu = (calls_world.input.flags & CALLS_AMD) != 0 ? HOSTED_IOMMU_AMD : 0,
        .user_engine = HOSTED_USER_SCRIPT,
        .user_script = calls_user_script,
        .step_limit = STEP_LIMIT,
    };
    calls_run("fuzz_calls", &config);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * QEMU lets the time stamp counter count instructions.
 */
#include <stddef.h>

#include "counters.h"

const char *const counter_names[COUNTERS_MAX + 1] = {"instructions", NULL};

void counters_read(struct counters *counters)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    counters->values[0] = (uint64_t)high << 32 | low;
}

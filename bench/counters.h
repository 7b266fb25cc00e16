/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What bench/iommu.c counts, on the machine that it is built for: instructions on the real one
 * (counters_x86_64.c), what the remapping unit was told on the hosted one (counters_hosted.c).
 */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <stdint.h>

#define COUNTERS_MAX 3u

struct counters {
    uint64_t values[COUNTERS_MAX];
};

/* NULL after the last. */
extern const char *const counter_names[COUNTERS_MAX + 1];

void counters_read(struct counters *counters);

#endif

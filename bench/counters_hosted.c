/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The model of the remapping unit sees each descriptor and each entry.
 */
#include <stddef.h>

#include "counters.h"
#include "hosted/counts.h"

const char *const counter_names[COUNTERS_MAX + 1] = {"invalidations", "waits", "entries written", NULL};

void counters_read(struct counters *counters)
{
    struct hosted_iommu_counts counts = hosted_iommu_counts();
    *counters = (struct counters){{counts.invalidations, counts.waits, counts.entries}};
}

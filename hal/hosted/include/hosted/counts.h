/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the first of the hosted machine's remapping units was told since boot, for benchmarks: descriptors
 * that it has carried out, and entries of tables that were written for it, each by its own store.
 */
#ifndef HOSTED_COUNTS_H
#define HOSTED_COUNTS_H

#include <stdint.h>

struct hosted_iommu_counts {
    uint64_t invalidations, waits, entries;
};

struct hosted_iommu_counts hosted_iommu_counts(void);

#endif

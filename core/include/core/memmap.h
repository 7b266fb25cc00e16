/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The memory map, made orderly: whatever firmware reports becomes a sorted list of page-aligned, disjoint
 * regions. Pure code, no machine needed.
 */
#ifndef CORE_MEMMAP_H
#define CORE_MEMMAP_H

#include "hal/boot.h"

#define MEMMAP_REGIONS_MAX 512u
/* Physical addresses have at most 52 bits (Intel SDM vol. 3A, 4.1.4). */
#define MEMMAP_ADDRESS_END (UINT64_C(1) << 52)

struct memmap {
    size_t count;
    bool truncated; /* the list was full: what lies above the last region is not in it, hence not usable */
    struct hal_region regions[MEMMAP_REGIONS_MAX];
};

/* USABLE and RECLAIMABLE regions shrink to whole pages, all others grow. Where regions overlap, the later
 * kind of enum hal_region_kind wins; a USABLE page that is RECLAIMABLE in part is RECLAIMABLE. Zero lengths
 * vanish; ends past 2^64 or MEMMAP_ADDRESS_END are cut. Neighbours of one kind merge. Regions of an unknown
 * kind count as RESERVED. */
void memmap_normalise(const struct hal_region *regions, size_t count, struct memmap *map);

/* Bytes of one kind. */
uint64_t memmap_total(const struct memmap *map, enum hal_region_kind kind);

#endif

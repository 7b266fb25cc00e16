/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Normalising the memory map: sweep from border to border and ask, between each two, which kind wins there.
 * Quadratic in the number of regions, which is some hundreds, once at boot; in return it needs no sorting and
 * no scratch memory.
 */
#include "core/memmap.h"

#define PAGE_MASK (HAL_PAGE_SIZE - 1)

struct extent {
    uint64_t base, end;
};

static enum hal_region_kind kind_of(const struct hal_region *region)
{
    return region->kind < HAL_REGION_KIND_COUNT ? region->kind : HAL_REGION_RESERVED;
}

/* The whole pages that a region stands for, or all that it touches; empty if base >= end. */
static struct extent extent_of(const struct hal_region *region, bool shrink)
{
    uint64_t base = region->base < MEMMAP_ADDRESS_END ? region->base : MEMMAP_ADDRESS_END;
    uint64_t room = MEMMAP_ADDRESS_END - base;
    uint64_t end = base + (region->size < room ? region->size : room);
    if (base == end) {
        return (struct extent){base, base};
    }
    if (shrink) {
        return (struct extent){(base + PAGE_MASK) & ~PAGE_MASK, end & ~PAGE_MASK};
    }
    return (struct extent){base & ~PAGE_MASK, (end + PAGE_MASK) & ~PAGE_MASK};
}

/* What looking at one address has found so far. */
struct look {
    bool covered, touched; /* by any kind; by RECLAIMABLE memory, perhaps less than the page */
    enum hal_region_kind kind;
    uint64_t next; /* the next border */
};

/* Answers whether `at` is inside. */
static bool pass(struct look *look, struct extent extent, uint64_t at)
{
    if (extent.base >= extent.end || extent.end <= at) {
        return false;
    }
    uint64_t border = extent.base > at ? extent.base : extent.end;
    look->next = border < look->next ? border : look->next;
    return extent.base <= at;
}

static void look_at_region(struct look *look, const struct hal_region *region, uint64_t at)
{
    enum hal_region_kind kind = kind_of(region);
    if (pass(look, extent_of(region, kind <= HAL_REGION_RECLAIMABLE), at) &&
        (!look->covered || kind > look->kind)) {
        look->covered = true;
        look->kind = kind;
    }
    if (kind == HAL_REGION_RECLAIMABLE && pass(look, extent_of(region, false), at)) {
        look->touched = true;
    }
}

/* Looks at all regions from address `at`: which kind rules there, if any, and where the next border is. A
 * page of which RECLAIMABLE memory is a part is not USABLE yet, whoever has the rest. */
static struct look look(const struct hal_region *regions, size_t count, uint64_t at)
{
    struct look found = {.next = MEMMAP_ADDRESS_END};
    for (size_t i = 0; i < count; i++) {
        look_at_region(&found, &regions[i], at);
    }
    if (found.touched && found.kind == HAL_REGION_USABLE) {
        found.kind = HAL_REGION_RECLAIMABLE;
    }
    return found;
}

/* False: the list is full. */
static bool append(struct memmap *map, uint64_t base, uint64_t end, enum hal_region_kind kind)
{
    if (map->count > 0) {
        struct hal_region *last = &map->regions[map->count - 1];
        if (last->kind == kind && last->base + last->size == base) {
            last->size += end - base;
            return true;
        }
    }
    if (map->count == MEMMAP_REGIONS_MAX) {
        return false;
    }
    map->regions[map->count++] = (struct hal_region){.base = base, .size = end - base, .kind = kind};
    return true;
}

void memmap_normalise(const struct hal_region *regions, size_t count, struct memmap *map)
{
    map->count = 0;
    map->truncated = false;
    uint64_t at = 0;
    while (at < MEMMAP_ADDRESS_END) {
        struct look found = look(regions, count, at);
        if (found.covered && !append(map, at, found.next, found.kind)) {
            map->truncated = true;
            return;
        }
        at = found.next;
    }
}

uint64_t memmap_total(const struct memmap *map, enum hal_region_kind kind)
{
    uint64_t total = 0;
    for (size_t i = 0; i < map->count; i++) {
        total += map->regions[i].kind == kind ? map->regions[i].size : 0;
    }
    return total;
}

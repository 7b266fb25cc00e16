/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The memory map for core: firmware's, with the stretches that the kernel itself lives in laid over it
 * (hal/boot.h: the later kind wins where regions overlap).
 */
#include <string.h>

#include "hal/pte.h"
#include "parts.h"

/* The VGA's memory: on every PC the only place below 4 GiB that is always a display's or nobody's, and never
 * steers anything. What other device memory there is depends on the machine, and lies among what must stay
 * out of reach (APICs, remapping hardware, HPET, configuration space; D5), so nothing else is named here. */
static const struct hal_io_range vga = {0xa0000, 0x20000};

/* First MiB, kernel image, kernel file, initrd, pool. */
#define OVERLAYS 5u
/* Below 1 MiB firmware keeps data without saying so, and starting CPUs need pages there. */
#define LOW_MEMORY_SIZE (UINT64_C(1) << 20)

static enum hal_region_kind kind_of(const struct handoff_region *region)
{
    const bool is_ram = region->type == HANDOFF_FREE || region->type == HANDOFF_LOADER;

    /* RAM that the linear map has no room for. */
    if (is_ram && (region->base >= HAL_WINDOW_BASE - HAL_LINEAR_BASE ||
                   region->size > HAL_WINDOW_BASE - HAL_LINEAR_BASE - region->base)) {
        return HAL_REGION_RESERVED;
    }
    switch (region->type) {
    case HANDOFF_FREE:
        return HAL_REGION_USABLE;
    case HANDOFF_LOADER:
        return HAL_REGION_RECLAIMABLE;
    case HANDOFF_MMIO:
        return HAL_REGION_MMIO;
    case HANDOFF_UNUSABLE:
        return HAL_REGION_UNUSABLE;
    default:
        return HAL_REGION_RESERVED;
    }
}

static struct hal_region overlay(struct handoff_range range, enum hal_region_kind kind)
{
    return (struct hal_region){range.base, (range.size + HAL_PAGE_SIZE - 1) & ~(HAL_PAGE_SIZE - 1), kind};
}

/* The command line moves out of loader memory, which core may reuse. */
static void keep_command_line(const struct handoff *handoff, struct hal_boot *boot)
{
    const struct handoff_range line = handoff->command_line;
    char *copy;

    if (line.size == 0) {
        return;
    }
    copy = x86_pool_pages(line.size / HAL_PAGE_SIZE + 1);
    memcpy(copy, x86_physical(line.base), line.size);
    boot->command_line = copy;
    boot->command_line_size = line.size;
}

static bool overlaps(const struct handoff_region *region, uint64_t first, uint64_t last)
{
    return region->size != 0 && region->base <= last &&
           (region->base >= first || region->size > first - region->base);
}

/* Does firmware give the range for anything but a device's registers? A display's memory mostly is not named
 * at all. */
static bool is_named(const struct handoff *handoff, const struct hal_io_range *range)
{
    const struct handoff_region *regions = x86_physical(handoff->regions);

    for (uint32_t i = 0; i < handoff->region_count; i++) {
        if (regions[i].type != HANDOFF_MMIO && regions[i].type != HANDOFF_OTHER &&
            overlaps(&regions[i], range->base, range->base + (range->size - 1))) {
            return true;
        }
    }
    return false;
}

/* NULL: none of firmware's own holds it. */
static const struct handoff_region *own_region(const struct handoff *handoff, uint64_t address)
{
    const struct handoff_region *regions = x86_physical(handoff->regions);

    for (uint32_t i = 0; i < handoff->region_count; i++) {
        if (regions[i].type == HANDOFF_OTHER && overlaps(&regions[i], address, address)) {
            return &regions[i];
        }
    }
    return NULL;
}

/* Regions may lie over each other, and leave holes. A display's memory may be a client's. */
bool x86_is_firmwares(const struct handoff *handoff, uint64_t first, uint64_t last)
{
    const struct handoff_region *regions = x86_physical(handoff->regions);
    const struct handoff_region display = {.base = vga.base, .size = vga.size};

    if (overlaps(&display, first, last)) {
        return false;
    }
    for (uint32_t i = 0; i < handoff->region_count; i++) {
        if (regions[i].type != HANDOFF_OTHER && overlaps(&regions[i], first, last)) {
            return false;
        }
    }
    for (uint64_t at = first;;) {
        const struct handoff_region *region = own_region(handoff, at);
        uint64_t rest;

        if (region == NULL) {
            return false;
        }
        rest = region->size - (at - region->base);
        if (rest > last - at) {
            return true;
        }
        at += rest;
    }
}

void x86_regions_init(const struct handoff *handoff, struct hal_boot *boot)
{
    const struct handoff_region *from = x86_physical(handoff->regions);
    const size_t count = handoff->region_count + OVERLAYS;
    struct hal_region *regions = x86_pool_pages(count * sizeof(*regions) / HAL_PAGE_SIZE + 1);
    struct x86_range pool;
    size_t at = 0;

    keep_command_line(handoff, boot);
    for (uint32_t i = 0; i < handoff->region_count; i++) {
        regions[at++] = (struct hal_region){from[i].base, from[i].size, kind_of(&from[i])};
    }
    regions[at++] = (struct hal_region){0, LOW_MEMORY_SIZE, HAL_REGION_RESERVED};
    regions[at++] = overlay(handoff->kernel_image, HAL_REGION_KERNEL);
    regions[at++] = overlay(handoff->kernel_file, HAL_REGION_KERNEL);
    regions[at++] = overlay(handoff->initrd, HAL_REGION_INITRD);
    pool = x86_pool_used();
    regions[at++] = (struct hal_region){pool.base, pool.end - pool.base, HAL_REGION_KERNEL};
    boot->regions = regions;
    boot->region_count = at;
    boot->io_ranges = &vga;
    boot->io_range_count = is_named(handoff, &vga) ? 0 : 1;
    boot->port_ranges = x86_port_ranges;
    boot->port_range_count = X86_PORT_RANGES;
    boot->initrd = hal_paddr(handoff->initrd.base);
    boot->initrd_size = handoff->initrd.size;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory that firmware's devices use all the time. See remap_firmware.h.
 */
#include "remap_firmware.h"

#include "hal/remapping.h"

#define ENTRY_SIZE    8u
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)
#define LEVEL_BITS    9u
#define BUS_END       0x100u /* sources below it are of bus 0 */

static uint64_t span(unsigned level)
{
    return HAL_PAGE_SIZE << LEVEL_BITS * level;
}

static bool is_of(const struct hal_iommu_range *range, uint16_t source)
{
    return !range->any_source && range->source == source;
}

static bool overlap(const struct hal_iommu_range *a, const struct hal_iommu_range *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool is_sane(const struct remap_tables *tables, const struct hal_iommu_range *range)
{
    const struct hal_iommu_range interrupts = {.first = HAL_IOMMU_INTERRUPTS_FIRST,
                                               .last = HAL_IOMMU_INTERRUPTS_LAST};

    return range->source < BUS_END && (range->may_read || range->may_write) &&
           range->first % HAL_PAGE_SIZE == 0 && range->last % HAL_PAGE_SIZE == HAL_PAGE_SIZE - 1 &&
           range->first <= range->last && range->last - range->first < REMAP_FIRMWARE_SIZE_MAX &&
           range->last >> tables->address_bits == 0 && !overlap(range, &interrupts) &&
           remap_is_reserved(range->first, range->last);
}

/* How many tables of that level it may need. */
static uint64_t tables_of(const struct hal_iommu_range *range, unsigned level)
{
    return range->last / span(level + 1) - range->first / span(level + 1) + 1;
}

/* How many pages the source's tables may need; 0: one of its ranges is not sane, or lies over another. */
static uint64_t pages_needed(const struct remap_tables *tables, const struct hal_iommu_range *ranges,
                             unsigned range_count, uint16_t source)
{
    uint64_t pages = 1;

    for (unsigned i = 0; i < range_count; i++) {
        if (!is_of(&ranges[i], source)) {
            continue;
        }
        for (unsigned j = 0; j < i; j++) {
            if (is_of(&ranges[j], source) && overlap(&ranges[i], &ranges[j])) {
                return 0;
            }
        }
        if (!is_sane(tables, &ranges[i])) {
            return 0;
        }
        for (unsigned level = 0; level < tables->levels - 1; level++) {
            pages += tables_of(&ranges[i], level);
        }
    }
    return pages;
}

static unsigned index_at(uint64_t address, unsigned level)
{
    return (unsigned)(address / span(level) % HAL_IOMMU_ENTRIES);
}

/* The table of `level` for the address, from the root down. */
static hal_paddr_t table_at(const struct remap_tables *tables, hal_paddr_t root, uint64_t address,
                            unsigned level)
{
    hal_paddr_t table = root;

    for (unsigned above = tables->levels - 1; above > level; above--) {
        const unsigned index = index_at(address, above);
        uint64_t entry = remap_load(hal_paddr_add(table, (uint64_t)index * ENTRY_SIZE));

        if (entry == 0) {
            entry = tables->table_entry(remap_page(), above);
            tables->fill(table, index, 1, entry, 0);
        }
        table = hal_paddr(entry & ENTRY_ADDRESS);
    }
    return table;
}

static void map(const struct remap_tables *tables, hal_paddr_t root, const struct hal_iommu_range *range)
{
    uint64_t at = range->first;

    while (at <= range->last) {
        unsigned level = 0;

        while (level < tables->leaf_level_max && at % span(level + 1) == 0 &&
               range->last - at >= span(level + 1) - 1) {
            level++;
        }
        tables->fill(table_at(tables, root, at, level), index_at(at, level), 1,
                     tables->leaf_entry(hal_paddr(at), level, range->may_read, range->may_write), 0);
        at += span(level);
    }
}

static hal_paddr_t map_all(const struct remap_tables *tables, struct hal_iommu_range *ranges,
                           unsigned range_count, uint16_t source)
{
    const hal_paddr_t root = remap_page();

    for (unsigned i = 0; i < range_count; i++) {
        if (is_of(&ranges[i], source)) {
            map(tables, root, &ranges[i]);
            ranges[i].mapped = true;
        }
    }
    return root;
}

unsigned remap_firmware_map(const struct remap_tables *tables, struct hal_iommu_range *ranges,
                            unsigned range_count, struct remap_firmware found[REMAP_FIRMWARE_MAX])
{
    uint64_t room = REMAP_FIRMWARE_PAGES;
    unsigned count = 0;

    for (unsigned i = 0; i < range_count && count < REMAP_FIRMWARE_MAX; i++) {
        const uint16_t source = ranges[i].source;
        const uint64_t pages =
            ranges[i].any_source || ranges[i].mapped ? 0 : pages_needed(tables, ranges, range_count, source);

        if (pages != 0 && pages <= room) {
            room -= pages;
            found[count++] = (struct remap_firmware){.source = source,
                                                     .root = map_all(tables, ranges, range_count, source)};
        }
    }
    return count;
}

bool remap_firmware_is_mapped(const struct hal_iommu_range *ranges, unsigned range_count, uint16_t source)
{
    for (unsigned i = 0; i < range_count; i++) {
        if (is_of(&ranges[i], source) && ranges[i].mapped) {
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/iommu.h, by the driver of the hardware that was found: Intel's or AMD's.
 */
#include "hal/iommu.h"

#include "hal/amdvi.h"
#include "hal/vtd.h"

#define ENTRY_SIZE 8u

const struct hal_iommu *hal_iommu_describe(void)
{
    return amdvi_is_there() ? amdvi_describe() : vtd_describe();
}

bool hal_iommu_range(unsigned index, struct hal_iommu_range *range)
{
    return amdvi_is_there() ? amdvi_range(index, range) : vtd_range(index, range);
}

uint64_t hal_iommu_table_entry(hal_paddr_t table, unsigned level)
{
    return amdvi_is_there() ? amdvi_table_entry(table, level) : vtd_table_entry(table, level);
}

uint64_t hal_iommu_leaf_entry(hal_paddr_t page, unsigned level, bool may_read, bool may_write)
{
    return amdvi_is_there() ? amdvi_leaf_entry(page, level, may_read, may_write)
                            : vtd_leaf_entry(page, level, may_read, may_write);
}

bool hal_iommu_entry_is_leaf(uint64_t entry, unsigned level)
{
    return amdvi_is_there() ? amdvi_entry_is_leaf(entry, level) : vtd_entry_is_leaf(entry, level);
}

hal_paddr_t hal_iommu_entry_target(uint64_t entry)
{
    return amdvi_is_there() ? amdvi_entry_target(entry) : vtd_entry_target(entry);
}

bool hal_iommu_entry_may_read(uint64_t entry)
{
    return amdvi_is_there() ? amdvi_entry_may_read(entry) : vtd_entry_may_read(entry);
}

bool hal_iommu_entry_may_write(uint64_t entry)
{
    return amdvi_is_there() ? amdvi_entry_may_write(entry) : vtd_entry_may_write(entry);
}

uint64_t hal_iommu_load(hal_paddr_t table, unsigned index)
{
    return remap_load(hal_paddr_add(table, (uint64_t)index * ENTRY_SIZE));
}

unsigned hal_iommu_next(hal_paddr_t table, unsigned from)
{
    return remap_next(table, from);
}

void hal_iommu_fill(hal_paddr_t table, unsigned index, unsigned count, uint64_t entry, uint64_t step)
{
    if (amdvi_is_there()) {
        amdvi_fill(table, index, count, entry, step);
    } else {
        vtd_fill(table, index, count, entry, step);
    }
}

bool hal_iommu_can_hold(uint16_t source)
{
    return !amdvi_is_there() || amdvi_can_hold(source);
}

bool hal_iommu_wants_page(uint16_t source)
{
    return !amdvi_is_there() && vtd_wants_page(source); /* AMD's table is one for all sources */
}

void hal_iommu_give_page(uint16_t source, hal_paddr_t page)
{
    vtd_give_page(source, page);
}

uint64_t hal_iommu_attach(uint16_t source, uint32_t domain, hal_paddr_t root)
{
    return amdvi_is_there() ? amdvi_attach(source, domain, root) : vtd_attach(source, domain, root);
}

uint64_t hal_iommu_detach(uint16_t source, uint32_t domain)
{
    return amdvi_is_there() ? amdvi_detach(source, domain) : vtd_detach(source, domain);
}

uint64_t hal_iommu_flush(uint32_t domain, uint64_t address, uint64_t page_count, bool tables)
{
    return amdvi_is_there() ? amdvi_flush(domain, address, page_count, tables)
                            : vtd_flush(domain, address, page_count, tables);
}

bool hal_iommu_is_done(uint64_t ticket)
{
    return amdvi_is_there() ? amdvi_is_done(ticket) : vtd_is_done(ticket);
}

bool hal_iommu_recover(void)
{
    return amdvi_is_there() ? amdvi_recover() : vtd_recover();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/iommu.h: there are no devices, and no hardware that would hold them.
 */
#include "hal/iommu.h"

const struct hal_iommu *hal_iommu_describe(void)
{
    static const struct hal_iommu none = {.levels = 0};

    return &none;
}

bool hal_iommu_range(unsigned index, struct hal_iommu_range *range)
{
    (void)index;
    (void)range;
    return false;
}

uint64_t hal_iommu_table_entry(hal_paddr_t table, unsigned level)
{
    (void)table;
    (void)level;
    return 0;
}

uint64_t hal_iommu_leaf_entry(hal_paddr_t page, unsigned level, bool may_read, bool may_write)
{
    (void)page;
    (void)level;
    (void)may_read;
    (void)may_write;
    return 0;
}

bool hal_iommu_entry_is_leaf(uint64_t entry, unsigned level)
{
    (void)entry;
    (void)level;
    return false;
}

hal_paddr_t hal_iommu_entry_target(uint64_t entry)
{
    (void)entry;
    return hal_paddr(0);
}

bool hal_iommu_entry_may_read(uint64_t entry)
{
    (void)entry;
    return false;
}

bool hal_iommu_entry_may_write(uint64_t entry)
{
    (void)entry;
    return false;
}

uint64_t hal_iommu_load(hal_paddr_t table, unsigned index)
{
    (void)table;
    (void)index;
    return 0;
}

unsigned hal_iommu_next(hal_paddr_t table, unsigned from)
{
    (void)table;
    (void)from;
    return HAL_IOMMU_ENTRIES;
}

void hal_iommu_fill(hal_paddr_t table, unsigned index, unsigned count, uint64_t entry, uint64_t step)
{
    (void)table;
    (void)index;
    (void)count;
    (void)entry;
    (void)step;
}

bool hal_iommu_can_hold(uint16_t source)
{
    (void)source;
    return false;
}

bool hal_iommu_wants_page(uint16_t source)
{
    (void)source;
    return false;
}

void hal_iommu_give_page(uint16_t source, hal_paddr_t page)
{
    (void)source;
    (void)page;
}

uint64_t hal_iommu_attach(uint16_t source, uint32_t domain, hal_paddr_t root)
{
    (void)source;
    (void)domain;
    (void)root;
    return 0;
}

uint64_t hal_iommu_detach(uint16_t source, uint32_t domain)
{
    (void)source;
    (void)domain;
    return 0;
}

uint64_t hal_iommu_flush(uint32_t domain, uint64_t address, uint64_t page_count, bool tables)
{
    (void)domain;
    (void)address;
    (void)page_count;
    (void)tables;
    return 0;
}

bool hal_iommu_is_done(uint64_t ticket)
{
    (void)ticket;
    return false;
}

bool hal_iommu_recover(void)
{
    return false;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What hal/amdvi.h asks of the machine. No such unit is here, and none is named to the driver, which
 * hal/x86_common/iommu.c asks all the same whether there is one.
 */
#include "hal/amdvi.h"

uint64_t amdvi_read(unsigned unit, uint32_t offset)
{
    (void)unit;
    (void)offset;
    return UINT64_MAX;
}

void amdvi_write(unsigned unit, uint32_t offset, uint64_t value)
{
    (void)unit;
    (void)offset;
    (void)value;
}

hal_paddr_t amdvi_table(void)
{
    return remap_page();
}

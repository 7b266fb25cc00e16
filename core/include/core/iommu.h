/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Remapping hardware as the rest of core sees it: one call at a time, and every flush waited for (D2).
 *
 * If the hardware does not obey, and starting over does not help, it is broken for good: from then on no
 * flush succeeds, and whatever it may still lead to is captive for ever.
 */
#ifndef CORE_IOMMU_H
#define CORE_IOMMU_H

#include "core/frame.h"
#include "hal/iommu.h"

#define IOMMU_ALL UINT64_MAX /* pages: every one */

/* Boot CPU, once, when PCI's functions are known and frames can be had: the hardware gets the pages that it
 * needs to tell them apart. */
void iommu_init(void);

/* It holds every device, and obeys so far (D3). */
bool iommu_works(void);
/* And this source can be attached. */
bool iommu_can_hold(uint16_t source);

/* A number for a domain, that no other has; 0: none is left. */
uint32_t iommu_number_take(void);
void iommu_number_give_back(uint32_t number);

/* DMA of the source, which is detached and can be held, goes by `root` from now on. False: the hardware does
 * not obey, and root and number are captive. */
bool iommu_attach(uint16_t source, uint32_t number, hal_paddr_t root);

/* None passes any more once the answer is true; and tables, root and number are free for something else. */
bool iommu_detach(uint16_t source, uint32_t number);
/* The same without waiting for it: a later flush, of any domain, says that it is done. */
void iommu_detach_begin(uint16_t source, uint32_t number);

/* Nothing of these pages that was cleared before the call is cached any more once the answer is true. */
bool iommu_flush(uint32_t number, uint64_t address, uint64_t page_count, bool tables);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/dma.h.
 */
#include "core/dma.h"

#include "bytes.h"
#include "calls.h"
#include "keel/dma.h"
#include "reference.h"

_Static_assert(KEEL_DMA_BATCH == DMA_BATCH && KEEL_DMA_FAULTS_MAX == DOMAIN_FAULTS_MAX &&
                   KEEL_DMA_PAGES_MAX == IOVA_PAGES_MAX,
               "the documented limits are the real ones");

keel_status_t call_dma_enable(struct pci_device *device, uint64_t page_limit)
{
    return domain_enable(domain_of(device->function), page_limit);
}

keel_status_t call_dma_disable(struct pci_device *device)
{
    return domain_disable(domain_of(device->function));
}

keel_status_t call_dma_state(struct pci_device *device, struct keel_dma_state *state)
{
    struct domain *domain = domain_of(device->function);
    bool interrupts = spinlock_acquire(&domain->lock);
    *state = (struct keel_dma_state){.enabled = domain->state == DOMAIN_ON,
                                     .cut_off = domain->state == DOMAIN_CUT_OFF,
                                     .pages = domain->pages,
                                     .page_limit = domain->page_limit,
                                     .faults = domain->faults,
                                     .fault_address = domain->fault_address};
    spinlock_release(&domain->lock, interrupts);
    return KEEL_OK;
}

keel_status_t call_dma_map(struct pci_device *device, struct segment *segment, uint64_t index,
                           uint64_t page_count, uint32_t direction, uint64_t *dma)
{
    if (page_count == 0 || page_count > KEEL_DMA_PAGES_MAX || index >= segment->frame_count ||
        page_count > segment->frame_count - index || direction == 0 || direction > (uint32_t)KEEL_DMA_BOTH) {
        return KEEL_E_INVALID;
    }
    return dma_map(device, segment, index, page_count, (direction & KEEL_DMA_TO_DEVICE) != 0,
                   (direction & KEEL_DMA_FROM_DEVICE) != 0, dma);
}

keel_status_t call_dma_ref(struct dma *dma)
{
    return reference_add(&dma->object.ref);
}

/* Who drops the last reference does so as was said last. */
keel_status_t call_dma_release(struct dma *dma)
{
    atomic_u32_store_relaxed(&dma->later, 0);
    return reference_drop(&dma->object.ref);
}

keel_status_t call_dma_release_later(struct dma *dma)
{
    atomic_u32_store_relaxed(&dma->later, 1);
    return reference_drop(&dma->object.ref);
}

keel_status_t call_dma_flush(struct pci_device *device)
{
    return dma_flush(domain_of(device->function)) ? KEEL_OK : KEEL_E_UNSUPPORTED;
}

keel_status_t call_dma_info(struct dma *dma, struct keel_dma_info *info)
{
    *info = (struct keel_dma_info){.address = dma->address,
                                   .page_count = dma->page_count,
                                   .direction = (dma->may_read ? (uint32_t)KEEL_DMA_TO_DEVICE : 0) |
                                                (dma->may_write ? (uint32_t)KEEL_DMA_FROM_DEVICE : 0)};
    return KEEL_OK;
}

static uint64_t size_of(const struct dma *dma)
{
    return dma->page_count << HAL_PAGE_SHIFT;
}

keel_status_t call_dma_read(struct dma *dma, uint64_t offset, void *buffer, size_t buffer_size)
{
    return bytes_read(dma_memory(dma), size_of(dma), offset, buffer, buffer_size);
}

keel_status_t call_dma_write(struct dma *dma, uint64_t offset, const void *buffer, size_t buffer_size)
{
    return bytes_write(dma_memory(dma), size_of(dma), offset, buffer, buffer_size);
}

static bool is_one_access(const struct dma *dma, uint64_t offset, uint32_t width)
{
    return (width == 1 || width == 2 || width == 4 || width == 8) && offset % width == 0 &&
           offset < size_of(dma);
}

keel_status_t call_dma_load(struct dma *dma, uint64_t offset, uint32_t width, uint64_t *value)
{
    if (!is_one_access(dma, offset, width)) {
        return KEEL_E_INVALID;
    }
    *value = hal_phys_load(hal_paddr_add(dma_memory(dma), offset), width);
    return KEEL_OK;
}

keel_status_t call_dma_store(struct dma *dma, uint64_t offset, uint32_t width, uint64_t value)
{
    if (!is_one_access(dma, offset, width) || (width < 8 && value >> 8 * width != 0)) {
        return KEEL_E_INVALID;
    }
    hal_phys_store(hal_paddr_add(dma_memory(dma), offset), width, value);
    return KEEL_OK;
}

keel_status_t call_dma_sync(struct dma *dma)
{
    (void)dma; /* all memory that devices share with CPUs is coherent on the machines that there are */
    atomic_fence();
    return KEEL_OK;
}

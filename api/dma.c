/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/dma.h.
 */
#include "core/dma.h"

#include "bytes.h"
#include "calls.h"
#include "keel/dma.h"
#include "reference.h"
#include "resolve.h"

_Static_assert(KEEL_DMA_BATCH == DMA_BATCH && KEEL_DMA_FAULTS_MAX == DOMAIN_FAULTS_MAX &&
                   KEEL_DMA_PAGES_MAX == IOVA_PAGES_MAX && KEEL_DMA_SMALL_PAGES_MAX == IOVA_SMALL_PAGES_MAX &&
                   KEEL_DMA_PIECES_MAX == DMA_PIECES_MAX,
               "the documented limits are the real ones");

keel_status_t call_dma_enable(struct pci_device *device, uint64_t page_limit)
{
    return domain_enable(domain_of(device->function), page_limit);
}

keel_status_t call_dma_disable(struct pci_device *device)
{
    return domain_disable(domain_of(device->function));
}

keel_status_t call_dma_watch(struct pci_device *device, struct event *event)
{
    return domain_watch(domain_of(device->function), event);
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

static bool is_direction(uint32_t direction)
{
    return direction != 0 && direction <= (uint32_t)KEEL_DMA_BOTH;
}

/* `room`: pages that the mapping can still have. */
static bool is_piece(const struct segment *segment, uint64_t index, uint64_t page_count, uint64_t room)
{
    return page_count > 0 && page_count <= room && index < segment->frame_count &&
           page_count <= segment->frame_count - index;
}

static keel_status_t map(struct pci_device *device, const struct dma_piece *pieces, uint32_t piece_count,
                         uint32_t direction, uint64_t *dma)
{
    return dma_map(device, pieces, piece_count, (direction & KEEL_DMA_TO_DEVICE) != 0,
                   (direction & KEEL_DMA_FROM_DEVICE) != 0, dma);
}

keel_status_t call_dma_map(struct pci_device *device, struct segment *segment, uint64_t index,
                           uint64_t page_count, uint32_t direction, uint64_t *dma)
{
    const struct dma_piece piece = {segment, index, page_count};
    return is_direction(direction) && is_piece(segment, index, page_count, KEEL_DMA_PAGES_MAX)
               ? map(device, &piece, 1, direction, dma)
               : KEEL_E_INVALID;
}

static void let_go_pieces(const struct dma_piece *pieces, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        let_go_segment(pieces[i].segment);
    }
}

/* On an error none of them is held. */
static keel_status_t resolve_pieces(const struct keel_dma_list *list, struct dma_piece *pieces)
{
    uint64_t room = KEEL_DMA_PAGES_MAX;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct keel_dma_piece *from = &list->pieces[i];
        pieces[i].index = from->index;
        pieces[i].page_count = from->page_count;
        keel_status_t status = resolve_segment(from->segment.value, &pieces[i].segment);
        if (status != KEEL_OK) {
            let_go_pieces(pieces, i);
            return status;
        }
        if (!is_piece(pieces[i].segment, from->index, from->page_count, room)) {
            let_go_pieces(pieces, i + 1);
            return KEEL_E_INVALID;
        }
        room -= from->page_count;
    }
    return KEEL_OK;
}

keel_status_t call_dma_map_list(struct pci_device *device, const struct keel_dma_list *list,
                                uint32_t direction, uint64_t *dma)
{
    struct dma_piece pieces[KEEL_DMA_PIECES_MAX];
    if (!is_direction(direction) || list->count == 0 || list->count > KEEL_DMA_PIECES_MAX ||
        list->reserved != 0) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = resolve_pieces(list, pieces);
    if (status == KEEL_OK) {
        status = map(device, pieces, list->count, direction, dma);
        let_go_pieces(pieces, list->count);
    }
    return status;
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
    if (!bytes_fit(size_of(dma), offset, buffer_size)) {
        return KEEL_E_INVALID;
    }
    for (size_t done = 0; done < buffer_size;) {
        uint64_t size = buffer_size - done;
        hal_paddr_t from = dma_memory(dma, offset + done, &size);
        hal_phys_read((char *)buffer + done, from, size);
        done += size;
    }
    return KEEL_OK;
}

keel_status_t call_dma_write(struct dma *dma, uint64_t offset, const void *buffer, size_t buffer_size)
{
    if (!bytes_fit(size_of(dma), offset, buffer_size)) {
        return KEEL_E_INVALID;
    }
    for (size_t done = 0; done < buffer_size;) {
        uint64_t size = buffer_size - done;
        hal_paddr_t to = dma_memory(dma, offset + done, &size);
        hal_phys_write(to, (const char *)buffer + done, size);
        done += size;
    }
    return KEEL_OK;
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
    uint64_t size = width;
    *value = hal_phys_load(dma_memory(dma, offset, &size), width);
    return KEEL_OK;
}

keel_status_t call_dma_store(struct dma *dma, uint64_t offset, uint32_t width, uint64_t value)
{
    if (!is_one_access(dma, offset, width) || (width < 8 && value >> 8 * width != 0)) {
        return KEEL_E_INVALID;
    }
    uint64_t size = width;
    hal_phys_store(dma_memory(dma, offset, &size), width, value);
    return KEEL_OK;
}

keel_status_t call_dma_sync(struct dma *dma)
{
    (void)dma; /* all memory that devices share with CPUs is coherent on the machines that there are */
    atomic_fence();
    return KEEL_OK;
}

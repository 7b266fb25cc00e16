/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mappings of memory for devices, see core/dma.h.
 */
#include "core/dma.h"

#include "core/assert.h"
#include "core/iommu.h"
#include "core/pagetable.h"

static hal_paddr_t piece_memory(const struct dma_piece *piece)
{
    return frame_address(piece->segment->first + piece->index);
}

hal_paddr_t dma_memory(const struct dma *dma, uint64_t offset, uint64_t *size)
{
    const struct dma_piece *piece = dma->pieces;
    CORE_ASSERT(offset >> HAL_PAGE_SHIFT < dma->page_count);
    while (offset >> HAL_PAGE_SHIFT >= piece->page_count) {
        offset -= piece->page_count << HAL_PAGE_SHIFT;
        piece++;
    }
    uint64_t rest = (piece->page_count << HAL_PAGE_SHIFT) - offset;
    *size = *size < rest ? *size : rest;
    return hal_paddr_add(piece_memory(piece), offset);
}

/* --- Mapping --- */

/* How many there are to add at most: pieces may share one. */
static uint64_t tables_missing(const struct domain *domain, const struct dma *dma)
{
    uint64_t missing = 0, address = dma->address;
    for (uint32_t i = 0; i < dma->piece_count; i++) {
        const struct dma_piece *piece = &dma->pieces[i];
        missing += domain_tables_missing(domain, address, piece->page_count, piece_memory(piece));
        address += piece->page_count << HAL_PAGE_SHIFT;
    }
    return missing;
}

/* Answers whether tables were added. */
static bool map_pieces(struct domain *domain, const struct dma *dma, struct frame **spare)
{
    bool added = false;
    uint64_t address = dma->address;
    for (uint32_t i = 0; i < dma->piece_count; i++) {
        const struct dma_piece *piece = &dma->pieces[i];
        added |= domain_map(domain, address, piece->page_count, piece_memory(piece), dma->may_read,
                            dma->may_write, spare);
        address += piece->page_count << HAL_PAGE_SHIFT;
    }
    return added;
}

/* Addresses, and room in the count of pages. `tables` gets how many are missing. */
static keel_status_t reserve(struct domain *domain, struct dma *dma, uint64_t *tables)
{
    keel_status_t status = KEEL_OK;
    *tables = 0;
    bool interrupts = spinlock_acquire(&domain->lock);
    dma->life = domain->life;
    dma->held = domain->number != 0;
    dma->address = piece_memory(&dma->pieces[0]).value;
    if (domain->state != DOMAIN_ON) {
        status = KEEL_E_NOT_FOUND;
    } else if (domain->pages > domain->page_limit || dma->page_count > domain->page_limit - domain->pages ||
               (dma->held && !iova_take(&domain->iova, dma->page_count, &dma->address))) {
        status = KEEL_E_LIMIT;
    } else {
        domain->pages += dma->page_count;
        *tables = dma->held ? tables_missing(domain, dma) : 0;
    }
    spinlock_release(&domain->lock, interrupts);
    return status;
}

/* Are there tables that its addresses mean something in? The domain's lock is held. */
static bool is_mapped(const struct domain *domain, const struct dma *dma)
{
    return dma->held && dma->life == domain->life;
}

/* The other way. */
static void unreserve(struct domain *domain, const struct dma *dma)
{
    bool interrupts = spinlock_acquire(&domain->lock);
    domain->pages -= dma->page_count;
    if (is_mapped(domain, dma)) {
        iova_give_back(&domain->iova, dma->address, dma->page_count);
    }
    spinlock_release(&domain->lock, interrupts);
}

/* Writes the entries, if the life is the same still. `tables`: some were added. */
static keel_status_t commit(struct domain *domain, struct dma *dma, struct frame **spare, uint32_t *number,
                            bool *tables)
{
    bool interrupts = spinlock_acquire(&domain->lock);
    bool lives = domain->state == DOMAIN_ON && domain->life == dma->life;
    *number = domain->number;
    *tables = lives && dma->held && map_pieces(domain, dma, spare);
    spinlock_release(&domain->lock, interrupts);
    return lives ? KEEL_OK : KEEL_E_NOT_FOUND;
}

/* Nothing leads to more where the hardware does not obey any more; and without it nothing puts pieces in a
 * row. */
static bool can_map(const struct dma *dma)
{
    return dma->held ? iommu_works() : dma->piece_count == 1;
}

/* What is captive makes room first, if there is none. */
static keel_status_t reserve_or_flush(struct domain *domain, struct dma *dma, uint64_t *tables)
{
    keel_status_t status = reserve(domain, dma, tables);
    return status == KEEL_E_LIMIT && dma_flush(domain) ? reserve(domain, dma, tables) : status;
}

/* The hardware may have seen the entries, and will never say that it forgot them. */
static void withdraw(struct domain *domain, const struct dma *dma)
{
    bool interrupts = spinlock_acquire(&domain->lock);
    if (is_mapped(domain, dma)) {
        domain_unmap(domain, dma->address, dma->page_count);
    }
    spinlock_release(&domain->lock, interrupts);
}

/* A mapping that is BUSY and holds segments and device. `captive`: it failed, and its memory stays what it is
 * for good. */
static keel_status_t enter(struct dma *dma, bool *captive)
{
    struct domain *domain = dma->domain;
    struct frame *spare = NULL;
    uint64_t missing;
    uint32_t number = 0;
    bool tables = false;
    keel_status_t status = reserve_or_flush(domain, dma, &missing);
    if (status != KEEL_OK) {
        return status;
    }
    status = can_map(dma) ? tables_reserve(missing, TABLE_FREE, &spare) : KEEL_E_UNSUPPORTED;
    if (status == KEEL_OK) {
        status = commit(domain, dma, &spare, &number, &tables);
        tables_free(&spare);
    }
    if (status != KEEL_OK) {
        unreserve(domain, dma);
        return status;
    }
    bool flushes = dma->held && hal_iommu_describe()->caches_absence;
    if (flushes && !iommu_flush(number, dma->address, dma->page_count, tables)) {
        withdraw(domain, dma);
        *captive = true;
        return KEEL_E_UNSUPPORTED;
    }
    return KEEL_OK;
}

static void let_go(struct pci_device *device, const struct dma_piece *pieces, uint32_t piece_count)
{
    for (uint32_t i = 0; i < piece_count; i++) {
        segment_put(pieces[i].segment);
    }
    pci_device_put(device);
}

/* One reference more on each, which the caller holds already. */
static keel_status_t hold(struct dma *dma, struct pci_device *device, const struct dma_piece *pieces,
                          uint32_t piece_count)
{
    keel_status_t status = ref_get_more(&device->object.ref);
    if (status != KEEL_OK) {
        return status;
    }
    dma->device = device;
    dma->piece_count = piece_count;
    dma->page_count = 0;
    for (uint32_t i = 0; i < piece_count; i++) {
        status = ref_get_more(&pieces[i].segment->object.ref);
        if (status != KEEL_OK) {
            let_go(device, pieces, i);
            return status;
        }
        dma->pieces[i] = pieces[i];
        dma->page_count += pieces[i].page_count;
    }
    CORE_ASSERT(dma->page_count > 0 && dma->page_count <= IOVA_PAGES_MAX);
    return KEEL_OK;
}

/* Captive mappings have slots, too. NULL: there is none. */
static struct dma *claim(struct domain *domain)
{
    struct object *object = object_claim(OBJECT_DMA);
    if (object == NULL && dma_flush(domain)) {
        object = object_claim(OBJECT_DMA);
    }
    return (struct dma *)object;
}

keel_status_t dma_map(struct pci_device *device, const struct dma_piece *pieces, uint32_t piece_count,
                      bool may_read, bool may_write, uint64_t *handle)
{
    CORE_ASSERT(piece_count > 0 && piece_count <= DMA_PIECES_MAX && (may_read || may_write));
    struct domain *domain = domain_of(device->function);
    bool captive = false;
    struct dma *dma = claim(domain);
    if (dma == NULL) {
        return KEEL_E_LIMIT;
    }
    keel_status_t status = hold(dma, device, pieces, piece_count);
    if (status != KEEL_OK) {
        ref_unclaim(&dma->object.ref);
        return status;
    }
    dma->domain = domain;
    dma->may_read = may_read;
    dma->may_write = may_write;
    atomic_u32_init(&dma->later, 0);
    status = enter(dma, &captive);
    if (status == KEEL_OK) {
        *handle = object_handle(OBJECT_DMA, &dma->object);
        ref_publish(&dma->object.ref, 1, true);
    } else if (captive) {
        pci_device_put(device);
    } else {
        ref_unclaim(&dma->object.ref);
        let_go(device, pieces, piece_count);
    }
    return status;
}

/* --- Unmapping --- */

/* Nothing leads to its memory any more. */
static void finish(struct dma *dma)
{
    unreserve(dma->domain, dma);
    for (uint32_t i = 0; i < dma->piece_count; i++) {
        segment_put(dma->pieces[i].segment);
    }
    ref_finish(&dma->object.ref);
}

void dma_let_go(struct dma *list)
{
    while (list != NULL) {
        struct dma *dma = list;
        list = dma->next;
        finish(dma);
    }
}

/* Its entries are cleared. `batch` gets what is to be flushed together, NULL: nothing. */
static void make_captive(struct domain *domain, struct dma *dma, struct dma **batch)
{
    dma->next = domain->captive;
    domain->captive = dma;
    domain->captive_count++;
    if (domain->captive_count == DMA_BATCH) {
        *batch = domain_take_captive(domain);
    }
}

static bool flush_batch(uint32_t number, struct dma *batch)
{
    bool done = iommu_flush(number, 0, IOMMU_ALL, false);
    if (done) {
        dma_let_go(batch);
    }
    return done;
}

bool dma_flush(struct domain *domain)
{
    bool interrupts = spinlock_acquire(&domain->lock);
    struct dma *batch = domain_take_captive(domain);
    uint32_t number = domain->number;
    spinlock_release(&domain->lock, interrupts);
    return number != 0 ? flush_batch(number, batch) : hal_iommu_describe()->levels == 0 || iommu_works();
}

void dma_put(struct dma *dma)
{
    if (!ref_put(&dma->object.ref)) {
        return;
    }
    struct domain *domain = dma->domain;
    struct pci_device *device = dma->device;
    struct dma *batch = NULL;
    uint64_t address = dma->address, page_count = dma->page_count;
    bool held = dma->held, later = atomic_u32_load_relaxed(&dma->later) != 0;
    bool interrupts = spinlock_acquire(&domain->lock);
    uint32_t number = domain->number;
    bool mapped = is_mapped(domain, dma);
    if (mapped) {
        domain_unmap(domain, dma->address, dma->page_count);
        if (later) {
            make_captive(domain, dma, &batch);
        }
    }
    spinlock_release(&domain->lock, interrupts);
    if (batch != NULL) {
        (void)flush_batch(number, batch);
    } else if (mapped ? !later && iommu_flush(number, address, page_count, false) : !held || iommu_works()) {
        finish(dma);
    }
    pci_device_put(device);
}

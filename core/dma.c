/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mappings of memory for devices, see core/dma.h.
 */
#include "core/dma.h"

#include "core/assert.h"
#include "core/iommu.h"
#include "core/pagetable.h"

hal_paddr_t dma_memory(const struct dma *dma)
{
    return frame_address(dma->segment->first + dma->index);
}

/* --- Mapping --- */

/* Addresses, and room in the count of pages. `tables` gets how many are missing. */
static keel_status_t reserve(struct domain *domain, struct dma *dma, uint64_t *tables)
{
    keel_status_t status = KEEL_OK;
    *tables = 0;
    bool interrupts = spinlock_acquire(&domain->lock);
    dma->life = domain->life;
    dma->held = domain->number != 0;
    dma->address = dma_memory(dma).value;
    if (domain->state != DOMAIN_ON) {
        status = KEEL_E_NOT_FOUND;
    } else if (domain->pages > domain->page_limit || dma->page_count > domain->page_limit - domain->pages ||
               (dma->held && !iova_take(&domain->iova, dma->page_count, &dma->address))) {
        status = KEEL_E_LIMIT;
    } else {
        domain->pages += dma->page_count;
        *tables =
            dma->held ? domain_tables_missing(domain, dma->address, dma->page_count, dma_memory(dma)) : 0;
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
    *tables = lives && dma->held &&
              domain_map(domain, dma->address, dma->page_count, dma_memory(dma), dma->may_read,
                         dma->may_write, spare);
    spinlock_release(&domain->lock, interrupts);
    return lives ? KEEL_OK : KEEL_E_NOT_FOUND;
}

/* What is captive makes room first, if there is none. */
static keel_status_t reserve_or_flush(struct domain *domain, struct dma *dma, uint64_t *tables)
{
    keel_status_t status = reserve(domain, dma, tables);
    return status == KEEL_E_LIMIT && dma_flush(domain) ? reserve(domain, dma, tables) : status;
}

/* A mapping that is BUSY and holds segment and device. E_UNSUPPORTED: it is captive. */
static keel_status_t enter(struct dma *dma)
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
    status = tables_reserve(missing, TABLE_FREE, &spare);
    if (status == KEEL_OK) {
        status = commit(domain, dma, &spare, &number, &tables);
        tables_free(&spare);
    }
    if (status != KEEL_OK) {
        unreserve(domain, dma);
        return status;
    }
    bool flushes = dma->held && hal_iommu_describe()->caches_absence;
    return !flushes || iommu_flush(number, dma->address, dma->page_count, tables) ? KEEL_OK
                                                                                  : KEEL_E_UNSUPPORTED;
}

/* One reference more on each, which the caller holds already. */
static keel_status_t hold(struct dma *dma, struct pci_device *device, struct segment *segment)
{
    keel_status_t status = ref_get_more(&device->object.ref);
    if (status != KEEL_OK) {
        return status;
    }
    status = ref_get_more(&segment->object.ref);
    if (status != KEEL_OK) {
        pci_device_put(device);
        return status;
    }
    dma->device = device;
    dma->segment = segment;
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

keel_status_t dma_map(struct pci_device *device, struct segment *segment, uint64_t index, uint64_t page_count,
                      bool may_read, bool may_write, uint64_t *handle)
{
    CORE_ASSERT(page_count > 0 && page_count <= IOVA_PAGES_MAX && (may_read || may_write));
    CORE_ASSERT(index < segment->frame_count && page_count <= segment->frame_count - index);
    struct domain *domain = domain_of(device->function);
    struct dma *dma = claim(domain);
    if (dma == NULL) {
        return KEEL_E_LIMIT;
    }
    keel_status_t status = hold(dma, device, segment);
    if (status != KEEL_OK) {
        ref_unclaim(&dma->object.ref);
        return status;
    }
    dma->domain = domain;
    dma->index = index;
    dma->page_count = page_count;
    dma->may_read = may_read;
    dma->may_write = may_write;
    atomic_u32_init(&dma->later, 0);
    status = enter(dma);
    if (status == KEEL_OK) {
        *handle = object_handle(OBJECT_DMA, &dma->object);
        ref_publish(&dma->object.ref, 1, true);
    } else if (status != KEEL_E_UNSUPPORTED) {
        ref_unclaim(&dma->object.ref);
        segment_put(segment);
        pci_device_put(device);
    }
    return status;
}

/* --- Unmapping --- */

/* Nothing leads to its memory any more. */
static void finish(struct dma *dma)
{
    unreserve(dma->domain, dma);
    segment_put(dma->segment);
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

/* Entries cleared; `batch` gets what is to be flushed together, NULL: nothing. */
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
    return number == 0 || flush_batch(number, batch);
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

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mappings of memory for devices, see core/dma.h.
 */
#include "core/dma.h"

#include "core/assert.h"
#include "core/iommu.h"
#include "core/pagetable.h"
#include "keel/cold.h"

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

/* Entries that are written or cleared with the lock held and interrupts off, before others have a turn. */
#define PAGES_AT_ONCE UINT64_C(16384)

static uint64_t tables_missing(const struct domain *domain, const struct dma *dma)
{
    uint64_t missing = 0, pages;
    for (uint64_t done = 0; done < dma->page_count; done += pages) {
        uint64_t offset = done << HAL_PAGE_SHIFT, size = (dma->page_count - done) << HAL_PAGE_SHIFT;
        hal_paddr_t memory = dma_memory(dma, offset, &size);
        pages =
            domain_plan(domain, dma->address + offset, size >> HAL_PAGE_SHIFT, memory, done == 0, &missing);
    }
    return missing;
}

/* Are there tables that its addresses mean something in? The domain's lock is held. */
static bool is_mapped(const struct domain *domain, const struct dma *dma)
{
    return dma->held && dma->life == domain->life;
}

/* Others have a turn with the lock. False: the tables have gone meanwhile. */
static bool still_mapped(struct domain *domain, const struct dma *dma, bool *interrupts)
{
    spinlock_release(&domain->lock, *interrupts);
    *interrupts = spinlock_acquire(&domain->lock);
    return is_mapped(domain, dma);
}

/* Step by step, and of each piece what is in a row. `spare` has the tables that are missing. False: as
 * above. */
static bool map_all(struct domain *domain, const struct dma *dma, struct frame **spare, bool *interrupts)
{
    uint64_t pages;
    for (uint64_t done = 0, at_once = 0; done < dma->page_count; done += pages, at_once += pages) {
        if (at_once >= PAGES_AT_ONCE) {
            at_once = 0;
            if (!still_mapped(domain, dma, interrupts)) {
                return false;
            }
        }
        uint64_t offset = done << HAL_PAGE_SHIFT, size = (dma->page_count - done) << HAL_PAGE_SHIFT;
        hal_paddr_t memory = dma_memory(dma, offset, &size);
        pages = domain_map(domain, dma->address + offset, size >> HAL_PAGE_SHIFT, memory, dma->may_read,
                           dma->may_write, spare);
    }
    return true;
}

/* From page `done` on. */
static KEEL_COLD bool unmap_rest(struct domain *domain, const struct dma *dma, uint64_t done,
                                 bool *interrupts)
{
    for (uint64_t at_once = done, pages; done < dma->page_count; done += pages, at_once += pages) {
        if (at_once >= PAGES_AT_ONCE) {
            at_once = 0;
            if (!still_mapped(domain, dma, interrupts)) {
                return false;
            }
        }
        pages = domain_unmap(domain, dma->address + (done << HAL_PAGE_SHIFT), dma->page_count - done);
    }
    return true;
}

/* Answers whether the life goes on. */
static inline bool unmap_all(struct domain *domain, const struct dma *dma, bool *interrupts)
{
    if (!is_mapped(domain, dma)) {
        return false;
    }
    uint64_t done = domain_unmap(domain, dma->address, dma->page_count);
    return done == dma->page_count || unmap_rest(domain, dma, done, interrupts);
}

/* Nothing leads to more where the hardware does not obey any more; and without it nothing puts pieces in a
 * row. */
static bool can_map(const struct dma *dma)
{
    return dma->held ? iommu_works() : dma->piece_count == 1;
}

/* Addresses, and room in the count of pages. The domain's lock is held. */
static keel_status_t take_room(struct domain *domain, struct dma *dma)
{
    dma->life = domain->life;
    dma->held = domain->number != 0;
    if (domain->state != DOMAIN_ON) {
        return KEEL_E_NOT_FOUND;
    }
    if (!can_map(dma)) {
        return KEEL_E_UNSUPPORTED;
    }
    if (domain->pages > domain->page_limit || dma->page_count > domain->page_limit - domain->pages) {
        return KEEL_E_LIMIT;
    }
    if (!dma->held) {
        dma->address = piece_memory(&dma->pieces[0]).value;
    } else if (!iova_take(&domain->iova, dma->page_count, &dma->address)) {
        return KEEL_E_LIMIT;
    }
    domain->pages += dma->page_count;
    return KEEL_OK;
}

/* The other way; the lock is held. */
static void give_back_room(struct domain *domain, const struct dma *dma)
{
    domain->pages -= dma->page_count;
    if (is_mapped(domain, dma)) {
        iova_give_back(&domain->iova, dma->address);
    }
}

/* Tables for which the lock was let go. The number is that of the life in which room was taken, if that goes
 * on. */
static keel_status_t get_tables(struct domain *domain, const struct dma *dma, uint64_t missing,
                                struct frame **spare, bool *interrupts)
{
    spinlock_release(&domain->lock, *interrupts);
    keel_status_t status = tables_reserve(missing, TABLE_FREE, spare);
    *interrupts = spinlock_acquire(&domain->lock);
    bool lives = domain->state == DOMAIN_ON && domain->life == dma->life;
    return status == KEEL_OK && !lives ? KEEL_E_NOT_FOUND : status;
}

/* The rule. */
static bool map_at_once(struct domain *domain, const struct dma *dma)
{
    return dma->piece_count == 1 &&
           domain_map_at_once(domain, dma->address, dma->page_count, piece_memory(&dma->pieces[0]),
                              dma->may_read, dma->may_write);
}

/* Tables, and then the entries; or room is given back, unless the tables ended meanwhile with hardware that
 * may go by them for good: `captive`. */
static KEEL_COLD keel_status_t map_by_steps(struct domain *domain, const struct dma *dma,
                                            struct frame **spare, bool *tables, bool *captive,
                                            bool *interrupts)
{
    keel_status_t status = KEEL_OK;
    uint64_t missing = tables_missing(domain, dma);
    *tables = missing > 0;
    domain->tables_owed += *tables;
    if (missing > 0) {
        status = get_tables(domain, dma, missing, spare, interrupts);
    }
    if (status == KEEL_OK && !map_all(domain, dma, spare, interrupts)) {
        *captive = !iommu_works();
        status = KEEL_E_NOT_FOUND;
    }
    if (status != KEEL_OK && !*captive) {
        give_back_room(domain, dma);
    }
    return status;
}

/* How a new mapping is flushed: the domain's number, and whether tables were missing, or are of others that
 * have linked and not flushed them. By such a table this mapping was made at once, perhaps. */
struct flush {
    uint32_t number;
    bool tables, owed;
};

/* All or nothing: room, tables, and then the entries. */
static keel_status_t reserve_and_map(struct domain *domain, struct dma *dma, struct flush *flush,
                                     bool *captive)
{
    struct frame *spare = NULL;
    bool interrupts = spinlock_acquire(&domain->lock);
    keel_status_t status = take_room(domain, dma);
    flush->tables = false;
    if (status == KEEL_OK && dma->held && !map_at_once(domain, dma)) {
        status = map_by_steps(domain, dma, &spare, &flush->tables, captive, &interrupts);
    }
    flush->number = domain->number;
    flush->owed = domain->tables_owed > 0;
    domain->tables_owed -= flush->tables && status != KEEL_OK;
    spinlock_release(&domain->lock, interrupts);
    if (flush->tables) {
        tables_free(&spare);
    }
    return status;
}

/* What the mapping has linked is flushed. */
static KEEL_COLD void pay_for_tables(struct domain *domain)
{
    bool interrupts = spinlock_acquire(&domain->lock);
    domain->tables_owed--;
    spinlock_release(&domain->lock, interrupts);
}

/* The hardware may have seen the entries, and will never say that it forgot them. */
static void withdraw(struct domain *domain, const struct dma *dma)
{
    bool interrupts = spinlock_acquire(&domain->lock);
    (void)unmap_all(domain, dma, &interrupts);
    spinlock_release(&domain->lock, interrupts);
}

/* A mapping that is BUSY and holds segments and device. `captive`: it failed, and its memory stays what it is
 * for good. */
static keel_status_t enter(struct dma *dma, bool *captive)
{
    struct domain *domain = dma->domain;
    struct flush flush;
    keel_status_t status = reserve_and_map(domain, dma, &flush, captive);
    if (status == KEEL_E_LIMIT && dma_flush(domain)) { /* what was captive has made room */
        status = reserve_and_map(domain, dma, &flush, captive);
    }
    if (status != KEEL_OK) {
        return status;
    }
    bool flushes = dma->held && hal_iommu_describe()->caches_absence;
    bool done = !flushes || iommu_flush(flush.number, dma->address, dma->page_count, flush.owed);
    if (flush.tables) {
        pay_for_tables(domain);
    }
    if (!done) {
        withdraw(domain, dma);
        *captive = true;
        return KEEL_E_UNSUPPORTED;
    }
    return KEEL_OK;
}

static void let_go_device(struct pci_device *device)
{
    if (!ref_put_quick(&device->object.ref)) {
        pci_device_put(device);
    }
}

static void let_go_pieces(const struct dma_piece *pieces, uint32_t piece_count)
{
    for (uint32_t i = 0; i < piece_count; i++) {
        if (!ref_put_quick(&pieces[i].segment->object.ref)) {
            segment_put(pieces[i].segment);
        }
    }
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
            let_go_pieces(pieces, i);
            let_go_device(device);
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
        let_go_device(device);
    } else {
        ref_unclaim(&dma->object.ref);
        let_go_pieces(pieces, piece_count);
        let_go_device(device);
    }
    return status;
}

/* --- Unmapping --- */

void dma_let_go(struct dma *list)
{
    if (list == NULL) {
        return;
    }
    struct domain *domain = list->domain;
    bool interrupts = spinlock_acquire(&domain->lock);
    for (const struct dma *dma = list; dma != NULL; dma = dma->next) {
        give_back_room(domain, dma);
    }
    spinlock_release(&domain->lock, interrupts);
    while (list != NULL) {
        struct dma *dma = list;
        list = dma->next;
        let_go_pieces(dma->pieces, dma->piece_count);
        ref_finish(&dma->object.ref);
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
    bool mapped = unmap_all(domain, dma, &interrupts);
    uint32_t number = domain->number;
    if (mapped && later) {
        make_captive(domain, dma, &batch);
    }
    spinlock_release(&domain->lock, interrupts);
    if (batch != NULL) {
        (void)flush_batch(number, batch);
    } else if (mapped ? !later && iommu_flush(number, address, page_count, false) : !held || iommu_works()) {
        dma->next = NULL;
        dma_let_go(dma);
    }
    let_go_device(device);
}

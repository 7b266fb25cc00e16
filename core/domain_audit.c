/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The audit of domains: their tables say what the mappings do, no more and no less (D1, M1, M3). It runs
 * frozen.
 */
#include "core/dma.h"
#include "core/iommu.h"

static bool is_locked(const struct spinlock *lock)
{
    return atomic_u32_peek(&lock->next_ticket) != atomic_u32_peek(&lock->serving);
}

/* One page of a leaf. */
static void check_frame(hal_paddr_t page, audit_report_t *report)
{
    uint64_t number = hal_frame_number(page);
    if (number >= frame_end() || frame_at(number)->type != FRAME_UNTYPED ||
        ref_word_state(atomic_u64_peek(&frame_at(number)->ref.word)) != REF_LIVE) {
        report("D1", "a device reaches a frame that is not untyped and shared", number);
    }
}

static uint64_t check_leaf(uint64_t entry, unsigned level, audit_report_t *report)
{
    uint64_t count = UINT64_C(1) << DOMAIN_LEVEL_BITS * level;
    for (uint64_t i = 0; i < count; i++) {
        check_frame(hal_paddr_add(hal_iommu_entry_target(entry), i << HAL_PAGE_SHIFT), report);
    }
    return count;
}

/* Answers how many pages the table and those below it map. */
static uint64_t count_pages(hal_paddr_t table, unsigned level, audit_report_t *report)
{
    uint64_t pages = 0;
    for (unsigned i = hal_iommu_next(table, 0); i < HAL_IOMMU_ENTRIES; i = hal_iommu_next(table, i + 1)) {
        uint64_t entry = hal_iommu_load(table, i);
        pages += hal_iommu_entry_is_leaf(entry, level)
                     ? check_leaf(entry, level, report)
                     : count_pages(hal_iommu_entry_target(entry), level - 1, report);
    }
    return pages;
}

/* The entry that maps the page at the address; `offset`: of the page, in what the entry maps. */
static uint64_t entry_of(const struct domain *domain, uint64_t address, uint64_t *offset)
{
    hal_paddr_t table = domain->top;
    for (unsigned level = DOMAIN_TOP_LEVEL;; level--) {
        unsigned shift = HAL_PAGE_SHIFT + DOMAIN_LEVEL_BITS * level;
        uint64_t entry = hal_iommu_load(table, (unsigned)(address >> shift) % HAL_IOMMU_ENTRIES);
        if (entry == 0 || hal_iommu_entry_is_leaf(entry, level)) {
            *offset = address % (UINT64_C(1) << shift);
            return entry;
        }
        table = hal_iommu_entry_target(entry);
    }
}

static void check_mapping(const struct dma *dma, uint32_t slot, audit_report_t *report)
{
    for (uint64_t i = 0; i < dma->page_count; i++) {
        uint64_t offset, entry = entry_of(dma->domain, dma->address + (i << HAL_PAGE_SHIFT), &offset);
        uint64_t size = HAL_PAGE_SIZE;
        hal_paddr_t memory = dma_memory(dma, i << HAL_PAGE_SHIFT, &size);
        if (entry == 0 || hal_iommu_entry_target(entry).value + offset != memory.value ||
            hal_iommu_entry_may_read(entry) != dma->may_read ||
            hal_iommu_entry_may_write(entry) != dma->may_write) {
            report("D1", "a mapping's entry says something else, slot", slot);
            return;
        }
    }
}

/* Answers how many pages the domain's mappings have. */
static uint64_t check_mappings(const struct domain *domain, audit_report_t *report)
{
    uint64_t pages = 0;
    for (uint32_t i = 0, slots = object_slots(OBJECT_DMA); i < slots; i++) {
        const struct dma *dma = (const struct dma *)object_at(OBJECT_DMA, i);
        if (ref_word_state(atomic_u64_peek(&dma->object.ref.word)) == REF_LIVE && dma->domain == domain &&
            dma->held && dma->life == domain->life) {
            pages += dma->page_count;
            check_mapping(dma, i, report);
        }
    }
    return pages;
}

static bool has_tables(const struct domain *domain)
{
    return (domain->state == DOMAIN_ON || domain->state == DOMAIN_CUT_OFF) && domain->number != 0 &&
           !is_locked(&domain->lock);
}

/* No call is in the midst of mapping or unmapping: who is neither mapped nor free is captive. */
static bool is_settled(void)
{
    uint64_t busy = 0, captive = 0;
    for (uint32_t i = 0, slots = object_slots(OBJECT_DMA); i < slots; i++) {
        busy += ref_word_state(atomic_u64_peek(&object_at(OBJECT_DMA, i)->ref.word)) == REF_BUSY;
    }
    for (uint32_t index = 0; index < pci_count(); index++) {
        captive += domain_of(pci_at(index))->captive_count;
    }
    return busy == captive;
}

/* What a device reaches because firmware has it do so is nobody's. */
static void check_firmwares(audit_report_t *report)
{
    struct hal_iommu_range range;
    for (unsigned index = 0; hal_iommu_range(index, &range); index++) {
        uint64_t last = range.last >> HAL_PAGE_SHIFT;
        for (uint64_t number = range.first >> HAL_PAGE_SHIFT; range.mapped && number <= last; number++) {
            if (number < frame_end() &&
                ref_word_state(atomic_u64_peek(&frame_at(number)->ref.word)) != REF_RESERVED) {
                report("M1", "firmware's device reaches a frame that is not reserved", number);
            }
        }
    }
}

void domain_audit(audit_report_t *report)
{
    bool some = false;
    check_firmwares(report);
    for (uint32_t index = 0; index < pci_count(); index++) {
        some = some || has_tables(domain_of(pci_at(index)));
    }
    bool settled = some && is_settled();
    for (uint32_t index = 0; index < pci_count(); index++) {
        const struct domain *domain = domain_of(pci_at(index));
        if (domain->state == DOMAIN_OFF && domain->number != 0) {
            report("D1", "a domain that is off has a number, function", index);
        }
        if (has_tables(domain) &&
            check_mappings(domain, report) != count_pages(domain->top, DOMAIN_TOP_LEVEL, report) && settled) {
            report("D1", "a device reaches what is not mapped for it, function", index);
        }
    }
}

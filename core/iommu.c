/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Remapping hardware, see core/iommu.h.
 */
#include "core/iommu.h"

#include "core/assert.h"
#include "core/log.h"
#include "core/pci.h"
#include "core/spinlock.h"

/* A domain for each function that is known. */
#define NUMBERS_MAX (PCI_FUNCTIONS_MAX + 1)

static struct spinlock lock; /* the calls that are made one at a time, and all below */
static bool taken[NUMBERS_MAX];
static atomic_u32_t broken; /* 1: it does not obey, never again; or there is none */

void iommu_init(void)
{
    spinlock_init(&lock);
    atomic_u32_init(&broken, hal_iommu_describe()->levels == 0);
    for (uint32_t number = 0; number < NUMBERS_MAX; number++) {
        taken[number] = number == 0;
    }
    for (uint32_t index = 0; iommu_works() && index < pci_count(); index++) {
        struct frame *page;
        uint16_t source = pci_source(pci_at(index));
        if (hal_iommu_can_hold(source) && hal_iommu_wants_page(source) &&
            frame_alloc(FRAME_TABLE, 1, 1, &page) == KEEL_OK) {
            hal_iommu_give_page(source, frame_address(page));
        }
    }
}

bool iommu_works(void)
{
    return atomic_u32_load_acquire(&broken) == 0;
}

bool iommu_can_hold(uint16_t source)
{
    if (!iommu_works() || !hal_iommu_can_hold(source)) {
        return false;
    }
    bool interrupts = spinlock_acquire(&lock);
    bool has_page = !hal_iommu_wants_page(source);
    spinlock_release(&lock, interrupts);
    return has_page;
}

uint32_t iommu_number_take(void)
{
    uint32_t found = 0, limit = hal_iommu_describe()->domain_count;
    bool interrupts = spinlock_acquire(&lock);
    for (uint32_t number = 1; found == 0 && number < limit && number < NUMBERS_MAX; number++) {
        found = taken[number] ? 0 : number;
    }
    taken[found] = true;
    spinlock_release(&lock, interrupts);
    return found;
}

void iommu_number_give_back(uint32_t number)
{
    CORE_ASSERT(number > 0 && number < NUMBERS_MAX);
    bool interrupts = spinlock_acquire(&lock);
    taken[number] = false;
    spinlock_release(&lock, interrupts);
}

/* Nobody has seen the ticket's flush end. */
static bool start_over(uint64_t ticket)
{
    bool interrupts = spinlock_acquire(&lock);
    bool done = hal_iommu_is_done(ticket) || (atomic_u32_peek(&broken) == 0 && hal_iommu_recover());
    bool breaks = !done && atomic_u32_exchange(&broken, 1) == 0;
    spinlock_release(&lock, interrupts);
    if (breaks) {
        log_string(LOG_ERROR, "iommu: the hardware does not obey any more: no DMA from now on, and memory "
                              "that devices had stays captive");
    }
    return done;
}

static bool wait_on(uint64_t ticket)
{
    uint32_t looks_max = hal_iommu_describe()->looks_max;
    for (uint32_t looks = 0; looks < looks_max && atomic_u32_load_acquire(&broken) == 0; looks++) {
        hal_cpu_relax();
        if (hal_iommu_is_done(ticket)) {
            return true;
        }
    }
    return start_over(ticket);
}

/* A flush is often done before anyone looks. */
static bool wait(uint64_t ticket)
{
    return hal_iommu_is_done(ticket) || wait_on(ticket);
}

bool iommu_attach(uint16_t source, uint32_t number, hal_paddr_t root)
{
    CORE_ASSERT(number != 0);
    bool interrupts = spinlock_acquire(&lock);
    uint64_t ticket = hal_iommu_attach(source, number, root);
    spinlock_release(&lock, interrupts);
    return wait(ticket);
}

static uint64_t post_detach(uint16_t source, uint32_t number)
{
    CORE_ASSERT(number != 0);
    bool interrupts = spinlock_acquire(&lock);
    uint64_t ticket = hal_iommu_detach(source, number);
    spinlock_release(&lock, interrupts);
    return ticket;
}

bool iommu_detach(uint16_t source, uint32_t number)
{
    return wait(post_detach(source, number));
}

void iommu_detach_begin(uint16_t source, uint32_t number)
{
    (void)post_detach(source, number);
}

bool iommu_flush(uint32_t number, uint64_t address, uint64_t page_count, bool tables)
{
    CORE_ASSERT(number != 0);
    bool interrupts = spinlock_acquire(&lock);
    uint64_t ticket = hal_iommu_flush(number, address, page_count, tables);
    spinlock_release(&lock, interrupts);
    return wait(ticket);
}

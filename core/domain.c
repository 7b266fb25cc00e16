/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Domains: their tables, and their lives. See core/domain.h.
 */
#include "core/domain.h"

#include "core/assert.h"
#include "core/dma.h"
#include "core/iommu.h"
#include "core/log.h"
#include "core/pagetable.h"
#include "hal/irq.h"
#include "keel/cold.h"

/* An entry of the top level, and what is below it, stands for so many bytes. */
#define TOP_SPAN (HAL_PAGE_SIZE << DOMAIN_LEVEL_BITS * DOMAIN_TOP_LEVEL)

_Static_assert(1u << DOMAIN_LEVEL_BITS == HAL_IOMMU_ENTRIES, "a table is full at the next entry above");
_Static_assert(IOVA_END <= TOP_SPAN, "one directory is enough for small mappings");
_Static_assert(IOVA_LARGE_END <= HAL_IOMMU_ENTRIES * TOP_SPAN, "one table of level 2 is enough for all");
_Static_assert(IOVA_END <= HAL_IOMMU_INTERRUPTS_FIRST && IOVA_LARGE_FIRST > HAL_IOMMU_INTERRUPTS_LAST,
               "no address is an interrupt's (D4)");

static struct domain domains[PCI_FUNCTIONS_MAX];
static bool trust;           /* devices, where no hardware holds them */
static bool interrupts_held; /* or devices are trusted with them, too */

/* A device that masters the bus writes whatever message it likes, an INIT among them. */
static void warn_of_interrupts(bool trusts)
{
    if (hal_iommu_describe()->levels == 0 || hal_irq_messages_are_held()) {
        return;
    }
    log_string(LOG_WARNING, trusts
                                ? "dma: DEVICES ARE TRUSTED (keel.dma=trust-devices): nothing keeps one "
                                  "that is enabled from raising any interrupt"
                                : "dma: no device is enabled, since none is kept from raising any interrupt "
                                  "(keel.dma=trust-devices)");
}

void domain_init(bool trusts)
{
    trust = trusts && hal_iommu_describe()->levels == 0;
    interrupts_held = trusts || hal_irq_messages_are_held();
    for (uint32_t index = 0; index < pci_count(); index++) {
        domains[index] = (struct domain){.function = pci_at(index)};
        spinlock_init(&domains[index].lock);
    }
    if (trust) {
        log_string(LOG_WARNING, "dma: DEVICES ARE TRUSTED (keel.dma=trust-devices): no hardware holds them, "
                                "and each that is enabled may read and write all memory");
    }
    warn_of_interrupts(trusts);
}

struct domain *domain_of(const struct pci_function *function)
{
    return &domains[pci_index(function)];
}

/* --- Tables --- */

static unsigned index_at(uint64_t address, unsigned level)
{
    return (unsigned)(address >> (HAL_PAGE_SHIFT + DOMAIN_LEVEL_BITS * level)) % HAL_IOMMU_ENTRIES;
}

static uint64_t pages_of(unsigned level)
{
    return UINT64_C(1) << DOMAIN_LEVEL_BITS * level;
}

/* The lowest table that there is for the address, or that whose leaf maps it. */
struct place {
    hal_paddr_t table;
    unsigned level;
};

/* Level by level, so that shifts are constant. */
static struct place find(const struct domain *domain, uint64_t address)
{
    hal_paddr_t directory = domain->directory;
    if (address >= TOP_SPAN) {
        uint64_t entry = hal_iommu_load(domain->top, index_at(address, DOMAIN_TOP_LEVEL));
        if (entry == 0 || hal_iommu_entry_is_leaf(entry, DOMAIN_TOP_LEVEL)) {
            return (struct place){domain->top, DOMAIN_TOP_LEVEL};
        }
        directory = hal_iommu_entry_target(entry);
    }
    uint64_t entry = hal_iommu_load(directory, index_at(address, 1));
    if (entry == 0 || hal_iommu_entry_is_leaf(entry, 1)) {
        return (struct place){directory, 1};
    }
    return (struct place){hal_iommu_entry_target(entry), 0};
}

/* The level of the leaf, at most `limit`, that maps so many pages, or the first of them, of memory in a row
 * that begins at `page`. */
static unsigned leaf_level(uint64_t address, uint64_t page_count, hal_paddr_t page, unsigned limit)
{
    uint64_t both = (address | page.value) >> HAL_PAGE_SHIFT;
    unsigned level = 0, level_max = hal_iommu_describe()->leaf_level_max;
    while (level < limit && level < level_max && page_count >= pages_of(level + 1) &&
           both % pages_of(level + 1) == 0) {
        level++;
    }
    return level;
}

/* Of pages from the address on, those of one step: a leaf above level 0, or entries of one table. */
static uint64_t pages_of_step(uint64_t address, uint64_t page_count, unsigned level)
{
    uint64_t room = level > 0 ? pages_of(level) : HAL_IOMMU_ENTRIES - index_at(address, 0);
    return page_count < room ? page_count : room;
}

uint64_t domain_plan(const struct domain *domain, uint64_t address, uint64_t page_count, hal_paddr_t page,
                     bool first, uint64_t *missing)
{
    struct place place = find(domain, address);
    unsigned level = leaf_level(address, page_count, page, place.level);
    for (unsigned below = level; below < place.level; below++) { /* an earlier step has counted the others */
        *missing += first || (address >> HAL_PAGE_SHIFT) % pages_of(below + 1) == 0;
    }
    return pages_of_step(address, page_count, level);
}

uint64_t domain_map(struct domain *domain, uint64_t address, uint64_t page_count, hal_paddr_t page,
                    bool may_read, bool may_write, struct frame **spare)
{
    struct place place = find(domain, address);
    unsigned level = leaf_level(address, page_count, page, place.level);
    uint64_t pages = pages_of_step(address, page_count, level);
    while (place.level > level) {
        struct frame *table = tables_take(spare);
        tables_add(&domain->tables, table);
        hal_iommu_fill(place.table, index_at(address, place.level), 1,
                       hal_iommu_table_entry(frame_address(table), place.level), 0);
        place = (struct place){frame_address(table), place.level - 1};
    }
    hal_iommu_fill(place.table, index_at(address, level), level > 0 ? 1 : (unsigned)pages,
                   hal_iommu_leaf_entry(page, level, may_read, may_write), HAL_PAGE_SIZE);
    return pages;
}

/* One large leaf. */
static KEEL_COLD bool map_leaf(const struct place *place, uint64_t address, uint64_t page_count,
                               hal_paddr_t page, bool may_read, bool may_write)
{
    if (page_count != pages_of(place->level) ||
        leaf_level(address, page_count, page, place->level) != place->level) {
        return false;
    }
    hal_iommu_fill(place->table, index_at(address, place->level), 1,
                   hal_iommu_leaf_entry(page, place->level, may_read, may_write), 0);
    return true;
}

bool domain_map_at_once(struct domain *domain, uint64_t address, uint64_t page_count, hal_paddr_t page,
                        bool may_read, bool may_write)
{
    struct place place = find(domain, address);
    if (place.level > 0) {
        return map_leaf(&place, address, page_count, page, may_read, may_write);
    }
    if (page_count > HAL_IOMMU_ENTRIES - index_at(address, 0)) {
        return false;
    }
    hal_iommu_fill(place.table, index_at(address, 0), (unsigned)page_count,
                   hal_iommu_leaf_entry(page, 0, may_read, may_write), HAL_PAGE_SIZE);
    return true;
}

uint64_t domain_unmap(struct domain *domain, uint64_t address, uint64_t page_count)
{
    struct place place = find(domain, address);
    if (place.level > 0) {
        hal_iommu_fill(place.table, index_at(address, place.level), 1, 0, 0);
        return pages_of(place.level);
    }
    uint64_t pages = pages_of_step(address, page_count, 0);
    hal_iommu_fill(place.table, index_at(address, 0), (unsigned)pages, 0, 0);
    return pages;
}

struct dma *domain_take_captive(struct domain *domain)
{
    struct dma *captive = domain->captive;
    domain->captive = NULL;
    domain->captive_count = 0;
    return captive;
}

/* --- Lives --- */

/* DOMAIN_CHANGING, if it is in one of the two states. */
static enum domain_state begin_change(struct domain *domain, enum domain_state from,
                                      enum domain_state or_from)
{
    bool interrupts = spinlock_acquire(&domain->lock);
    enum domain_state state = domain->state;
    if (state == from || state == or_from) {
        domain->state = DOMAIN_CHANGING;
    }
    spinlock_release(&domain->lock, interrupts);
    return state;
}

static void end_change(struct domain *domain, enum domain_state state)
{
    bool interrupts = spinlock_acquire(&domain->lock);
    domain->state = state;
    spinlock_release(&domain->lock, interrupts);
}

/* The tables down to the directory, and the bits. CHANGING, as all below. */
static keel_status_t make_tables(struct domain *domain)
{
    unsigned levels = hal_iommu_describe()->levels;
    struct frame *tables;
    keel_status_t status = frame_alloc(FRAME_OBJECT, 1, 1, &domain->bits);
    if (status != KEEL_OK) {
        return status;
    }
    status = tables_reserve(levels - 1, TABLE_FREE, &tables);
    if (status != KEEL_OK) {
        frame_free_private(domain->bits, 1);
        return status;
    }
    hal_paddr_t above = hal_paddr(0);
    for (unsigned level = levels - 1; level > 0; level--) {
        struct frame *table = tables_take(&tables);
        tables_add(&domain->tables, table);
        if (level == levels - 1) {
            domain->root = frame_address(table);
        } else {
            hal_iommu_fill(above, 0, 1, hal_iommu_table_entry(frame_address(table), level + 1), 0);
        }
        domain->top = level == DOMAIN_TOP_LEVEL ? frame_address(table) : domain->top;
        above = frame_address(table);
    }
    domain->directory = above;
    bool forwarded = pci_is_forwarded(IOVA_LARGE_FIRST, IOVA_LARGE_END - 1);
    iova_init(&domain->iova, hal_phys_object(frame_address(domain->bits)),
              forwarded ? HAL_IOMMU_ADDRESS_BITS_MIN : hal_iommu_describe()->address_bits);
    return KEEL_OK;
}

/* Nothing leads to them any more. */
static void free_tables(struct domain *domain, uint32_t number)
{
    tables_free(&domain->tables);
    frame_free_private(domain->bits, 1);
    iommu_number_give_back(number);
}

/* They are free, or captive. */
static void forget_tables(struct domain *domain)
{
    domain->tables = NULL;
    domain->bits = NULL;
}

/* Firmware has the device use memory at addresses of its own, all the time. */
static bool firmware_uses(const struct pci_function *function)
{
    struct hal_iommu_range range;
    for (unsigned index = 0; hal_iommu_range(index, &range); index++) {
        if (range.any_source ? function->at.bus != 0 : range.source == pci_source(function)) {
            return true;
        }
    }
    return false;
}

static bool can_be_held(const struct pci_function *function)
{
    return interrupts_held && iommu_can_hold(pci_source(function)) && pci_is_told_apart(function) &&
           !function->goes_past && !firmware_uses(function);
}

/* A life at the hardware. Nobody looks at the tables before the domain is ON. */
static keel_status_t attach(struct domain *domain, uint32_t *number)
{
    if (!can_be_held(domain->function)) {
        return KEEL_E_UNSUPPORTED;
    }
    *number = iommu_number_take();
    if (*number == 0) {
        return KEEL_E_LIMIT;
    }
    keel_status_t status = make_tables(domain);
    if (status != KEEL_OK) {
        iommu_number_give_back(*number);
        return status;
    }
    if (!iommu_attach(pci_source(domain->function), *number, domain->root)) {
        forget_tables(domain); /* captive */
        return KEEL_E_UNSUPPORTED;
    }
    return KEEL_OK;
}

/* The caller's now. The lock is held. */
static struct event *take_watch(struct domain *domain)
{
    struct event *watch = domain->watch;
    domain->watch = NULL;
    return watch;
}

static void let_go_watch(struct event *watch)
{
    if (watch != NULL) {
        event_put(watch);
    }
}

/* The end of a life: nothing that the device had is reached any more. Where the hardware does not say so, it
 * stays captive. */
static void detach(struct domain *domain)
{
    if (!pci_command_change(domain->function, PCI_COMMAND_MASTER, false)) {
        log_string(LOG_WARNING, "dma: a device does not cease to master the bus");
    }
    uint32_t number = domain->number; /* changes while the domain is CHANGING, by who made it so */
    bool done = number == 0 || iommu_detach(pci_source(domain->function), number);
    bool interrupts = spinlock_acquire(&domain->lock);
    struct dma *captive = domain_take_captive(domain);
    struct event *watch = take_watch(domain);
    domain->life++;
    domain->number = 0;
    spinlock_release(&domain->lock, interrupts);
    let_go_watch(watch);
    if (number != 0 && done) {
        free_tables(domain, number);
        dma_let_go(captive);
    }
    forget_tables(domain);
}

static keel_status_t begin_life(struct domain *domain, uint64_t page_limit)
{
    uint32_t number = 0;
    keel_status_t status = trust ? KEEL_OK : attach(domain, &number);
    if (status != KEEL_OK) {
        return status;
    }
    bool interrupts = spinlock_acquire(&domain->lock);
    domain->life++;
    domain->number = number;
    domain->page_limit = page_limit != 0 ? page_limit : UINT64_MAX;
    domain->faults = 0;
    domain->fault_address = 0;
    spinlock_release(&domain->lock, interrupts);
    pci_keep_snooped(domain->function);
    if (!pci_command_change(domain->function, PCI_COMMAND_MASTER, true)) {
        detach(domain);
        return KEEL_E_UNSUPPORTED;
    }
    return KEEL_OK;
}

keel_status_t domain_enable(struct domain *domain, uint64_t page_limit)
{
    if (domain->function->header != PCI_HEADER_DEVICE || domain->function->fault != NULL) {
        return KEEL_E_UNSUPPORTED;
    }
    enum domain_state state = begin_change(domain, DOMAIN_OFF, DOMAIN_OFF);
    if (state != DOMAIN_OFF) {
        return state == DOMAIN_CHANGING ? KEEL_E_BUSY : KEEL_E_EXISTS;
    }
    keel_status_t status = begin_life(domain, page_limit);
    end_change(domain, status == KEEL_OK ? DOMAIN_ON : DOMAIN_OFF);
    return status;
}

keel_status_t domain_disable(struct domain *domain)
{
    enum domain_state state = begin_change(domain, DOMAIN_ON, DOMAIN_CUT_OFF);
    if (state == DOMAIN_OFF || state == DOMAIN_CHANGING) {
        return state == DOMAIN_OFF ? KEEL_E_NOT_FOUND : KEEL_E_BUSY;
    }
    detach(domain);
    end_change(domain, DOMAIN_OFF);
    return KEEL_OK;
}

/* --- Attempts --- */

static void tell(struct event *watch)
{
    if (watch != NULL) {
        (void)event_signal(watch, UINT32_MAX);
    }
    let_go_watch(watch);
}

keel_status_t domain_watch(struct domain *domain, struct event *event)
{
    keel_status_t status = event != NULL ? ref_get_more(&event->object.ref) : KEEL_OK;
    if (status != KEEL_OK) {
        return status;
    }
    bool interrupts = spinlock_acquire(&domain->lock);
    bool lives = domain->state == DOMAIN_ON || domain->state == DOMAIN_CUT_OFF;
    bool is_late = domain->state == DOMAIN_CUT_OFF;
    struct event *before = lives ? take_watch(domain) : NULL;
    if (domain->state == DOMAIN_ON) {
        domain->watch = event;
    }
    spinlock_release(&domain->lock, interrupts);
    if (is_late) {
        tell(event);
    } else if (!lives) {
        let_go_watch(event);
    }
    let_go_watch(before);
    return lives ? KEEL_OK : KEEL_E_NOT_FOUND;
}

static void log_cut_off(const struct pci_function *function)
{
    struct text line;
    text_clear(&line);
    text_string(&line, "dma: device ");
    text_hex(&line, pci_source(function));
    text_string(&line, " tries on and on to reach what it must not, and is cut off");
    log_text(LOG_WARNING, &line);
}

/* D8. With the lock, so that it is this life's end and no later one's; nothing is waited for, since nothing
 * is given back: that is for who releases it. A device of firmware's has no life here and masters the bus all
 * the same. */
static bool note_fault(struct domain *domain, uint64_t address)
{
    struct event *watch = NULL;
    bool interrupts = spinlock_acquire(&domain->lock);
    domain->faults++;
    domain->fault_address = address;
    bool firmwares = domain->function->firmwares && domain->faults == DOMAIN_FAULTS_MAX + 1;
    bool cuts = domain->state == DOMAIN_ON && domain->faults > DOMAIN_FAULTS_MAX;
    if (cuts || firmwares) {
        (void)pci_command_change(domain->function, PCI_COMMAND_MASTER, false);
    }
    if (cuts) {
        domain->state = DOMAIN_CUT_OFF;
        if (domain->number != 0) {
            iommu_detach_begin(pci_source(domain->function), domain->number);
        }
        watch = take_watch(domain);
    }
    spinlock_release(&domain->lock, interrupts);
    tell(watch);
    return cuts || firmwares;
}

void hal_upcall_iommu_fault(const struct hal_iommu_fault *fault)
{
    for (uint32_t index = 0; index < pci_count(); index++) {
        struct domain *domain = &domains[index];
        if (pci_source(domain->function) == fault->source && note_fault(domain, fault->address)) {
            log_cut_off(domain->function);
        }
    }
}

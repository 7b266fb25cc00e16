/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Invalidation, by the queue and by registers (Intel VT-d specification 4.0, 6.5, 11.4.8): as late as the
 * driver allows, never more than it asked for, and not before accesses that are on their way have arrived.
 */
#include "hal/atomic.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "state.h"
#include "vtd_model.h"

#define DESCRIPTOR_SIZE 16u
#define EVERYTHING      0, UINT64_MAX

enum { FLUSH_CONTEXTS = 1, FLUSH_TRANSLATIONS, FLUSH_DEVICE, FLUSH_INTERRUPTS, WAIT };
enum { GLOBAL = 1, DOMAIN, PAGES };

struct invalidation {
    unsigned scope;
    uint32_t domain;
    uint64_t first, last;
    bool tables, drains;
};

/* --- What both ways do --- */

/* False: it must wait. */
static bool forget(struct iommu_unit *unit, const struct invalidation *what)
{
    uint32_t domain = what->scope == GLOBAL ? IOMMU_ANY_DOMAIN : what->domain;
    if (what->drains && iommu_dma_under_way(unit, domain, what->first, what->last)) {
        return false;
    }
    iommu_forget(unit, domain, what->first, what->last, what->tables);
    if (what->scope == GLOBAL) {
        unit->lies_translations = unit->lies_contexts; /* which fill it again */
    }
    machine.edits++;
    return true;
}

static void forget_contexts(struct iommu_unit *unit, unsigned scope, uint32_t domain, uint16_t source,
                            unsigned mask)
{
    static const uint16_t masks[] = {0, 4, 6, 7};
    iommu_forget_contexts(unit, (enum iommu_scope)scope, domain, source, masks[mask]);
    if (scope == GLOBAL) {
        unit->lies_contexts = false;
    }
    machine.edits++;
}

/* Of 2^mask pages. False: there are no such. */
static bool set_pages(const struct iommu_unit *unit, struct invalidation *what, uint64_t address)
{
    unsigned mask = (unsigned)(address & 0x3f);
    if (!unit->kind.has_pages || mask > unit->kind.mask_max) {
        return false;
    }
    uint64_t span = HAL_PAGE_SIZE << mask;
    what->first = address & ~(span - 1);
    what->last = what->first + (span - 1);
    what->tables = (address >> 6 & 1) == 0;
    return true;
}

/* --- Registers --- */

unsigned iommu_invalidate_contexts(struct iommu_unit *unit, uint64_t command)
{
    unsigned scope = (unsigned)(command >> 61 & 3);
    if (iommu_gives_up(unit) || scope == 0) {
        return 0;
    }
    forget_contexts(unit, scope, (uint32_t)(command & 0xffff), (uint16_t)(command >> 16),
                    (unsigned)(command >> 32 & 3));
    unit->commands++;
    return scope;
}

unsigned iommu_invalidate_translations(struct iommu_unit *unit, uint64_t address, uint64_t command)
{
    struct invalidation what = {.scope = (unsigned)(command >> 60 & 3),
                                .domain = (uint32_t)(command >> 32 & 0xffff),
                                .last = UINT64_MAX,
                                .tables = true,
                                .drains = (command >> 48 & 3) != 0};
    if (iommu_gives_up(unit) || what.scope == 0 ||
        (what.scope == PAGES && !set_pages(unit, &what, address))) {
        return 0;
    }
    if (!forget(unit, &what)) {
        return UINT32_MAX;
    }
    unit->commands++;
    return what.scope;
}

/* --- The queue --- */

enum outcome { DONE, WAITS, WRONG };

static enum outcome run_contexts(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    unsigned scope = (unsigned)(low >> 4 & 3);
    if (scope == 0 || high != 0 || (low & UINT64_C(0xfffc00000000ffc0)) != 0) {
        return WRONG;
    }
    forget_contexts(unit, scope, (uint32_t)(low >> 16 & 0xffff), (uint16_t)(low >> 32),
                    (unsigned)(low >> 48 & 3));
    return DONE;
}

static enum outcome run_translations(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    struct invalidation what = {.scope = (unsigned)(low >> 4 & 3),
                                .domain = (uint32_t)(low >> 16 & 0xffff),
                                .last = UINT64_MAX,
                                .tables = true,
                                .drains = (low >> 6 & 3) == 3};
    if (what.scope == 0 || (low & UINT64_C(0xffffffff0000ff00)) != 0 || (high & 0xf80) != 0 ||
        (what.scope == PAGES && !set_pages(unit, &what, high))) {
        return WRONG;
    }
    return forget(unit, &what) ? DONE : WAITS;
}

static enum outcome run_interrupts(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    unsigned mask = (unsigned)(low >> 27 & 0x1f);
    if (!unit->kind.remaps || high != 0 || (low & UINT64_C(0xffff000007ffffe0)) != 0 ||
        mask > unit->kind.entry_mask_max) {
        return WRONG;
    }
    if ((low & 1 << 4) == 0) {
        iommu_interrupts_forget_all(unit);
    } else {
        iommu_interrupts_forget(unit, 0, (uint32_t)(low >> 32 & 0xffff), mask);
    }
    return DONE;
}

static enum outcome run_wait(uint64_t low, uint64_t high)
{
    uint64_t at = high & ~UINT64_C(3);
    if ((low & UINT64_C(0xffffff00)) != 0 || (high & 3) != 0) {
        return WRONG;
    }
    CONTRACT((low & 1 << 4) == 0, "an interrupt that nobody takes");
    if ((low & 1 << 5) != 0 && CONTRACT(ram_contains(at, 4) && ram_use(at) == HAL_FRAME_TABLE,
                                        "the status word is not the driver's")) {
        char *word = ram_pointer(at);
        ram_soil(at >> HAL_PAGE_SHIFT);
        raw_store32(word, (uint32_t)(low >> 32));
        sanitizer_release(word - at % 8);
    }
    return DONE;
}

static enum outcome run(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    switch (low & 0xe0f) {
    case FLUSH_CONTEXTS:
        return run_contexts(unit, low, high);
    case FLUSH_TRANSLATIONS:
        return run_translations(unit, low, high);
    case FLUSH_INTERRUPTS:
        return run_interrupts(unit, low, high);
    case WAIT:
        return run_wait(low, high);
    default:
        return WRONG;
    }
}

static bool has_work(const struct iommu_unit *unit)
{
    return (unit->status & IOMMU_QUEUE) != 0 && unit->queue_size != 0 && unit->head != unit->tail &&
           !unit->queue_error && !unit->queue_asleep && !unit->stalled;
}

/* The descriptor at the head. The queue is always looked for in the CPUs' caches. */
static bool step(struct iommu_unit *unit)
{
    const uint64_t *descriptor = (const uint64_t *)(const void *)ram_pointer(unit->queue + unit->head);
    if (iommu_gives_up(unit)) {
        return false;
    }
    uint64_t low = raw_load(descriptor);
    enum outcome outcome = run(unit, low, raw_load(descriptor + 1));
    unit->queue_error = unit->queue_asleep = outcome == WRONG;
    unit->queue_waits = outcome == WAITS;
    if (outcome != DONE) {
        return false;
    }
    unit->commands++;
    unit->waits += (low & 0xf) == WAIT;
    unit->head = (unit->head + DESCRIPTOR_SIZE) % unit->queue_size;
    return true;
}

void iommu_queue_run(struct iommu_unit *unit)
{
    while (has_work(unit) && step(unit)) {
    }
}

void iommu_queue_look(struct iommu_unit *unit)
{
    if (!machine.running) {
        iommu_queue_run(unit); /* start-up is the same each time, and there are many */
    } else if (has_work(unit) && unit->queue_late-- == 0) {
        unit->queue_late = IOMMU_LATE - 1;
        (void)step(unit);
    }
}

uint64_t iommu_queue_read_head(struct iommu_unit *unit)
{
    if ((unit->status & IOMMU_QUEUE) == 0 || unit->queue_size != 0) {
        iommu_queue_look(unit);
        iommu_wait_with(unit);
        return unit->head;
    }
    unit->firmware_left -= unit->firmware_left != 0;
    return unit->tail - DESCRIPTOR_SIZE * unit->firmware_left;
}

void iommu_queue_write_tail(struct iommu_unit *unit, uint64_t value)
{
    if ((unit->status & IOMMU_QUEUE) == 0) {
        CONTRACT(value == 0, "the queue is off");
        unit->tail = 0;
        return;
    }
    if (!CONTRACT(value < unit->queue_size && value % DESCRIPTOR_SIZE == 0, "the tail is not in the queue")) {
        return;
    }
    uint64_t room = (unit->head - unit->tail - DESCRIPTOR_SIZE) % unit->queue_size;
    CONTRACT((value - unit->tail) % unit->queue_size <= room, "the tail runs over the head");
    CONTRACT(unit->command == 0, "while a command is under way");
    unit->queue_late = has_work(unit) ? unit->queue_late : IOMMU_LATE - 1;
    unit->tail = value;
    unit->queue_asleep = unit->queue_error;
}

void iommu_queue_write_address(struct iommu_unit *unit, uint64_t value)
{
    uint64_t address = value & IOMMU_ADDRESS, size = HAL_PAGE_SIZE << (value & 7);
    CONTRACT((unit->status & IOMMU_QUEUE) == 0, "the queue is on");
    CONTRACT((value & 0xff8) == 0, "reserved bits, or descriptors of another size");
    CONTRACT(size / DESCRIPTOR_SIZE <= IOMMU_SLOTS_MAX, "so long a queue takes more looks");
    if (CONTRACT(ram_contains(address, size) && ram_use(address) == HAL_FRAME_TABLE,
                 "the queue is not the driver's")) {
        unit->queue = address;
        unit->queue_size = size;
    }
}

void iommu_queue_switched(struct iommu_unit *unit)
{
    if ((unit->status & IOMMU_QUEUE) != 0) {
        CONTRACT(unit->queue_size != 0 && unit->tail == 0, "no queue, or one that does not begin");
        return;
    }
    unit->head = 0; /* the tail stays */
    unit->queue_waits = unit->queue_asleep = false;
    unit->queue_error = false;
    iommu_goes_on(unit);
}

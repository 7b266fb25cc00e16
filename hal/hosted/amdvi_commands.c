/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Commands of AMD's remapping units (AMD I/O Virtualization Technology specification 3.0, 2.4): as late as
 * the driver allows, and never more than it asked for. Commands may overtake each other up to the next
 * COMPLETION_WAIT; so the entry of a source is forgotten only then, and translations at once, which it fills
 * again. No invalidation is done before accesses that are on their way by what it is about have arrived.
 */
#include "amdvi_model.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "state.h"

enum { WAIT = 1, FORGET_SOURCE, FORGET_PAGES, FORGET_INTERRUPTS = 5, FORGET_ALL = 8 };

#define WAIT_STORES     UINT64_C(1)
#define WAIT_INTERRUPTS UINT64_C(2)
#define WAIT_FENCE      UINT64_C(4)
#define WAIT_ADDRESS    UINT64_C(0x000ffffffffffff8)
#define PAGES_SEVERAL   UINT64_C(1)
#define PAGES_TABLES    UINT64_C(2)

enum outcome { DONE, WAITS, WRONG };

void amdvi_forget_nothing_yet(struct iommu_unit *unit)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    unit->lies_contexts = unit->lies_translations = true;
    for (unsigned i = 0; i < AMDVI_EACH_WORDS; i++) {
        u->sources_left[i] = u->domains_left[i] = u->interrupts_left[i] = UINT64_MAX;
    }
    u->source_count = u->domain_count = u->interrupt_count = 64 * AMDVI_EACH_WORDS;
    iommu_interrupts_lie_from_now(unit);
}

/* Of 65,536: the one is not left any more. Are any? */
static bool tick_off(uint64_t left[AMDVI_EACH_WORDS], unsigned *count, uint16_t one)
{
    *count -= (unsigned)(left[one / 64] >> one % 64 & 1);
    left[one / 64] &= ~(UINT64_C(1) << one % 64);
    return *count != 0;
}

/* --- Sources --- */

static void forget_source(struct iommu_unit *unit, uint16_t source)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    iommu_forget_contexts(unit, IOMMU_SCOPE_SOURCE_ALONE, 0, source, 0);
    amdvi_interrupts_forget_word(unit, source);
    unit->lies_contexts = tick_off(u->sources_left, &u->source_count, source) && unit->lies_contexts;
    machine.edits++;
}

static void catch_up(struct iommu_unit *unit)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    for (unsigned i = 0; i < u->put_off_count; i++) {
        forget_source(unit, u->put_off[i]);
    }
    u->put_off_count = 0;
}

static enum outcome run_source(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    if ((low & UINT64_C(0x0fffffffffff0000)) != 0 || high != 0) {
        return WRONG;
    }
    if (u->put_off_count == AMDVI_PUT_OFF) {
        catch_up(unit);
    }
    u->put_off[u->put_off_count++] = (uint16_t)low;
    return DONE;
}

/* --- Translations --- */

/* The lowest bit of the address that is 0 says how many pages there are; span 0 is all there can be. */
static void cover(uint64_t high, uint64_t *first, uint64_t *last)
{
    uint64_t address = high & ~(HAL_PAGE_SIZE - 1), span = HAL_PAGE_SIZE;
    if ((high & PAGES_SEVERAL) != 0) {
        span = 2 * HAL_PAGE_SIZE;
        for (uint64_t bit = HAL_PAGE_SIZE; (address & bit) != 0 && span != 0; bit <<= 1) {
            span <<= 1;
        }
    }
    *first = address & ~(span - 1);
    *last = *first + (span - 1);
}

static enum outcome run_pages(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    uint32_t domain = (uint32_t)(low >> 32 & 0xffff);
    uint64_t first, last;
    if ((low & UINT64_C(0x0fff0000ffffffff)) != 0 || (high & 0xffc) != 0) {
        return WRONG;
    }
    cover(high, &first, &last);
    if (iommu_dma_under_way(unit, domain, first, last)) {
        return WAITS;
    }
    iommu_forget(unit, domain, first, last, (high & PAGES_TABLES) != 0);
    /* Entries that let everything pass fill it again. */
    if (first == 0 && last == UINT64_MAX && (high & PAGES_TABLES) != 0 && !unit->lies_contexts) {
        unit->lies_translations =
            tick_off(u->domains_left, &u->domain_count, (uint16_t)domain) && unit->lies_translations;
    }
    machine.edits++;
    return DONE;
}

/* --- Interrupts --- */

static enum outcome run_interrupts(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    if ((low & UINT64_C(0x0fffffffffff0000)) != 0 || high != 0) {
        return WRONG;
    }
    amdvi_interrupts_forget_entries(unit, (uint16_t)low);
    /* Entries that let everything pass fill it again. */
    if (!unit->lies_contexts && !tick_off(u->interrupts_left, &u->interrupt_count, (uint16_t)low)) {
        iommu_interrupts_lie_no_more(unit);
    }
    return DONE;
}

/* --- Everything --- */

static enum outcome run_all(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    if (!amdvi_registers[unit->id].forgets_all || low << 4 != 0 || high != 0) {
        return WRONG;
    }
    if (iommu_dma_under_way(unit, IOMMU_ANY_DOMAIN, 0, UINT64_MAX)) {
        return WAITS;
    }
    amdvi_registers[unit->id].put_off_count = 0;
    iommu_forget_contexts(unit, IOMMU_SCOPE_ALL, 0, 0, 0);
    iommu_forget(unit, IOMMU_ANY_DOMAIN, 0, UINT64_MAX, true);
    iommu_interrupts_forget_all(unit);
    unit->lies_contexts = unit->lies_translations = false;
    machine.edits++;
    return DONE;
}

/* --- The ring --- */

static enum outcome run_wait(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    uint64_t at = low & WAIT_ADDRESS;
    if ((low & UINT64_C(0x0ff0000000000000)) != 0) {
        return WRONG;
    }
    CONTRACT((low & WAIT_INTERRUPTS) == 0, "an interrupt that nobody takes");
    if ((low & (WAIT_FENCE | WAIT_STORES)) != 0) {
        catch_up(unit);
    }
    if ((low & WAIT_STORES) != 0 &&
        CONTRACT(ram_contains(at, 8) && ram_use(at) == HAL_FRAME_TABLE, "the word is not the driver's")) {
        uint64_t *word = (uint64_t *)(void *)ram_pointer(at);
        ram_soil(at >> HAL_PAGE_SHIFT);
        raw_store(word, high);
        sanitizer_release(word);
    }
    return DONE;
}

static enum outcome run(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    switch (low >> 60) {
    case WAIT:
        return run_wait(unit, low, high);
    case FORGET_SOURCE:
        return run_source(unit, low, high);
    case FORGET_PAGES:
        return run_pages(unit, low, high);
    case FORGET_INTERRUPTS:
        return run_interrupts(unit, low, high);
    case FORGET_ALL:
        return run_all(unit, low, high);
    default:
        return WRONG;
    }
}

static bool has_work(const struct iommu_unit *unit)
{
    return amdvi_carries_out(unit) && unit->queue_size != 0 && unit->head != unit->tail;
}

static bool step(struct iommu_unit *unit)
{
    const uint64_t *command = (const uint64_t *)(const void *)ram_pointer(unit->queue + unit->head);
    if (iommu_gives_up(unit)) {
        return false;
    }
    uint64_t low = raw_load(command), high = raw_load(command + 1);
    enum outcome outcome = run(unit, low, high);
    unit->queue_waits = outcome == WAITS;
    if (outcome == WRONG) {
        machine_check("HAL", "unit %u knows no command %#llx %#llx", unit->id, (unsigned long long)low,
                      (unsigned long long)high);
        amdvi_registers[unit->id].stopped = true;
        amdvi_record_command(unit, unit->queue + unit->head);
    }
    if (outcome != DONE) {
        return false;
    }
    unit->commands++;
    unit->head = (unit->head + AMDVI_SLOT) % unit->queue_size;
    return true;
}

void amdvi_commands_run(struct iommu_unit *unit)
{
    while (has_work(unit) && step(unit)) {
    }
}

void amdvi_commands_look(struct iommu_unit *unit)
{
    if (!machine.running) {
        amdvi_commands_run(unit); /* start-up is the same each time, and there are many */
    } else if (has_work(unit) && unit->queue_late-- == 0) {
        unit->queue_late = IOMMU_LATE - 1;
        (void)step(unit);
    }
}

void amdvi_commands_write_tail(struct iommu_unit *unit, uint64_t value)
{
    if (!CONTRACT(value < AMDVI_RING && value % AMDVI_SLOT == 0, "the tail is not in the ring")) {
        return;
    }
    uint64_t room = (unit->head - unit->tail - AMDVI_SLOT) % AMDVI_RING;
    CONTRACT((value - unit->tail) % AMDVI_RING <= room, "the tail runs over the head");
    unit->queue_late = has_work(unit) ? unit->queue_late : IOMMU_LATE - 1;
    unit->tail = value;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel virtual areas, see core/area.h.
 */
#include "core/area.h"

#include <string.h>

#include "core/assert.h"
#include "core/cpu.h"
#include "core/pagetable.h"
#include "core/spinlock.h"
#include "core/tlb.h"

#define GRANULE_BYTES (AREA_GRANULE_PAGES * HAL_PAGE_SIZE)
#define GRANULES      ((uint32_t)(AREA_WINDOW_SIZE / GRANULE_BYTES))
#define SPAN_BYTES    (HAL_PT_ENTRIES * HAL_PAGE_SIZE)
#define SPAN_GRANULES ((uint32_t)(SPAN_BYTES / GRANULE_BYTES))
#define SPANS         (GRANULES / SPAN_GRANULES)
#define LINK_LEVEL    1 /* of the entries that lead to the spans' tables */

/* In `owners`, beside the owner. */
#define GUARD UINT32_C(0x80000000)

_Static_assert(GRANULES % 64 == 0 && AREA_WINDOW_SIZE <= HAL_WINDOW_SIZE, "whole words, inside the window");

static struct spinlock lock;
static uint64_t taken[GRANULES / 64]; /* bit set: not to be given out. Under the lock, as the next two */
static uint32_t users[SPANS];         /* areas that have a granule in the span */
static uint32_t lowest;               /* every granule below is taken */
static atomic_u32_t owners[GRANULES]; /* whose the granule is, and whether as a guard; 0: nobody's */

static uint64_t granule_va(uint32_t granule)
{
    return HAL_WINDOW_BASE + granule * GRANULE_BYTES;
}

static bool is_taken(uint32_t granule)
{
    return (taken[granule / 64] >> granule % 64 & 1) != 0;
}

static void set_taken(uint32_t from, uint32_t end, bool value)
{
    for (uint32_t granule = from; granule < end; granule++) {
        uint64_t bit = UINT64_C(1) << granule % 64;
        taken[granule / 64] = value ? taken[granule / 64] | bit : taken[granule / 64] & ~bit;
    }
    if (!value && from < lowest) {
        lowest = from;
    }
}

void area_init(void)
{
    spinlock_init(&lock);
    lowest = 0;
    memset(taken, 0, sizeof(taken));
    memset(users, 0, sizeof(users));
    memset(owners, 0, sizeof(owners));       /* before there is a second CPU */
    set_taken(GRANULES - 1, GRANULES, true); /* the guard above the last area */
}

/* The lowest run of free granules. The lock is held. */
static bool find_run(uint32_t count, uint32_t *first)
{
    uint32_t run = 0;
    for (uint32_t granule = lowest; granule < GRANULES; granule++) {
        if (granule % 64 == 0 && taken[granule / 64] == UINT64_MAX) {
            granule += 63;
            run = 0;
            continue;
        }
        run = is_taken(granule) ? 0 : run + 1;
        if (run == count) {
            *first = granule + 1 - count;
            return true;
        }
    }
    return false;
}

/* The lock is held. */
static void take_run(uint32_t first, uint32_t count)
{
    set_taken(first, first + count, true);
    for (uint32_t span = first / SPAN_GRANULES; span <= (first + count - 1) / SPAN_GRANULES; span++) {
        users[span]++;
    }
    lowest = first == lowest ? first + count : lowest;
}

/* --- Tables --- */

static uint64_t span_va(uint32_t span)
{
    return HAL_WINDOW_BASE + span * SPAN_BYTES;
}

/* Tables that the granules [from, end), which are taken, lack; from now on no more than these, since their
 * spans have users. The lock is held. */
static uint64_t count_missing(uint32_t from, uint32_t end)
{
    struct hal_pte_slot slot;
    uint64_t spans = 0, above = 0;
    for (uint32_t span = from / SPAN_GRANULES; span <= (end - 1) / SPAN_GRANULES; span++) {
        if (!pagetable_find(hal_kernel_root(), span_va(span), &slot)) {
            spans++;
            above = slot.level - LINK_LEVEL; /* the same ones for every span */
        }
    }
    return spans + above;
}

/* Every span of the granules [from, end) gets its table: allocated without the lock, linked under it. Another
 * area may have linked some of them meanwhile. */
static keel_status_t make_tables(uint32_t from, uint32_t end, uint64_t missing)
{
    struct frame *spare;
    keel_status_t status = tables_reserve(missing, TABLE_FREE, &spare);
    if (status != KEEL_OK) {
        return status;
    }
    bool interrupts = spinlock_acquire(&lock);
    for (uint32_t span = from / SPAN_GRANULES; span <= (end - 1) / SPAN_GRANULES; span++) {
        struct hal_pte_slot slot;
        pagetable_link(hal_kernel_root(), span_va(span), 0, &spare, &slot);
    }
    spinlock_release(&lock, interrupts);
    tables_free(&spare);
    return KEEL_OK;
}

/* Takes the link to a span's table away. NULL: the span has none. The lock is held. */
static struct frame *unlink_table(uint32_t span)
{
    hal_paddr_t root = hal_kernel_root();
    struct hal_pte_slot slot = {.root = root, .table = root, .va = span_va(span), .level = HAL_PT_LEVELS - 1};
    while (slot.level > LINK_LEVEL) {
        uint64_t entry = hal_pte_load(&slot);
        if (!hal_pte_present(entry)) {
            return NULL; /* no area ever had a table */
        }
        slot.table = hal_pte_target(entry);
        slot.level--;
    }
    uint64_t link = pagetable_set(&slot, 0);
    if (!hal_pte_present(link)) {
        return NULL;
    }
    struct frame *table = frame_at(hal_frame_number(hal_pte_target(link)));
    CORE_ASSERT(table->table.entries == 0);
    return table;
}

/* No area has a granule in the span any more, and all of it is taken: nobody else has to do with it. */
static void end_span(uint32_t span)
{
    bool interrupts = spinlock_acquire(&lock);
    struct frame *table = unlink_table(span);
    spinlock_release(&lock, interrupts);
    if (table != NULL) {
        /* One page will do: it is the entry above that may be cached. */
        tlb_shootdown(cpu_online_mask(), NULL, span_va(span), 1);
        frame_free_private(table, 1);
    }
    interrupts = spinlock_acquire(&lock);
    set_taken(span * SPAN_GRANULES, (span + 1) * SPAN_GRANULES, false);
    if (span == SPANS - 1) {
        set_taken(GRANULES - 1, GRANULES, true);
    }
    spinlock_release(&lock, interrupts);
}

/* Gives back [from, end) of an area's granules, which lie in one span. Nothing is mapped there, and no CPU
 * has any of it cached. */
static void give_back(uint32_t span, uint32_t from, uint32_t end)
{
    bool interrupts = spinlock_acquire(&lock);
    bool last = --users[span] == 0;
    if (last) {
        set_taken(span * SPAN_GRANULES, (span + 1) * SPAN_GRANULES, true);
    } else {
        set_taken(from, end, false);
    }
    spinlock_release(&lock, interrupts);
    if (last) {
        end_span(span);
    }
}

static void give_back_all(uint32_t first, uint32_t end)
{
    for (uint32_t from = first; from < end;) {
        uint32_t span = from / SPAN_GRANULES;
        uint32_t next = (span + 1) * SPAN_GRANULES < end ? (span + 1) * SPAN_GRANULES : end;
        give_back(span, from, next);
        from = next;
    }
}

/* --- Areas --- */

static uint32_t granules_for(uint64_t page_count)
{
    return (uint32_t)((page_count + AREA_GRANULE_PAGES - 1) / AREA_GRANULE_PAGES);
}

static void set_owner(uint32_t from, uint32_t end, uint32_t owner)
{
    for (uint32_t granule = from; granule < end; granule++) {
        atomic_u32_store_relaxed(&owners[granule], owner);
    }
}

keel_status_t area_create(uint64_t page_count, uint64_t guard_count, uint32_t owner, struct area *area)
{
    CORE_ASSERT(page_count > 0 && guard_count > 0);
    CORE_ASSERT(owner > 0 && owner <= AREA_OWNER_MAX);
    uint64_t pages_max = AREA_WINDOW_SIZE / HAL_PAGE_SIZE;
    if (page_count > pages_max || guard_count > pages_max) {
        return KEEL_E_LIMIT;
    }
    uint32_t guard = granules_for(guard_count), count = guard + granules_for(page_count), first;
    bool interrupts = spinlock_acquire(&lock);
    if (!find_run(count, &first)) {
        spinlock_release(&lock, interrupts);
        return KEEL_E_LIMIT;
    }
    take_run(first, count);
    uint64_t missing = count_missing(first, first + count);
    spinlock_release(&lock, interrupts);
    keel_status_t status = missing > 0 ? make_tables(first, first + count, missing) : KEEL_OK;
    if (status != KEEL_OK) {
        give_back_all(first, first + count);
        return status;
    }
    set_owner(first, first + guard, owner | GUARD);
    set_owner(first + guard, first + count, owner);
    *area = (struct area){
        .base = granule_va(first + guard), .page_count = page_count, .first = first, .granules = count};
    return KEEL_OK;
}

void area_destroy(struct area *area)
{
    CORE_ASSERT(area->mapped == 0);
    set_owner(area->first, area->first + area->granules, 0);
    give_back_all(area->first, area->first + area->granules);
}

/* Sets the entry of one page. The lock is held. */
static void set_entry(uint64_t va, uint64_t entry)
{
    struct hal_pte_slot slot;
    bool found = pagetable_find(hal_kernel_root(), va, &slot);
    CORE_ASSERT(found);
    uint64_t old = pagetable_set(&slot, entry);
    CORE_ASSERT((old == 0) != (entry == 0));
}

void area_map(struct area *area, uint64_t page, struct frame *first, uint64_t count)
{
    CORE_ASSERT(page <= area->page_count && count <= area->page_count - page);
    uint64_t va = area->base + page * HAL_PAGE_SIZE;
    bool interrupts = spinlock_acquire(&lock);
    for (uint64_t i = 0; i < count; i++) {
        CORE_ASSERT(first[i].type == FRAME_STACK || first[i].type == FRAME_OBJECT);
        set_entry(va + i * HAL_PAGE_SIZE,
                  hal_pte_leaf(frame_address(first + i), HAL_PROT_READ | HAL_PROT_WRITE));
    }
    area->mapped += (uint32_t)count;
    spinlock_release(&lock, interrupts);
    hal_window_sync(va, count);
}

void area_unmap(struct area *area, uint64_t page, uint64_t count)
{
    CORE_ASSERT(page <= area->page_count && count <= area->page_count - page);
    uint64_t va = area->base + page * HAL_PAGE_SIZE;
    bool interrupts = spinlock_acquire(&lock);
    for (uint64_t i = 0; i < count; i++) {
        set_entry(va + i * HAL_PAGE_SIZE, 0);
    }
    area->mapped -= (uint32_t)count;
    spinlock_release(&lock, interrupts);
    tlb_shootdown(cpu_online_mask(), NULL, va, count);
    hal_window_sync(va, count);
}

uint32_t area_guard_owner(uint64_t va)
{
    if (va < HAL_WINDOW_BASE || va - HAL_WINDOW_BASE >= AREA_WINDOW_SIZE) {
        return 0;
    }
    uint32_t owner = atomic_u32_peek(&owners[(va - HAL_WINDOW_BASE) / GRANULE_BYTES]);
    return (owner & GUARD) != 0 ? owner & ~GUARD : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default slab allocator; services/slab.h says how it keeps its books.
 */
#include "services/slab.h"

#include <stdbool.h>
#include <stddef.h>

#include "keel/cold.h"
#include "keel/machine.h"

#define HALF (SERVICES_SLAB_MAGAZINE / 2u)

static void lock(struct services_slab *slab)
{
    while (atomic_exchange_explicit(&slab->locked, 1, memory_order_acquire) != 0) {
        keel_cpu_relax();
    }
}

static void unlock(struct services_slab *slab)
{
    atomic_store_explicit(&slab->locked, 0, memory_order_release);
}

/* --- Pages of the depot; the lock is held --- */

static struct services_slab_page *page_at(struct services_slab *slab, uint16_t name)
{
    return &slab->pages[name - 1u];
}

static uint16_t page_name(const struct services_slab *slab, const struct services_slab_page *page)
{
    return (uint16_t)(page - slab->pages + 1);
}

static uint16_t *bucket_of(struct services_slab *slab, uint64_t first)
{
    uint64_t hash = first * UINT64_C(0x9e3779b97f4a7c15); /* as in fifo.c */
    return &slab->buckets[(hash >> 32) % SERVICES_SLAB_BUCKETS];
}

/* The page whose slot has this token; NULL: it was given up, or never taken in. Slots of a slab have
 * consecutive tokens, the first a multiple of as many as a slab can have. */
static struct services_slab_page *page_find(struct services_slab *slab, uint64_t token)
{
    uint64_t first = token - token % KEEL_SLAB_SLOTS_MAX;
    uint16_t name = *bucket_of(slab, first);
    while (name != 0 && page_at(slab, name)->first != first) {
        name = page_at(slab, name)->bucket_next;
    }
    return name != 0 ? page_at(slab, name) : NULL;
}

static struct services_slab_page *page_take(struct services_slab *slab)
{
    uint16_t name = slab->unused;
    if (name != 0) {
        slab->unused = page_at(slab, name)->next;
    } else if (slab->fresh < SERVICES_SLAB_PAGES) {
        name = ++slab->fresh;
    } else {
        return NULL;
    }
    return page_at(slab, name);
}

/* The list that the page belongs to by its count; NULL: none, the depot has no slot of it. */
static uint16_t *list_of(struct services_slab *slab, const struct services_slab_page *page)
{
    struct services_slab_class *list = &slab->classes[page->size_class];
    if (page->free_count == 0) {
        return NULL;
    }
    return page->free_count == page->slots ? &list->whole : &list->partial;
}

static void list_add(struct services_slab *slab, struct services_slab_page *page)
{
    uint16_t *head = list_of(slab, page);
    if (head == NULL) {
        return;
    }
    page->previous = 0;
    page->next = *head;
    if (*head != 0) {
        page_at(slab, *head)->previous = page_name(slab, page);
    }
    *head = page_name(slab, page);
    slab->classes[page->size_class].whole_count += page->free_count == page->slots;
}

static void list_remove(struct services_slab *slab, struct services_slab_page *page)
{
    uint16_t *head = list_of(slab, page);
    if (head == NULL) {
        return;
    }
    if (page->previous != 0) {
        page_at(slab, page->previous)->next = page->next;
    } else {
        *head = page->next;
    }
    if (page->next != 0) {
        page_at(slab, page->next)->previous = page->previous;
    }
    slab->classes[page->size_class].whole_count -= page->free_count == page->slots;
}

/* --- Slots between magazines and depot; the lock is held --- */

static void slot_put(struct services_slab *slab, uint64_t token)
{
    struct services_slab_page *page = page_find(slab, token);
    uint64_t bit = UINT64_C(1) << token % 64;
    if (page == NULL || (page->free[token % KEEL_SLAB_SLOTS_MAX / 64] & bit) != 0) {
        return;
    }
    list_remove(slab, page);
    page->free[token % KEEL_SLAB_SLOTS_MAX / 64] |= bit;
    page->free_count++;
    list_add(slab, page);
}

/* Moves slots of one page into the magazine, up to half a magazine altogether. */
static void slots_take(struct services_slab *slab, struct services_slab_page *page,
                       struct services_slab_magazine *magazine)
{
    list_remove(slab, page);
    for (uint32_t slot = 0; slot < page->slots && magazine->count < HALF; slot++) {
        uint64_t bit = UINT64_C(1) << slot % 64;
        if ((page->free[slot / 64] & bit) != 0) {
            page->free[slot / 64] &= ~bit;
            page->free_count--;
            magazine->tokens[++magazine->count] = page->first + slot;
        }
    }
    list_add(slab, page);
}

static void page_forget(struct services_slab *slab, struct services_slab_page *page)
{
    uint16_t *link = bucket_of(slab, page->first);
    while (*link != page_name(slab, page)) {
        link = &page_at(slab, *link)->bucket_next;
    }
    *link = page->bucket_next;
    list_remove(slab, page);
    page->next = slab->unused;
    slab->unused = page_name(slab, page);
}

/* --- The policy --- */

static uint32_t depot_add(void *context, uint32_t cpu, uint32_t size_class, uint64_t first, uint32_t count)
{
    struct services_slab *slab = context;
    (void)cpu;
    lock(slab);
    struct services_slab_page *page = page_take(slab);
    if (page != NULL) {
        uint16_t *bucket = bucket_of(slab, first);
        *page = (struct services_slab_page){.first = first,
                                            .bucket_next = *bucket,
                                            .size_class = (uint8_t)size_class,
                                            .slots = (uint8_t)count,
                                            .free_count = (uint8_t)(count - 1)};
        for (uint32_t slot = 1; slot < count; slot++) {
            page->free[slot / 64] |= UINT64_C(1) << slot % 64;
        }
        *bucket = page_name(slab, page);
        list_add(slab, page);
    }
    unlock(slab);
    return page != NULL;
}

static struct services_slab_magazine *magazine_of(struct services_slab *slab, uint32_t cpu,
                                                  uint32_t size_class)
{
    return &slab->magazines[cpu % SERVICES_SLAB_CPUS][size_class];
}

/* The magazine is empty: takes slots out of the depot, and answers one. */
KEEL_COLD static uint64_t refill(struct services_slab *slab, uint32_t size_class,
                                 struct services_slab_magazine *magazine)
{
    struct services_slab_class *list = &slab->classes[size_class];
    lock(slab);
    while (magazine->count < HALF && (list->partial != 0 || list->whole != 0)) {
        slots_take(slab, page_at(slab, list->partial != 0 ? list->partial : list->whole), magazine);
    }
    unlock(slab);
    return magazine->count > 0 ? magazine->tokens[magazine->count--] : KEEL_SLAB_NONE;
}

static uint64_t magazine_alloc(void *context, uint32_t cpu, uint32_t size_class)
{
    struct services_slab_magazine *magazine = magazine_of(context, cpu, size_class);
    return magazine->count > 0 ? magazine->tokens[magazine->count--] : refill(context, size_class, magazine);
}

/* The magazine is full: makes room, puts the slot in, and answers a slab to give up. Where there are too many
 * whole ones, only as much room as is needed, so that the next one freed goes this way again. */
KEEL_COLD static uint64_t drain(struct services_slab *slab, uint32_t size_class,
                                struct services_slab_magazine *magazine, uint64_t token)
{
    struct services_slab_class *list = &slab->classes[size_class];
    uint64_t given = KEEL_SLAB_NONE;
    lock(slab);
    uint64_t left = list->whole_count > SERVICES_SLAB_SPARE ? SERVICES_SLAB_MAGAZINE - 1 : HALF;
    while (magazine->count > left) {
        slot_put(slab, magazine->tokens[magazine->count--]);
    }
    if (list->whole_count > SERVICES_SLAB_SPARE) {
        struct services_slab_page *page = page_at(slab, list->whole);
        given = page->first;
        page_forget(slab, page);
    }
    unlock(slab);
    magazine->tokens[++magazine->count] = token;
    return given;
}

static uint64_t magazine_free(void *context, uint32_t cpu, uint32_t size_class, uint64_t token)
{
    struct services_slab_magazine *magazine = magazine_of(context, cpu, size_class);
    if (magazine->count == SERVICES_SLAB_MAGAZINE) {
        return drain(context, size_class, magazine, token);
    }
    magazine->tokens[++magazine->count] = token;
    return KEEL_SLAB_NONE;
}

struct keel_slab_allocator services_slab_policy(struct services_slab *slab)
{
    return (struct keel_slab_allocator){
        .context = slab,
        .add = depot_add,
        .alloc = magazine_alloc,
        .free = magazine_free,
    };
}

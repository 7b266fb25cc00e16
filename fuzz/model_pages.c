/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The pages of a space in the model of fuzz_model: three windows of the user range, one array.
 */
#include <string.h>

#include "model.h"

#define PAGE KEEL_PAGE_SIZE
#define SPAN (MODEL_LARGE * PAGE) /* of a large page */

/* The first pages there are; some around a border of 1 GiB; the last ones. Operations name no other pages to
 * map, so nothing is mapped elsewhere. */
static const struct window {
    uint64_t base, pages;
} windows[] = {{KEEL_USER_START, 64},
               {UINT64_C(0x3fe00000), MODEL_LARGE * 3},
               {KEEL_USER_END - UINT64_C(1023) * PAGE, 1023}};
#define WINDOWS (sizeof(windows) / sizeof(windows[0]))

_Static_assert((KEEL_USER_END - UINT64_C(1023) * PAGE) % SPAN == 0, "a large page fits in the last window");

/* --- Finding --- */

struct model_page *model_page_next(struct model_space *space, uint64_t *va, uint64_t end)
{
    uint64_t first = 0;
    for (unsigned i = 0; i < WINDOWS; i++) {
        const struct window *window = &windows[i];
        if (*va < window->base) {
            *va = window->base;
        }
        if (*va >= end) {
            return NULL;
        }
        if (*va < window->base + window->pages * PAGE) {
            return &space->pages[first + (*va - window->base) / PAGE];
        }
        first += window->pages;
    }
    return NULL;
}

struct model_page *model_page_at(struct model_space *space, uint64_t va)
{
    uint64_t at = va;
    struct model_page *page = model_page_next(space, &at, KEEL_USER_END);
    return at == va ? page : NULL;
}

struct model_page *model_mapped_next(struct model_space *space, uint64_t *va, uint64_t end)
{
    struct model_page *page = model_page_next(space, va, end);
    while (page != NULL && page->rights == 0) {
        *va += PAGE;
        page = model_page_next(space, va, end);
    }
    return page;
}

bool model_covers(uint64_t va, uint64_t page_count)
{
    for (unsigned i = 0; i < WINDOWS; i++) {
        uint64_t index = (va - windows[i].base) / PAGE;
        if (va >= windows[i].base && index < windows[i].pages && page_count <= windows[i].pages - index) {
            return true;
        }
    }
    return false;
}

/* Two bits choose a window; the others a page, near borders of large pages where there are some. */
uint64_t model_va(uint8_t byte)
{
    static const uint64_t extremes[] = {0,
                                        PAGE - 1,
                                        PAGE + 1,
                                        KEEL_USER_END,
                                        KEEL_USER_END - 1,
                                        UINT64_C(0x0000800000000000),
                                        UINT64_C(0xffff800000000000),
                                        UINT64_MAX};
    uint64_t low = byte & 0x0f, border = byte >> 4 & 3;
    switch (byte >> 6) {
    case 0:
        return windows[0].base + (byte & 0x3fu) * PAGE;
    case 1:
        return windows[1].base + border * SPAN + low * PAGE - (border > 0 ? 8 * PAGE : 0);
    case 2:
        return border < 2 ? windows[2].base + border * (SPAN - 8 * PAGE) + low * PAGE
                          : KEEL_USER_END - (1 + low) * PAGE;
    default:
        return byte >= 0xf0 ? extremes[byte % 8] : windows[1].base + (byte & 0x30u) / 16 * SPAN;
    }
}

keel_status_t model_range_status(uint64_t va, uint64_t page_count)
{
    bool valid = va % PAGE == 0 && va >= KEEL_USER_START && va < KEEL_USER_END && page_count > 0 &&
                 page_count <= (KEEL_USER_END - va) / PAGE;
    return valid ? KEEL_OK : KEEL_E_INVALID;
}

keel_status_t model_rights_status(uint32_t rights)
{
    const uint32_t all = KEEL_READ | KEEL_WRITE | KEEL_EXEC;
    if ((rights & ~all) != 0 || (rights & KEEL_READ) == 0) {
        return KEEL_E_INVALID;
    }
    return (rights & KEEL_WRITE) != 0 && (rights & KEEL_EXEC) != 0 ? KEEL_E_DENIED : KEEL_OK;
}

/* --- Large pages --- */

static uint64_t span_base(uint64_t va)
{
    return va - va % SPAN;
}

static bool whole(uint64_t base, uint64_t va, uint64_t end)
{
    return base >= va && end - base >= SPAN;
}

void model_pages_resize(struct model_space *space, uint64_t va, bool large)
{
    uint64_t end = span_base(va) + SPAN;
    for (uint64_t at = span_base(va); at < end; at += PAGE) {
        struct model_page *page = model_page_at(space, at);
        if (page != NULL) {
            page->large = large;
        }
    }
}

static bool splits(struct model_space *space, uint64_t inside, uint64_t border)
{
    const struct model_page *page = model_page_at(space, inside);
    return border % SPAN != 0 && page != NULL && page->large;
}

uint64_t model_pages_splits(struct model_space *space, uint64_t va, uint64_t end)
{
    bool at_start = splits(space, va, va), at_end = splits(space, end - PAGE, end);
    bool one = at_start && at_end && span_base(va) == span_base(end - PAGE);
    return (uint64_t)at_start + (uint64_t)at_end - (uint64_t)one;
}

static void split_borders(struct model_space *space, uint64_t va, uint64_t end)
{
    if (splits(space, va, va)) {
        model_pages_resize(space, va, false);
    }
    if (splits(space, end - PAGE, end)) {
        model_pages_resize(space, end - PAGE, false);
    }
}

/* --- Editing: the range is valid, and the call succeeded --- */

void model_pages_map(struct model_space *space, uint64_t va, uint64_t first, uint64_t page_count,
                     uint32_t rights)
{
    uint64_t end = va + page_count * PAGE;
    for (uint64_t i = 0; i < page_count; i++) {
        uint64_t at = va + i * PAGE, base = span_base(at);
        *model_page_at(space, at) = (struct model_page){
            .number = (uint16_t)(first + i),
            .rights = (uint8_t)rights,
            .large = whole(base, va, end) && (first + (base - va) / PAGE) % MODEL_LARGE == 0};
    }
}

uint64_t model_pages_unmap(struct model_space *space, uint64_t va, uint64_t end)
{
    uint64_t count = 0;
    struct model_page *page;
    split_borders(space, va, end);
    for (uint64_t at = va; (page = model_mapped_next(space, &at, end)) != NULL; at += PAGE) {
        *page = (struct model_page){0};
        count++;
    }
    return count;
}

uint64_t model_pages_protect(struct model_space *space, uint64_t va, uint64_t end, uint32_t rights)
{
    uint64_t count = 0;
    struct model_page *page;
    split_borders(space, va, end);
    for (uint64_t at = va; (page = model_mapped_next(space, &at, end)) != NULL; at += PAGE) {
        page->rights = (uint8_t)rights;
        count++;
    }
    return count;
}

uint64_t model_pages_age(struct model_space *space, uint64_t va, uint64_t end, uint32_t marks)
{
    uint64_t count = 0;
    struct model_page *page;
    for (uint64_t at = va; (page = model_mapped_next(space, &at, end)) != NULL; at += PAGE) {
        bool takes =
            ((marks & KEEL_ACCESSED) != 0 && page->accessed) || ((marks & KEEL_DIRTY) != 0 && page->dirty);
        if (takes && (!page->large || whole(span_base(at), va, end))) {
            page->accessed = page->accessed && (marks & KEEL_ACCESSED) == 0;
            page->dirty = page->dirty && (marks & KEEL_DIRTY) == 0;
            count++;
        }
    }
    return count;
}

/* Do the 512 small pages from `base` on make a large one? Then one with the marks of them all. */
static bool join(struct model_space *space, uint64_t base)
{
    const struct model_page *first = model_page_at(space, base);
    bool accessed = false, dirty = false;
    if (first == NULL || first->rights == 0 || first->large || first->number % MODEL_LARGE != 0) {
        return false;
    }
    for (uint64_t i = 0; i < MODEL_LARGE; i++) {
        const struct model_page *page = model_page_at(space, base + i * PAGE);
        if (page == NULL || page->number != first->number + i || page->rights != first->rights) {
            return false;
        }
        accessed = accessed || page->accessed;
        dirty = dirty || page->dirty;
    }
    for (uint64_t i = 0; i < MODEL_LARGE; i++) {
        struct model_page *page = model_page_at(space, base + i * PAGE);
        page->accessed = accessed;
        page->dirty = dirty;
        page->large = true;
    }
    return true;
}

uint64_t model_pages_promote(struct model_space *space, uint64_t va, uint64_t end)
{
    uint64_t count = 0;
    for (uint64_t at = va; model_mapped_next(space, &at, end) != NULL; at = span_base(at) + SPAN) {
        count += whole(span_base(at), va, end) && join(space, span_base(at)) ? MODEL_LARGE : 0;
    }
    return count;
}

/* --- Using --- */

unsigned char *model_pages_access(struct model_space *space, uint64_t va, bool write)
{
    uint64_t base = va - va % PAGE, end = base + PAGE;
    struct model_page *page = model_page_at(space, base);
    if (page == NULL || page->rights == 0 || (write && (page->rights & KEEL_WRITE) == 0)) {
        return NULL;
    }
    if (page->large) {
        base = span_base(va);
        end = base + SPAN;
    }
    for (uint64_t at = base; at < end; at += PAGE) {
        struct model_page *marked = model_page_at(space, at);
        marked->accessed = true;
        marked->dirty = marked->dirty || write;
    }
    return &model_bytes[page->number][va % PAGE];
}

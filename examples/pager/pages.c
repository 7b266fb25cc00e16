/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pages and frames, see pages.h.
 */
#include "pages.h"

#include <stdatomic.h>

struct page pages[PAGES_MAX];
static atomic_flag lock = ATOMIC_FLAG_INIT;
static struct page_contents scratch; /* under the lock */

struct page_counts page_counts;

/* Who waits lets others run; the holder among them. */
void pages_lock(void)
{
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) {
        (void)keel_task_yield();
    }
}

void pages_unlock(void)
{
    atomic_flag_clear_explicit(&lock, memory_order_release);
}

uint16_t page_new(uint32_t slot, bool shared)
{
    for (uint16_t i = 1; i < PAGES_MAX; i++) {
        if (pages[i].state == PAGE_UNUSED) {
            pages[i] = (struct page){.state = PAGE_ABSENT, .shared = shared, .slot = slot, .owner_count = 1};
            return i;
        }
    }
    return 0;
}

void page_release_frame(struct page *page)
{
    (void)keel_frame_release(page->frame);
    page_counts.resident--;
}

void page_set_state(struct page *page, enum page_state state)
{
    bool held = page->state == PAGE_RESIDENT || page->state == PAGE_STORED;
    bool hold = state == PAGE_RESIDENT || state == PAGE_STORED;
    page->state = state;
    page_counts.held += (hold ? 1u : 0u) - (held ? 1u : 0u);
    if (page_counts.held > page_counts.held_most) {
        page_counts.held_most = page_counts.held;
    }
}

void page_drop(uint16_t number)
{
    struct page *page = &pages[number];
    page->owner_count--;
    if (page->owner_count > 0) {
        return;
    }
    if (page->state == PAGE_RESIDENT) {
        page_release_frame(page);
    } else if (page->state == PAGE_STORED) {
        store_drop(page->place);
    }
    page_set_state(page, PAGE_UNUSED);
}

/* What the ELF file says of this page; the rest of it stays zero. */
static bool read_image(const struct page *page, keel_frame_t frame, const struct program *program)
{
    uint64_t start = slot_address(page->slot), end = start + KEEL_PAGE_SIZE;
    for (uint32_t i = 0; page->slot < IMAGE_PAGES && i < program->elf.segment_count; i++) {
        const struct services_elf_segment *segment = &program->elf.segments[i];
        uint64_t from = segment->va > start ? segment->va : start;
        uint64_t to = segment->va + segment->file_size < end ? segment->va + segment->file_size : end;
        if (from < to && (services_source_read(&program->file, segment->offset + (from - segment->va),
                                               &scratch, (size_t)(to - from)) != KEEL_OK ||
                          keel_frame_write(frame, from - start, &scratch, (size_t)(to - from)) != KEEL_OK)) {
            return false;
        }
    }
    return true;
}

bool page_frame(uint16_t number, const struct program *program)
{
    struct page *page = &pages[number];
    bool filled = true;
    if (page->state == PAGE_RESIDENT) {
        return true;
    }
    if (!evict_for_frame(&page->frame)) {
        return false;
    }
    if (page->state == PAGE_STORED) {
        store_get(page->place, &scratch);
        filled = keel_frame_write(page->frame, 0, &scratch, sizeof(scratch)) == KEEL_OK;
        store_drop(page->place);
        page_counts.brought_back++;
    } else {
        filled = read_image(page, page->frame, program);
    }
    page_set_state(page, PAGE_RESIDENT);
    return filled;
}

uint16_t page_copy(uint16_t number, const struct program *program)
{
    static struct page_contents contents; /* a new frame may cost this page its own */
    if (!page_frame(number, program) ||
        keel_frame_read(pages[number].frame, 0, &contents, sizeof(contents)) != KEEL_OK) {
        return 0;
    }
    uint16_t copy = page_new(pages[number].slot, false);
    if (copy == 0) {
        return 0;
    }
    if (!evict_for_frame(&pages[copy].frame)) {
        page_drop(copy);
        return 0;
    }
    page_set_state(&pages[copy], PAGE_RESIDENT);
    pages[copy].modified = true;
    page_counts.copied++;
    if (keel_frame_write(pages[copy].frame, 0, &contents, sizeof(contents)) != KEEL_OK) {
        page_drop(copy);
        return 0;
    }
    return copy;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory as CPUs write it and as remapping units see it. See iommu_model.h.
 */
#include <stdlib.h>
#include <string.h>

#include "amdvi_model.h"
#include "hal/atomic.h"
#include "mmu.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "state.h"
#include "vtd_model.h"

#define WORDS      (HAL_PAGE_SIZE / 8)
#define LINE_SHIFT 6u
#define LINE_WORDS 8u

/* A page of tables as a unit sees it that does not look into CPUs' caches. Bits are of lines of 64 bytes. */
struct page {
    uint64_t frame;
    uint64_t known;    /* `seen` holds what was written at some time */
    uint64_t dirty;    /* CPUs' caches have something newer */
    uint64_t buffered; /* the unit's write buffer has `written` */
    uint64_t seen[WORDS], written[WORDS];
};

/* Kept from run to run. */
static struct page **pages;
static size_t page_count, page_capacity;
static uint64_t own_next; /* of the machine's own pages: the next to give out */

bool iommu_in_use;
uint64_t iommu_entries;

void iommu_memory_prepare(void)
{
    page_count = 0;
    iommu_entries = 0;
    own_next = RAM_IOMMU;
    iommu_in_use = false;
}

static bool is_own(uint64_t frame)
{
    return frame >= RAM_IOMMU >> HAL_PAGE_SHIFT && frame < RAM_KERNEL_END >> HAL_PAGE_SHIFT;
}

static struct page *find_page(uint64_t frame)
{
    return ram.iommu_page[frame] != 0 ? pages[ram.iommu_page[frame] - 1] : NULL;
}

static struct page *make_page(uint64_t frame)
{
    if (page_count == page_capacity) {
        pages = realloc(pages, (page_capacity + 16) * sizeof *pages);
        for (size_t i = page_capacity; pages && i < page_capacity + 16; i++) {
            pages[i] = malloc(sizeof **pages);
        }
        page_capacity += 16;
    }
    if (!pages || !pages[page_count]) {
        abort();
    }
    struct page *page = pages[page_count++];
    page->frame = frame;
    page->known = page->dirty = page->buffered = 0;
    ram.iommu_page[frame] = (uint32_t)page_count;
    ram_soil(frame);
    return page;
}

void iommu_memory_forget(uint64_t frame)
{
    struct page *page = find_page(frame);
    ram.iommu_led[frame] = 0;
    if (!page) {
        return;
    }
    struct page *last = pages[page_count - 1];
    size_t place = ram.iommu_page[frame] - 1;
    pages[place] = last;
    pages[page_count - 1] = page;
    ram.iommu_page[last->frame] = (uint32_t)(place + 1);
    ram.iommu_page[frame] = 0;
    page_count--;
}

void iommu_memory_zeroed(uint64_t frame)
{
    struct page *page = find_page(frame);
    if (page) {
        page->dirty = UINT64_MAX;
    }
}

/* --- As units see it --- */

bool iommu_view_load(const struct iommu_unit *unit, enum iommu_view view, uint64_t at, uint64_t *value)
{
    if (view == IOMMU_OF_CPUS || unit->kind.coherent) {
        *value = raw_load((const uint64_t *)(const void *)ram_pointer(at));
        return true;
    }
    const struct page *page = find_page(at >> HAL_PAGE_SHIFT);
    uint64_t offset = at % HAL_PAGE_SIZE;
    if (!page || !(page->known >> (offset >> LINE_SHIFT) & 1)) {
        *value = 0;
        return false;
    }
    *value = page->seen[offset / 8];
    return true;
}

bool iommu_view_differs(const struct iommu_unit *unit)
{
    bool differs = false;
    for (size_t i = 0; i < page_count && !unit->kind.coherent && !differs; i++) {
        differs = (pages[i]->dirty | pages[i]->buffered) != 0 && !is_own(pages[i]->frame);
    }
    return differs;
}

unsigned iommu_view_next(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame, unsigned from)
{
    if (view == IOMMU_OF_CPUS || unit->kind.coherent) {
        return mmu_next_filled(frame, from);
    }
    uint64_t value;
    while (from < HAL_PT_ENTRIES &&
           (!iommu_view_load(unit, view, (frame << HAL_PAGE_SHIFT) + from * 8, &value) || value == 0)) {
        from++;
    }
    return from;
}

bool iommu_view_complete(const struct iommu_unit *unit, uint64_t frame)
{
    const struct page *page = find_page(frame);
    return unit->kind.coherent || (page && page->known == UINT64_MAX);
}

/* What the unit sees of a page becomes what was written back: both halves of an entry at once, since they
 * are in one line. */
static void arrive(struct page *page)
{
    for (unsigned word = 0; word < WORDS; word += 2) {
        uint64_t line = UINT64_C(1) << word / LINE_WORDS, at = (page->frame << HAL_PAGE_SHIFT) + 8 * word;
        uint64_t *seen = &page->seen[word];
        const uint64_t *written = &page->written[word];
        if ((page->buffered & page->known & line) == 0) {
            continue;
        }
        vtd_interrupts_edit(IOMMU_OF_UNIT, at, seen, written);
        for (unsigned i = 0; i < IOMMU_UNITS && iommu_in_use; i++) {
            if (!iommu_units[i].kind.coherent) {
                iommu_edit(&iommu_units[i], IOMMU_OF_UNIT, at, seen, written);
            }
        }
        seen[0] = written[0];
        seen[1] = written[1];
    }
    for (unsigned line = 0; line < 64; line++) {
        if (page->buffered >> line & 1) {
            raw_copy(page->seen + line * LINE_WORDS, page->written + line * LINE_WORDS, 8 * LINE_WORDS);
        }
    }
    page->known |= page->buffered;
    page->buffered = 0;
}

void iommu_view_flush(void)
{
    for (size_t i = 0; i < page_count; i++) {
        if (pages[i]->buffered != 0) {
            arrive(pages[i]);
            iommu_places_changed();
        }
    }
}

/* --- As the driver uses it --- */

hal_paddr_t remap_page(void)
{
    CONTRACT(!machine.running, "the driver asks for a page when there is a kernel");
    if (!CONTRACT(own_next < RAM_KERNEL_END, "the machine has no such number of pages")) {
        return hal_paddr(0);
    }
    hal_paddr_t page = hal_paddr(own_next);
    own_next += HAL_PAGE_SIZE;
    return page;
}

bool remap_is_reserved(uint64_t first, uint64_t last)
{
    bool reserved = last < ram.frame_count << HAL_PAGE_SHIFT;
    for (uint64_t at = first; at <= last && reserved; at += HAL_PAGE_SIZE) {
        reserved = ram_use(at) == HAL_FRAME_RESERVED;
    }
    return reserved;
}

bool remap_apics_have_long_ids(void)
{
    return false;
}

/* A unit here goes on whenever it is looked at, and has done all that a queue holds by then; while it waits
 * for accesses that are on their way, a look lets others run. */
uint32_t remap_looks_max(void)
{
    return IOMMU_LOOKS_MAX;
}

static bool is_drivers(uint64_t at, uint64_t size)
{
    return CONTRACT(ram_contains(at, size) && at % 8 == 0, "not 8 aligned bytes of RAM") &&
           CONTRACT(ram_use(at) == HAL_FRAME_TABLE, "not a table") &&
           CONTRACT(!mmu_is_linked(at >> HAL_PAGE_SHIFT) && !mmu_is_root(at >> HAL_PAGE_SHIFT),
                    "a table of the CPUs");
}

/* Before there is a kernel nobody else runs, nor while it is looked at: an audit of large mappings is no step
 * of the kernel's. */
static void point(void)
{
    if (machine.running && machine.frozen == 0) {
        hosted_point(HAL_POINT_HAL, NULL);
    }
}

uint64_t remap_load(hal_paddr_t at)
{
    point();
    if (amdvi_is_table(at.value)) {
        return amdvi_table_load(at.value);
    }
    if (!is_drivers(at.value, 8)) {
        return 0;
    }
    for (unsigned i = 0; i < IOMMU_UNITS && is_own(at.value >> HAL_PAGE_SHIFT); i++) {
        iommu_format->look(&iommu_units[i]);
    }
    uint64_t *word = (uint64_t *)(void *)ram_pointer(at.value);
    uint64_t value = raw_load(word);
    sanitizer_acquire(word);
    return value;
}

unsigned remap_next(hal_paddr_t table, unsigned from)
{
    return is_drivers(table.value, HAL_PAGE_SIZE) ? mmu_next_filled(hal_frame_number(table), from)
                                                  : HAL_PT_ENTRIES;
}

/* Only AMD's table has so many words. */
void remap_fill(hal_paddr_t at, hal_paddr_t end, uint64_t stride, uint64_t value)
{
    if (CONTRACT(amdvi_is_table(at.value), "not the table of all devices")) {
        amdvi_table_fill(at.value, end.value, stride, value);
    }
}

/* Of which level the entry is nobody knows yet. Frames that nobody has used in this run are left out: no
 * entry may lead there. */
void iommu_note_target(uint64_t entry)
{
    uint64_t frame = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT, count = iommu_format->frames_max(entry);
    for (uint64_t i = frame; i < frame + count && i < ram.frame_count; i++) {
        ram.iommu_led[i] = ram.dirty[i];
    }
}

void remap_store(hal_paddr_t at, uint64_t value)
{
    point();
    if (amdvi_is_table(at.value)) {
        amdvi_table_store(at.value, value);
        return;
    }
    if (!is_drivers(at.value, 8)) {
        return;
    }
    uint64_t frame = at.value >> HAL_PAGE_SHIFT, *word = (uint64_t *)(void *)ram_pointer(at.value);
    unsigned index = (unsigned)(at.value % HAL_PAGE_SIZE / 8);
    const uint64_t *pair = word - index % 2;
    const uint64_t old[2] = {raw_load(&pair[0]), raw_load(&pair[1])};
    const uint64_t words[2] = {index % 2 == 0 ? value : old[0], index % 2 == 0 ? old[1] : value};
    iommu_in_use = iommu_in_use || !is_own(frame);
    iommu_entries += !is_own(frame);
    vtd_interrupts_edit(IOMMU_OF_CPUS, at.value & ~UINT64_C(15), old, words);
    for (unsigned i = 0; i < IOMMU_UNITS && iommu_in_use; i++) {
        iommu_edit(&iommu_units[i], IOMMU_OF_CPUS, at.value & ~UINT64_C(15), old, words);
    }
    sanitizer_release(word);
    raw_store(word, value);
    sanitizer_acquire(word);
    machine.edits++;
    ram_soil(frame);
    ram.level[frame] = RAM_LEVEL_IOMMU;
    mmu_set_filled(frame, index, value != 0);
    if (value != 0 && iommu_in_use) {
        iommu_note_target(value);
    }
    struct page *page = find_page(frame);
    page = page ? page : make_page(frame);
    page->dirty |= UINT64_C(1) << index / LINE_WORDS;
}

void remap_write_back(hal_paddr_t at, size_t size)
{
    if (!CONTRACT(size > 0 && ram_contains(at.value, size), "not RAM") ||
        !CONTRACT(ram_use(at.value) == HAL_FRAME_TABLE, "not a table")) {
        return;
    }
    uint64_t end = at.value + size;
    for (uint64_t from = at.value; from < end; from = (from | (HAL_PAGE_SIZE - 1)) + 1) {
        uint64_t to = (from | (HAL_PAGE_SIZE - 1)) + 1;
        unsigned first = (unsigned)(from % HAL_PAGE_SIZE >> LINE_SHIFT);
        unsigned last = (unsigned)(((end < to ? end : to) - 1) % HAL_PAGE_SIZE >> LINE_SHIFT);
        uint64_t lines = UINT64_MAX >> (63 - (last - first)) << first, frame = from >> HAL_PAGE_SHIFT;
        struct page *page = find_page(frame);
        page = page ? page : make_page(frame);
        iommu_in_use = iommu_in_use || !is_own(frame);
        raw_copy(page->written + first * LINE_WORDS,
                 ram_pointer((frame << HAL_PAGE_SHIFT) + ((uint64_t)first << LINE_SHIFT)),
                 (size_t)(last - first + 1) << LINE_SHIFT);
        page->dirty &= ~lines;
        page->buffered |= lines;
        for (unsigned i = 0; i < IOMMU_UNITS; i++) {
            if (!iommu_units[i].kind.coherent && !iommu_units[i].kind.write_buffer) {
                arrive(page);
                iommu_places_changed();
            }
        }
    }
}

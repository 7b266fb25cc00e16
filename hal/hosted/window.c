/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel window. See window.h.
 */
#define _GNU_SOURCE
#include "window.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "mmu.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "state.h"

#define WINDOW_PAGES (WINDOW_SIZE >> HAL_PAGE_SHIFT)

/* What stands at a page of host addresses: the frame's number + 1 (0: nothing), and whether core has it
 * mapped. A mapping that core withdrew may stay behind, poisoned (config.lazy_window): to map it again costs
 * nothing. */
struct page {
    uint32_t host;
    bool live;
};

static struct page pages[WINDOW_PAGES];
static uint64_t pages_high; /* no page at or above was ever mapped */
static char *window;

static char *host_address(uint64_t page)
{
    return window + (page << HAL_PAGE_SHIFT);
}

static void reserve(void)
{
    if (window) {
        return;
    }
    window = mmap(NULL, WINDOW_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (window == MAP_FAILED) {
        perror("keel: hosted machine: kernel window");
        abort();
    }
}

static void host_map(uint64_t page, uint64_t count, uint64_t frame)
{
    void *at = mmap(host_address(page), count << HAL_PAGE_SHIFT, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_FIXED, ram.file, (off_t)(frame << HAL_PAGE_SHIFT));
    if (at == MAP_FAILED) {
        perror("keel: hosted machine: mapping a window page");
        abort();
    }
}

static void host_unmap(uint64_t page, uint64_t count)
{
    void *at = mmap(host_address(page), count << HAL_PAGE_SHIFT, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (at == MAP_FAILED) {
        perror("keel: hosted machine: unmapping a window page");
        abort();
    }
}

/* Within a run: what is left behind must not be used unseen. */
static bool keep_host_mappings(void)
{
    return machine.config.lazy_window && sanitizer_has_asan();
}

void window_release(void)
{
    if (window && pages_high) {
        host_unmap(0, pages_high);
    }
    for (uint64_t page = 0; page < pages_high; page++) {
        pages[page] = (struct page){0};
    }
    pages_high = 0;
}

/* Withdraws a run of pages that all are live or left behind. */
static void withdraw(uint64_t page, uint64_t count, bool keep)
{
    for (uint64_t i = page; i < page + count; i++) {
        if (pages[i].live) {
            ram.window[pages[i].host - 1]--;
        }
        pages[i].live = false;
        if (!keep) {
            pages[i].host = 0;
        }
    }
    if (keep) {
        sanitizer_poison(host_address(page), count << HAL_PAGE_SHIFT);
    } else {
        host_unmap(page, count);
    }
}

void window_prepare(void)
{
    reserve();
    /* From run to run: kernels of one test map the same pages again, in the same order. */
    bool keep = machine.config.lazy_window;
    for (uint64_t page = 0; page < pages_high; page++) {
        if (pages[page].live || (pages[page].host && !keep)) {
            withdraw(page, 1, keep);
        }
    }
}

/* The frame that core's tables give for a window page, + 1; 0: none. */
static uint32_t wanted(uint64_t page)
{
    uint64_t va = HAL_WINDOW_BASE + (page << HAL_PAGE_SHIFT);
    uint64_t table;
    if (!mmu_find_table(RAM_KERNEL_ROOT >> HAL_PAGE_SHIFT, va, 0, &table)) {
        return 0;
    }
    uint64_t entry = raw_load(mmu_entry(table, hal_pt_index(va, 0)));
    return hal_pte_present(entry) ? (uint32_t)hal_frame_number(hal_pte_target(entry)) + 1 : 0;
}

/* Makes [page, page + count) lead to frames from `frame` on. */
static void establish(uint64_t page, uint64_t count, uint32_t frame)
{
    bool stands = true;
    for (uint64_t i = 0; i < count; i++) {
        stands = stands && pages[page + i].host == frame + i + 1;
    }
    if (!stands) {
        host_map(page, count, frame);
    }
    for (uint64_t i = 0; i < count; i++) {
        if (pages[page + i].live) {
            ram.window[pages[page + i].host - 1]--;
        }
        pages[page + i] = (struct page){.host = (uint32_t)(frame + i + 1), .live = true};
        ram.window[frame + i]++;
    }
    sanitizer_unpoison(host_address(page), count << HAL_PAGE_SHIFT);
    if (pages_high < page + count) {
        pages_high = page + count;
    }
}

static bool up_to_date(uint64_t page, uint32_t frame_plus_one)
{
    return frame_plus_one ? pages[page].live && pages[page].host == frame_plus_one : !pages[page].live;
}

void hal_window_sync(uint64_t va, uint64_t page_count)
{
    uint64_t first = (va - HAL_WINDOW_BASE) >> HAL_PAGE_SHIFT;
    if (!CONTRACT(va % HAL_PAGE_SIZE == 0, "address is not a page's") ||
        !CONTRACT(va >= HAL_WINDOW_BASE && first <= WINDOW_PAGES && page_count <= WINDOW_PAGES - first,
                  "range is outside the window, or past its first GiB, which is all that this machine has")) {
        return;
    }

    uint64_t end = first + page_count;
    for (uint64_t page = first; page < end;) {
        uint32_t frame = wanted(page);
        uint64_t count = 1;
        if (!up_to_date(page, frame)) {
            while (page + count < end && wanted(page + count) == (frame ? frame + count : 0) &&
                   !up_to_date(page + count, wanted(page + count))) {
                count++;
            }
            if (frame) {
                establish(page, count, frame - 1);
            } else {
                withdraw(page, count, keep_host_mappings());
            }
        }
        page += count;
    }
}

bool window_page_mapped(uint64_t va, uint64_t *frame)
{
    uint64_t page = (va - HAL_WINDOW_BASE) >> HAL_PAGE_SHIFT;
    if (va < HAL_WINDOW_BASE || page >= WINDOW_PAGES || !pages[page].live) {
        return false;
    }
    *frame = pages[page].host - 1;
    return true;
}

char *window_pointer(uint64_t va, uint64_t size)
{
    uint64_t frame;
    for (uint64_t offset = 0; offset < size; offset += HAL_PAGE_SIZE) {
        if (!window_page_mapped(va + offset, &frame)) {
            return NULL;
        }
    }
    return host_address((va - HAL_WINDOW_BASE) >> HAL_PAGE_SHIFT);
}

bool window_address(const void *host, uint64_t *va)
{
    uint64_t offset = (uint64_t)((uintptr_t)host - (uintptr_t)window);
    if (!window || offset >= WINDOW_SIZE) {
        return false;
    }
    *va = HAL_WINDOW_BASE + offset;
    return true;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel window: host mappings that follow core's entries, so that stacks have guard pages.
 */
#define _GNU_SOURCE
#include "hal/atomic.h"
#include "hal/mmu.h"

#include <sys/mman.h>

#include "state.h"

/* What core's tables say of the window page at `va`: its entry, or 0. */
static uint64_t entry_of(uint64_t va)
{
    struct hal_pte_slot slot = {
        .root = hal_kernel_root(), .table = hal_kernel_root(), .va = va, .level = HAL_PT_LEVELS - 1};
    uint64_t entry = hal_pte_load(&slot);
    while (slot.level > 0 && hal_pte_present(entry)) {
        slot.table = hal_pte_target(entry);
        slot.level--;
        entry = hal_pte_load(&slot);
    }
    return hal_pte_present(entry) ? entry : 0;
}

/* Does the page `va` continue a run that began with `entry`, `pages` pages before? */
static bool continues(uint64_t entry, uint64_t va, uint64_t pages)
{
    uint64_t next = entry_of(va);
    if (entry == 0 || next == 0) {
        return entry == next;
    }
    return hal_pte_target(next).value == hal_pte_target(entry).value + pages * HAL_PAGE_SIZE;
}

static void host_map(uint64_t va, uint64_t pages, uint64_t entry)
{
    char *at = native_ram.window + (va - HAL_WINDOW_BASE);
    size_t size = (size_t)(pages << HAL_PAGE_SHIFT);
    void *mapped = entry != 0 ? mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                                     native_ram.file, (off_t)hal_pte_target(entry).value)
                              : mmap(at, size, PROT_NONE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (mapped == MAP_FAILED) {
        native_die("a mapping of the kernel window");
    }
}

void hal_window_sync(uint64_t va, uint64_t page_count)
{
    uint64_t end = va + (page_count << HAL_PAGE_SHIFT);
    if (end - HAL_WINDOW_BASE > NATIVE_WINDOW_SIZE) {
        native_die("an address past the first GiB of the kernel window");
    }
    while (va < end) {
        uint64_t entry = entry_of(va), pages = 1;
        while (va + (pages << HAL_PAGE_SHIFT) < end &&
               continues(entry, va + (pages << HAL_PAGE_SHIFT), pages)) {
            pages++;
        }
        host_map(va, pages, entry);
        va += pages << HAL_PAGE_SHIFT;
    }
}

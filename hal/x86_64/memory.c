/* SPDX-License-Identifier: BSD-2-Clause
 *
 * RAM at start-up: which runs of it there are, and the pool of pages that the backend takes for itself before
 * core exists. The pool's size is reckoned from the memory map beforehand, generously; what is left over at
 * the end is never claimed (x86_pool_used), so generosity costs nothing.
 */
#include <string.h>

#include "hal/machine.h"
#include "hal/pte.h"
#include "parts.h"

uint64_t x86_physical_offset;

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
/* RAM above this finds no room between the linear map and the window. */
#define LINEAR_END (HAL_WINDOW_BASE - HAL_LINEAR_BASE)
/* Firmware has a hundred regions or two; sorting is quadratic. */
#define REGIONS_MAX 4096u

static struct x86_range pool; /* what may be taken; base moves up */
static uint64_t pool_start;
static uint64_t runs_address; /* physical: the way to memory changes (x86_physical_offset) */
static size_t run_count;

static const struct handoff_region *regions_of(const struct handoff *handoff)
{
    return x86_physical(handoff->regions);
}

static struct x86_range *runs_of_ram(void)
{
    return x86_physical(runs_address);
}

/* RAM that the linear map holds, as whole pages. False: not RAM, or nothing of it. */
static bool ram_of(const struct handoff_region *region, struct x86_range *range)
{
    const uint64_t page_mask = HAL_PAGE_SIZE - 1;

    if (region->type != HANDOFF_FREE && region->type != HANDOFF_LOADER && region->type != HANDOFF_ACPI) {
        return false;
    }
    if (region->base >= LINEAR_END || region->size > LINEAR_END - region->base) {
        return false;
    }
    range->base = (region->base + page_mask) & ~page_mask;
    range->end = (region->base + region->size) & ~page_mask;
    return range->base < range->end;
}

/* Pages that the tables of this much RAM can take at most: per run a table at either end of each level, and
 * one page directory for each GiB. */
static uint64_t pages_for(const struct handoff *handoff)
{
    uint64_t pages = 64 + (handoff->kernel_image.size + handoff->command_line.size) / HAL_PAGE_SIZE;

    /* Stacks of secondary CPUs, and the tables that map them. */
    pages += (HAL_CPU_MAX - 1) * X86_STACK_COUNT * (X86_STACK_SIZE / HAL_PAGE_SIZE) + 16;

    /* Queues of the remapping units, and their tables, those for firmware's devices among them; of those that
     * AMD makes, device tables of the first segment and of others, and tables of interrupts. */
    pages += REMAP_FIRMWARE_PAGES + 1 + ACPI_DMAR_UNITS_MAX + 5 + 2 * ACPI_IVRS_UNITS_MAX + 2 +
             (2 * AMDVI_TABLE_SIZE + AMDVI_INTERRUPT_TABLES_SIZE) / HAL_PAGE_SIZE;

    pages += handoff->region_count * (sizeof(struct x86_range) + sizeof(struct hal_region)) / HAL_PAGE_SIZE;
    for (uint32_t i = 0; i < handoff->region_count; i++) {
        struct x86_range range;

        if (ram_of(&regions_of(handoff)[i], &range)) {
            pages += 8 + (range.end - range.base) / GIB;
        }
    }
    return pages;
}

static void choose_pool(const struct handoff *handoff)
{
    const uint64_t size = pages_for(handoff) * HAL_PAGE_SIZE;

    /* The largest free region; the first MiB is left to firmware and, later, to starting CPUs. */
    for (uint32_t i = 0; i < handoff->region_count; i++) {
        const struct handoff_region *region = &regions_of(handoff)[i];
        struct x86_range range;

        if (region->type != HANDOFF_FREE || !ram_of(region, &range)) {
            continue;
        }
        if (range.base >= MIB && range.end - range.base > pool.end - pool.base) {
            pool = range;
        }
    }
    if (pool.end - pool.base < size) {
        hal_panic("there is not enough free memory for the page tables");
    }
    pool_start = pool.base;
}

void *x86_pool_pages(uint64_t page_count)
{
    const uint64_t address = pool.base;

    if (page_count > (pool.end - pool.base) / HAL_PAGE_SIZE) {
        hal_panic("there is not enough free memory for the page tables");
    }
    pool.base += page_count * HAL_PAGE_SIZE;
    memset(x86_physical(address), 0, page_count * HAL_PAGE_SIZE);
    return x86_physical(address);
}

hal_paddr_t x86_pool_page(void)
{
    const uint64_t address = pool.base;

    (void)x86_pool_pages(1);
    return hal_paddr(address);
}

uint64_t x86_low_pages(const struct handoff *handoff, uint64_t page_count)
{
    for (uint32_t i = 0; i < handoff->region_count; i++) {
        const struct handoff_region *region = &regions_of(handoff)[i];
        struct x86_range range;

        if (region->type != HANDOFF_FREE || !ram_of(region, &range)) {
            continue;
        }
        range.base = range.base > 0 ? range.base : HAL_PAGE_SIZE; /* the interrupt vectors of real mode */
        range.end = range.end < MIB ? range.end : MIB;
        if (range.base < range.end && range.end - range.base >= page_count * HAL_PAGE_SIZE) {
            return range.base;
        }
    }
    return 0;
}

struct x86_range x86_pool_used(void)
{
    return (struct x86_range){pool_start, pool.base};
}

static void insert_sorted(struct x86_range range)
{
    struct x86_range *runs = runs_of_ram();
    size_t at = run_count++;

    for (; at > 0 && runs[at - 1].base > range.base; at--) {
        runs[at] = runs[at - 1];
    }
    runs[at] = range;
}

/* Joins runs that touch or overlap. */
static void join_runs(void)
{
    struct x86_range *runs = runs_of_ram();
    size_t last = 0;

    for (size_t i = 1; i < run_count; i++) {
        if (runs[i].base > runs[last].end) {
            runs[++last] = runs[i];
        } else if (runs[i].end > runs[last].end) {
            runs[last].end = runs[i].end;
        }
    }
    run_count = last + 1;
}

/* The kernel image is not in the linear map: code and constants must have no writable alias (A4). */
static void leave_out(struct x86_range hole)
{
    struct x86_range *runs = runs_of_ram();

    for (size_t i = 0; i < run_count; i++) {
        const struct x86_range run = runs[i];

        if (hole.base >= run.end || hole.end <= run.base) {
            continue;
        }
        runs[i].end = hole.base > run.base ? hole.base : run.base;
        if (hole.end < run.end) {
            insert_sorted((struct x86_range){hole.end, run.end});
        }
        return;
    }
}

void x86_memory_init(const struct handoff *handoff)
{
    if (handoff->magic != HANDOFF_MAGIC || handoff->version != HANDOFF_VERSION) {
        hal_panic("the loader speaks another version of the handoff");
    }
    if (handoff->region_count == 0 || handoff->region_count > REGIONS_MAX) {
        hal_panic("the firmware's memory map is empty or absurdly long");
    }
    choose_pool(handoff);
    runs_address = pool.base;
    (void)x86_pool_pages((handoff->region_count + 1) * sizeof(struct x86_range) / HAL_PAGE_SIZE + 1);
    for (uint32_t i = 0; i < handoff->region_count; i++) {
        struct x86_range range;

        if (ram_of(&regions_of(handoff)[i], &range)) {
            insert_sorted(range);
        }
    }
    join_runs();
    leave_out((struct x86_range){handoff->kernel_image.base,
                                 handoff->kernel_image.base + handoff->kernel_image.size});
}

const struct x86_range *x86_memory_runs(size_t *count)
{
    *count = run_count;
    return runs_of_ram();
}

bool x86_memory_is_mapped(uint64_t physical, uint64_t size)
{
    const struct x86_range *runs = runs_of_ram();

    for (size_t i = 0; i < run_count; i++) {
        if (physical >= runs[i].base && physical < runs[i].end) {
            return size <= runs[i].end - physical;
        }
    }
    return false;
}

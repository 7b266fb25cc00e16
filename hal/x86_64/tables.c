/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel's own page tables: the upper half that every address space shares (layout.h, A4). Core later
 * edits only the kernel window, whose one entry in the root stands from here on.
 */
#include <string.h>

#include "hal/machine.h"
#include "hal/pte.h"
#include "insn.h"
#include "parts.h"

hal_paddr_t x86_kernel_root;
struct x86_range x86_image_physical;

#define PTE_UNCACHED ((uint64_t)HAL_CACHE_UNCACHED << 3)
/* Accessed and dirty from the start: nobody reads them here, so the CPU need not write them. */
#define KERNEL_RIGHTS (HAL_PTE_PRESENT | HAL_PTE_ACCESSED | HAL_PTE_DIRTY)
#define READ_WRITE    (KERNEL_RIGHTS | HAL_PTE_WRITE | HAL_PTE_NX)
#define READ_ONLY     (KERNEL_RIGHTS | HAL_PTE_NX)
#define READ_EXECUTE  KERNEL_RIGHTS

/* The entry for `va` at `level`, with the tables above it made. */
static uint64_t *entry_at(uint64_t va, unsigned level)
{
    uint64_t *table = x86_physical(x86_kernel_root.value);

    for (unsigned at = HAL_PT_LEVELS - 1; at > level; at--) {
        uint64_t *entry = &table[hal_pt_index(va, at)];

        if (*entry == 0) {
            *entry = hal_pte_table(x86_pool_page(), 0);
        }
        table = x86_physical(hal_pte_target(*entry).value);
    }
    return &table[hal_pt_index(va, level)];
}

static void map_page(uint64_t va, uint64_t physical, uint64_t rights)
{
    *entry_at(va, 0) = physical | rights;
}

/* The largest page that fits at `physical` and ends by `end`. */
static unsigned level_for(uint64_t physical, uint64_t end)
{
    unsigned level = x86_features.pages_1g ? 2 : 1;

    while (level > 0 && (physical % hal_pt_span(level) != 0 || end - physical < hal_pt_span(level))) {
        level--;
    }
    return level;
}

static void map_linear(struct x86_range run)
{
    while (run.base < run.end) {
        const unsigned level = level_for(run.base, run.end);

        *entry_at(HAL_LINEAR_BASE + run.base, level) = run.base | READ_WRITE | (level > 0 ? HAL_PTE_HUGE : 0);
        run.base += hal_pt_span(level);
    }
}

static uint64_t image_rights(uint64_t va)
{
    if (va < (uint64_t)(uintptr_t)x86_constants_start) {
        return READ_EXECUTE;
    }
    if (va < (uint64_t)(uintptr_t)x86_data_start) {
        return READ_ONLY;
    }
    return READ_WRITE;
}

static void map_image(const struct handoff *handoff)
{
    const uint64_t start = (uint64_t)(uintptr_t)x86_image_start, end = (uint64_t)(uintptr_t)x86_image_end;
    unsigned slot;

    if (handoff->kernel_virtual != start || handoff->kernel_image.size < end - start) {
        hal_panic("the loader placed the kernel image wrongly");
    }
    x86_image_physical = (struct x86_range){handoff->kernel_image.base,
                                            handoff->kernel_image.base + handoff->kernel_image.size};
    for (uint64_t va = start; va < end; va += HAL_PAGE_SIZE) {
        if (x86_stack_guard_name(va, &slot) == NULL) {
            map_page(va, handoff->kernel_image.base + (va - start), image_rights(va));
        }
    }
}

void x86_tables_init(const struct handoff *handoff)
{
    size_t run_count;
    const struct x86_range *runs = x86_memory_runs(&run_count);

    x86_kernel_root = x86_pool_page();
    for (size_t i = 0; i < run_count; i++) {
        map_linear(runs[i]);
    }
    map_image(handoff);
    /* The tables above the fixed pages and above the window exist before any root is copied. */
    (void)entry_at(X86_FIXED_BASE, 0);
    (void)entry_at(HAL_WINDOW_BASE, HAL_PT_LEVELS - 2);
    x86_write_cr3(x86_kernel_root.value);
    x86_physical_offset = HAL_LINEAR_BASE;
}

void x86_map_memory(uint64_t va, hal_paddr_t page)
{
    map_page(va, page.value, READ_WRITE);
}

uint32_t x86_make_low_tables(uint64_t tables, uint64_t code)
{
    uint64_t *root = x86_physical(tables), *table = root;

    memset(root, 0, HAL_PT_LEVELS * HAL_PAGE_SIZE);
    memcpy(root + HAL_PT_ENTRIES / 2, (uint64_t *)x86_physical(x86_kernel_root.value) + HAL_PT_ENTRIES / 2,
           HAL_PAGE_SIZE / 2);
    for (unsigned level = HAL_PT_LEVELS - 1; level > 0; level--) {
        tables += HAL_PAGE_SIZE;
        table[hal_pt_index(code, level)] = hal_pte_table(hal_paddr(tables), 0);
        table = x86_physical(tables);
    }
    table[hal_pt_index(code, 0)] = code | READ_EXECUTE;
    return (uint32_t)(tables - (HAL_PT_LEVELS - 1) * HAL_PAGE_SIZE);
}

static uint64_t io_page(unsigned cpu)
{
    return X86_FIXED_BASE + (X86_FIXED_COUNT + (uint64_t)cpu) * HAL_PAGE_SIZE;
}

static void map_io(unsigned cpu, uint64_t entry)
{
    uint64_t *at = entry_at(io_page(cpu), 0);

    if (*at != entry) {
        *at = entry;
        x86_forget_page(io_page(cpu));
    }
}

volatile void *x86_map_io(unsigned cpu, uint64_t physical, enum hal_cache cache)
{
    const uint64_t offset = physical % HAL_PAGE_SIZE;

    map_io(cpu, (physical - offset) | READ_WRITE | hal_pte_io_bits(cache));
    return (volatile void *)(uintptr_t)(io_page(cpu) + offset);
}

void x86_unmap_io(unsigned cpu)
{
    map_io(cpu, 0);
}

/* What firmware's tables name may be anything. */
bool x86_is_register(uint64_t physical)
{
    /* CPUID leaf 0x80000008, EAX bits 7:0: physical-address width (SDM vol. 2A, CPUID); 36 where there is no
     * such leaf. */
    bool told = x86_cpuid(0x80000000, 0).eax >= 0x80000008;
    uint32_t bits = told ? x86_cpuid(0x80000008, 0).eax & 0xff : 36;
    return bits < 64 && physical >> bits == 0 && !x86_memory_is_mapped(physical, 1);
}

volatile void *x86_map_registers(enum x86_fixed_page page, uint64_t physical)
{
    const uint64_t va = X86_FIXED_BASE + (uint64_t)page * HAL_PAGE_SIZE;
    const uint64_t offset = physical % HAL_PAGE_SIZE;

    map_page(va, physical - offset, READ_WRITE | PTE_UNCACHED);
    if (page != X86_FIXED_ECAM) { /* that one moves, over what is kept out as a whole */
        x86_pci_keep_out(physical, 1);
    }
    x86_forget_page(va);
    return (volatile void *)(uintptr_t)(va + offset);
}

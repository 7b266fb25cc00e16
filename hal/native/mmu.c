/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/mmu.h: tables with real entries, walked by software for accesses to user memory only (user_copy.c).
 * There is no TLB: a flush is counted, no more.
 */
#include "hal/atomic.h"
#include "hal/mmu.h"

#include "state.h"

#define UPPER_FIRST (HAL_PT_ENTRIES / 2)

unsigned hal_pt_leaf_level_max(void)
{
    return 2;
}

uint64_t hal_pte_load(const struct hal_pte_slot *slot)
{
    return atomic_u64_load_acquire(native_entry(slot->table, hal_pt_index(slot->va, slot->level)));
}

uint64_t hal_pte_exchange(const struct hal_pte_slot *slot, uint64_t entry)
{
    return atomic_u64_exchange(native_entry(slot->table, hal_pt_index(slot->va, slot->level)), entry);
}

unsigned hal_table_next(hal_paddr_t table, unsigned from, unsigned end)
{
    while (from < end && hal_table_peek(table, from) == 0) {
        from++;
    }
    return from;
}

uint64_t hal_table_peek(hal_paddr_t table, unsigned index)
{
    return atomic_u64_peek(native_entry(table, index));
}

hal_paddr_t hal_kernel_root(void)
{
    return hal_paddr(NATIVE_KERNEL_ROOT);
}

void hal_root_init(hal_paddr_t root)
{
    for (unsigned index = UPPER_FIRST; index < HAL_PT_ENTRIES; index++) {
        atomic_u64_store_relaxed(native_entry(root, index), hal_table_peek(hal_kernel_root(), index));
    }
}

unsigned hal_tlb_tag_count(void)
{
    return 1;
}

void hal_root_load(hal_paddr_t root, unsigned tag, bool keep)
{
    (void)tag;
    (void)keep;
    atomic_fence();
    native_cpu.root = root;
    native_cpu.flushes.operations++;
}

void hal_tlb_flush_range(uint64_t va, uint64_t page_count)
{
    (void)va;
    native_cpu.flushes.operations++;
    native_cpu.flushes.pages += page_count;
}

void hal_tlb_flush_tag(unsigned tag)
{
    (void)tag;
    native_cpu.flushes.operations++;
}

void hal_tlb_flush_window(uint64_t va, uint64_t page_count)
{
    hal_tlb_flush_range(va, page_count);
}

/* This machine offers no I/O memory. */
void hal_io_release(hal_paddr_t first, uint64_t page_count, enum hal_cache cache)
{
    (void)first;
    (void)page_count;
    (void)cache;
}

struct native_flushes native_flushes(void)
{
    struct native_flushes sum = {0};
    for (unsigned i = 0; i < native_config.cpu_count; i++) {
        sum.operations += native_cpus[i]->flushes.operations;
        sum.pages += native_cpus[i]->flushes.pages;
    }
    return sum;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/mmu.h: tables with real entries, walked by software for user copies only. There is no TLB: a flush is
 * counted, no more.
 */
#include "hal/atomic.h"
#include "hal/mmu.h"

#include "copy.h"
#include "state.h"

#define TOP_LEVEL   (HAL_PT_LEVELS - 1)
#define UPPER_FIRST (HAL_PT_ENTRIES / 2)

static atomic_u64_t *entry_at(hal_paddr_t table, unsigned index)
{
    return (atomic_u64_t *)native_pointer(table) + index;
}

uint64_t hal_pte_load(const struct hal_pte_slot *slot)
{
    return atomic_u64_load_acquire(entry_at(slot->table, hal_pt_index(slot->va, slot->level)));
}

uint64_t hal_pte_exchange(const struct hal_pte_slot *slot, uint64_t entry)
{
    return atomic_u64_exchange(entry_at(slot->table, hal_pt_index(slot->va, slot->level)), entry);
}

unsigned hal_table_next(hal_paddr_t table, unsigned from)
{
    while (from < HAL_PT_ENTRIES && hal_table_peek(table, from) == 0) {
        from++;
    }
    return from;
}

uint64_t hal_table_peek(hal_paddr_t table, unsigned index)
{
    return atomic_u64_peek(entry_at(table, index));
}

hal_paddr_t hal_kernel_root(void)
{
    return hal_paddr(NATIVE_KERNEL_ROOT);
}

void hal_root_init(hal_paddr_t root)
{
    for (unsigned index = UPPER_FIRST; index < HAL_PT_ENTRIES; index++) {
        atomic_u64_store_relaxed(entry_at(root, index), hal_table_peek(hal_kernel_root(), index));
    }
}

void hal_root_load(hal_paddr_t root)
{
    atomic_fence();
    native_cpu.root = root;
    native_cpu.flushes.operations++;
}

void hal_tlb_flush_range(hal_paddr_t root, uint64_t va, uint64_t page_count)
{
    (void)root;
    (void)va;
    native_cpu.flushes.operations++;
    native_cpu.flushes.pages += page_count;
}

void hal_tlb_flush_all(void)
{
    native_cpu.flushes.operations++;
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

/* Sets accessed and dirty bits as a CPU does. False: the entry changed meanwhile. */
static bool mark(atomic_u64_t *slot, uint64_t entry, uint64_t bits)
{
    return (entry & bits) == bits || atomic_u64_cas(slot, &entry, entry | bits);
}

/* The host address of user address `va` if `need` (HAL_PTE_*) is granted at every level. It stays right until
 * this CPU looks at its interrupts: who withdraws the entry waits for that before the frame is used again. */
static char *user_pointer(uint64_t va, uint64_t need)
{
    hal_paddr_t table = native_cpu.root;
    unsigned level = TOP_LEVEL;
    for (;;) {
        atomic_u64_t *slot = entry_at(table, hal_pt_index(va, level));
        uint64_t entry = atomic_u64_load_acquire(slot);
        if ((entry & need) != need) {
            return NULL;
        }
        bool leaf = hal_pte_is_leaf(entry, level);
        uint64_t dirty = leaf && (need & HAL_PTE_WRITE) != 0 ? HAL_PTE_DIRTY : 0;
        if (!mark(slot, entry, HAL_PTE_ACCESSED | dirty)) {
            continue;
        }
        if (leaf) {
            uint64_t inside = hal_pt_span(level) - 1;
            return native_pointer(hal_paddr((hal_pte_target(entry).value & ~inside) | (va & inside)));
        }
        table = hal_pte_target(entry);
        level--;
    }
}

static size_t bytes_in_page(uint64_t va, size_t size)
{
    uint64_t room = HAL_PAGE_SIZE - va % HAL_PAGE_SIZE;
    return size < room ? size : (size_t)room;
}

bool hal_user_copy_in(void *to, uint64_t va, size_t size)
{
    for (size_t done = 0, now; done < size; done += now) {
        const char *from = user_pointer(va + done, HAL_PTE_PRESENT | HAL_PTE_USER);
        if (from == NULL) {
            return false;
        }
        now = bytes_in_page(va + done, size - done);
        copy_bytes((char *)to + done, from, now);
    }
    return true;
}

bool hal_user_copy_out(uint64_t va, const void *from, size_t size)
{
    for (size_t done = 0, now; done < size; done += now) {
        char *to = user_pointer(va + done, HAL_PTE_PRESENT | HAL_PTE_USER | HAL_PTE_WRITE);
        if (to == NULL) {
            return false;
        }
        now = bytes_in_page(va + done, size - done);
        copy_bytes(to, (const char *)from + done, now);
    }
    return true;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/mmu.h on the real machine: the CPU walks the tables, core says when to forget (Intel SDM vol.
 * 3A, 4.10).
 */
#include "hal/cpu.h"
#include "hal/machine.h"
#include "hal/mmu.h"
#include "insn.h"
#include "parts.h"

/* From here on a full flush costs less than one instruction a page. */
#define FLUSH_PAGES_MAX 64u

#define CR3_KEEP (UINT64_C(1) << 63)

static volatile uint64_t *table_at(hal_paddr_t table)
{
    return (volatile uint64_t *)(HAL_LINEAR_BASE + table.value);
}

unsigned hal_pt_leaf_level_max(void)
{
    return x86_features.pages_1g ? 2 : 1;
}

uint64_t hal_pte_load(const struct hal_pte_slot *slot)
{
    return table_at(slot->table)[hal_pt_index(slot->va, slot->level)];
}

uint64_t hal_pte_exchange(const struct hal_pte_slot *slot, uint64_t entry)
{
    volatile uint64_t *at = &table_at(slot->table)[hal_pt_index(slot->va, slot->level)];

    /* XCHG with memory locks by itself. */
    __asm__ volatile("xchg %0, %1" : "+r"(entry), "+m"(*at) : : "memory");
    return entry;
}

unsigned hal_table_next(hal_paddr_t table, unsigned from, unsigned end)
{
    while (from < end && table_at(table)[from] == 0) {
        from++;
    }
    return from;
}

uint64_t hal_table_peek(hal_paddr_t table, unsigned index)
{
    return table_at(table)[index];
}

void hal_root_init(hal_paddr_t root)
{
    for (unsigned i = HAL_PT_ENTRIES / 2; i < HAL_PT_ENTRIES; i++) {
        table_at(root)[i] = table_at(x86_kernel_root)[i];
    }
}

hal_paddr_t hal_kernel_root(void)
{
    return x86_kernel_root;
}

/* Tags are PCIDs. */
unsigned hal_tlb_tag_count(void)
{
    return x86_features.pcid ? HAL_TLB_TAGS_MAX : 1;
}

/* The write drops every translation and every paging-structure entry of the PCID, of any without PCIDs; there
 * are no global pages (4.10.4.1). Nothing is kept without PCIDs, where bit 63 is reserved. */
void hal_root_load(hal_paddr_t root, unsigned tag, bool keep)
{
    x86_write_cr3(root.value | tag | (keep && x86_features.pcid ? CR3_KEEP : 0));
}

/* INVLPG drops the page's translation and all paging-structure entries of the PCID that is loaded (4.10.4.1).
 */
void hal_tlb_flush_range(uint64_t va, uint64_t page_count)
{
    if (page_count > FLUSH_PAGES_MAX) {
        x86_write_cr3(x86_read_cr3());
        return;
    }
    for (uint64_t i = 0; i < page_count; i++) {
        x86_invlpg(va + i * HAL_PAGE_SIZE);
    }
}

void hal_tlb_flush_tag(unsigned tag)
{
    if (x86_features.pcid) {
        x86_invpcid(X86_INVPCID_ONE, tag, 0);
    }
}

void x86_forget_page(uint64_t va)
{
    if (!x86_features.pcid) {
        x86_invlpg(va);
        return;
    }
    for (unsigned tag = 0; tag < HAL_TLB_TAGS_MAX; tag++) {
        x86_invpcid(X86_INVPCID_ADDRESS, tag, va);
    }
}

/* Every PCID has its own translations of the kernel's half, and its own paging-structure entries. */
void hal_tlb_flush_window(uint64_t va, uint64_t page_count)
{
    if (!x86_features.pcid) {
        hal_tlb_flush_range(va, page_count);
    } else if (page_count > FLUSH_PAGES_MAX / HAL_TLB_TAGS_MAX) {
        x86_invpcid(X86_INVPCID_EVERYTHING, 0, 0);
    } else {
        for (uint64_t i = 0; i < page_count; i++) {
            x86_forget_page(va + i * HAL_PAGE_SIZE);
        }
    }
}

/* Cached lines of a page that is then mapped write-combining would go unnoticed (Intel SDM vol. 3A, 11.12.4);
 * no mapping is left by which to flush them one by one. */
void hal_io_release(hal_paddr_t first, uint64_t page_count, enum hal_cache cache)
{
    (void)first;
    (void)page_count;
    if (cache != HAL_CACHE_WRITE_THROUGH) {
        return;
    }
    x86_flush_caches();
}

void hal_window_sync(uint64_t va, uint64_t page_count)
{
    (void)va;
    (void)page_count;
}

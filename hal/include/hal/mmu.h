/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: page tables and TLBs.
 *
 * Core decides what stands in a table; `hal/pte.h` (supplied by the backend's architecture on its include
 * path) says how one entry is written: HAL_PT_LEVELS, HAL_PT_ENTRIES, and the pure functions hal_pte_leaf,
 * _leaf_at, _io_bits, _is_io, _cache, _with_prot, _part, _withheld, _changing, _is_changing, _table,
 * _present, _is_leaf, _is_link, _target, _prot. The top HAL_PT_LEVELS-1 is the root's level, level 0 maps
 * pages.
 *
 * The upper half of every root is the kernel's and equal in all of them (A4). It is made of: the linear map
 * and the kernel image (the backend's alone), and the kernel window, HAL_WINDOW_BASE..+HAL_WINDOW_SIZE, whose
 * entries core edits under hal_kernel_root(). All upper-half entries of a root stand before hal_upcall_boot
 * and never change again; core edits only below them.
 */
#ifndef HAL_MMU_H
#define HAL_MMU_H

#include "hal/types.h"
#include "hal/pte.h"

/* One entry, named by the walk that reached it: the root it started from, the table that holds it (of
 * `level`), and the virtual address it translates (any inside). The real machine uses table, level and va;
 * the hosted one also learns from root and va who may have cached the entry. */
struct hal_pte_slot {
    hal_paddr_t root, table;
    uint64_t va;
    unsigned level;
};

/* The highest level whose entries may be leaves: 1 (2 MiB pages) or 2 (1 GiB pages). Constant. */
unsigned hal_pt_leaf_level_max(void);

/* Entries are read and replaced whole; the CPU may set accessed and dirty bits at any moment, hence exchange
 * and not store. The exchange orders like a sequentially consistent read-modify-write. */
uint64_t hal_pte_load(const struct hal_pte_slot *slot);
uint64_t hal_pte_exchange(const struct hal_pte_slot *slot, uint64_t entry);

/* First index of `from`..`end`-1 whose entry is not zero, `end` if none; `end` <= HAL_PT_ENTRIES. The caller
 * holds the table's lock, or nobody else has the table; only accessed and dirty bits may change meanwhile. No
 * scheduling point. */
unsigned hal_table_next(hal_paddr_t table, unsigned from, unsigned end);
/* The entry at `index`, under the same rule. */
uint64_t hal_table_peek(hal_paddr_t table, unsigned index);

/* Fills the upper half of a fresh zeroed root from the kernel root. */
void hal_root_init(hal_paddr_t root);
hal_paddr_t hal_kernel_root(void);

/* What a CPU caches of user space, translations and paging-structure entries, it caches under the tag that
 * its root was loaded with, and uses only while that tag is loaded (PCIDs). Tags are 0..count-1; each CPU has
 * its own. 1..HAL_TLB_TAGS_MAX; constant from hal_upcall_boot on. A CPU starts with the kernel root and tag
 * 0. */
#define HAL_TLB_TAGS_MAX 8u
unsigned hal_tlb_tag_count(void);

/* Loads a root on this CPU under a tag. What is cached under it is dropped, unless `keep`: then all of that
 * came from this root. Interrupts off. Orders all earlier stores before any walk of the new root (as MOV to
 * CR3 does). */
void hal_root_load(hal_paddr_t root, unsigned tag, bool keep);

/* Drop what this CPU may have cached, interrupts off: of user addresses [va, va + page_count pages) under the
 * loaded tag, with the paging-structure entries above them; everything under a tag that is not loaded; of
 * addresses of the kernel window, under every tag. */
void hal_tlb_flush_range(uint64_t va, uint64_t page_count);
void hal_tlb_flush_tag(unsigned tag);
void hal_tlb_flush_window(uint64_t va, uint64_t page_count);

/* A client's range of I/O memory, whole pages, ends: no table leads there, every CPU has flushed, and the
 * next one may be mapped with another cache policy. Where caches may hold something of it
 * (HAL_CACHE_WRITE_THROUGH) the machine drops that, on every CPU. A backend that checks reports a table or a
 * TLB that still leads there (A2, A5). No lock held; waits for the other CPUs. */
void hal_io_release(hal_paddr_t first, uint64_t page_count, enum hal_cache cache);

/* Called after core changed kernel-window entries and flushed them everywhere, before the range is used. A
 * machine whose CPU walks the tables does nothing; the hosted machine mirrors the entries to the host's page
 * tables. */
void hal_window_sync(uint64_t va, uint64_t page_count);

#endif

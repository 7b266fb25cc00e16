/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Page-table entries of x86-64 with 4-level paging (Intel SDM vol. 3A, 4.5, table 4-15 to 4-20). Pure
 * functions.
 */
#ifndef HAL_PTE_H
#define HAL_PTE_H

#include "hal/types.h"

#define HAL_PT_LEVELS    4u
#define HAL_PT_TOP_LEVEL (HAL_PT_LEVELS - 1)
#define HAL_PT_ENTRIES   512u

/* The upper half of the address space, see hal/mmu.h. */
#define HAL_LINEAR_BASE UINT64_C(0xffff800000000000)
#define HAL_WINDOW_BASE UINT64_C(0xffffc90000000000)
#define HAL_WINDOW_SIZE (UINT64_C(1) << 39)

/* What a mapping allows. */
enum {
    HAL_PROT_READ = 1u << 0, /* always granted: x86 has no mapping without it */
    HAL_PROT_WRITE = 1u << 1,
    HAL_PROT_EXEC = 1u << 2,
    HAL_PROT_USER = 1u << 3,
};

/* How a CPU caches what a leaf leads to. The value is the index into the page attribute table that PCD and
 * PWT choose; the backend sets the table accordingly. */
enum hal_cache {
    HAL_CACHE_WRITE_BACK = 0, /* RAM, always; I/O memory, never */
    HAL_CACHE_WRITE_COMBINING = 1,
    HAL_CACHE_WRITE_THROUGH = 2,
    HAL_CACHE_UNCACHED = 3,
};

#define HAL_PTE_PRESENT  (UINT64_C(1) << 0)
#define HAL_PTE_WRITE    (UINT64_C(1) << 1)
#define HAL_PTE_USER     (UINT64_C(1) << 2)
#define HAL_PTE_CACHE    (UINT64_C(3) << 3) /* enum hal_cache: PWT and PCD */
#define HAL_PTE_ACCESSED (UINT64_C(1) << 5)
#define HAL_PTE_DIRTY    (UINT64_C(1) << 6)
#define HAL_PTE_HUGE     (UINT64_C(1) << 7)
#define HAL_PTE_IO       (UINT64_C(1) << 9) /* ignored by the CPU: the leaf leads to I/O memory, to no frame */
#define HAL_PTE_CHANGING (UINT64_C(1) << 10) /* ignored by the CPU, see hal_pte_changing */
#define HAL_PTE_NX       (UINT64_C(1) << 63)
#define HAL_PTE_ADDRESS  UINT64_C(0x000ffffffffff000)

/* Bytes that one entry of a table at `level` translates. */
static inline uint64_t hal_pt_span(unsigned level)
{
    return HAL_PAGE_SIZE << (9 * level);
}

static inline unsigned hal_pt_index(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (HAL_PAGE_SHIFT + 9 * level)) & (HAL_PT_ENTRIES - 1);
}

static inline uint64_t hal_pte_leaf(hal_paddr_t frame, unsigned prot)
{
    uint64_t entry = (frame.value & HAL_PTE_ADDRESS) | HAL_PTE_PRESENT;
    entry |= (prot & HAL_PROT_WRITE) ? HAL_PTE_WRITE : 0;
    entry |= (prot & HAL_PROT_USER) ? HAL_PTE_USER : 0;
    entry |= (prot & HAL_PROT_EXEC) ? 0 : HAL_PTE_NX;
    return entry;
}

/* A leaf in a table of `level`: `frame` is the first of the frames that the entry translates, which lie
 * next to each other, the first at a multiple of hal_pt_span(level). */
static inline uint64_t hal_pte_leaf_at(hal_paddr_t frame, unsigned level, unsigned prot)
{
    return hal_pte_leaf(frame, prot) | (level > 0 ? HAL_PTE_HUGE : 0);
}

/* What makes a leaf of level 0, not executable, one of I/O memory. */
static inline uint64_t hal_pte_io_bits(enum hal_cache cache)
{
    return HAL_PTE_IO | ((uint64_t)cache << 3 & HAL_PTE_CACHE);
}

/* Of a leaf. */
static inline bool hal_pte_is_io(uint64_t entry)
{
    return (entry & HAL_PTE_IO) != 0;
}

static inline enum hal_cache hal_pte_cache(uint64_t entry)
{
    return (enum hal_cache)((entry & HAL_PTE_CACHE) >> 3);
}

/* The same leaf with other rights; what it leads to and how that is cached stay. */
static inline uint64_t hal_pte_with_prot(uint64_t entry, unsigned prot)
{
    const uint64_t rights = HAL_PTE_WRITE | HAL_PTE_USER | HAL_PTE_NX;
    return (entry & ~rights) | (hal_pte_leaf(hal_paddr(0), prot) & rights);
}

/* The entry of a table of `level` - 1 that translates its part `index` of what the leaf `entry` in a table of
 * `level` does, with the same rights and bits. */
static inline uint64_t hal_pte_part(uint64_t entry, unsigned level, unsigned index)
{
    return (level > 1 ? entry : entry & ~HAL_PTE_HUGE) + index * hal_pt_span(level - 1);
}

/* An entry that translates nothing any more, but still says what it led to. No CPU caches such an entry
 * (Intel SDM vol. 3A, 4.10.2.3). */
static inline uint64_t hal_pte_withheld(uint64_t entry)
{
    return entry & ~HAL_PTE_PRESENT;
}

/* The same of an entry that will translate the same addresses to the same frames again, by pages of another
 * size: who comes to it waits until it does. In between every CPU flushes: one that knew an address by pages
 * of two sizes might use either (Intel SDM vol. 3A, 4.10.4.2), or stop with a machine check (AMD family 10h,
 * erratum 383; Intel, CVE-2018-12207). */
static inline uint64_t hal_pte_changing(uint64_t entry)
{
    return hal_pte_withheld(entry) | HAL_PTE_CHANGING;
}

static inline bool hal_pte_is_changing(uint64_t entry)
{
    return (entry & (HAL_PTE_PRESENT | HAL_PTE_CHANGING)) == HAL_PTE_CHANGING;
}

/* An entry that leads to a lower table: all rights, the leaf decides. `prot` says user half or kernel half.
 */
static inline uint64_t hal_pte_table(hal_paddr_t table, unsigned prot)
{
    return (table.value & HAL_PTE_ADDRESS) | HAL_PTE_PRESENT | HAL_PTE_WRITE |
           ((prot & HAL_PROT_USER) ? HAL_PTE_USER : 0);
}

static inline bool hal_pte_present(uint64_t entry)
{
    return (entry & HAL_PTE_PRESENT) != 0;
}

static inline bool hal_pte_is_leaf(uint64_t entry, unsigned level)
{
    return level == 0 || (entry & HAL_PTE_HUGE) != 0;
}

/* Of a table above the lowest: is it present, and no leaf? */
static inline bool hal_pte_is_link(uint64_t entry)
{
    return (entry & (HAL_PTE_PRESENT | HAL_PTE_HUGE)) == HAL_PTE_PRESENT;
}

static inline hal_paddr_t hal_pte_target(uint64_t entry)
{
    return hal_paddr(entry & HAL_PTE_ADDRESS);
}

static inline unsigned hal_pte_prot(uint64_t entry)
{
    unsigned prot = HAL_PROT_READ;
    prot |= (entry & HAL_PTE_WRITE) ? HAL_PROT_WRITE : 0u;
    prot |= (entry & HAL_PTE_USER) ? HAL_PROT_USER : 0u;
    prot |= (entry & HAL_PTE_NX) ? 0u : HAL_PROT_EXEC;
    return prot;
}

static inline bool hal_pte_accessed(uint64_t entry)
{
    return (entry & HAL_PTE_ACCESSED) != 0;
}

static inline bool hal_pte_dirty(uint64_t entry)
{
    return (entry & HAL_PTE_DIRTY) != 0;
}

#endif

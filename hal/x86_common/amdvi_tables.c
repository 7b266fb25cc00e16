/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tables of AMD's remapping units (AMD I/O Virtualization Technology specification 3.0, 2.2): the entries of
 * domains' tables, and the device table, by which a source finds its domain's. See hal/iommu.h.
 */
#include "amdvi_unit.h"

/* Entries of domains' tables (2.2.7). A leaf leads to no next level; 7 would say that its size is its own. */
#define ENTRY_PRESENT    UINT64_C(1)
#define ENTRY_NEXT_LEVEL 9
#define ENTRY_NEXT_MASK  (UINT64_C(7) << ENTRY_NEXT_LEVEL)
#define ENTRY_COHERENT   (UINT64_C(1) << 60) /* devices' accesses look into CPUs' caches */
#define ENTRY_READ       (UINT64_C(1) << 61)
#define ENTRY_WRITE      (UINT64_C(1) << 62)
#define ENTRY_ADDRESS    UINT64_C(0x000ffffffffff000)
#define ENTRY_SIZE       8u

/* Entries of the device table (2.2.2): 32 bytes, which a unit reads in one piece. The lower eight say who may
 * do what by which root, the next whose translations these are, the third eight which interrupts pass; all
 * else is 0: nothing but plain memory requests passes besides, and the device keeps no translations itself.
 */
#define DEVICE_SIZE  32u
#define DEVICE_VALID UINT64_C(3) /* what stands here of DMA holds */
#define DEVICE_LEVEL 9           /* of the root: as many as there are levels */
/* The third eight. Without more than the first, none passes; without that, all do. Interrupts that say
 * themselves that they are more than fixed ones (NMI, INIT, ExtINT, LINT0, LINT1) never do. */
#define INTERRUPTS_VALID    UINT64_C(1)
#define INTERRUPTS_LENGTH   (UINT64_C(8) << 1) /* 2^8 entries */
#define INTERRUPTS_REMAPPED (UINT64_C(2) << 60)
#define INTERRUPTS_OFFSET   16u

uint64_t amdvi_table_entry(hal_paddr_t table, unsigned level)
{
    return table.value | ENTRY_PRESENT | (uint64_t)level << ENTRY_NEXT_LEVEL | ENTRY_READ | ENTRY_WRITE;
}

uint64_t amdvi_leaf_entry(hal_paddr_t page, unsigned level, bool may_read, bool may_write)
{
    (void)level; /* where it stands says how large it is */
    return page.value | ENTRY_PRESENT | ENTRY_COHERENT | (may_read ? ENTRY_READ : 0) |
           (may_write ? ENTRY_WRITE : 0);
}

bool amdvi_entry_is_leaf(uint64_t entry, unsigned level)
{
    return level == 0 || (entry & ENTRY_NEXT_MASK) == 0;
}

hal_paddr_t amdvi_entry_target(uint64_t entry)
{
    return hal_paddr(entry & ENTRY_ADDRESS);
}

bool amdvi_entry_may_read(uint64_t entry)
{
    return (entry & ENTRY_READ) != 0;
}

bool amdvi_entry_may_write(uint64_t entry)
{
    return (entry & ENTRY_WRITE) != 0;
}

void amdvi_fill(hal_paddr_t table, unsigned index, unsigned count, uint64_t entry, uint64_t step)
{
    const hal_paddr_t first = hal_paddr_add(table, (uint64_t)index * ENTRY_SIZE);

    for (unsigned i = 0; i < count; i++) {
        remap_store(hal_paddr_add(first, (uint64_t)i * ENTRY_SIZE), entry);
        entry += step;
    }
}

/* --- Sources --- */

static uint64_t device(hal_paddr_t root, uint64_t rights)
{
    return root.value | DEVICE_VALID | (uint64_t)AMDVI_LEVELS << DEVICE_LEVEL | rights;
}

static hal_paddr_t device_at(uint16_t source)
{
    return hal_paddr_add(amdvi_segment.table, (uint64_t)source * DEVICE_SIZE);
}

/* No rights, and a root that leads nowhere. An entry that was not valid would let everything through. */
void amdvi_block_all(hal_paddr_t table, hal_paddr_t empty, bool interrupts)
{
    const hal_paddr_t end = hal_paddr_add(table, AMDVI_TABLE_SIZE);

    remap_fill(table, end, DEVICE_SIZE, device(empty, 0));
    if (interrupts) {
        remap_fill(hal_paddr_add(table, INTERRUPTS_OFFSET), end, DEVICE_SIZE, INTERRUPTS_VALID);
    }
}

void amdvi_pass_interrupts(hal_paddr_t table)
{
    for (uint64_t at = 0; at < AMDVI_TABLE_SIZE; at += DEVICE_SIZE) {
        remap_store(hal_paddr_add(table, at + INTERRUPTS_OFFSET), 0);
    }
}

void amdvi_use_interrupts(uint16_t source, hal_paddr_t table)
{
    remap_store(hal_paddr_add(device_at(source), INTERRUPTS_OFFSET),
                table.value | INTERRUPTS_VALID | INTERRUPTS_LENGTH | INTERRUPTS_REMAPPED);
}

void amdvi_block_interrupts(uint16_t source)
{
    remap_store(hal_paddr_add(device_at(source), INTERRUPTS_OFFSET), INTERRUPTS_VALID);
}

/* Whose they are first, and last: until the root stands, and from when it does not any more, nothing passes.
 */
void amdvi_put_source(uint16_t source, uint32_t domain, hal_paddr_t root)
{
    const hal_paddr_t at = device_at(source);

    remap_store(hal_paddr_add(at, 8), domain);
    remap_store(at, device(root, ENTRY_READ | ENTRY_WRITE));
}

uint64_t amdvi_attach(uint16_t source, uint32_t domain, hal_paddr_t root)
{
    amdvi_put_source(source, domain, root);
    return amdvi_flush_source(source, domain);
}

uint64_t amdvi_detach(uint16_t source, uint32_t domain)
{
    const hal_paddr_t at = device_at(source);

    remap_store(at, device(amdvi_segment.empty, 0));
    remap_store(hal_paddr_add(at, 8), 0);
    return amdvi_flush_source(source, domain);
}

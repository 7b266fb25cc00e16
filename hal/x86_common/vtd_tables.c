/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tables of DMA remapping units (Intel VT-d specification 4.0, 9): the entries of domains' tables, and those
 * of root and context tables, by which a source finds its domain's. See hal/iommu.h.
 */
#include "vtd_unit.h"

#define ENTRY_READ    (UINT64_C(1) << 0)
#define ENTRY_WRITE   (UINT64_C(1) << 1)
#define ENTRY_LEAF    (UINT64_C(1) << 7)  /* above level 0 */
#define ENTRY_SNOOP   (UINT64_C(1) << 11) /* of leaves; reserved where a unit has no snoop control */
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)
#define ENTRY_SIZE    8u

/* Root and context entries have two halves. */
#define PAIR_SIZE       16u
#define ROOT_PRESENT    UINT64_C(1)
#define CONTEXT_PRESENT UINT64_C(1) /* all else 0: untranslated requests only, attempts are recorded */
#define CONTEXT_DOMAIN  8

/* --- Entries --- */

static hal_paddr_t written_back(hal_paddr_t page)
{
    if (!vtd_segment.coherent) {
        remap_write_back(page, HAL_PAGE_SIZE);
    }
    return page;
}

/* Core has zeroed the table by itself, and will have an entry lead to it now. */
uint64_t vtd_table_entry(hal_paddr_t table, unsigned level)
{
    (void)level;
    return written_back(table).value | ENTRY_READ | ENTRY_WRITE;
}

/* A device that asks not to be snooped would read what memory had before CPUs wrote it (M9). */
uint64_t vtd_leaf_entry(hal_paddr_t page, unsigned level, bool may_read, bool may_write)
{
    return page.value | (may_read ? ENTRY_READ : 0) | (may_write ? ENTRY_WRITE : 0) |
           (level > 0 ? ENTRY_LEAF : 0) | (vtd_segment.snoops ? ENTRY_SNOOP : 0);
}

bool vtd_entry_is_leaf(uint64_t entry, unsigned level)
{
    return level == 0 || (entry & ENTRY_LEAF) != 0;
}

hal_paddr_t vtd_entry_target(uint64_t entry)
{
    return hal_paddr(entry & ENTRY_ADDRESS);
}

bool vtd_entry_may_read(uint64_t entry)
{
    return (entry & ENTRY_READ) != 0;
}

bool vtd_entry_may_write(uint64_t entry)
{
    return (entry & ENTRY_WRITE) != 0;
}

void vtd_fill(hal_paddr_t table, unsigned index, unsigned count, uint64_t entry, uint64_t step)
{
    const hal_paddr_t first = hal_paddr_add(table, (uint64_t)index * ENTRY_SIZE);

    for (unsigned i = 0; i < count; i++) {
        remap_store(hal_paddr_add(first, (uint64_t)i * ENTRY_SIZE), entry);
        entry += step;
    }
    if (!vtd_segment.coherent) {
        remap_write_back(first, (size_t)count * ENTRY_SIZE);
    }
}

/* --- Sources --- */

static hal_paddr_t root_entry(uint16_t source)
{
    return hal_paddr_add(vtd_segment.root, (uint64_t)(source >> 8) * PAIR_SIZE);
}

static hal_paddr_t context_entry(uint16_t source)
{
    return hal_paddr_add(vtd_entry_target(remap_load(root_entry(source))),
                         (uint64_t)(source & 0xff) * PAIR_SIZE);
}

/* One half after the other: the unit may read the entry at any moment, and in between it is absent. */
static void store_pair(hal_paddr_t first, uint64_t first_value, hal_paddr_t second, uint64_t second_value)
{
    remap_store(first, first_value);
    remap_store(second, second_value);
    if (!vtd_segment.coherent) {
        remap_write_back(first.value < second.value ? first : second, PAIR_SIZE);
    }
}

bool vtd_wants_page(uint16_t source)
{
    return (remap_load(root_entry(source)) & ROOT_PRESENT) == 0;
}

void vtd_give_page(uint16_t source, hal_paddr_t page)
{
    const hal_paddr_t at = root_entry(source);

    store_pair(hal_paddr_add(at, 8), 0, at, written_back(page).value | ROOT_PRESENT);
}

void vtd_put_source(uint16_t source, uint32_t domain, hal_paddr_t root, unsigned levels)
{
    const hal_paddr_t at = context_entry(source);
    const uint64_t width = levels - 2u;

    store_pair(hal_paddr_add(at, 8), width | (uint64_t)domain << CONTEXT_DOMAIN, at,
               written_back(root).value | CONTEXT_PRESENT);
}

uint64_t vtd_attach(uint16_t source, uint32_t domain, hal_paddr_t root)
{
    vtd_put_source(source, domain, root, vtd_segment.iommu.levels);
    return vtd_flush_everything();
}

uint64_t vtd_detach(uint16_t source, uint32_t domain)
{
    const hal_paddr_t at = context_entry(source);

    (void)domain;
    store_pair(at, 0, hal_paddr_add(at, 8), 0);
    return vtd_flush_everything();
}

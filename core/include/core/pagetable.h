/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Single entries of page tables: finding, making the way, taking down. The caller holds the lock that
 * protects the tables (core/range.h; the kernel window's). Whole ranges of users' tables: core/mapping.h.
 */
#ifndef CORE_PAGETABLE_H
#define CORE_PAGETABLE_H

#include "core/frame.h"
#include "hal/mmu.h"

/* The entry of level 0 that translates `va`. False: a table on the way is missing; slot->level says which
 * level stopped, so the next address worth a look is the next multiple of hal_pt_span(slot->level). */
bool pagetable_find(hal_paddr_t root, uint64_t va, struct hal_pte_slot *slot);

/* --- Lists of tables, linked by their metadata --- */

static inline void tables_add(struct frame **list, struct frame *table)
{
    table->table.next = *list != NULL ? frame_number(*list) + 1 : 0;
    *list = table;
}

/* The list is not empty. */
static inline struct frame *tables_take(struct frame **list)
{
    struct frame *table = *list;
    *list = table->table.next != 0 ? frame_at(table->table.next - 1) : NULL;
    return table;
}

/* `count` new tables, each with that lock. E_NO_MEMORY: none (M8). No spinlock held: the frame allocator is
 * asked and every page is zeroed. */
keel_status_t tables_reserve(uint64_t count, enum table_lock lock, struct frame **list);
/* Gives back tables that are linked nowhere, and that nobody may still come to. No spinlock held. */
void tables_free(struct frame **list);

/* --- Entries --- */

/* As pagetable_find, with the missing tables linked. `spare` has as many at least. */
void pagetable_link(hal_paddr_t root, uint64_t va, unsigned prot, struct frame **spare,
                    struct hal_pte_slot *slot);
/* Replaces an entry and keeps the table's count of entries. Answers the old one. */
uint64_t pagetable_set(const struct hal_pte_slot *slot, uint64_t entry);

/* Lets go of what an entry of a user's table of `level` leads to, once no CPU can have any of it cached:
 * drops the leaves' references, frees the tables. Answers how many pages were mapped. */
uint64_t pagetable_release(uint64_t entry, unsigned level);

/* The same for the one page of a leaf of level 0. */
void pagetable_put_leaf(uint64_t entry);

/* The same for the whole lower half below `root`, which itself stays. */
void pagetable_destroy(hal_paddr_t root);

#endif

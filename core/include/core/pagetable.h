/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Walking and editing page tables, the same code for users' spaces and for the kernel window. The caller
 * holds the lock that protects the tables (the space's, or the kernel window's). Frames of leaves are the
 * caller's business.
 */
#ifndef CORE_PAGETABLE_H
#define CORE_PAGETABLE_H

#include "core/frame.h"
#include "hal/mmu.h"

/* The entry of level 0 that translates `va`. False: a table on the way is missing; slot->level says which
 * level stopped, so the next address worth a look is the next multiple of hal_pt_span(slot->level). */
bool pagetable_find(hal_paddr_t root, uint64_t va, struct hal_pte_slot *slot);

/* The same, with missing tables made. All or nothing: E_NO_MEMORY leaves the tables as they were (M8). */
keel_status_t pagetable_prepare(hal_paddr_t root, uint64_t va, unsigned prot, struct hal_pte_slot *slot);

/* Replaces an entry and keeps the table's count of entries. Answers the old one. */
uint64_t pagetable_set(const struct hal_pte_slot *slot, uint64_t entry);

/* Takes down the lower half below `root`: calls `leaf` for each leaf's frame, frees the tables, not the root
 * itself. No CPU may have any of it cached. */
void pagetable_destroy(hal_paddr_t root, void (*leaf)(struct frame *frame));

#endif

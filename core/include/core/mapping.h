/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What is mapped in a range of a space whose tables the caller has locked (core/range.h). Each operation
 * first looks and takes everything that may fail (tables, references), then changes entries by steps that
 * cannot (M8). It acts on [range->start, range->end), which may be a part of what is locked.
 *
 * A mapping holds one reference on each of its frames, whatever the size of its page. A leaf of level 1 or 2
 * stands where a run of frames allows it, and is split when an operation wants a part of it.
 *
 * What an operation withdraws takes three steps: entries lose their present bit and keep the rest, so no
 * list of them is needed; every CPU flushes, once; then entries are emptied, frames and tables let go (A2).
 *
 * An entry that changes the size of its pages takes the same steps, so that no CPU ever knows an address by
 * pages of two sizes (hal_pte_changing). What comes to it meanwhile waits (range_look): accesses to user
 * memory, user programs (core/user.c), queries.
 */
#ifndef CORE_MAPPING_H
#define CORE_MAPPING_H

#include "core/range.h"

struct io_memory;

/* Maps contiguous UNTYPED frames, the first of which is `first`, over the whole range. The caller holds a
 * reference on each. E_EXISTS, E_NO_MEMORY, E_LIMIT (references): nothing is mapped. */
keel_status_t mapping_map(struct range *range, struct frame *first, unsigned prot);

/* Maps pages of I/O memory, the first of which is `first`, over the whole range, by leaves of level 0; each
 * holds a reference on `io`, the caller one besides. The pages lie wholly inside io's range (A5), prot has no
 * HAL_PROT_EXEC. Errors as above. */
keel_status_t mapping_map_io(struct range *range, struct io_memory *io, hal_paddr_t first, unsigned prot);

/* Unmaps what is there; `page_count` gets the pages that were. E_NO_MEMORY (splitting a large page): nothing
 * is unmapped. */
keel_status_t mapping_unmap(struct range *range, uint64_t *page_count);

/* New rights for what is there; E_NO_MEMORY as above; E_DENIED: HAL_PROT_EXEC for I/O memory, nothing
 * changed.
 */
keel_status_t mapping_protect(struct range *range, unsigned prot, uint64_t *page_count);

/* Takes accessed and dirty bits (HAL_PTE_*) off the leaves that lie in the range; `page_count` gets the pages
 * of those that had one. */
void mapping_age(struct range *range, uint64_t bits, uint64_t *page_count);

/* Makes large pages of what can be: whole tables of neighbours with equal rights. `page_count` gets the pages
 * whose leaf is larger now. */
void mapping_promote(struct range *range, uint64_t *page_count);

/* Frees the tables on the way to `va` that are empty, the covering table excepted. */
void mapping_prune(struct range *range, uint64_t va);

#endif

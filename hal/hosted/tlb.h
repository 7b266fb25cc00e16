/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a CPU may still have cached although the tables say otherwise.
 *
 * A CPU may cache, at any moment, every translation and every table that its loaded root leads to, and all of
 * the kernel window, and keep under its tag what it cached of a root that it left. As long as an entry
 * stands, caching it is harmless; so the model remembers only what an edit took away, from then until the CPU
 * flushes it: old leaves, and old links to tables, through which the CPU may still walk (Intel SDM vol.
 * 3A, 4.10.2 and 4.10.3).
 */
#ifndef HOSTED_TLB_H
#define HOSTED_TLB_H

#include "hal/mmu.h"

/* An entry at `level` that translated [va, va + hal_pt_span(level)). */
struct stale {
    uint64_t va;
    uint64_t entry; /* with the rights that all tables above left it */
    unsigned level; /* of the table it stood in; a leaf, or the link to a table of `level` - 1 */
    unsigned tag;   /* TLB_EVERY_TAG: of the kernel window */
};

#define TLB_EVERY_TAG HAL_TLB_TAGS_MAX

struct tlb {
    struct stale *stale; /* grows; kept from run to run */
    size_t count, capacity;
};

struct cpu;

/* An edit withdrew or weakened `stale`: every CPU that could have cached it, may have. */
void tlb_remember(struct cpu *cpu, const struct stale *stale);

/* The CPU flushed what it had under the tag: of [va, va + size), or everything. */
void tlb_forget_range(struct cpu *cpu, unsigned tag, uint64_t va, uint64_t size);
void tlb_forget_tag(struct cpu *cpu, unsigned tag);

/* The stale entry after `after` (NULL: the first) that covers `va` while the tag is loaded, NULL if none. */
const struct stale *tlb_find(const struct cpu *cpu, unsigned tag, uint64_t va, const struct stale *after);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Stale entries of a CPU's TLB and paging-structure caches. See tlb.h.
 */
#include "tlb.h"

#include <stdlib.h>

#include "keel/user_regs.h"
#include "state.h"

static void grow(struct tlb *tlb)
{
    size_t capacity = tlb->capacity ? 2 * tlb->capacity : 256;
    struct stale *stale = realloc(tlb->stale, capacity * sizeof *stale);
    if (!stale) {
        abort();
    }
    tlb->stale = stale;
    tlb->capacity = capacity;
}

void tlb_remember(struct cpu *cpu, const struct stale *stale)
{
    struct tlb *tlb = &cpu->tlb;
    if (tlb->count == tlb->capacity) {
        grow(tlb);
    }
    tlb->stale[tlb->count] = *stale;
    tlb->stale[tlb->count].va &= ~(hal_pt_span(stale->level) - 1);
    tlb->count++;
}

void tlb_forget_range(struct cpu *cpu, unsigned tag, uint64_t va, uint64_t size)
{
    struct tlb *tlb = &cpu->tlb;
    size_t kept = 0;
    for (size_t i = 0; i < tlb->count; i++) {
        const struct stale *stale = &tlb->stale[i];
        bool disjoint = stale->va + (hal_pt_span(stale->level) - 1) < va || stale->va > va + (size - 1);
        if (disjoint || stale->tag != tag) {
            tlb->stale[kept++] = *stale;
        }
    }
    machine.edits += tlb->count != kept;
    tlb->count = kept;
}

void tlb_forget_tag(struct cpu *cpu, unsigned tag)
{
    tlb_forget_range(cpu, tag, 0, KEEL_USER_END + HAL_PAGE_SIZE);
}

const struct stale *tlb_find(const struct cpu *cpu, unsigned tag, uint64_t va, const struct stale *after)
{
    const struct tlb *tlb = &cpu->tlb;
    for (size_t i = after ? (size_t)(after - tlb->stale) + 1 : 0; i < tlb->count; i++) {
        const struct stale *stale = &tlb->stale[i];
        if ((stale->tag == tag || stale->tag == TLB_EVERY_TAG) &&
            va - stale->va < hal_pt_span(stale->level)) {
            return stale;
        }
    }
    return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The modelled MMU: walks of the tables in RAM, through whatever the CPU may still have cached.
 */
#ifndef HOSTED_MMU_H
#define HOSTED_MMU_H

#include "hal/mmu.h"
#include "ram.h"
#include "state.h"

struct translation {
    bool present;
    unsigned prot;    /* HAL_PROT_*, of all levels together */
    uint64_t address; /* physical, of the byte asked for */
};

/* What an access at `va` by `cpu` in user mode, or on behalf of its user, would find. `need`: the HAL_PROT_*
 * of the access; a stale entry is used wherever one grants it. Sets accessed and dirty bits where the access
 * is granted. */
struct translation mmu_resolve(struct cpu *cpu, uint64_t va, unsigned need);

/* Does `translation` grant `need`? */
static inline bool mmu_grants(const struct translation *translation, unsigned need)
{
    return translation->present && (translation->prot & need) == need;
}

/* The entry at `index` of the table in `frame`. */
static inline uint64_t *mmu_entry(uint64_t frame, unsigned index)
{
    return (uint64_t *)(void *)ram_pointer(frame << HAL_PAGE_SHIFT) + index;
}

static inline bool mmu_filled(uint64_t frame, unsigned index)
{
    return ram.filled[frame][index / 64] >> (index % 64) & 1;
}

/* Next index >= from whose entry is not zero, HAL_PT_ENTRIES if none. */
unsigned mmu_next_filled(uint64_t frame, unsigned from);

/* The entry at `index` is, or is not, zero now. */
void mmu_set_filled(uint64_t frame, unsigned index, bool filled);

/* Builds the kernel root of machine.boot's memory. */
void mmu_prepare(void);

/* The frame becomes, or no longer is, a table. */
void mmu_table_begin(uint64_t frame);
void mmu_table_end(uint64_t frame);
bool mmu_is_root(uint64_t frame);

/* Does a leaf that is marked as I/O memory keep the rules for one? */
bool mmu_io_leaf_is_right(uint64_t entry, unsigned level);

/* Does a table that a CPU may go by lead to the frame of RAM? */
bool mmu_is_linked(uint64_t frame);

/* Reports every way in which a CPU could still reach the frame (M1, A2), or page of I/O memory. */
void mmu_check_unreachable(uint64_t frame);

/* The frame that holds the table of `level` on the way from `root` to `va`; false if the way ends before. */
bool mmu_find_table(uint64_t root, uint64_t va, unsigned level, uint64_t *frame);

static inline bool mmu_in_window(uint64_t va)
{
    return va - HAL_WINDOW_BASE < HAL_WINDOW_SIZE;
}

#endif

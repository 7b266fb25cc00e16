/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Walks of the page tables (Intel SDM vol. 3A, 4.5).
 */
#include "mmu.h"

#include <string.h>

#include "raw.h"
#include "report.h"

/* All rights, as a table entry of the user half grants them; levels above narrow it down. */
#define ENTRY_ALL (HAL_PTE_PRESENT | HAL_PTE_WRITE | HAL_PTE_USER)

struct walk {
    bool present;
    unsigned level;                /* of the table that holds the leaf */
    uint64_t entry;                /* the leaf with the rights of all levels together */
    uint64_t *slot[HAL_PT_LEVELS]; /* the entries passed, by level; NULL above the start */
};

static uint64_t narrow(uint64_t upper, uint64_t entry)
{
    uint64_t withheld = ~upper & (HAL_PTE_WRITE | HAL_PTE_USER);
    return (entry & ~withheld) | (upper & HAL_PTE_NX);
}

static bool is_table_frame(uint64_t frame)
{
    return frame < ram.frame_count && ram.use[frame] == HAL_FRAME_TABLE;
}

unsigned mmu_next_filled(uint64_t frame, unsigned from)
{
    for (unsigned word = from / 64; word < HAL_PT_ENTRIES / 64; word++) {
        uint64_t bits = ram.filled[frame][word];
        if (word == from / 64) {
            bits &= UINT64_MAX << (from % 64);
        }
        if (bits) {
            return word * 64 + (unsigned)__builtin_ctzll(bits);
        }
    }
    return HAL_PT_ENTRIES;
}

/* Walks from the table in `frame`, of `level`; `upper` holds the rights of the levels above. */
static struct walk walk_from(uint64_t frame, unsigned level, uint64_t va, uint64_t upper)
{
    struct walk walk = {.level = level};
    for (;;) {
        if (!is_table_frame(frame)) {
            machine_check(
                "M1", "the MMU walks frame %#llx as a table, but it is %s", (unsigned long long)frame,
                frame < ram.frame_count ? ram_use_text((enum hal_frame_use)ram.use[frame]) : "not RAM");
            return walk;
        }
        uint64_t *slot = mmu_entry(frame, hal_pt_index(va, level));
        uint64_t entry = raw_load(slot);
        walk.slot[level] = slot;
        walk.level = level;
        if (!hal_pte_present(entry)) {
            return walk;
        }
        upper = narrow(upper, entry);
        if (hal_pte_is_leaf(entry, level)) {
            walk.present = true;
            walk.entry = upper;
            return walk;
        }
        frame = hal_frame_number(hal_pte_target(entry));
        level--;
    }
}

static struct translation to_translation(uint64_t entry, unsigned level, uint64_t va)
{
    uint64_t offset = va & (hal_pt_span(level) - 1);
    return (struct translation){
        .present = true,
        .prot = hal_pte_prot(entry),
        .address = (hal_pte_target(entry).value & ~(hal_pt_span(level) - 1)) + offset,
    };
}

/* As hardware does for an access that is granted (Intel SDM vol. 3A, 4.8). */
static void set_accessed_dirty(const struct walk *walk, bool write)
{
    for (unsigned level = walk->level; level < HAL_PT_LEVELS && walk->slot[level]; level++) {
        uint64_t entry = raw_load(walk->slot[level]);
        uint64_t bits = HAL_PTE_ACCESSED | (write && level == walk->level ? HAL_PTE_DIRTY : 0);
        if ((entry & bits) != bits) {
            raw_store(walk->slot[level], entry | bits);
        }
    }
}

/* A CPU that has a leaf cached without a bit that the access sets looks for the entry once more (Intel SDM
 * vol. 3A, 4.10.2.2); what it finds may be another one by now. False: it finds none and faults, since it
 * cannot note the first write. */
static bool note_in_tables(const struct cpu *cpu, uint64_t va, unsigned need,
                           const struct translation *translation)
{
    struct walk walk = walk_from(hal_frame_number(cpu_root(cpu)), HAL_PT_TOP_LEVEL, va, ENTRY_ALL);
    if (walk.present && to_translation(walk.entry, walk.level, va).address == translation->address) {
        set_accessed_dirty(&walk, (need & HAL_PROT_WRITE) != 0);
    }
    return walk.present;
}

/* A stale leaf, or a leaf below a stale link, that grants the access. */
static bool translate_stale(struct cpu *cpu, uint64_t va, unsigned need, struct translation *translation)
{
    const struct stale *stale = NULL;
    while ((stale = tlb_find(cpu, cpu->tag, va, stale))) {
        if (hal_pte_is_leaf(stale->entry, stale->level)) {
            *translation = to_translation(stale->entry, stale->level, va);
            uint64_t dirty = (need & HAL_PROT_WRITE) ? HAL_PTE_DIRTY : 0, marks = HAL_PTE_ACCESSED | dirty;
            if (mmu_grants(translation, need) && (stale->entry & marks) != marks &&
                !note_in_tables(cpu, va, need, translation) && (dirty & ~stale->entry) != 0) {
                continue;
            }
        } else {
            struct walk walk =
                walk_from(hal_frame_number(hal_pte_target(stale->entry)), stale->level - 1, va, stale->entry);
            if (!walk.present) {
                continue;
            }
            *translation = to_translation(walk.entry, walk.level, va);
            if (mmu_grants(translation, need)) {
                set_accessed_dirty(&walk, (need & HAL_PROT_WRITE) != 0);
            }
        }
        if (mmu_grants(translation, need)) {
            return true;
        }
    }
    return false;
}

/* May a user's access go there at all? */
static bool is_users(uint64_t address)
{
    return ram_is_io(address) || (ram_contains(address, 1) && ram_use(address) == HAL_FRAME_UNTYPED);
}

struct translation mmu_resolve(struct cpu *cpu, uint64_t va, unsigned need)
{
    struct translation translation;
    if (!translate_stale(cpu, va, need, &translation)) {
        struct walk walk = walk_from(hal_frame_number(cpu_root(cpu)), HAL_PT_TOP_LEVEL, va, ENTRY_ALL);
        if (!walk.present) {
            return (struct translation){.present = false};
        }
        translation = to_translation(walk.entry, walk.level, va);
        if (mmu_grants(&translation, need)) {
            set_accessed_dirty(&walk, (need & HAL_PROT_WRITE) != 0);
        }
    }
    if ((need & HAL_PROT_USER) && mmu_grants(&translation, need) && !is_users(translation.address)) {
        machine_check("M3", "user address %#llx leads to physical %#llx, which is not untyped",
                      (unsigned long long)va, (unsigned long long)translation.address);
        return (struct translation){.present = false};
    }
    return translation;
}

bool mmu_find_table(uint64_t root, uint64_t va, unsigned level, uint64_t *frame)
{
    *frame = root;
    for (unsigned at = HAL_PT_TOP_LEVEL; at > level; at--) {
        if (!is_table_frame(*frame)) {
            return false;
        }
        uint64_t entry = raw_load(mmu_entry(*frame, hal_pt_index(va, at)));
        if (!hal_pte_present(entry) || hal_pte_is_leaf(entry, at)) {
            return false;
        }
        *frame = hal_frame_number(hal_pte_target(entry));
    }
    return true;
}

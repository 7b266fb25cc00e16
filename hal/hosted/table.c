/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/mmu.h, edits: every replaced entry is checked against the rules of section 4 of docs/soundness.md, and
 * what it withdraws is remembered for every CPU that could have cached it.
 */
#include "hal/atomic.h"
#include "mmu.h"

#include <string.h>

#include "keel/user_regs.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"

#define UPPER_FIRST (HAL_PT_ENTRIES / 2) /* first index of the upper half in a root */

/* Bits that core may set: the defined ones and those that the CPU ignores (Intel SDM vol. 3A, table 4-20). */
#define ENTRY_KNOWN                                                                                          \
    (HAL_PTE_PRESENT | HAL_PTE_WRITE | HAL_PTE_USER | HAL_PTE_CACHE | HAL_PTE_ACCESSED | HAL_PTE_DIRTY |     \
     HAL_PTE_HUGE | HAL_PTE_NX | HAL_PTE_ADDRESS | UINT64_C(0xe00))

static uint64_t *slot_entry(const struct hal_pte_slot *slot)
{
    return mmu_entry(hal_frame_number(slot->table), hal_pt_index(slot->va, slot->level));
}

static bool slot_in_order(const struct hal_pte_slot *slot)
{
    uint64_t table = slot->table.value, root = slot->root.value;
    bool window = slot->va >= HAL_LINEAR_BASE;
    return CONTRACT(ram_contains(table, HAL_PAGE_SIZE) && table % HAL_PAGE_SIZE == 0,
                    "table is not a frame") &&
           CONTRACT(ram_contains(root, HAL_PAGE_SIZE) && root % HAL_PAGE_SIZE == 0, "root is not a frame") &&
           CONTRACT(ram_use(table) == HAL_FRAME_TABLE, "table is not used as one") &&
           CONTRACT(ram.root[root >> HAL_PAGE_SHIFT], "root is not one") &&
           CONTRACT(slot->level < HAL_PT_LEVELS, "no such level") &&
           CONTRACT(window ? mmu_in_window(slot->va) : slot->va < KEEL_USER_END,
                    "address is not core's to map") &&
           CONTRACT(window == (root == RAM_KERNEL_ROOT), "kernel addresses go with the kernel root only");
}

/* What every frame that a leaf translates must be. */
static void check_leaf_frame(const struct hal_pte_slot *slot, uint64_t frame, unsigned prot)
{
    enum hal_frame_use use = (enum hal_frame_use)ram.use[frame];
    bool window = mmu_in_window(slot->va);
    bool right = window ? !(prot & HAL_PROT_USER) && (use == HAL_FRAME_STACK || use == HAL_FRAME_OBJECT)
                        : (prot & HAL_PROT_USER) && use == HAL_FRAME_UNTYPED;
    if (!right) {
        machine_check(window ? "A4" : "A1", "mapping %#llx to frame %#llx, which is %s",
                      (unsigned long long)slot->va, (unsigned long long)frame, ram_use_text(use));
    }
}

bool mmu_io_leaf_is_right(uint64_t entry, unsigned level)
{
    return level == 0 && ram_is_io(hal_pte_target(entry).value) && (hal_pte_prot(entry) & HAL_PROT_USER) &&
           !(hal_pte_prot(entry) & HAL_PROT_EXEC) && hal_pte_cache(entry) != HAL_CACHE_WRITE_BACK;
}

/* Rules for a leaf that core writes. */
static void check_leaf(const struct hal_pte_slot *slot, uint64_t entry)
{
    uint64_t target = hal_pte_target(entry).value;
    uint64_t span = hal_pt_span(slot->level);
    unsigned prot = hal_pte_prot(entry);
    if (hal_pte_is_io(entry)) {
        if (!mmu_io_leaf_is_right(entry, slot->level) || mmu_in_window(slot->va)) {
            machine_check("A5", "entry %#llx for %#llx is no mapping of I/O memory",
                          (unsigned long long)entry, (unsigned long long)slot->va);
        }
        return;
    }
    if (hal_pte_cache(entry) != HAL_CACHE_WRITE_BACK) {
        machine_check("A1", "mapping %#llx to RAM that is not cached", (unsigned long long)slot->va);
    }
    if ((prot & HAL_PROT_WRITE) && (prot & HAL_PROT_EXEC)) {
        machine_check("A4", "mapping %#llx writable and executable", (unsigned long long)slot->va);
    }
    if (target % span != 0 || (slot->level > 0) != ((entry & HAL_PTE_HUGE) != 0)) {
        machine_check("HAL", "entry %#llx is no leaf of level %u", (unsigned long long)entry, slot->level);
    }
    if (!ram_contains(target, span)) {
        machine_check("A1", "mapping %#llx to %#llx, which is not RAM", (unsigned long long)slot->va,
                      (unsigned long long)target);
        return;
    }
    for (uint64_t i = 0; i < span >> HAL_PAGE_SHIFT; i++) {
        check_leaf_frame(slot, (target >> HAL_PAGE_SHIFT) + i, prot);
    }
}

static void check_link(const struct hal_pte_slot *slot, uint64_t entry)
{
    uint64_t target = hal_pte_target(entry).value;
    if (!ram_contains(target, HAL_PAGE_SIZE) || ram_use(target) != HAL_FRAME_TABLE) {
        machine_check("M3", "linking %#llx at level %u, which is no table", (unsigned long long)target,
                      slot->level);
    }
    if (hal_pte_cache(entry) != HAL_CACHE_WRITE_BACK || hal_pte_is_io(entry)) {
        machine_check("A1", "link at %#llx to a table that is not cached", (unsigned long long)slot->va);
    }
    if (((entry & HAL_PTE_USER) != 0) == mmu_in_window(slot->va)) {
        machine_check("A4", "link at %#llx is of the wrong half", (unsigned long long)slot->va);
    }
}

static void check_entry(const struct hal_pte_slot *slot, uint64_t entry)
{
    if (!hal_pte_present(entry)) {
        return;
    }
    if (entry & ~ENTRY_KNOWN) {
        machine_check("HAL", "reserved bits in entry %#llx", (unsigned long long)entry);
    }
    if (!hal_pte_is_leaf(entry, slot->level)) {
        check_link(slot, entry);
    } else if (CONTRACT(slot->level <= hal_pt_leaf_level_max(), "no leaf can stand at this level")) {
        check_leaf(slot, entry);
    }
}

/* Counts the frames that `entry`, of a table of `level`, leads to, up or down. */
static void count_refs(uint64_t entry, unsigned level, uint32_t change)
{
    uint64_t frame = hal_frame_number(hal_pte_target(entry));
    uint64_t count = hal_pte_is_leaf(entry, level) ? hal_pt_span(level) >> HAL_PAGE_SHIFT : 1;
    for (uint64_t i = 0; hal_pte_present(entry) && i < count && frame + i < ram.frame_count; i++) {
        ram.refs[frame + i] += change;
    }
}

void mmu_set_filled(uint64_t frame, unsigned index, bool filled)
{
    uint64_t bit = UINT64_C(1) << (index % 64);
    if (filled) {
        ram.filled[frame][index / 64] |= bit;
    } else {
        ram.filled[frame][index / 64] &= ~bit;
    }
}

void mmu_table_begin(uint64_t frame)
{
    for (unsigned index = 0; index < HAL_PT_ENTRIES; index++) {
        mmu_set_filled(frame, index, raw_load(mmu_entry(frame, index)) != 0);
    }
}

void mmu_table_end(uint64_t frame)
{
    for (unsigned i = mmu_next_filled(frame, 0); i < HAL_PT_ENTRIES && ram.level[frame] != RAM_LEVEL_IOMMU;
         i = mmu_next_filled(frame, i + 1)) {
        count_refs(raw_load(mmu_entry(frame, i)), ram.level[frame], UINT32_MAX);
    }
    ram.level[frame] = 0;
    memset(ram.filled[frame], 0, sizeof ram.filled[frame]);
    ram.root[frame] = 0;
}

bool mmu_is_root(uint64_t frame)
{
    return ram.root[frame] != 0;
}

/* Does `entry` withdraw anything that `old` granted? Accessed and dirty bits count: who has cached them as
 * set does not set them again. */
static bool withdraws(uint64_t old, uint64_t entry, unsigned level)
{
    if (!hal_pte_present(old)) {
        return false;
    }
    return !hal_pte_present(entry) || hal_pte_target(old).value != hal_pte_target(entry).value ||
           hal_pte_is_leaf(old, level) != hal_pte_is_leaf(entry, level) ||
           (hal_pte_prot(old) & ~hal_pte_prot(entry)) != 0 ||
           (old & ~entry & (HAL_PTE_ACCESSED | HAL_PTE_DIRTY)) != 0;
}

/* Could `cpu` have come to this slot under the tag, from its root or through a stale link? */
static bool could_have_cached(const struct cpu *cpu, unsigned tag, const struct hal_pte_slot *slot,
                              bool linked)
{
    uint64_t frame;
    const struct stale *stale = NULL;
    if (tag != TLB_EVERY_TAG && cpu->roots[tag].value != slot->root.value) {
        return false;
    }
    if (linked) {
        return true;
    }
    while ((stale = tlb_find(cpu, tag, slot->va, stale))) {
        if (stale->level <= slot->level || hal_pte_is_leaf(stale->entry, stale->level)) {
            continue;
        }
        frame = hal_frame_number(hal_pte_target(stale->entry));
        for (unsigned level = stale->level - 1; level > slot->level; level--) {
            uint64_t entry = raw_load(mmu_entry(frame, hal_pt_index(slot->va, level)));
            if (!hal_pte_present(entry) || hal_pte_is_leaf(entry, level)) {
                break;
            }
            frame = hal_frame_number(hal_pte_target(entry));
        }
        if (frame == hal_frame_number(slot->table)) {
            return true;
        }
    }
    return false;
}

/* The entry and everything below it as it stands now. */
static void remember_tree(struct cpu *cpu, unsigned tag, uint64_t va, uint64_t entry, unsigned level)
{
    tlb_remember(cpu, &(struct stale){.va = va, .entry = entry, .level = level, .tag = tag});
    if (hal_pte_is_leaf(entry, level)) {
        return;
    }
    uint64_t frame = hal_frame_number(hal_pte_target(entry));
    uint64_t base = va & ~(hal_pt_span(level) - 1);
    for (unsigned i = mmu_next_filled(frame, 0); i < HAL_PT_ENTRIES; i = mmu_next_filled(frame, i + 1)) {
        uint64_t lower = raw_load(mmu_entry(frame, i));
        if (hal_pte_present(lower)) {
            remember_tree(cpu, tag, base + i * hal_pt_span(level - 1), lower, level - 1);
        }
    }
}

static void remember_withdrawn(const struct hal_pte_slot *slot, uint64_t old)
{
    uint64_t frame = 0;
    bool linked = mmu_find_table(slot->root.value >> HAL_PAGE_SHIFT, slot->va, slot->level, &frame) &&
                  frame == hal_frame_number(slot->table);
    bool window = mmu_in_window(slot->va);
    unsigned first = window ? TLB_EVERY_TAG : 0, end = window ? first + 1 : machine.config.tlb_tags;
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        struct cpu *cpu = &machine.cpus[i];
        for (unsigned tag = first; cpu->online && tag < end; tag++) {
            if (could_have_cached(cpu, tag, slot, linked)) {
                remember_tree(cpu, tag, slot->va, old, slot->level);
            }
        }
    }
}

/* May the CPU have cached a translation of some address that the slot translates, by a page of another size
 * than it has with this entry? */
static bool knows_other_size(const struct cpu *cpu, const struct hal_pte_slot *slot, uint64_t entry)
{
    uint64_t span = hal_pt_span(slot->level), base = slot->va & ~(span - 1);
    bool leaf = hal_pte_is_leaf(entry, slot->level);
    for (size_t i = 0; i < cpu->tlb.count; i++) {
        const struct stale *stale = &cpu->tlb.stale[i];
        if (stale->tag == TLB_EVERY_TAG || cpu->roots[stale->tag].value != slot->root.value ||
            !hal_pte_is_leaf(stale->entry, stale->level)) {
            continue;
        }
        bool other = leaf ? stale->level != slot->level : stale->level >= slot->level;
        if (other && stale->va <= base + (span - 1) && base <= stale->va + (hal_pt_span(stale->level) - 1)) {
            return true;
        }
    }
    return false;
}

/* An entry that changes what it leads to, or the size of a page, is withdrawn and flushed first. A CPU that
 * knows one address by pages of two sizes may use either (Intel SDM vol. 3A, 4.10.4.2), or stop (AMD family
 * 10h, erratum 383). */
static void check_change(const struct hal_pte_slot *slot, uint64_t old, uint64_t entry)
{
    bool knows = false;
    if (!hal_pte_present(entry)) {
        return;
    }
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        const struct cpu *cpu = &machine.cpus[i];
        knows = knows || (cpu->online && cpu->tlb.count && knows_other_size(cpu, slot, entry));
    }
    if (knows || (hal_pte_present(old) &&
                  (hal_pte_target(old).value != hal_pte_target(entry).value ||
                   hal_pte_is_leaf(old, slot->level) != hal_pte_is_leaf(entry, slot->level)))) {
        machine_check("A2", "entry %#llx for %#llx, of level %u, takes the place of %#llx without a flush",
                      (unsigned long long)entry, (unsigned long long)slot->va, slot->level,
                      (unsigned long long)old);
    }
}

unsigned hal_pt_leaf_level_max(void)
{
    return 2;
}

uint64_t hal_pte_load(const struct hal_pte_slot *slot)
{
    hosted_point(HAL_POINT_LOAD, NULL);
    if (!slot_in_order(slot)) {
        return 0;
    }
    uint64_t entry = raw_load(slot_entry(slot));
    sanitizer_acquire(slot_entry(slot));
    return entry;
}

uint64_t hal_pte_exchange(const struct hal_pte_slot *slot, uint64_t entry)
{
    hosted_point(HAL_POINT_UPDATE, NULL);
    if (!slot_in_order(slot) || !CONTRACT(slot->level < HAL_PT_TOP_LEVEL || !mmu_in_window(slot->va),
                                          "upper-half entries of a root never change")) {
        return 0;
    }
    check_entry(slot, entry);

    uint64_t frame = hal_frame_number(slot->table);
    sanitizer_release(slot_entry(slot));
    uint64_t old = raw_exchange(slot_entry(slot), entry);
    sanitizer_acquire(slot_entry(slot));
    ram_soil(frame);
    machine.edits++;
    mmu_set_filled(frame, hal_pt_index(slot->va, slot->level), entry != 0);
    ram.level[frame] = (uint8_t)slot->level;
    count_refs(old, slot->level, UINT32_MAX);
    count_refs(entry, slot->level, 1);
    check_change(slot, old, entry);
    if (withdraws(old, entry, slot->level)) {
        remember_withdrawn(slot, old);
    }
    return old;
}

unsigned hal_table_next(hal_paddr_t table, unsigned from, unsigned end)
{
    if (!CONTRACT(ram_contains(table.value, HAL_PAGE_SIZE) && ram_use(table.value) == HAL_FRAME_TABLE,
                  "not a table") ||
        !CONTRACT(end <= HAL_PT_ENTRIES, "no such entry") || from >= end) {
        return end;
    }
    unsigned next = mmu_next_filled(hal_frame_number(table), from);
    return next < end ? next : end;
}

uint64_t hal_table_peek(hal_paddr_t table, unsigned index)
{
    if (!CONTRACT(ram_contains(table.value, HAL_PAGE_SIZE) && ram_use(table.value) == HAL_FRAME_TABLE,
                  "not a table") ||
        !CONTRACT(index < HAL_PT_ENTRIES, "no such entry")) {
        return 0;
    }
    return raw_load(mmu_entry(hal_frame_number(table), index));
}

hal_paddr_t hal_kernel_root(void)
{
    return hal_paddr(RAM_KERNEL_ROOT);
}

static void copy_upper_half(uint64_t to, uint64_t from)
{
    for (unsigned i = UPPER_FIRST; i < HAL_PT_ENTRIES; i++) {
        uint64_t entry = raw_load(mmu_entry(from, i));
        raw_store(mmu_entry(to, i), entry);
        mmu_set_filled(to, i, entry != 0);
        count_refs(entry, HAL_PT_TOP_LEVEL, 1);
    }
}

void hal_root_init(hal_paddr_t root)
{
    if (!CONTRACT(ram_contains(root.value, HAL_PAGE_SIZE) && ram_use(root.value) == HAL_FRAME_TABLE,
                  "not a table")) {
        return;
    }
    uint64_t frame = hal_frame_number(root);
    CONTRACT(mmu_next_filled(frame, 0) == HAL_PT_ENTRIES, "root is not zeroed");
    ram.root[frame] = 1;
    ram.level[frame] = HAL_PT_TOP_LEVEL;
    machine.edits++;
    copy_upper_half(frame, RAM_KERNEL_ROOT >> HAL_PAGE_SHIFT);
}

/* An entry of the machine's own tables. */
static void put(uint64_t table, unsigned index, uint64_t entry)
{
    uint64_t frame = table >> HAL_PAGE_SHIFT;
    ram_soil(frame);
    raw_store(mmu_entry(frame, index), entry);
    mmu_set_filled(frame, index, true);
}

void mmu_prepare(void)
{
    const unsigned linear = hal_pt_index(HAL_LINEAR_BASE, HAL_PT_TOP_LEVEL);
    const unsigned window = hal_pt_index(HAL_WINDOW_BASE, HAL_PT_TOP_LEVEL);
    put(RAM_KERNEL_ROOT, linear, hal_pte_table(hal_paddr(RAM_LINEAR_TABLE), 0));
    put(RAM_KERNEL_ROOT, window, hal_pte_table(hal_paddr(RAM_WINDOW_TABLE), 0));
    ram.root[RAM_KERNEL_ROOT >> HAL_PAGE_SHIFT] = 1;
    ram_soil(RAM_WINDOW_TABLE >> HAL_PAGE_SHIFT);
    uint64_t size = ram.frame_count << HAL_PAGE_SHIFT;
    for (uint64_t base = 0; base < size; base += hal_pt_span(HAL_PT_TOP_LEVEL - 1)) {
        put(RAM_LINEAR_TABLE, hal_pt_index(HAL_LINEAR_BASE + base, HAL_PT_TOP_LEVEL - 1),
            hal_pte_leaf(hal_paddr(base), HAL_PROT_WRITE) | HAL_PTE_HUGE);
    }
}

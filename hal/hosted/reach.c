/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Can a CPU still reach a frame that core is about to use for something else (M1, A2)? Quick when nothing
 * leads there, which is the rule; thorough otherwise.
 */
#include "hal/atomic.h"
#include "mmu.h"

#include "io.h"
#include "raw.h"
#include "report.h"
#include "user.h"

/* Does the table in `table`, of `level`, lead to `frame`? Only tables count that are ones still. */
static bool leads_to(uint64_t table, unsigned level, uint64_t frame)
{
    if (table >= ram.frame_count || ram.use[table] != HAL_FRAME_TABLE) {
        return false;
    }
    for (unsigned i = mmu_next_filled(table, 0); i < HAL_PT_ENTRIES; i = mmu_next_filled(table, i + 1)) {
        uint64_t entry = raw_load(mmu_entry(table, i));
        uint64_t target = hal_frame_number(hal_pte_target(entry));
        if (!hal_pte_present(entry)) {
            continue;
        }
        if (hal_pte_is_leaf(entry, level)) {
            bool machines_own = table == RAM_LINEAR_TABLE >> HAL_PAGE_SHIFT;
            if (!machines_own && frame - target < hal_pt_span(level) >> HAL_PAGE_SHIFT) {
                return true;
            }
        } else if (target == frame || leads_to(target, level - 1, frame)) {
            return true;
        }
    }
    return false;
}

/* Entries that lead to frames of RAM are counted. */
static bool may_be_linked(uint64_t frame)
{
    return frame >= ram.frame_count || ram.refs[frame];
}

/* A table that core takes apart from below counts for what it led to until it goes itself; nothing leads
 * there any more. */
bool mmu_is_linked(uint64_t frame)
{
    for (unsigned i = 0; i < machine.config.cpu_count && ram.refs[frame] != 0; i++) {
        const struct cpu *cpu = &machine.cpus[i];
        for (unsigned tag = 0; cpu->online && tag < machine.config.tlb_tags; tag++) {
            if (cpu->roots[tag].value != 0 &&
                leads_to(hal_frame_number(cpu->roots[tag]), HAL_PT_LEVELS - 1, frame)) {
                return true;
            }
        }
    }
    return false;
}

static void check_stale(const struct cpu *cpu, uint64_t frame)
{
    for (size_t i = 0; i < cpu->tlb.count; i++) {
        const struct stale *stale = &cpu->tlb.stale[i];
        uint64_t target = hal_frame_number(hal_pte_target(stale->entry));
        bool leaf = hal_pte_is_leaf(stale->entry, stale->level);
        uint64_t span = leaf ? hal_pt_span(stale->level) >> HAL_PAGE_SHIFT : 1;
        if (frame - target < span ||
            (!leaf && may_be_linked(frame) && leads_to(target, stale->level - 1, frame))) {
            machine_check("A2", "frame %#llx changes its use, but cpu %u may still have %s cached for %#llx",
                          (unsigned long long)frame, cpu->id, leaf ? "a translation" : "a page table",
                          (unsigned long long)stale->va);
            return;
        }
    }
}

/* Of what it leads to a CPU may have cached anything, and goes on having it under the root's tag. */
static void check_root(const struct cpu *cpu, hal_paddr_t root, uint64_t frame)
{
    if (root.value == 0) {
        return;
    }
    if (hal_frame_number(root) == frame) {
        machine_check("A2", "frame %#llx changes its use, but is a root of cpu %u", (unsigned long long)frame,
                      cpu->id);
    }
    if (may_be_linked(frame) && leads_to(hal_frame_number(root), HAL_PT_LEVELS - 1, frame)) {
        machine_check("M1", "frame %#llx changes its use, but is mapped on cpu %u", (unsigned long long)frame,
                      cpu->id);
    }
}

void hal_io_release(hal_paddr_t first, uint64_t page_count, enum hal_cache cache)
{
    hosted_point(HAL_POINT_HAL, NULL);
    CONTRACT(cache != HAL_CACHE_WRITE_BACK, "I/O memory is not cached write-back");
    if (!CONTRACT(page_count > 0 && page_count <= sizeof ram_io >> HAL_PAGE_SHIFT &&
                      first.value % HAL_PAGE_SIZE == 0 && ram_is_io(first.value) &&
                      ram_is_io(first.value + ((page_count - 1) << HAL_PAGE_SHIFT)),
                  "not pages of I/O memory")) {
        return;
    }
    for (uint64_t i = 0; i < page_count; i++) {
        mmu_check_unreachable(hal_frame_number(first) + i);
        io_released(first.value + (i << HAL_PAGE_SHIFT));
    }
}

void mmu_check_unreachable(uint64_t frame)
{
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        const struct cpu *cpu = &machine.cpus[i];
        if (!cpu->online) {
            continue;
        }
        if (cpu->tlb.count) {
            check_stale(cpu, frame);
        }
        for (unsigned tag = 0; tag < machine.config.tlb_tags; tag++) {
            check_root(cpu, cpu->roots[tag], frame);
        }
        if (user_engine_maps(i, frame)) {
            machine_check("A2", "frame %#llx changes its use, but a user program on cpu %u still has it",
                          (unsigned long long)frame, i);
        }
    }
    if (frame < ram.frame_count && ram.window[frame]) {
        machine_check("A2",
                      "frame %#llx changes its use, but the kernel window was not synced since it was mapped",
                      (unsigned long long)frame);
    }
}

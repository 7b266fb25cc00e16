/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal_audit: tables of every loaded root, stale entries and window mappings against the use of frames. It is
 * called after every step of a fuzz run, hence visits filled entries only.
 */
#include "hal/machine.h"
#include "hal/amdvi.h"
#include "hal/vtd.h"

#include <stdarg.h>
#include <stdio.h>

#include "iommu.h"
#include "mmu.h"
#include "pci.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "state.h"
#include "window.h"

#define UPPER_FIRST (HAL_PT_ENTRIES / 2)
#define LINE_SIZE   160

static void (*report_line)(const char *line);
static bool clean;

__attribute__((format(printf, 1, 2))) static void violation(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    report_line(line);
    clean = false;
}

/* The use of the frame `index` places after the one that the entry names. */
static enum hal_frame_use use_of(uint64_t entry, uint64_t index)
{
    uint64_t frame = hal_frame_number(hal_pte_target(entry)) + index;
    return frame < ram.frame_count ? (enum hal_frame_use)ram.use[frame] : HAL_FRAME_RESERVED;
}

static void check_leaf(uint64_t va, uint64_t entry, unsigned level, bool user)
{
    unsigned prot = hal_pte_prot(entry);
    if (hal_pte_is_io(entry)) {
        if (!user || !mmu_io_leaf_is_right(entry, level)) {
            violation("A5: %#llx is no mapping of I/O memory", (unsigned long long)va);
        }
        return;
    }
    if ((prot & HAL_PROT_WRITE) && (prot & HAL_PROT_EXEC)) {
        violation("A4: %#llx is writable and executable", (unsigned long long)va);
    }
    if (((prot & HAL_PROT_USER) != 0) != user) {
        violation("A4: %#llx has the rights of the other half", (unsigned long long)va);
    }
    for (uint64_t i = 0; i < hal_pt_span(level) >> HAL_PAGE_SHIFT; i++) {
        enum hal_frame_use use = use_of(entry, i);
        if (user ? use != HAL_FRAME_UNTYPED : use != HAL_FRAME_STACK && use != HAL_FRAME_OBJECT) {
            violation("%s: %#llx leads to a frame that is %s", user ? "M3" : "A4",
                      (unsigned long long)(va + i * HAL_PAGE_SIZE), ram_use_text(use));
            return;
        }
    }
}

static void check_tree(uint64_t frame, unsigned level, unsigned from, unsigned to, uint64_t va, bool user)
{
    for (unsigned i = mmu_next_filled(frame, from); i < to; i = mmu_next_filled(frame, i + 1)) {
        uint64_t entry = raw_load(mmu_entry(frame, i));
        uint64_t at = va + i * hal_pt_span(level);
        if (!hal_pte_present(entry)) {
            continue;
        }
        if (hal_pte_is_leaf(entry, level)) {
            check_leaf(at, entry, level, user);
        } else if (use_of(entry, 0) != HAL_FRAME_TABLE) {
            violation("M1: the table for %#llx is a frame that is %s", (unsigned long long)at,
                      ram_use_text(use_of(entry, 0)));
        } else {
            check_tree(hal_frame_number(hal_pte_target(entry)), level - 1, 0, HAL_PT_ENTRIES, at, user);
        }
    }
}

static void check_upper_half(uint64_t root)
{
    const uint64_t kernel = RAM_KERNEL_ROOT >> HAL_PAGE_SHIFT;
    for (unsigned word = UPPER_FIRST / 64; word < HAL_PT_ENTRIES / 64; word++) {
        if (ram.filled[root][word] != ram.filled[kernel][word]) {
            violation("A4: the upper half of root %#llx differs", (unsigned long long)root << HAL_PAGE_SHIFT);
        }
    }
    /* Accessed bits may differ. */
    for (unsigned i = mmu_next_filled(kernel, UPPER_FIRST); i < HAL_PT_ENTRIES;
         i = mmu_next_filled(kernel, i + 1)) {
        if ((raw_load(mmu_entry(root, i)) ^ raw_load(mmu_entry(kernel, i))) & ~HAL_PTE_ACCESSED) {
            violation("A4: entry %u of root %#llx differs", i, (unsigned long long)root << HAL_PAGE_SHIFT);
        }
    }
}

/* A root that an earlier CPU has as well, or this one under an earlier tag. */
static bool met_before(unsigned cpu, unsigned tag)
{
    uint64_t root = machine.cpus[cpu].roots[tag].value;
    for (unsigned i = 0; i <= cpu; i++) {
        unsigned end = i < cpu ? machine.config.tlb_tags : tag;
        for (unsigned earlier = 0; machine.cpus[i].online && earlier < end; earlier++) {
            if (machine.cpus[i].roots[earlier].value == root) {
                return true;
            }
        }
    }
    return false;
}

static void check_root(const struct cpu *cpu, unsigned tag)
{
    uint64_t root = hal_frame_number(cpu->roots[tag]);
    if (ram.use[root] != HAL_FRAME_TABLE || !mmu_is_root(root)) {
        violation("M1: a root of cpu %u is a frame that is %s", cpu->id,
                  ram_use_text((enum hal_frame_use)ram.use[root]));
        return;
    }
    check_upper_half(root);
    check_tree(root, HAL_PT_TOP_LEVEL, 0, UPPER_FIRST, 0, true);
}

static void check_stale(const struct cpu *cpu)
{
    for (size_t i = 0; i < cpu->tlb.count; i++) {
        const struct stale *stale = &cpu->tlb.stale[i];
        if (hal_pte_is_leaf(stale->entry, stale->level)) {
            check_leaf(stale->va, stale->entry, stale->level, !mmu_in_window(stale->va));
        } else if (use_of(stale->entry, 0) != HAL_FRAME_TABLE) {
            violation("A2: cpu %u may have a table cached for %#llx, whose frame is %s", cpu->id,
                      (unsigned long long)stale->va, ram_use_text(use_of(stale->entry, 0)));
        }
    }
}

/* Nothing that an audit looks at changed since the last one. Only where AddressSanitizer guards the tables
 * against stray writes can that be known. */
static bool nothing_new(void)
{
    return sanitizer_has_asan() && machine.audited == machine.edits;
}

void hal_audit(void (*report)(const char *line))
{
    CONTRACT(machine.frozen > 0, "nothing is frozen");
    if (nothing_new()) {
        return;
    }
    report_line = report;
    clean = true;
    if (!(vtd_all_translate() && amdvi_all_translate())) {
        violation("D3: a DMA remapping unit no longer translates");
    }
    check_tree(RAM_WINDOW_TABLE >> HAL_PAGE_SHIFT, HAL_PT_TOP_LEVEL - 1, 0, HAL_PT_ENTRIES, HAL_WINDOW_BASE,
               false);
    for (unsigned i = 0; i < machine.config.cpu_count; i++) {
        const struct cpu *cpu = &machine.cpus[i];
        if (!cpu->online) {
            continue;
        }
        for (unsigned tag = 0; tag < machine.config.tlb_tags; tag++) {
            if (cpu->roots[tag].value != 0 && !met_before(i, tag)) {
                check_root(cpu, tag);
            }
        }
        check_stale(cpu);
    }
    if (iommu_wrong()) {
        violation("M3: an entry that a remapping unit may go by %s", iommu_wrong());
    }
    if (iommu_interrupts_wrong()) {
        violation("D4: an entry for interrupts %s", iommu_interrupts_wrong());
    }
    if (pci_wrong()) {
        violation("%s", pci_wrong());
    }
    machine.audited = clean ? machine.edits : UINT64_MAX;
}

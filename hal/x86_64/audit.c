/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal_audit: what only the machine itself can tell (A4, D5, U5). Walks the kernel's half of the tables and
 * compares the registers that protection hangs on with what they were set to.
 */
#include "hal/cpu.h"
#include "hal/ioapic.h"
#include "hal/machine.h"
#include "hal/mmu.h"
#include "hal/pci.h"
#include "hal/remap_interrupt.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"

#define MSR_EFER 0xc0000080u
#define FLAG_AC  (UINT64_C(1) << 18)

typedef void report_fn(const char *line);

enum register_check {
    CHECK_CR0,
    CHECK_CR4,
    CHECK_EFER,
    CHECK_PAT,
    CHECK_AC,
    CHECK_XCR0,
    CHECK_GS,
    CHECK_DESCRIPTORS,
    CHECK_HALF,
    CHECK_COUNT
};

static const char *const register_lines[CHECK_COUNT] = {
    [CHECK_CR0] = "U5: CR0 is not what it was set to",
    [CHECK_CR4] = "U5: CR4 is not what it was set to",
    [CHECK_EFER] = "U5: EFER is not what it was set to",
    [CHECK_PAT] = "A5: the page attribute table is not what it was set to",
    [CHECK_AC] = "A6: user memory is open outside of an access to it",
    [CHECK_XCR0] = "U3: XCR0 is not what it was set to",
    [CHECK_GS] = "U4: GS does not point at this CPU's data",
    [CHECK_DESCRIPTORS] = "U4: the descriptor tables are not the kernel's",
    [CHECK_HALF] = "A4: the loaded root's kernel half differs from the kernel root's",
};

static bool kernel_half_differs(void)
{
    const hal_paddr_t loaded = hal_pte_target(x86_read_cr3());

    for (unsigned i = HAL_PT_ENTRIES / 2; i < HAL_PT_ENTRIES; i++) {
        if (hal_table_peek(loaded, i) != hal_table_peek(x86_kernel_root, i)) {
            return true;
        }
    }
    return false;
}

uint32_t x86_registers_wrong(void)
{
    const struct x86_features *f = &x86_features;
    const bool wrong[CHECK_COUNT] = {
        [CHECK_CR0] = x86_read_cr0() != f->cr0,
        [CHECK_CR4] = x86_read_cr4() != f->cr4,
        [CHECK_EFER] = x86_rdmsr(MSR_EFER) != f->efer,
        [CHECK_PAT] = x86_rdmsr(X86_MSR_PAT) != f->pat,
        [CHECK_AC] = f->smap && (x86_read_flags() & FLAG_AC) != 0,
        [CHECK_XCR0] = f->xsave && x86_read_xcr0() != f->xcr0,
        [CHECK_GS] = x86_rdmsr(X86_MSR_GS_BASE) != (uint64_t)(uintptr_t)x86_this_cpu(),
        [CHECK_DESCRIPTORS] = !x86_descriptors_intact(),
        [CHECK_HALF] = kernel_half_differs(),
    };
    uint32_t set = 0;

    for (unsigned i = 0; i < CHECK_COUNT; i++) {
        set |= (uint32_t)wrong[i] << i;
    }
    return set;
}

/* Of every CPU: the others looked before they stood still. */
static void audit_registers(report_fn *report)
{
    uint32_t wrong = x86_registers_wrong();

    for (unsigned id = 0; id < hal_cpu_count(); id++) {
        wrong |= x86_cpu_at(id)->registers_wrong;
    }
    for (unsigned i = 0; i < CHECK_COUNT; i++) {
        if ((wrong >> i & 1) != 0) {
            report(register_lines[i]);
        }
    }
}

static bool is_image(uint64_t physical, uint64_t size)
{
    return physical < x86_image_physical.end && physical + size > x86_image_physical.base;
}

static void audit_leaf(uint64_t va, uint64_t entry, unsigned level, report_fn *report)
{
    const unsigned prot = hal_pte_prot(entry);
    unsigned slot;
    const bool image_constant = va >= X86_IMAGE_BASE && va < (uint64_t)(uintptr_t)x86_data_start;

    if ((prot & HAL_PROT_WRITE) != 0 && (prot & HAL_PROT_EXEC) != 0) {
        report("A4: kernel memory is writable and executable");
    }
    if ((prot & HAL_PROT_WRITE) != 0 && image_constant) {
        report("A4: kernel code or constants are writable");
    }
    if ((prot & HAL_PROT_EXEC) != 0 && !image_constant) {
        report("A4: memory outside the kernel's code is executable");
    }
    if (va < X86_IMAGE_BASE && is_image(hal_pte_target(entry).value, hal_pt_span(level))) {
        report("A4: the kernel image is mapped a second time");
    }
    if (va >= X86_IMAGE_BASE && x86_stack_guard_name(va, &slot) != NULL) {
        report("T3: a guard page is mapped");
    }
}

/* Depth is bounded by the number of levels. `va` is sign-extended by the caller. */
static void audit_table(hal_paddr_t table, unsigned level, uint64_t va, report_fn *report)
{
    const unsigned first = level == HAL_PT_LEVELS - 1 ? HAL_PT_ENTRIES / 2 : 0;

    for (unsigned i = hal_table_next(table, first, HAL_PT_ENTRIES); i < HAL_PT_ENTRIES;
         i = hal_table_next(table, i + 1, HAL_PT_ENTRIES)) {
        const uint64_t entry = hal_table_peek(table, i);
        const uint64_t at = va + i * hal_pt_span(level);

        if (!hal_pte_present(entry)) {
            continue;
        }
        if ((entry & HAL_PTE_USER) != 0) {
            report("A4: a user may reach into the kernel's half");
        }
        if (hal_pte_is_leaf(entry, level)) {
            audit_leaf(at, entry, level, report);
        } else {
            audit_table(hal_pte_target(entry), level - 1, at, report);
        }
    }
}

/* No entry lets pass what nobody was given. */
static void audit_interrupts(report_fn *report)
{
    uint16_t owner;

    for (unsigned source = 0; source < HAL_IRQ_SOURCES_MAX; source++) {
        if (!remap_interrupt_is_set(source)) {
            continue;
        }
        if (!ioapic_owner(source, &owner)) {
            report("D4: interrupts pass of a source that is closed");
        } else if (!remap_interrupt_is_for(source, owner)) {
            report("D4: interrupts pass of a source by who does not have it, or as another's");
        }
    }
}

/* Nobody is offered what firmware names as configuration space of PCI (D5): neither end of a window, and so
 * nothing in between, since each is kept out as a whole. */
static void audit_windows(report_fn *report)
{
    for (unsigned i = 0; i < x86_ecam_window_count; i++) {
        const struct x86_range *window = &x86_ecam_windows[i];

        if (window->base < window->end &&
            (hal_pci_is_harmless(window->base, 1) || hal_pci_is_harmless(window->end - 1, 1))) {
            report("D5: a device may be given configuration space of PCI");
        }
    }
}

void hal_audit(report_fn *report)
{
    audit_registers(report);
    if (!(vtd_all_translate() && amdvi_all_translate())) {
        report("D3: a DMA remapping unit no longer translates, or D4: remaps interrupts");
    }
    audit_interrupts(report);
    audit_windows(report);
    /* The upper half's addresses have bits 63..48 set, which the root's indices leave out. */
    audit_table(x86_kernel_root, HAL_PT_LEVELS - 1, UINT64_C(0xffff000000000000), report);
}

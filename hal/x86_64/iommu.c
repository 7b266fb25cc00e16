/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the drivers of remapping units (hal/vtd.h, hal/amdvi.h) need: their registers, memory, and when their
 * records of attempts are looked at.
 */
#include <string.h>

#include "hal/amdvi.h"
#include "hal/atomic.h"
#include "hal/cpu.h"
#include "hal/machine.h"
#include "hal/mmu.h"
#include "hal/pte.h"
#include "hal/vtd.h"
#include "insn.h"
#include "parts.h"

/* A unit records only so many attempts in between. */
#define WATCH_PERIOD_NS (CLOCK_NS_PER_S / 2)
#define AMD_SPAN        UINT64_C(0x80000)
#define MSR_APIC_BASE   0x1bu
#define BASE_X2APIC     (UINT64_C(1) << 10)

static uint64_t cache_line;                                                 /* bytes */
static const struct handoff *memory_map;                                    /* during start-up */
static uint64_t watched;                                                    /* when; its CPU's */
static atomic_u32_t watching;                                               /* 1: some CPU looks */
static volatile unsigned char *pages[ACPI_DMAR_UNITS_MAX][X86_IOMMU_PAGES]; /* NULL: no registers there */
static volatile unsigned char *amd_pages[ACPI_IVRS_UNITS_MAX][X86_AMD_IOMMU_PAGES]; /* likewise */

/* NULL: nothing answers. */
static volatile void *register_at(unsigned unit, uint32_t offset)
{
    volatile unsigned char *page = pages[unit][offset / HAL_PAGE_SIZE];

    return page == NULL ? NULL : page + offset % HAL_PAGE_SIZE;
}

uint32_t vtd_read32(unsigned unit, uint32_t offset)
{
    const volatile uint32_t *at = register_at(unit, offset);

    return at == NULL ? UINT32_MAX : *at;
}

uint64_t vtd_read64(unsigned unit, uint32_t offset)
{
    const volatile uint64_t *at = register_at(unit, offset);

    return at == NULL ? UINT64_MAX : *at;
}

void vtd_write32(unsigned unit, uint32_t offset, uint32_t value)
{
    volatile uint32_t *at = register_at(unit, offset);

    if (at != NULL) {
        *at = value;
    }
}

void vtd_write64(unsigned unit, uint32_t offset, uint64_t value)
{
    volatile uint64_t *at = register_at(unit, offset);

    if (at != NULL) {
        *at = value;
    }
}

/* NULL: nothing answers. */
static volatile uint64_t *amd_register_at(unsigned unit, uint32_t offset)
{
    volatile unsigned char *page = amd_pages[unit][offset / HAL_PAGE_SIZE];

    return page == NULL ? NULL : (volatile uint64_t *)(page + offset % HAL_PAGE_SIZE);
}

uint64_t amdvi_read(unsigned unit, uint32_t offset)
{
    const volatile uint64_t *at = amd_register_at(unit, offset);

    return at == NULL ? UINT64_MAX : *at;
}

void amdvi_write(unsigned unit, uint32_t offset, uint64_t value)
{
    volatile uint64_t *at = amd_register_at(unit, offset);

    if (at != NULL) {
        *at = value;
    }
}

hal_paddr_t amdvi_table(void)
{
    const hal_paddr_t table = x86_pool_page();

    (void)x86_pool_pages(AMDVI_TABLE_SIZE / HAL_PAGE_SIZE - 1);
    return table;
}

hal_paddr_t amdvi_interrupt_tables(void)
{
    const hal_paddr_t tables = x86_pool_page();

    (void)x86_pool_pages(AMDVI_INTERRUPT_TABLES_SIZE / HAL_PAGE_SIZE - 1);
    return tables;
}

/* The linear map stands already when the units are started. */
static volatile uint64_t *word_at(hal_paddr_t at)
{
    return (volatile uint64_t *)(HAL_LINEAR_BASE + at.value);
}

/* One MOV each, which the CPU keeps in order with others of its kind (SDM vol. 3A, 8.2.2). */
uint64_t remap_load(hal_paddr_t at)
{
    uint64_t value;

    __asm__ volatile("movq %1, %0" : "=r"(value) : "m"(*word_at(at)) : "memory");
    return value;
}

void remap_store(hal_paddr_t at, uint64_t value)
{
    __asm__ volatile("movq %1, %0" : "=m"(*word_at(at)) : "r"(value) : "memory");
}

unsigned remap_next(hal_paddr_t table, unsigned from)
{
    return hal_table_next(table, from, HAL_PT_ENTRIES);
}

void remap_fill(hal_paddr_t at, hal_paddr_t end, uint64_t stride, uint64_t value)
{
    for (uint64_t word = at.value; word < end.value; word += stride) {
        remap_store(hal_paddr(word), value);
    }
}

/* CLFLUSH reaches every CPU's caches, after all earlier stores to the line; MFENCE waits for it. */
void remap_write_back(hal_paddr_t at, size_t size)
{
    const uint64_t end = at.value + size;

    for (uint64_t address = at.value & ~(cache_line - 1); address < end; address += cache_line) {
        x86_clflush(word_at(hal_paddr(address)));
    }
    x86_mfence();
}

hal_paddr_t remap_page(void)
{
    return x86_pool_page();
}

/* A look takes some hundred cycles, or a microsecond where it reads a register. */
uint32_t remap_looks_max(void)
{
    return 1000000;
}

bool remap_apics_have_long_ids(void)
{
    return (x86_rdmsr(MSR_APIC_BASE) & BASE_X2APIC) != 0; /* which stays as firmware left it (apic.c) */
}

/* In one piece: core may write to the console as well, on another CPU. */
void remap_print(const char *line)
{
    char text[192];
    size_t size = strlen(line);

    size = size < sizeof(text) ? size : sizeof(text) - 1;
    memcpy(text, line, size);
    text[size] = '\n';
    hal_console_write(text, size + 1);
}

/* Pages that follow a unit's registers may be another's, which nobody touches by this mapping. */
static void map_unit(unsigned unit, uint64_t address)
{
    for (unsigned page = 0; page < X86_IOMMU_PAGES; page++) {
        const uint64_t at = address + page * HAL_PAGE_SIZE;

        if (at >= address && x86_is_register(at)) {
            pages[unit][page] = x86_map_registers(X86_FIXED_IOMMU + unit * X86_IOMMU_PAGES + page, at);
        }
    }
}

/* One that has counters, too, has AMD_SPAN bytes of registers, and its address is a multiple of that. */
static void map_amd_unit(unsigned unit, uint64_t address)
{
    for (unsigned page = 0; page < X86_AMD_IOMMU_PAGES; page++) {
        const uint64_t at = address + page * HAL_PAGE_SIZE;

        if (x86_is_register(at)) {
            amd_pages[unit][page] =
                x86_map_registers(X86_FIXED_AMD_IOMMU + unit * X86_AMD_IOMMU_PAGES + page, at);
        }
    }
    x86_pci_keep_out(address & ~(AMD_SPAN - 1), AMD_SPAN);
}

/* Configuration space of PCI and what the chip set has may well lie in what firmware calls its own. */
bool remap_is_reserved(uint64_t first, uint64_t last)
{
    const uint64_t size = last - first + 1;

    for (unsigned i = 0; i < x86_ecam_window_count; i++) {
        if (first < x86_ecam_windows[i].end && x86_ecam_windows[i].base <= last) {
            return false;
        }
    }
    return x86_is_firmwares(memory_map, first, last) && !x86_pci_is_kept_out(first, size);
}

/* Firmware that names units of both makers is not believed about who holds which device. */
void x86_iommu_init(const struct handoff *handoff, const struct acpi_interrupts *interrupts)
{
    const bool has_intel = x86_dmar.unit_count + x86_dmar.units_left_out != 0;
    const bool has_both = has_intel && x86_ivrs.unit_count != 0;

    memory_map = handoff;
    x86_pci_keep_chipset_out();
    for (unsigned i = 0; i < interrupts->ioapic_count; i++) {
        x86_pci_keep_out(interrupts->ioapics[i].address & ~(HAL_PAGE_SIZE - 1), HAL_PAGE_SIZE);
    }
    cache_line = (x86_cpuid(1, 0).ebx >> 8 & 0xff) * UINT64_C(8);
    for (unsigned unit = 0; unit < x86_dmar.unit_count; unit++) {
        map_unit(unit, x86_dmar.units[unit].address);
        x86_pci_keep_out(x86_dmar.units[unit].address, x86_dmar.units[unit].size);
    }
    for (unsigned unit = 0; unit < x86_ivrs.unit_count; unit++) {
        map_amd_unit(unit, x86_ivrs.units[unit].address);
    }
    x86_ivrs.units_left_out += has_both;
    x86_dmar.units_left_out += has_both;
    amdvi_begin(&x86_ivrs);
    if (has_intel || !amdvi_is_there()) {
        vtd_begin(&x86_dmar);
    }
}

void x86_iommu_watch(void)
{
    if (atomic_u32_peek(&watching) == 0 && atomic_u32_exchange(&watching, 1) == 0) {
        const uint64_t now = hal_time_now();

        /* A CPU whose clock is behind comes round to it. */
        if (now >= watched && now - watched >= WATCH_PERIOD_NS) {
            watched = now;
            vtd_watch();
            amdvi_watch();
        }
        atomic_u32_store_release(&watching, 0);
    }
}

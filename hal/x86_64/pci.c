/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI's configuration space: the 256 bytes that every function has by the ports (PCI Local Bus Specification
 * 3.0, 3.2.2.3.2), which no firmware table can lead astray; what PCI Express adds through the memory that the
 * MCFG table names. Core makes one access at a time (hal/pci.h).
 */
#include "hal/pci.h"

#include "hal/x86_access.h"
#include "insn.h"
#include "parts.h"

enum {
    PORT_ADDRESS = 0xcf8,
    PORT_DATA = 0xcfc,
    STANDARD_SIZE = 256,
    EXTENDED_SIZE = 4096,
};
#define ENABLE UINT32_C(0x80000000)

/* Below 1 MiB there is firmware, above this up to 4 GiB the chip set: I/O APICs, HPET, remapping hardware,
 * TPM, local APICs, flash. */
#define CHIPSET_BASE UINT64_C(0xfec00000)
#define CHIPSET_END  (UINT64_C(1) << 32)
#define LOW_SIZE     (UINT64_C(1) << 20)

/* All registers that are mapped, and some ranges besides. */
#define KEPT_MAX                                                                                             \
    (X86_FIXED_COUNT + ACPI_IVRS_UNITS_MAX + ACPI_DMAR_UNITS_MAX + ACPI_ECAM_WINDOWS_MAX +                   \
     ACPI_IOAPICS_MAX + 8u)
static struct x86_range kept[KEPT_MAX]; /* what no device may be given */
static unsigned kept_count;             /* KEPT_MAX: there may be more */

static bool has_ports;

static bool overlaps(uint64_t base, uint64_t size, const struct x86_range *range)
{
    return base < range->end && (base >= range->base || size > range->base - base);
}

void x86_pci_keep_out(uint64_t base, uint64_t size)
{
    if (kept_count < KEPT_MAX) {
        kept[kept_count++] = (struct x86_range){base & ~(HAL_PAGE_SIZE - 1),
                                                (base + size + HAL_PAGE_SIZE - 1) & ~(HAL_PAGE_SIZE - 1)};
    }
}

bool x86_pci_is_kept_out(uint64_t base, uint64_t size)
{
    for (unsigned i = 0; i < kept_count; i++) {
        if (overlaps(base, size, &kept[i])) {
            return true;
        }
    }
    return kept_count == KEPT_MAX;
}

static bool is_memory(uint64_t base, uint64_t size)
{
    size_t count;
    const struct x86_range *runs = x86_memory_runs(&count);

    for (size_t i = 0; i < count; i++) {
        if (overlaps(base, size, &runs[i])) {
            return true;
        }
    }
    return false;
}

bool hal_pci_is_harmless(uint64_t base, uint64_t size)
{
    return !is_memory(base, size) && x86_is_register(base) && x86_is_register(base + (size - 1)) &&
           !x86_pci_is_kept_out(base, size);
}

static void find_ecam(void)
{
    const uint64_t base = x86_ecam.address + x86_ecam.bus_first * ACPI_ECAM_BUS_SIZE;
    const uint64_t size = (x86_ecam.bus_last - x86_ecam.bus_first + UINT64_C(1)) * ACPI_ECAM_BUS_SIZE;

    if (x86_ecam.address == 0) {
        return;
    }
    if (!hal_pci_is_harmless(base, size)) {
        x86_print("keel: the PCI configuration space at %x is no device's\n", base);
        x86_ecam.address = 0;
        return;
    }
    (void)x86_map_registers(X86_FIXED_ECAM, base); /* the tables stand from now on */
}

/* Of all segments, used or not. After find_ecam, which would take its own for another's. */
static void keep_windows_out(void)
{
    for (unsigned i = 0; i < x86_ecam_window_count; i++) {
        const struct x86_range *window = &x86_ecam_windows[i];

        if (window->base < window->end) {
            x86_pci_keep_out(window->base, window->end - window->base);
        }
    }
}

void x86_pci_keep_chipset_out(void)
{
    x86_pci_keep_out(CHIPSET_BASE, CHIPSET_END - CHIPSET_BASE);
    if (x86_hpet_address != 0) {
        x86_pci_keep_out(x86_hpet_address, ACPI_HPET_BLOCK_SIZE);
    }
}

void x86_pci_init(void)
{
    x86_pci_keep_out(0, LOW_SIZE);
    find_ecam();
    keep_windows_out();
    x86_outl(PORT_ADDRESS, ENABLE);
    has_ports = x86_inl(PORT_ADDRESS) == ENABLE;
    x86_outl(PORT_ADDRESS, 0);
}

uint32_t hal_pci_config_size(void)
{
    if (!has_ports) {
        return 0;
    }
    return x86_ecam.address != 0 ? EXTENDED_SIZE : STANDARD_SIZE;
}

static uint16_t select(struct hal_pci_address at, uint32_t offset)
{
    x86_outl(PORT_ADDRESS, ENABLE | (uint32_t)at.bus << 16 | (uint32_t)at.device << 11 |
                               (uint32_t)at.function << 8 | (offset & 0xfcu));
    return (uint16_t)(PORT_DATA + offset % 4);
}

/* NULL: it is mapped nowhere. Other CPUs may have the page's last translation, but use it only after they
 * have been here as well: it is uncached, so nothing reads it ahead of time. */
static volatile void *extended(struct hal_pci_address at, uint32_t offset)
{
    if (at.bus < x86_ecam.bus_first || at.bus > x86_ecam.bus_last) {
        return NULL;
    }
    return x86_map_registers(X86_FIXED_ECAM, x86_ecam.address + at.bus * ACPI_ECAM_BUS_SIZE +
                                                 ((uint64_t)at.device << 15) + ((uint64_t)at.function << 12) +
                                                 offset);
}

static uint32_t read_extended(struct hal_pci_address at, uint32_t offset, unsigned width)
{
    volatile void *from = extended(at, offset);

    return from == NULL ? UINT32_MAX >> (32 - 8 * width) : (uint32_t)x86_access_load(from, width);
}

/* What holds devices is none itself: nobody has it, and it goes on doing what firmware and its driver let it
 * do. */
static bool is_remapping_unit(struct hal_pci_address at)
{
    for (unsigned unit = 0; unit < x86_ivrs.unit_count; unit++) {
        if (x86_ivrs.units[unit].segment == 0 &&
            x86_ivrs.units[unit].source == (at.bus << 8 | at.device << 3 | at.function)) {
            return true;
        }
    }
    return false;
}

uint32_t hal_pci_read(struct hal_pci_address at, uint32_t offset, unsigned width)
{
    if (is_remapping_unit(at)) {
        return UINT32_MAX >> (32 - 8 * width);
    }
    return offset < STANDARD_SIZE ? x86_in(select(at, offset), width) : read_extended(at, offset, width);
}

static void write_extended(struct hal_pci_address at, uint32_t offset, unsigned width, uint32_t value)
{
    volatile void *to = extended(at, offset);

    if (to != NULL) {
        x86_access_store(to, width, value);
    }
}

void hal_pci_write(struct hal_pci_address at, uint32_t offset, unsigned width, uint32_t value)
{
    if (is_remapping_unit(at)) {
        return;
    }
    if (offset < STANDARD_SIZE) {
        x86_out(select(at, offset), width, value);
    } else {
        write_extended(at, offset, width, value);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio devices that remapping hardware does not hold (D1, D3). One that does not offer
 * VIRTIO_F_ACCESS_PLATFORM takes addresses for physical ones that nobody translates (Virtual I/O Device
 * specification 1.2, 6): whatever firmware's tables say, it goes past. A hypervisor's devices are like that
 * where nobody asked for something else. Those of before version 1, and those that are both, have no such
 * feature.
 *
 * It is asked at boot, while nobody else reaches the register by which one chooses what to read.
 */
#include "core/pci.h"
#include "hal/io.h"

#define VENDOR UINT16_C(0x1af4)
/* Device numbers of all of them, and of those of version 1 alone (4.1.2). */
#define FIRST     0x1000u
#define FIRST_NEW 0x1040u
#define LAST      0x107fu

/* A capability's fields (4.1.4), and the registers that the one of PART_COMMON leads to (4.1.4.3). */
enum {
    CAPABILITY_VENDOR = 0x09,
    PART = 3,
    PART_COMMON = 1,
    BAR = 4,
    OFFSET = 8,
    END = 12,
    OFFERED_SELECT = 0, /* which 32 of the features ... */
    OFFERED = 4,        /* ... are here */
    REGISTERS_END = 8,
    ACCESS_PLATFORM = 33,
};

/* Where in a BAR that nobody else has; false: nowhere. */
static bool find_registers(const struct pci_function *function, uint32_t at, hal_paddr_t *registers)
{
    if (hal_pci_read(function->at, at + PART, 1) != PART_COMMON) {
        return false;
    }
    uint32_t bar = hal_pci_read(function->at, at + BAR, 1);
    uint64_t offset = hal_pci_read(function->at, at + OFFSET, 4);
    if (bar >= PCI_BARS_MAX || !function->granted[bar] || offset % 4 != 0) {
        return false;
    }
    const struct pci_bar *whole = &function->bars[bar];
    if (offset >= whole->size || whole->size - offset < REGISTERS_END ||
        pci_is_kept(function, bar, offset, REGISTERS_END)) {
        return false;
    }
    *registers = hal_paddr(whole->address + offset);
    return true;
}

static bool offers_translation(hal_paddr_t registers)
{
    hal_io_write(hal_paddr_add(registers, OFFERED_SELECT), 4, ACCESS_PLATFORM / 32, HAL_CACHE_UNCACHED);
    uint64_t offered = hal_io_read(hal_paddr_add(registers, OFFERED), 4, HAL_CACHE_UNCACHED);
    return (offered >> ACCESS_PLATFORM % 32 & 1) != 0;
}

bool pci_virtio_goes_past(const struct pci_function *function)
{
    if (function->vendor != VENDOR || function->device < FIRST || function->device > LAST) {
        return false;
    }
    for (uint32_t i = 0; function->device >= FIRST_NEW && i < function->capabilities.count; i++) {
        const struct pci_capability *capability = &function->capabilities.list[i];
        hal_paddr_t registers;
        if (capability->id == CAPABILITY_VENDOR && capability->offset <= PCI_STANDARD_SIZE - END &&
            find_registers(function, capability->offset, &registers)) {
            return !offers_translation(registers);
        }
    }
    return true;
}

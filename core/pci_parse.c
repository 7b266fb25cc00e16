/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the registers of a PCI function mean, see core/pci_parse.h.
 */
#include "core/pci_parse.h"

#define HEADER_SIZE 0x40u

bool pci_capabilities_read(pci_read16_t *read, void *context, uint8_t first,
                           struct pci_capabilities *capabilities)
{
    uint64_t visited = 0; /* bit n: the one at 4n */
    uint8_t offset = first & 0xfcu;
    capabilities->count = 0;
    while (offset != 0) {
        if (offset < HEADER_SIZE || (visited >> (offset / 4u) & 1) != 0) {
            return false;
        }
        visited |= UINT64_C(1) << (offset / 4u);
        uint16_t head = read(context, offset);
        capabilities->list[capabilities->count++] =
            (struct pci_capability){.id = (uint8_t)head, .offset = offset};
        offset = (uint8_t)(head >> 8) & 0xfcu;
    }
    return true;
}

bool pci_msix_decode(uint16_t control, uint32_t table, uint32_t pending, struct pci_stretch stretches[2])
{
    uint64_t count = (control & PCI_MSIX_LAST) + 1u;
    stretches[0] =
        (struct pci_stretch){.bar = table & 7u, .offset = table & ~7u, .size = count * PCI_MSIX_ENTRY_SIZE};
    stretches[1] =
        (struct pci_stretch){.bar = pending & 7u, .offset = pending & ~7u, .size = (count + 63) / 64 * 8};
    return stretches[0].bar < PCI_BARS_MAX && stretches[1].bar < PCI_BARS_MAX;
}

bool pci_bar_is_wide(uint32_t low)
{
    return (low & 7u) == 4;
}

/* The mask's address bits; those above them count as set, as far as the register does not have them. */
static uint64_t address_bits(uint64_t mask, bool io, bool wide)
{
    if (io) {
        mask |= (mask & 0xffff0000u) == 0 ? 0xffff0000u : 0; /* the upper half need not be there (6.2.5.1) */
        mask &= ~UINT64_C(3);
    } else {
        mask &= ~UINT64_C(15);
    }
    return wide ? mask : mask | UINT64_C(0xffffffff00000000);
}

struct pci_bar pci_bar_decode(uint64_t value, uint64_t mask, bool wide)
{
    bool io = (value & 1) != 0;
    uint64_t fixed = io ? 3 : 15;
    struct pci_bar bar = {.kind = PCI_BAR_NONSENSE, .wide = wide, .prefetchable = !io && (value & 8) != 0};
    if (mask == 0) {
        bar.kind = PCI_BAR_NONE;
        return bar;
    }
    uint64_t bits = address_bits(mask, io, wide);
    bar.address = value & ~fixed;
    bar.size = ~bits + 1;
    /* Of the types of memory BARs only 32 bits and 64 bits are left (6.2.5.1). */
    bool known = io || (value & 6) == 0 || wide;
    bool sized = bar.size != 0 && (bar.size & (bar.size - 1)) == 0 && (value & fixed) == (mask & fixed);
    bool placed = bar.address != 0 && sized && bar.address % bar.size == 0;
    if (known && placed) {
        bar.kind = io ? PCI_BAR_IO : PCI_BAR_MEMORY;
    }
    return bar;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the registers of a PCI function mean (PCI Local Bus Specification 3.0, 6.2, 6.7, 6.8.2). Devices
 * answer whatever they like: each register is read once, all loops are bounded, and what makes no sense is
 * said to be so (D7). Pure code, no machine needed.
 */
#ifndef CORE_PCI_PARSE_H
#define CORE_PCI_PARSE_H

#include "hal/types.h"

/* Offsets in configuration space. */
enum {
    PCI_ID = 0x00, /* vendor and device */
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_CLASS = 0x08,      /* revision and class code */
    PCI_CACHE_LINE = 0x0c, /* its size, and the latency timer */
    PCI_HEADER = 0x0e,
    PCI_BARS = 0x10,
    PCI_BUSES = 0x18, /* of a bridge: primary, secondary, subordinate */
    /* Of a bridge: base and limit of the prefetchable memory behind it, and their upper halves. */
    PCI_WINDOW = 0x24,
    PCI_WINDOW_BASE_UPPER = 0x28,
    PCI_WINDOW_LIMIT_UPPER = 0x2c,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT = 0x3c, /* line and pin */
};

enum {
    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_INTX_DISABLE = 1 << 10,
    PCI_STATUS_CAPABILITIES = 1 << 4,
    PCI_HEADER_DEVICE = 0, /* the type: no bridge */
    PCI_HEADER_BRIDGE = 1,
    PCI_HEADER_MULTIPLE = 1 << 7, /* the device has more than one function */
    PCI_CAPABILITY_MSI = 0x05,
    PCI_CAPABILITY_EXPRESS = 0x10,
    PCI_CAPABILITY_MSIX = 0x11,
    PCI_CAPABILITY_ADVANCED = 0x13, /* what conventional PCI lacked */
};

/* What the register behind the capability's header says that a function of PCI Express is (PCI Express Base
 * Specification, 4.0: 7.5.3.2). */
#define PCI_EXPRESS_TYPE(value) ((unsigned)(value) >> 4 & 0xf)
enum {
    PCI_EXPRESS_ROOT_PORT = 4,
    PCI_EXPRESS_UPSTREAM_PORT = 5,
    PCI_EXPRESS_DOWNSTREAM_PORT = 6,
};

/* Configuration space that every function has. */
#define PCI_STANDARD_SIZE 256u
#define PCI_BARS_MAX      6u

/* As many as fit behind the header. */
#define PCI_CAPABILITIES_MAX 48u

struct pci_capabilities {
    uint32_t count;
    struct pci_capability {
        uint8_t id, offset;
    } list[PCI_CAPABILITIES_MAX];
};

/* Reads 16 bits of configuration space. */
typedef uint16_t pci_read16_t(void *context, uint32_t offset);

/* Follows the list that begins at `first`. False: it leads into the header or around in a circle; then what
 * was found until there. */
bool pci_capabilities_read(pci_read16_t *read, void *context, uint8_t first,
                           struct pci_capabilities *capabilities);

/* Bytes [offset, offset + size) of a BAR. */
struct pci_stretch {
    uint32_t bar; /* < PCI_BARS_MAX */
    uint64_t offset, size;
};

#define PCI_MSIX_SIZE       12u /* of the capability */
#define PCI_MSIX_ENTRY_SIZE 16u
#define PCI_MSIX_LAST       0x7ffu /* of its control register: the last entry */

/* Where the MSI-X table and its pending bits are, by the capability's three registers. False: in no BAR. */
bool pci_msix_decode(uint16_t control, uint32_t table, uint32_t pending, struct pci_stretch stretches[2]);

enum pci_bar_kind {
    PCI_BAR_NONE, /* there is none, or it is the upper half of the one before */
    PCI_BAR_IO,
    PCI_BAR_MEMORY,
    PCI_BAR_NONSENSE, /* no size, no place, or something that PCI does not know */
};

struct pci_bar {
    enum pci_bar_kind kind;
    bool wide; /* 64 bits: it takes two registers */
    bool prefetchable;
    uint64_t address, size; /* IO, MEMORY: a power of two, and the address is a multiple of it, not 0 */
};

/* Does the register say that it goes on in the next one? */
bool pci_bar_is_wide(uint32_t low);
/* By what the register holds, and what it holds once all bits were written; of a wide one both registers. */
struct pci_bar pci_bar_decode(uint64_t value, uint64_t mask, bool wide);

#endif

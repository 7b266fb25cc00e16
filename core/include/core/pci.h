/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI: which functions there are, and what of them a client may have. Devices are not trusted: what they say
 * is read once, at boot, before there are tasks (D7).
 *
 *   - No function masters the bus, whatever firmware left on, but bridges that lead to a bus (D3), and those
 *     that the hardware holds to memory that firmware has them use all the time.
 *   - Nobody may acquire one of those: who tells it what to do could have firmware's memory written (D1).
 *   - BARs are where firmware put them; Keel writes them only to learn their sizes, while the function does
 *     not decode them, and puts them back (D6).
 *   - A client has a function exclusively, reads its configuration space, and gets its memory BARs as I/O
 *     memory, but for the pages with the MSI-X table and its pending bits (D4, D6).
 *
 *   - With its last holder's hold a function is reset, if it can be (core/pci_reset.h).
 *
 * A BAR is given out only if it is nobody else's: it lies in no RAM and nothing else that the memory map
 * knows of but registers, steers nothing (hal/pci.h), shares no byte with another BAR of a function in the
 * table (then neither is given out, since no one knows which of them lies), and its function decodes it.
 * (Host bridges' are not known, since nobody may change those to learn their sizes: there the map and
 * hal/pci.h have to know better.) Of a function that cannot be trusted to say where its MSI-X table is none
 * is given out.
 */
#ifndef CORE_PCI_H
#define CORE_PCI_H

#include "core/memmap.h"
#include "core/object.h"
#include "core/pci_parse.h"
#include "hal/mmu.h"
#include "hal/pci.h"

/* More are left out, with a warning. They do not master the bus either. */
#define PCI_FUNCTIONS_MAX 128u

/* Where the MSI-X capability and the table are, as the function said; count 0: it has none. */
struct pci_msix {
    uint8_t offset; /* in configuration space */
    uint32_t count; /* entries */
    uint32_t bar;   /* of the table */
    uint64_t table; /* bytes from there */
};

/* What messages it can be given (core/pci_message.c). */
struct pci_messages {
    bool is_msix;        /* otherwise MSI */
    bool wide, maskable; /* MSI */
    uint8_t offset;      /* of the capability */
    uint32_t count;      /* 0: none */
    uint64_t table;      /* MSI-X: the address */
    uint32_t open;       /* how many are; under the lock of all messages */
};

enum pci_reset_state { PCI_RESET_READY, PCI_RESET_QUIET, PCI_RESET_RUNNING, PCI_RESET_LOST };

/* How it is reset, and what is put back then (core/pci_reset.h). */
struct pci_reset {
    struct pci_capability capability; /* by which it is; id 0: it cannot be */
    uint16_t command, cache_line, control;
    uint8_t interrupt;
    enum pci_reset_state state; /* the owner's, as what follows */
    uint64_t since;             /* hal_time_now */
};

struct pci_function {
    struct hal_pci_address at;
    uint16_t vendor, device;
    uint32_t class_code; /* base class, subclass, interface: 24 bits */
    uint8_t revision, header, irq_pin;
    uint8_t secondary;  /* of a bridge: the bus that it leads to; 0: none */
    bool keeps_sources; /* a bridge of PCI Express: who is behind it keeps its own source */
    uint16_t command;   /* under the lock, once tasks run */
    const char *fault;  /* why no BAR is given out, or NULL */
    struct pci_capabilities capabilities;
    struct pci_bar bars[PCI_BARS_MAX];
    struct pci_register {
        uint32_t value, mask;   /* as found, and once all bits were written */
    } registers[PCI_BARS_MAX];  /* the same, as they are; both 0 where nobody looked */
    bool granted[PCI_BARS_MAX]; /* may be given out, but for ... */
    struct pci_stretch kept[2]; /* ... these bytes, whole pages; size 0: none */
    struct pci_msix msix;
    struct pci_messages messages;
    bool firmwares; /* firmware has it use memory that is mapped for it (hal/iommu.h): it stays firmware's */
    bool goes_past; /* remapping hardware (core/pci_virtio.c) */
    struct pci_reset reset;
    struct pci_device *owner; /* who has it; under the lock */
};

static inline bool pci_can_be_reset(const struct pci_function *function)
{
    return function->reset.capability.id != 0;
}

/* How it is told from others that write to memory: bus:8, device:5, function:3. */
static inline uint16_t pci_source(const struct pci_function *function)
{
    return (uint16_t)(function->at.bus << 8 | function->at.device << 3 | function->at.function);
}

/* A client's hold on a function. */
struct pci_device {
    struct object object; /* first */
    struct pci_function *function;
    struct pci_device *next; /* of those that nobody holds any more; under the lock */
};

/* Boot CPU, once, before other CPUs run. */
void pci_init(const struct memmap *map);

/* pci_scan.c: fills in the functions, at most `limit`; answers how many there are. `left_out`: that found no
 * room. What follows does not change any more. */
uint32_t pci_scan(const struct memmap *map, struct pci_function *functions, uint32_t limit,
                  uint32_t *left_out);

/* pci_scan.c: may registers of the function be written besides the command register? */
bool pci_is_changed(const struct pci_function *function);

/* pci_scan.c: a warning about the function. */
void pci_report(const struct pci_function *function, const char *what, const char *why);

/* pci_virtio.c, at boot: does it use physical addresses, past the remapping hardware, or is it a device of a
 * kind that may and does not say? Its capabilities and BARs are known. */
bool pci_virtio_goes_past(const struct pci_function *function);

/* Do some of these bytes of the BAR lie in pages that nobody is given? They are inside it. */
bool pci_is_kept(const struct pci_function *function, uint32_t bar, uint64_t offset, uint64_t size);

uint32_t pci_count(void);
/* index < pci_count(). */
const struct pci_function *pci_at(uint32_t index);
uint32_t pci_index(const struct pci_function *function);

/* Is what comes with the function's source, DMA and messages, its own? Behind a bridge to the old bus all
 * devices have one (PCI Express to PCI/PCI-X Bridge Specification 1.0, 2.3). */
bool pci_is_told_apart(const struct pci_function *function);

/* Is some address of [first, last], above 4 GiB, a bridge's to send to what lies behind it? A device's
 * request for it may then go to another device and never come to a remapping unit (PCI-to-PCI Bridge
 * Architecture Specification 1.2, 3.2.5.9 and 4.3). */
bool pci_is_forwarded(uint64_t first, uint64_t last);

/* A bit of the command register is on from now on, or off, until the next change: PCI_COMMAND_MASTER (D3),
 * PCI_COMMAND_INTX_DISABLE. False: the register does not say so. */
bool pci_command_change(const struct pci_function *function, uint16_t bit, bool on);
/* As hal_pci_read; as hal_pci_write, to another register that core has found. */
uint32_t pci_config_read(const struct pci_function *function, uint32_t offset, unsigned width);
void pci_config_write(const struct pci_function *function, uint32_t offset, unsigned width, uint32_t value);
/* For a client that holds it (core/pci_config.c). E_DENIED: nothing was written. */
keel_status_t pci_config_change(const struct pci_function *function, uint32_t offset, unsigned width,
                                uint32_t value);

/* It asks for what CPUs' caches have, as far as it obeys its register: by PCI Express it may send requests
 * that do not, and would read what memory had before (M9). Where remapping hardware snoops for it
 * (hal/iommu.h), it cannot. Nothing resets the register while the function is held but the function. */
void pci_keep_snooped(const struct pci_function *function);

/* E_DENIED: it is firmware's; E_BUSY: somebody has it, or it is being reset; E_UNSUPPORTED: its reset has
 * gone wrong; E_LIMIT. */
keel_status_t pci_acquire(uint32_t index, uint64_t *handle);
/* With the last hold the domain's life ends, which may be long work: where that was an interrupt handler's, a
 * work of Keel's does it soon. */
void pci_device_put(struct pci_device *device);

/* Bytes of a BAR, as I/O memory: size > 0, inside of it. E_DENIED: it is not given out, or a page of the
 * range is kept; otherwise as io_memory_acquire. */
keel_status_t pci_bar_acquire(const struct pci_device *device, uint32_t bar, uint64_t offset, uint64_t size,
                              enum hal_cache cache, uint64_t *handle);

#endif

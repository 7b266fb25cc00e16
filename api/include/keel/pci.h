/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI devices. What is called a device here is one function of one, in the PCI Local Bus Specification's
 * words. All are found at boot, by number from 0 in the order of their addresses; none comes or goes later.
 *
 * A device is acquired for one holder alone, who may read its configuration space, acquire what its memory
 * BARs lead to as I/O memory, and have it interrupt by messages (MSI-X, or MSI if it has that only).
 * Configuration space is written by Keel, but for a few registers: BARs stay where firmware put them, no
 * device masters the bus unless DMA is enabled for it (keel/dma.h), and no client decides what a message says
 * (D3, D4, D6).
 *
 * A BAR, or a part of one, can be acquired if nothing but the device's registers can be there as far as Keel
 * knows, it shares no byte with another device's BAR, and the device decodes it (D5). Pages that hold the
 * MSI-X table or its pending bits cannot.
 *
 * A device that can be reset by itself (KEEL_PCI_DEVICE_RESETS) is, once its last reference is gone, its
 * messages are closed and its DMA is disabled: the next holder finds nothing of what the last one told it, as
 * far as the device does what it says. That takes 100 ms at least, and nothing happens meanwhile: it is for
 * who acquires the device to ask again. Then its BARs are where firmware put them, no message is on, and it
 * does not master the bus, or else nobody is given it any more. I/O memory of its BARs that is still held
 * leads nowhere until the next holder has it. Any other device changes hands as the last holder left it: its
 * driver must expect that.
 *
 * Everything below that comes from the device is what it answered at boot, but for keel_pci_config_read: it
 * may be wrong. E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated
 * below. Context of all: task, atomic, irq; of keel_pci_device_count and _info also policy; of
 * keel_pci_bar_acquire task only.
 */
#ifndef KEEL_PCI_H
#define KEEL_PCI_H

#include "keel/handle.h"

#define KEEL_PCI_BAR_COUNT 6u

struct keel_pci_device_info {
    uint8_t bus, device, function;
    uint8_t irq_pin; /* 1..4: INTA..INTD; 0: none; otherwise nonsense */
    uint16_t vendor_id, device_id;
    uint32_t class_code; /* base class << 16 | subclass << 8 | interface */
    uint8_t revision;
    uint8_t header; /* the type: 0 device, 1 bridge to another bus, 2 CardBus */
    uint16_t flags; /* enum keel_pci_device_flag */
};

enum keel_pci_device_flag {
    KEEL_PCI_DEVICE_RESETS = 1, /* it says that it can be reset: it is, whenever it changes hands */
};

enum keel_pci_bar_flag {
    KEEL_PCI_BAR_IO = 1, /* I/O ports; otherwise memory */
    KEEL_PCI_BAR_64 = 2, /* it may be above 4 GiB, and takes the next BAR's place as well */
    KEEL_PCI_BAR_PREFETCHABLE = 4,
    KEEL_PCI_BAR_GRANTED = 8, /* it can be acquired, but for the bytes that are kept */
};

struct keel_pci_bar_info {
    uint64_t address, size; /* bytes; of I/O ports their numbers */
    /* Bytes of it that cannot be acquired, whole pages: with the MSI-X table, and with the pending bits. They
     * may be the same, and the last one may end beyond a BAR of less than a page. Size 0: none. */
    uint64_t kept_offset[2], kept_size[2];
    uint32_t flags; /* enum keel_pci_bar_flag */
    uint32_t reserved;
};

keel_status_t keel_pci_device_count(uint32_t *count);
/* Errors: E_NOT_FOUND (no such device), E_INVALID (NULL). */
keel_status_t keel_pci_device_info(uint32_t index, struct keel_pci_device_info *info);

/* A device that firmware has use memory of its own all the time (the USB controller behind a keyboard that
 * looks like an old one, graphics whose picture is in memory set aside for it) goes on with that: it masters
 * the bus, and reaches that memory alone, if the log says that it is mapped. Nobody may acquire it: whoever
 * tells it what to do could have firmware's memory read or written by it (D1), and that memory cannot be
 * taken from it while firmware relies on it. (Linux does not give such devices to its guests either, but for
 * USB and graphics, of which it takes firmware to have let go.) Errors: E_NOT_FOUND (no such device),
 * E_DENIED (it is one of those), E_BUSY (somebody holds it or tries to; it is being reset: 100 ms, up to 1 s
 * if it does not answer, and 100 ms more while what it has begun does not end), E_UNSUPPORTED (it has not
 * come back from its reset, or as something else: for good, and the log says so), E_LIMIT (no free slot),
 * E_INVALID. */
keel_status_t keel_pci_device_acquire(uint32_t index, keel_pci_device_t *device);
keel_status_t keel_pci_device_ref(keel_pci_device_t device);
/* With the last reference others can acquire it; from an interrupt handler, also in another call there that
 * happens to be the last to use it, soon: when works run (keel/work.h). I/O memory of its BARs stays with who
 * holds that. */
keel_status_t keel_pci_device_release(keel_pci_device_t device);

/* `width` bytes of configuration space, 1, 2 or 4, as the device answers now: all bits set if it does not.
 * `offset` is a multiple of the width. Errors: E_INVALID (width, alignment, beyond the end: 256 or 4096
 * bytes, as the machine reaches them; NULL). */
keel_status_t keel_pci_config_read(keel_pci_device_t device, uint64_t offset, uint32_t width,
                                   uint32_t *value);

/* Writes the register at `at`, as a whole, if nothing that Keel answers for depends on it. Of the header: the
 * command register (bits 6 and 8, answers to parity errors and SERR#), the status register (bits 8 and 11 to
 * 15, errors that a one clears), the size of cache lines, the latency timer. Of the first PCI Express
 * capability: Device Control (bits 0 to 4 and 12 to 14: errors that are told, relaxed ordering, the size of
 * read requests), Device Status (bits 0 to 3). Other bits stay as they are, and must be written so: as they
 * are read now, or as 0 where a one clears; Device Control's bit 11, no snoop, which is off while the device
 * is held unless that has reset itself, as 0 (M9). The next holder of a device that is not reset finds what
 * was written. Errors: E_INVALID (as above; a value wider than the register), E_DENIED (another register or
 * bit, or nothing of the device is given out: nothing was written). */
keel_status_t keel_pci_config_write(keel_pci_device_t device, uint64_t at, uint32_t width, uint32_t value);

/* Where in configuration space capability number `index` (from 0) of this id is. Errors: E_NOT_FOUND (there
 * is none, or the list breaks off before), E_INVALID (NULL). */
keel_status_t keel_pci_capability(keel_pci_device_t device, uint32_t id, uint32_t index, uint32_t *offset);

/* Errors: E_INVALID (bar, NULL), E_NOT_FOUND (there is none, or it makes no sense). */
keel_status_t keel_pci_bar_info(keel_pci_device_t device, uint32_t bar, struct keel_pci_bar_info *info);

/* Bytes [offset, offset + size) of a BAR as I/O memory; `cache` as in keel/io_memory.h. Errors: E_INVALID
 * (bar, size 0, not inside the BAR, no such cache policy, NULL), E_NOT_FOUND (as above), E_DENIED (a BAR that
 * is not granted, or bytes of it that are kept), E_BUSY (a byte of it is acquired already), E_LIMIT. */
keel_status_t keel_pci_bar_acquire(keel_pci_device_t device, uint32_t bar, uint64_t offset, uint64_t size,
                                   uint32_t cache, keel_io_memory_t *io);

/* How many messages the device can be given: 0 if it has none, or does not say in a way that can be trusted
 * where they are. Errors: E_INVALID (NULL). */
keel_status_t keel_pci_message_count(keel_pci_device_t device, uint32_t *count);

/* Message `index` of the device is a source of interrupts from now on, for keel_irq_handler_create: an edge,
 * which no other device raises where the machine remaps interrupts (the boot log says if it does not). It is
 * masked while its line is, and goes to the CPU that the line goes to. As long as one of its messages is
 * open, the device's wire does not interrupt. A message is a write to memory, so none is sent before DMA is
 * enabled for the device. Errors: E_NOT_FOUND (it has no such message), E_EXISTS (it is open), E_LIMIT (the
 * machine has no source left, or remaps interrupts and could not tell this device's messages from another's:
 * it is behind a bridge to the old PCI bus, for one), E_INVALID (NULL). */
keel_status_t keel_pci_message_open(keel_pci_device_t device, uint32_t index, uint32_t *source);
/* The device cannot raise it any more. Handlers of its line are not called any more (KEEL_IRQ_GONE), but for
 * one that runs; the source stands for another message when they are released. The last release of the device
 * closes all of its messages. Errors: E_NOT_FOUND (it is not open). A source's number comes to stand for
 * another message later: who keeps it longer than the message may find a stranger's. */
keel_status_t keel_pci_message_close(keel_pci_device_t device, uint32_t index);

#endif

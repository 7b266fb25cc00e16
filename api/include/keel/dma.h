/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA: memory that a PCI device may reach.
 *
 * Every device has addresses of its own, behind which there is what was mapped for it and nothing else (D1).
 * A driver enables DMA for a device that it holds (keel/pci.h), maps segments, tells its device the addresses
 * (keel_dma_info), and reaches the memory itself by the calls below. What a device writes it may write at any
 * moment, also between two calls that read the same bytes.
 *
 * A mapping ends with its last reference. Its memory and its addresses are used for something else only once
 * the device can reach them no more (D2): keel_dma_release waits for that, keel_dma_release_later does not,
 * and leaves them captive until a flush (keel_dma_flush, or KEEL_DMA_BATCH of them) has taken care of many.
 * If the remapping hardware ever ceases to obey, they stay captive for good.
 *
 * Without remapping hardware that holds every device, keel_dma_enable answers E_UNSUPPORTED: no device
 * reaches memory then (D3). So it does where the hardware does not hold devices' interrupts: one that masters
 * the bus could raise whatever it likes, another's or worse (D4). The boot option `keel.dma=trust-devices`
 * changes that: devices that are enabled get physical addresses, and may reach all memory, or, where hardware
 * holds all but their interrupts, may raise any; the boot log warns of it.
 *
 * A device that tries to reach what is not mapped for it is kept from it, and logged. After
 * KEEL_DMA_FAULTS_MAX attempts it is cut off: it masters the bus no more, and its addresses lead nowhere
 * (D8). Its mappings stay until they are released. Its driver can have itself told (keel_dma_watch).
 *
 * E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated below. Context
 * of all calls: task, atomic; of those that neither map nor end anything also irq. (A call that uses a
 * mapping while its last reference is dropped elsewhere ends it, with the wait for the flush, when it
 * returns.)
 */
#ifndef KEEL_DMA_H
#define KEEL_DMA_H

#include "keel/handle.h"

/* Releases of one device that share a flush: the last of so many flushes. */
#define KEEL_DMA_BATCH 64u
/* Attempts of one device, since DMA was enabled for it, that do not cut it off. */
#define KEEL_DMA_FAULTS_MAX 256u
/* Pages of one mapping, and pieces. */
#define KEEL_DMA_PAGES_MAX  (UINT64_C(1) << 20)
#define KEEL_DMA_PIECES_MAX 16u
/* Mappings of more pages are not for devices that know 32 bits of an address alone (see keel_dma_info). */
#define KEEL_DMA_SMALL_PAGES_MAX (UINT64_C(1) << 14)

enum keel_dma_direction {
    KEEL_DMA_TO_DEVICE = 1,   /* it may read */
    KEEL_DMA_FROM_DEVICE = 2, /* it may write */
    KEEL_DMA_BOTH = 3,
};

/* Pages [index, index + page_count) of the segment. */
struct keel_dma_piece {
    keel_segment_t segment;
    uint64_t index, page_count;
};

/* A scatter list. */
struct keel_dma_list {
    uint32_t count;    /* of pieces, 1..KEEL_DMA_PIECES_MAX */
    uint32_t reserved; /* 0 */
    struct keel_dma_piece pieces[KEEL_DMA_PIECES_MAX];
};

struct keel_dma_info {
    /* Of the first byte, as the device must be told. Unless devices are trusted, all of a mapping of at most
     * KEEL_DMA_SMALL_PAGES_MAX pages is below 1 GiB, and larger ones are above 4 GiB and below 2^38. */
    uint64_t address;
    uint64_t page_count;
    uint32_t direction;
    uint32_t reserved;
};

struct keel_dma_state {
    uint32_t enabled;           /* 1: DMA is enabled, and the device is not cut off */
    uint32_t cut_off;           /* 1: it was, for its attempts */
    uint64_t pages, page_limit; /* mapped or captive, and how many there may be */
    /* Attempts that were found in the hardware's records since DMA was enabled, as far as it had room for
     * them. It is looked at now and then, about twice a second: so one of before may be among them. */
    uint64_t faults;
    uint64_t fault_address; /* of the last one: the page */
};

/* The device masters the bus from now on, and reaches nothing yet. `page_limit`: how many pages may be mapped
 * or captive for it at a time, those of mappings of before that have not been released among them; 0: as many
 * as there are addresses for. Errors: E_EXISTS (it is enabled, or was cut off), E_UNSUPPORTED (no hardware
 * holds it; it is a bridge, behind a bridge to the old PCI bus, one that firmware uses, or a virtio device
 * without VIRTIO_F_ACCESS_PLATFORM, which goes by physical addresses; or the boot log says what is wrong with
 * it; or its command register does not say that it masters the bus), E_BUSY (another such call is under way),
 * E_NO_MEMORY, E_LIMIT (the hardware has no number left for it). */
keel_status_t keel_dma_enable(keel_pci_device_t device, uint64_t page_limit);
/* It does not master the bus any more, and its addresses lead nowhere: mappings that there are mean nothing
 * to it, also when DMA is enabled again. With the last reference to the device, mappings' among them, that
 * happens by itself. Errors: E_NOT_FOUND (it is not enabled), E_BUSY (as above). */
keel_status_t keel_dma_disable(keel_pci_device_t device);
/* The event (keel/sync.h) is signalled once, and all who wait for it are woken, when the device is cut off;
 * at once if it was. The last one that was named counts, until DMA is disabled; the zero handle: none.
 * Errors: E_NOT_FOUND (DMA is not enabled). */
keel_status_t keel_dma_watch(keel_pci_device_t device, keel_event_t event);
/* Errors: E_INVALID (NULL). */
keel_status_t keel_dma_state(keel_pci_device_t device, struct keel_dma_state *state);

/* Maps pages [index, index + page_count) of the segment, at addresses in a row, the first a multiple of the
 * mapping's size rounded up to a power of two: memory that is aligned to 2 MiB or 1 GiB is mapped by entries
 * of that size where the hardware has them. The mapping holds the device and the segment. Where captive
 * mappings leave no room, it waits for their flush. Errors: E_INVALID (page_count 0 or above
 * KEEL_DMA_PAGES_MAX, pages outside the segment, direction, NULL), E_NOT_FOUND (DMA is not enabled, or the
 * device is cut off), E_NO_MEMORY (tables), E_LIMIT (page_limit; no addresses of that size are left, or the
 * hardware translates none for more than KEEL_DMA_SMALL_PAGES_MAX; no free slot), E_UNSUPPORTED (the hardware
 * ceased to obey). */
keel_status_t keel_dma_map(keel_pci_device_t device, keel_segment_t segment, uint64_t index,
                           uint64_t page_count, uint32_t direction, keel_dma_t *dma);
/* Maps the pieces, which may be anywhere in memory, at addresses in a row: what is one buffer to the device,
 * and one mapping in all calls below, with the pieces' bytes one after the other. All or nothing. Errors:
 * those of keel_dma_map, and E_BAD_HANDLE, E_LIMIT of each piece's segment, E_INVALID (count, reserved, pages
 * of all pieces above KEEL_DMA_PAGES_MAX), E_UNSUPPORTED (several pieces where devices are trusted: nothing
 * can put them in a row). */
keel_status_t keel_dma_map_list(keel_pci_device_t device, const struct keel_dma_list *list,
                                uint32_t direction, keel_dma_t *dma);
keel_status_t keel_dma_ref(keel_dma_t dma);
keel_status_t keel_dma_release(keel_dma_t dma);
keel_status_t keel_dma_release_later(keel_dma_t dma);
/* When it returns, the device can reach nothing that was released before the call. Errors: E_UNSUPPORTED (the
 * hardware ceased to obey). */
keel_status_t keel_dma_flush(keel_pci_device_t device);
/* Errors: E_INVALID (NULL). */
keel_status_t keel_dma_info(keel_dma_t dma, struct keel_dma_info *info);

/* Copies between a buffer and bytes [offset, offset + size) of the mapping, as keel_segment_read and _write
 * do. Errors: E_INVALID (beyond the end, NULL). */
keel_status_t keel_dma_read(keel_dma_t dma, uint64_t offset, void *buffer, uint64_t size);
keel_status_t keel_dma_write(keel_dma_t dma, uint64_t offset, const void *buffer, uint64_t size);

/* One access of `width` bytes, 1, 2, 4 or 8, in one piece; `offset` is a multiple of it. What the device
 * wrote before what is loaded here, later calls see; what earlier calls wrote, the device sees before what is
 * stored here. Errors: E_INVALID. */
keel_status_t keel_dma_load(keel_dma_t dma, uint64_t offset, uint32_t width, uint64_t *value);
keel_status_t keel_dma_store(keel_dma_t dma, uint64_t offset, uint32_t width, uint64_t value);

/* Between what was written before and what is read after it (a store and a load of other bytes are else not
 * in order), for a protocol by which driver and device tell each other to go on. */
keel_status_t keel_dma_sync(keel_dma_t dma);

#endif

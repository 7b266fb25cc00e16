/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One split virtqueue (Virtual I/O Device specification 1.2, 2.7): a table of descriptors and two rings in
 * one page that driver and device share. The driver makes requests available, each a chain of parts of
 * memory; the device uses them in any order.
 *
 * The device is not trusted. What the driver must know of a request stands in this structure alone; of the
 * shared page only the device's ring is read, each byte once, and what is there must fit: as many requests as
 * are on their way at most, each of them once, and no more bytes than there was room for. Whatever else it
 * says is KEEL_E_MALFORMED, and the queue is broken: it takes nothing more. (Which memory the device reaches
 * meanwhile is no matter of the queue's, but of keel/dma.h.)
 *
 * Calls on one queue come one at a time. Context: task, atomic, irq; of _create and _destroy not irq.
 */
#ifndef SERVICES_VIRTQUEUE_H
#define SERVICES_VIRTQUEUE_H

#include <stdbool.h>

#include "keel/dma.h"

#define SERVICES_VIRTQUEUE_SIZE_MAX 128u /* what one page has room for */

/* Memory of a request, by the device's address of it. */
struct services_virtqueue_part {
    uint64_t address;
    uint32_t size;
    bool written; /* the device writes it; otherwise it reads */
};

/* Descriptor by descriptor. */
struct services_virtqueue_slot {
    uint16_t next;   /* in the chain, or among the free ones */
    uint16_t length; /* of the chain on its way that begins here; 0: none does */
    uint32_t room;   /* bytes that the device may write into that */
};

struct services_virtqueue {
    keel_dma_t dma;
    uint64_t table, available_ring, used_ring; /* addresses, for the device */
    uint16_t size;                             /* descriptors, a power of two */
    uint16_t free, free_count;
    uint16_t made_available, used; /* requests so far, as the rings count them */
    uint16_t outstanding;
    bool broken;
    uint16_t index;         /* of the device's queues, which this one is ... */
    uint64_t notify_offset; /* ... and where the device is told; both for services/virtio_pci.h */
    struct services_virtqueue_slot slots[SERVICES_VIRTQUEUE_SIZE_MAX];
};

/* Memory of whole pages that driver and device share, by the device's address of it; `direction` as in
 * keel/dma.h. On an error nothing is mapped, or what `dma` names. Errors: those of keel_segment_alloc,
 * keel_dma_map and keel_dma_info. */
keel_status_t services_virtqueue_map(keel_pci_device_t device, uint64_t size, uint32_t direction,
                                     keel_dma_t *dma, uint64_t *address);

/* A queue of `size` descriptors, a power of two up to SERVICES_VIRTQUEUE_SIZE_MAX, for a device for which DMA
 * is enabled. `interrupts`: the device is to interrupt when it has used a request. Errors: E_INVALID (size),
 * and those of keel_segment_alloc and keel_dma_map. */
keel_status_t services_virtqueue_create(struct services_virtqueue *queue, keel_pci_device_t device,
                                        uint16_t size, bool interrupts);
/* The device reaches the page no more when it returns. Of a queue that was not created: nothing happens. */
void services_virtqueue_destroy(struct services_virtqueue *queue);

/* Makes a request of `count` parts available: those that the device reads, then those that it writes. `id`
 * names it until it is taken. The device may have it from now on, though it need not look before it is told.
 * Errors: E_INVALID (no part, an order or sizes that cannot be), E_LIMIT (not so many descriptors are free),
 * E_MALFORMED (the queue is broken), and those of keel_dma_write. */
keel_status_t services_virtqueue_add(struct services_virtqueue *queue,
                                     const struct services_virtqueue_part *parts, uint16_t count,
                                     uint16_t *id);
/* Takes a request that the device has used: which one, and how many bytes it says that it has written.
 * Errors: E_NOT_FOUND (none), E_MALFORMED (the device lies; or did before), and those of keel_dma_load. */
keel_status_t services_virtqueue_take(struct services_virtqueue *queue, uint16_t *id, uint32_t *written);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A virtio disk (Virtual I/O Device specification 1.2, 5.2): sectors of 512 bytes, read and written one
 * request after the other, through memory of the driver's own, so that callers' buffers are never the
 * device's.
 *
 * A device that lies (KEEL_E_MALFORMED) or does not answer in time (KEEL_E_TIMEOUT, after
 * SERVICES_VIRTIO_PATIENCE) is given up: it is told
 * to reset itself, and all that follows is KEEL_E_BUSY until it is closed and opened again. What it gives as
 * a sector's contents is its own affair; but no byte comes back that it has not said that it has written.
 *
 * Any number of tasks may use an open disk; who closes it makes sure that none does. Context of all: task.
 */
#ifndef SERVICES_VIRTIO_BLK_H
#define SERVICES_VIRTIO_BLK_H

#include "services/virtio_channel.h"

#define SERVICES_VIRTIO_BLK_SECTOR 512u
/* Bytes that one request moves at most. */
#define SERVICES_VIRTIO_BLK_CHUNK 16384u

struct services_virtio_blk {
    struct services_virtio_device device;
    struct services_virtio_channel channel;
    keel_dma_t request; /* the device may read it, ... */
    keel_dma_t answer;  /* write it, ... */
    keel_dma_t data;    /* and both */
    uint64_t request_address, answer_address, data_address;
    uint64_t sector_count; /* as the device said when it was opened */
    bool read_only, flushes;
};

/* Opens the virtio disk that PCI device `pci_index` is. `disk` is used in interrupt context until it is
 * closed. Errors: those of services_virtio_open, services_virtio_channel_open and services_virtio_start, and
 * services_virtqueue_map; E_UNSUPPORTED also if its queue has no room for a request.
 */
keel_status_t services_virtio_blk_open(struct services_virtio_blk *disk, uint32_t pci_index);
/* Whatever the device does, it reaches none of the driver's memory any more. */
void services_virtio_blk_close(struct services_virtio_blk *disk);

/* Sectors [sector, sector + count), all of them, or as many from the first on as there were before an error.
 * Errors: E_INVALID (not so many sectors), E_DENIED (the device reports an error; or writing, it is
 * read-only), E_UNSUPPORTED (the device does not know the request), E_CANCELED (before the first request),
 * E_BUSY, E_MALFORMED, E_TIMEOUT (see above). */
keel_status_t services_virtio_blk_read(struct services_virtio_blk *disk, uint64_t sector, void *buffer,
                                       uint64_t count);
keel_status_t services_virtio_blk_write(struct services_virtio_blk *disk, uint64_t sector, const void *buffer,
                                        uint64_t count);
/* When it returns, what was written before is where it stays without power, as far as the device says. */
keel_status_t services_virtio_blk_flush(struct services_virtio_blk *disk);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A virtio entropy source (Virtual I/O Device specification 1.2, 5.4).
 *
 * What it gives may be known to others, or the same each time: it is to be mixed with what comes from
 * elsewhere. No byte comes back that the device has not said that it has written.
 *
 * A device that lies (KEEL_E_MALFORMED) or does not answer in time (KEEL_E_TIMEOUT, after
 * SERVICES_VIRTIO_PATIENCE) is given up: it is told to reset itself, and all that follows is KEEL_E_BUSY
 * until it is closed and opened again.
 *
 * Any number of tasks may use an open source; who closes it makes sure that none does. Context of all: task.
 */
#ifndef SERVICES_VIRTIO_RNG_H
#define SERVICES_VIRTIO_RNG_H

#include "services/virtio_channel.h"

/* Bytes that the device is asked for at once, at most. */
#define SERVICES_VIRTIO_RNG_CHUNK 256u

struct services_virtio_rng {
    struct services_virtio_device device;
    struct services_virtio_channel channel;
};

/* Opens the entropy source that PCI device `pci_index` is. `rng` is used in interrupt context until it is
 * closed. Errors: those of services_virtio_open, services_virtio_channel_open and _buffers, and
 * services_virtio_start. */
keel_status_t services_virtio_rng_open(struct services_virtio_rng *rng, uint32_t pci_index);
/* Whatever the device does, it reaches none of the driver's memory any more. */
void services_virtio_rng_close(struct services_virtio_rng *rng);

/* All of `size` bytes; on an error some may have been written. Errors: E_CANCELED (before the first request),
 * E_BUSY, E_MALFORMED, E_TIMEOUT (see above). */
keel_status_t services_virtio_rng_read(struct services_virtio_rng *rng, void *bytes, uint64_t size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A virtio network device (Virtual I/O Device specification 1.2, 5.1): Ethernet frames, sent and received
 * through buffers of the driver's own, so that callers' buffers are never the device's. No checksums or
 * segments are left to the device. Frames that come while all buffers are full are the device's to drop.
 *
 * A device that lies (KEEL_E_MALFORMED) or takes no frame for SERVICES_VIRTIO_PATIENCE (KEEL_E_TIMEOUT, of
 * sending) is given up: it is told to reset itself, and all that follows is KEEL_E_BUSY until it is closed
 * and opened again. What is in a frame is anybody's affair; but no byte comes back that the device has not
 * said that it has written.
 *
 * Any number of tasks may use an open device, at once for sending and receiving; who closes it makes sure
 * that none does. Context of all: task.
 */
#ifndef SERVICES_VIRTIO_NET_H
#define SERVICES_VIRTIO_NET_H

#include "services/virtio_channel.h"

#define SERVICES_VIRTIO_NET_MAC_SIZE 6u
/* Bytes of a frame: two addresses, a type, and as much as Ethernet carries; without a checksum. */
#define SERVICES_VIRTIO_NET_FRAME_MIN 14u
#define SERVICES_VIRTIO_NET_FRAME_MAX 1514u
/* Frames that wait in either direction, at most. */
#define SERVICES_VIRTIO_NET_BUFFERS 16u

struct services_virtio_net {
    struct services_virtio_device device;
    struct services_virtio_channel in, out;
    uint8_t mac[SERVICES_VIRTIO_NET_MAC_SIZE];
};

/* Opens the network device that PCI device `pci_index` is, whose address is then in `mac`. `net` is used in
 * interrupt context until it is closed. Errors: E_UNSUPPORTED (it has no address), E_MALFORMED (that is not
 * one device's), and those of services_virtio_open, services_virtio_channel_open, _buffers and _offer,
 * services_virtio_config, and services_virtio_start. */
keel_status_t services_virtio_net_open(struct services_virtio_net *net, uint32_t pci_index);
/* Whatever the device does, it reaches none of the driver's memory any more. Frames that it has not taken so
 * far are not sent. */
void services_virtio_net_close(struct services_virtio_net *net);

/* Gives the device a frame, which may be read over at once. Errors: E_INVALID (size), E_CANCELED (it was not
 * sent), E_BUSY, E_MALFORMED, E_TIMEOUT (see above). */
keel_status_t services_virtio_net_send(struct services_virtio_net *net, const void *frame, uint32_t size);

/* The next frame, of `size` bytes, to `frame`, which has room for SERVICES_VIRTIO_NET_FRAME_MAX. It may be
 * shorter than any frame should be. Waits `timeout` nanoseconds for those that receive already, and then for
 * a frame. Errors: E_TIMEOUT (there was none; the device is not given up), E_CANCELED, E_BUSY, E_MALFORMED
 * (see above). */
keel_status_t services_virtio_net_receive(struct services_virtio_net *net, void *frame, uint32_t *size,
                                          uint64_t timeout);

#endif

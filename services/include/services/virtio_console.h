/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A virtio console of one port (Virtual I/O Device specification 1.2, 5.3): bytes, sent and received through
 * buffers of the driver's own, so that callers' buffers are never the device's.
 *
 * A device that lies (KEEL_E_MALFORMED) or does not take bytes for SERVICES_VIRTIO_PATIENCE (KEEL_E_TIMEOUT,
 * of sending) is given up: it is told to reset itself, and all that follows is KEEL_E_BUSY until it is closed
 * and opened again. No byte comes back that the device has not said that it has written.
 *
 * Any number of tasks may use an open console, at once for sending and receiving; who closes it makes sure
 * that none does. Context of all: task.
 */
#ifndef SERVICES_VIRTIO_CONSOLE_H
#define SERVICES_VIRTIO_CONSOLE_H

#include "services/virtio_channel.h"

/* Bytes of a buffer, and how many of these there are in either direction, at most. */
#define SERVICES_VIRTIO_CONSOLE_CHUNK   256u
#define SERVICES_VIRTIO_CONSOLE_BUFFERS 8u

struct services_virtio_console {
    struct services_virtio_device device;
    struct services_virtio_channel in, out;
    /* Of who has entered `in`: a buffer that has come, and its bytes that are left, [from, end). */
    uint16_t id;
    uint32_t from, end;
};

/* Opens the console that PCI device `pci_index` is. `console` is used in interrupt context until it is
 * closed. Errors: those of services_virtio_open, services_virtio_channel_open, _buffers and _offer, and
 * services_virtio_start. */
keel_status_t services_virtio_console_open(struct services_virtio_console *console, uint32_t pci_index);
/* Whatever the device does, it reaches none of the driver's memory any more. */
void services_virtio_console_close(struct services_virtio_console *console);

/* The device has all bytes when it returns. Errors: E_CANCELED (none was sent), E_BUSY, E_MALFORMED,
 * E_TIMEOUT (see above; some may have been sent). */
keel_status_t services_virtio_console_send(struct services_virtio_console *console, const void *bytes,
                                           uint64_t size);

/* As many bytes as there are, at least 1 and at most `size`; `count` gets how many. Waits `timeout`
 * nanoseconds for those that receive already, and then for a byte. Errors: E_INVALID (size 0), E_TIMEOUT
 * (there was none; the device is not given up), E_CANCELED, E_BUSY, E_MALFORMED (see above). */
keel_status_t services_virtio_console_receive(struct services_virtio_console *console, void *bytes,
                                              uint32_t size, uint32_t *count, uint64_t timeout);

#endif

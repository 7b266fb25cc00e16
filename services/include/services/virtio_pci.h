/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A virtio device on PCI, as version 1 of the specification has it (Virtual I/O Device specification 1.2, 3.1
 * and 4.1): found, reset, its features agreed upon, its queues and its configuration. What it is for, the
 * driver on top knows.
 *
 * A device that does not offer VIRTIO_F_ACCESS_PLATFORM is refused: it would go by physical addresses, past
 * the remapping hardware. (In QEMU: iommu_platform=on.) What it answers is checked where it is used, and
 * waited for so long and no longer. Context of all: task; calls on one device come one at a time, but for
 * those on different queues and _give_up.
 */
#ifndef SERVICES_VIRTIO_PCI_H
#define SERVICES_VIRTIO_PCI_H

#include <stdbool.h>

#include "keel/io_memory.h"
#include "keel/pci.h"
#include "services/virtqueue.h"

#define SERVICES_VIRTIO_VENDOR UINT16_C(0x1af4)

/* Types of device (5). */
#define SERVICES_VIRTIO_NETWORK UINT16_C(1)
#define SERVICES_VIRTIO_BLOCK   UINT16_C(2)
#define SERVICES_VIRTIO_CONSOLE UINT16_C(3)
#define SERVICES_VIRTIO_ENTROPY UINT16_C(4)

/* For this long a device is waited for that is to reset itself. */
#define SERVICES_VIRTIO_RESET_NS UINT64_C(1000000000)

struct services_virtio_device {
    keel_pci_device_t pci;
    keel_io_memory_t common, notify, config; /* parts of BARs; config: or none, if the device has none */
    uint32_t notify_multiplier;
    uint64_t notify_size;
    uint64_t features;     /* agreed upon */
    _Atomic bool given_up; /* it lied, or did not answer in time */
};

/* The device `nth` (from 0) of this type among the PCI devices. Errors: E_NOT_FOUND. */
keel_status_t services_virtio_find(uint16_t type, uint32_t nth, uint32_t *pci_index);

/* Acquires the device, resets it and agrees on features: of those that it offers, VERSION_1, ACCESS_PLATFORM
 * and what is in `wanted`. DMA is enabled for it, and nothing mapped. It does nothing before
 * services_virtio_start. Errors: E_UNSUPPORTED (not such a device, or it does not offer the first two, or
 * does not accept what was agreed), E_MALFORMED (its parts are nowhere), E_TIMEOUT (it does not reset
 * itself), and those of keel_pci_device_acquire, keel_pci_bar_acquire and keel_dma_enable. */
keel_status_t services_virtio_open(struct services_virtio_device *device, uint32_t pci_index, uint16_t type,
                                   uint64_t wanted);
/* The device is reset, reaches no memory and is given back; also one whose opening failed. Its queues are
 * destroyed after that, by their owner. */
void services_virtio_close(struct services_virtio_device *device);

/* No message: the queue's owner looks by itself. */
#define SERVICES_VIRTIO_NO_MESSAGE UINT16_MAX

/* Makes queue `index` of the device, with as many descriptors as both can have, at most `most`. When it has
 * used a request the device sends its message number `message`, which is open (keel/pci.h). Before _start.
 * Errors: E_NOT_FOUND (there is none), E_UNSUPPORTED (it does not take the message), E_MALFORMED (it cannot
 * be told of requests, or not be enabled), and those of services_virtqueue_create. */
keel_status_t services_virtio_queue(const struct services_virtio_device *device, uint16_t index,
                                    uint16_t message, uint16_t most, struct services_virtqueue *queue);
/* From now on the device serves its queues. Errors: E_UNSUPPORTED (it says that it cannot). */
keel_status_t services_virtio_start(struct services_virtio_device *device);
/* Tells the device to look at the queue. */
keel_status_t services_virtio_notify(const struct services_virtio_device *device,
                                     const struct services_virtqueue *queue);
/* The device is not used any more until it is closed: it is to reset itself, and is not waited for. Whatever
 * it still does, it does to what is mapped. */
void services_virtio_give_up(struct services_virtio_device *device);

/* `size` bytes of the device's own configuration, up to 64, as they were at one moment. Errors: E_INVALID (it
 * has not so much), E_TIMEOUT (it changes all the time). */
keel_status_t services_virtio_config(const struct services_virtio_device *device, uint64_t offset,
                                     uint8_t *bytes, uint32_t size);

#endif

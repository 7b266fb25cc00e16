/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One queue of a virtio device with what a driver needs around it: the message by which the device
 * interrupts, waiting for what it has used, and buffers that are the driver's own.
 *
 * A device that has no message for the queue, or does not take it, is looked at now and then; that costs
 * time, but nothing else, and so does one that forgets to interrupt.
 *
 * With buffers, each descriptor has one, and each request is one: so the queue's number of a request is the
 * buffer's, and whatever number the device names is one that it has. A driver reads of a buffer what the
 * device says that it has written, at most.
 *
 * Calls on one channel come one at a time, by who has entered it. Context of all: task.
 */
#ifndef SERVICES_VIRTIO_CHANNEL_H
#define SERVICES_VIRTIO_CHANNEL_H

#include "keel/irq.h"
#include "keel/sync.h"
#include "services/virtio_pci.h"

/* For so many nanoseconds a device may work on what does not depend on others. */
#define SERVICES_VIRTIO_PATIENCE UINT64_C(30000000000)

struct services_virtio_channel {
    struct services_virtio_device *device;
    struct services_virtqueue queue;
    keel_mutex_t mutex;         /* over the channel, and what its driver has about it */
    keel_event_t used;          /* signalled when the device interrupts */
    keel_irq_handler_t handler; /* zero: it does not, and is polled */
    keel_dma_t dma;             /* of the buffers */
    uint64_t address;           /* of the first one */
    uint32_t stride;            /* from one to the next */
    bool written;               /* the device writes them; otherwise it reads */
};

/* Makes queue `index` of the device, of `most` descriptors at most; its message is number `index`. `channel`
 * is used in interrupt context until it is closed. Errors: those of services_virtio_queue but E_UNSUPPORTED,
 * and of keel_mutex_create. */
keel_status_t services_virtio_channel_open(struct services_virtio_channel *channel,
                                           struct services_virtio_device *device, uint16_t index,
                                           uint16_t most);
/* After services_virtio_close: the device is done with its queue. Of a channel that was not opened: nothing
 * happens. */
void services_virtio_channel_close(struct services_virtio_channel *channel);

/* Waits `timeout` nanoseconds for others who have entered. Errors: E_TIMEOUT, E_CANCELED, E_BAD_HANDLE (it is
 * closed), E_BUSY (the device is given up). */
keel_status_t services_virtio_channel_enter(const struct services_virtio_channel *channel, uint64_t timeout);
void services_virtio_channel_leave(const struct services_virtio_channel *channel);

/* Takes a request that the device has used, and waits for one if there is none. `stays`: a task that is asked
 * to end waits all the same, since the device has what it works on. Errors: E_TIMEOUT (none within `timeout`
 * nanoseconds), E_CANCELED (without `stays`), and those of services_virtqueue_take but E_NOT_FOUND. */
keel_status_t services_virtio_channel_wait(struct services_virtio_channel *channel, uint64_t timeout,
                                           bool stays, uint16_t *id, uint32_t *written);

/* --- With buffers --- */

/* Gives each descriptor a buffer of `size` bytes, which the device writes, or reads; its contents are zero.
 * Before services_virtio_start. Errors: those of services_virtqueue_map. */
keel_status_t services_virtio_channel_buffers(struct services_virtio_channel *channel, uint32_t size,
                                              bool written);
/* The device may write `size` bytes into the next free buffer. Errors: E_LIMIT (none is free), and those of
 * services_virtqueue_add and services_virtio_notify. */
keel_status_t services_virtio_channel_offer(struct services_virtio_channel *channel, uint32_t size);
/* All of them. */
keel_status_t services_virtio_channel_offer_all(struct services_virtio_channel *channel, uint32_t size);
/* Bytes [from, from + size) of a buffer, which has been written so far. Errors: those of keel_dma_read. */
keel_status_t services_virtio_channel_read(const struct services_virtio_channel *channel, uint16_t id,
                                           uint32_t from, void *bytes, uint32_t size);
/* The device gets a buffer of `head` bytes, which are zero, and `size` more of these. Waits for a free one if
 * there is none. What the device did wrong with earlier ones comes out here. Errors: E_TIMEOUT (none was free
 * for SERVICES_VIRTIO_PATIENCE), and those of _wait, keel_dma_write, and of _offer. */
keel_status_t services_virtio_channel_send(struct services_virtio_channel *channel, uint32_t head,
                                           const void *bytes, uint32_t size);
/* The device has used all that was sent when it returns. Errors: E_TIMEOUT (not within
 * SERVICES_VIRTIO_PATIENCE), and those of services_virtqueue_take. */
keel_status_t services_virtio_channel_drain(struct services_virtio_channel *channel);

#endif

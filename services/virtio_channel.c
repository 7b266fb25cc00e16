/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A queue, its interrupt and its buffers, see services/virtio_channel.h.
 */
#include "services/virtio_channel.h"

#include "keel/machine.h"
#include "keel/task.h"
#include "elapsed.h"

/* How long to wait between two looks, if nothing interrupts: soon at first, since most requests are quick. */
#define NAP_FIRST_NS UINT64_C(20000)
#define NAP_LAST_NS  UINT64_C(5000000)

/* --- Its life --- */

static uint32_t handle(void *context)
{
    const struct services_virtio_channel *channel = context;
    uint32_t woken = 0;
    (void)keel_event_signal(channel->used, 1, &woken);
    return KEEL_IRQ_HANDLED;
}

/* The handler has run for the last time when it returns. */
static void end_interrupts(struct services_virtio_channel *channel)
{
    while (keel_irq_handler_disable(channel->handler) == KEEL_E_BUSY) {
        (void)keel_cpu_relax();
    }
    (void)keel_irq_handler_release(channel->handler);
    (void)keel_event_release(channel->used);
    channel->handler = (keel_irq_handler_t){0};
    channel->used = (keel_event_t){0};
}

static keel_status_t begin_interrupts(struct services_virtio_channel *channel, uint16_t message)
{
    struct keel_irq_handler_options options = {.handler = handle, .context = channel};
    keel_status_t status = keel_pci_message_open(channel->device->pci, message, &options.source);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_event_create(&channel->used);
    if (status == KEEL_OK) {
        status = keel_irq_handler_create(&options, &channel->handler);
    }
    if (status == KEEL_OK) {
        status = keel_irq_handler_enable(channel->handler);
    }
    if (status != KEEL_OK) {
        end_interrupts(channel);
        (void)keel_pci_message_close(channel->device->pci, message);
    }
    return status;
}

/* A device that has no message, or does not take it for its queue, is polled. */
static keel_status_t make_queue(struct services_virtio_channel *channel, uint16_t index, uint16_t most)
{
    if (begin_interrupts(channel, index) == KEEL_OK) {
        keel_status_t status = services_virtio_queue(channel->device, index, index, most, &channel->queue);
        if (status == KEEL_OK) {
            return KEEL_OK;
        }
        end_interrupts(channel);
        (void)keel_pci_message_close(channel->device->pci, index);
        if (status != KEEL_E_UNSUPPORTED) {
            return status;
        }
    }
    return services_virtio_queue(channel->device, index, SERVICES_VIRTIO_NO_MESSAGE, most, &channel->queue);
}

keel_status_t services_virtio_channel_open(struct services_virtio_channel *channel,
                                           struct services_virtio_device *device, uint16_t index,
                                           uint16_t most)
{
    *channel = (struct services_virtio_channel){.device = device};
    keel_status_t status = keel_mutex_create(&channel->mutex);
    return status == KEEL_OK ? make_queue(channel, index, most) : status;
}

/* Handles that were not made are zero, and refused. The message is closed with the device. */
void services_virtio_channel_close(struct services_virtio_channel *channel)
{
    end_interrupts(channel);
    services_virtqueue_destroy(&channel->queue);
    (void)keel_dma_release(channel->dma);
    (void)keel_mutex_release(channel->mutex);
    *channel = (struct services_virtio_channel){.device = NULL};
}

/* --- Waiting --- */

keel_status_t services_virtio_channel_enter(const struct services_virtio_channel *channel, uint64_t timeout)
{
    keel_status_t status = keel_mutex_lock(channel->mutex, timeout);
    if (status == KEEL_OK && channel->device->given_up) {
        (void)keel_mutex_unlock(channel->mutex);
        return KEEL_E_BUSY;
    }
    return status;
}

void services_virtio_channel_leave(const struct services_virtio_channel *channel)
{
    (void)keel_mutex_unlock(channel->mutex);
}

/* Until the device interrupts, if it does, but not for long: it may have forgotten to. */
static keel_status_t pause(const struct services_virtio_channel *channel, uint64_t sequence, uint64_t nap,
                           uint64_t left)
{
    bool interrupts = channel->handler.value != 0;
    nap = interrupts ? NAP_LAST_NS : nap;
    nap = nap < left ? nap : left;
    keel_status_t status = interrupts ? keel_event_wait(channel->used, sequence, nap) : keel_task_sleep(nap);
    return status == KEEL_E_TIMEOUT ? KEEL_OK : status;
}

keel_status_t services_virtio_channel_wait(struct services_virtio_channel *channel, uint64_t timeout,
                                           bool stays, uint16_t *id, uint32_t *written)
{
    uint64_t start = 0, passed = 0, nap = NAP_FIRST_NS, sequence = 0;
    (void)keel_time_now(&start);
    for (;;) {
        (void)keel_event_sequence(channel->used, &sequence);
        keel_status_t status = services_virtqueue_take(&channel->queue, id, written);
        if (status != KEEL_E_NOT_FOUND) {
            return status;
        }
        status = services_elapsed(start, &passed);
        if (status != KEEL_OK || passed >= timeout) {
            return status != KEEL_OK ? status : KEEL_E_TIMEOUT;
        }
        status = pause(channel, sequence, nap, timeout - passed);
        if (status != KEEL_OK && !stays) {
            return status;
        }
        if (status != KEEL_OK) {
            (void)keel_task_yield(); /* it has been asked to end, perhaps for ever */
        }
        nap = nap < NAP_LAST_NS ? 2 * nap : nap;
    }
}

/* --- Buffers --- */

keel_status_t services_virtio_channel_buffers(struct services_virtio_channel *channel, uint32_t size,
                                              bool written)
{
    channel->stride = size;
    channel->written = written;
    return services_virtqueue_map(channel->device->pci, (uint64_t)size * channel->queue.size,
                                  written ? KEEL_DMA_FROM_DEVICE : KEEL_DMA_TO_DEVICE, &channel->dma,
                                  &channel->address);
}

/* The next request will be of the first free descriptor, if there is any. */
static uint64_t next_offset(const struct services_virtio_channel *channel)
{
    return (uint64_t)channel->queue.free * channel->stride;
}

keel_status_t services_virtio_channel_offer(struct services_virtio_channel *channel, uint32_t size)
{
    const struct services_virtqueue_part part = {channel->address + next_offset(channel), size,
                                                 channel->written};
    uint16_t id;
    if (size > channel->stride) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = services_virtqueue_add(&channel->queue, &part, 1, &id);
    return status == KEEL_OK ? services_virtio_notify(channel->device, &channel->queue) : status;
}

keel_status_t services_virtio_channel_offer_all(struct services_virtio_channel *channel, uint32_t size)
{
    keel_status_t status = KEEL_OK;
    while (status == KEEL_OK && channel->queue.free_count > 0) {
        status = services_virtio_channel_offer(channel, size);
    }
    return status;
}

keel_status_t services_virtio_channel_read(const struct services_virtio_channel *channel, uint16_t id,
                                           uint32_t from, void *bytes, uint32_t size)
{
    return keel_dma_read(channel->dma, (uint64_t)id * channel->stride + from, bytes, size);
}

/* Takes what has been used, and waits until one buffer is free. */
static keel_status_t make_room(struct services_virtio_channel *channel)
{
    uint32_t written;
    uint16_t id;
    keel_status_t status;
    do {
        status = services_virtqueue_take(&channel->queue, &id, &written);
    } while (status == KEEL_OK);
    if (status != KEEL_E_NOT_FOUND || channel->queue.free_count > 0) {
        return status == KEEL_E_NOT_FOUND ? KEEL_OK : status;
    }
    return services_virtio_channel_wait(channel, SERVICES_VIRTIO_PATIENCE, true, &id, &written);
}

keel_status_t services_virtio_channel_send(struct services_virtio_channel *channel, uint32_t head,
                                           const void *bytes, uint32_t size)
{
    if (head > channel->stride || size > channel->stride - head) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = make_room(channel);
    if (status == KEEL_OK) {
        status = keel_dma_write(channel->dma, next_offset(channel) + head, bytes, size);
    }
    return status == KEEL_OK ? services_virtio_channel_offer(channel, head + size) : status;
}

keel_status_t services_virtio_channel_drain(struct services_virtio_channel *channel)
{
    keel_status_t status = KEEL_OK;
    uint32_t written;
    uint16_t id;
    while (status == KEEL_OK && channel->queue.outstanding > 0) {
        status = services_virtio_channel_wait(channel, SERVICES_VIRTIO_PATIENCE, true, &id, &written);
    }
    return status;
}

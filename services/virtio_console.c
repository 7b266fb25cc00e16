/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The console of services/virtio_console.h: the queues of port 0, which is all that there is without
 * VIRTIO_CONSOLE_F_MULTIPORT.
 */
#include "services/virtio_console.h"

#define CHUNK SERVICES_VIRTIO_CONSOLE_CHUNK

enum { QUEUE_IN = 0, QUEUE_OUT = 1 };

static keel_status_t begin(struct services_virtio_console *console)
{
    keel_status_t status = services_virtio_channel_open(&console->in, &console->device, QUEUE_IN,
                                                        SERVICES_VIRTIO_CONSOLE_BUFFERS);
    if (status == KEEL_OK) {
        status = services_virtio_channel_buffers(&console->in, CHUNK, true);
    }
    if (status == KEEL_OK) {
        status = services_virtio_channel_open(&console->out, &console->device, QUEUE_OUT,
                                              SERVICES_VIRTIO_CONSOLE_BUFFERS);
    }
    if (status == KEEL_OK) {
        status = services_virtio_channel_buffers(&console->out, CHUNK, false);
    }
    if (status == KEEL_OK) {
        status = services_virtio_start(&console->device);
    }
    return status == KEEL_OK ? services_virtio_channel_offer_all(&console->in, CHUNK) : status;
}

keel_status_t services_virtio_console_open(struct services_virtio_console *console, uint32_t pci_index)
{
    *console = (struct services_virtio_console){.end = 0};
    keel_status_t status = services_virtio_open(&console->device, pci_index, SERVICES_VIRTIO_CONSOLE, 0);
    if (status == KEEL_OK) {
        status = begin(console);
    }
    if (status != KEEL_OK) {
        services_virtio_console_close(console);
    }
    return status;
}

/* Handles that were not made are zero, and refused. */
void services_virtio_console_close(struct services_virtio_console *console)
{
    services_virtio_close(&console->device);
    services_virtio_channel_close(&console->in);
    services_virtio_channel_close(&console->out);
    *console = (struct services_virtio_console){.end = 0};
}

/* --- Sending; the channel is entered --- */

static keel_status_t send(struct services_virtio_console *console, const uint8_t *from, uint64_t size)
{
    keel_status_t status = KEEL_OK;
    while (status == KEEL_OK && size > 0) {
        uint32_t some = size < CHUNK ? (uint32_t)size : CHUNK;
        status = services_virtio_channel_send(&console->out, 0, from, some);
        from += some;
        size -= some;
    }
    if (status == KEEL_OK) {
        status = services_virtio_channel_drain(&console->out);
    }
    if (status != KEEL_OK) {
        services_virtio_give_up(&console->device);
    }
    return status;
}

keel_status_t services_virtio_console_send(struct services_virtio_console *console, const void *bytes,
                                           uint64_t size)
{
    keel_status_t status = services_virtio_channel_enter(&console->out, KEEL_FOREVER);
    if (status != KEEL_OK) {
        return status;
    }
    status = send(console, bytes, size);
    services_virtio_channel_leave(&console->out);
    return status;
}

/* --- Receiving; the channel is entered --- */

/* Some bytes of the buffer that has come. The device gets it back with the last one. */
static keel_status_t take_bytes(struct services_virtio_console *console, void *bytes, uint32_t size,
                                uint32_t *count)
{
    uint32_t left = console->end - console->from, some = size < left ? size : left;
    keel_status_t status =
        services_virtio_channel_read(&console->in, console->id, console->from, bytes, some);
    console->from += some;
    if (status == KEEL_OK && console->from == console->end) {
        status = services_virtio_channel_offer(&console->in, CHUNK);
    }
    *count = some;
    return status;
}

static keel_status_t receive(struct services_virtio_console *console, void *bytes, uint32_t size,
                             uint32_t *count, uint64_t timeout)
{
    keel_status_t status = KEEL_OK;
    if (console->from == console->end) {
        status = services_virtio_channel_wait(&console->in, timeout, false, &console->id, &console->end);
        if (status == KEEL_E_TIMEOUT || status == KEEL_E_CANCELED) {
            return status;
        }
        console->from = 0;
        if (status == KEEL_OK && console->end == 0) {
            status = KEEL_E_MALFORMED; /* it could go on with nothing for ever */
        }
    }
    if (status == KEEL_OK) {
        status = take_bytes(console, bytes, size, count);
    }
    if (status != KEEL_OK) {
        services_virtio_give_up(&console->device);
    }
    return status;
}

keel_status_t services_virtio_console_receive(struct services_virtio_console *console, void *bytes,
                                              uint32_t size, uint32_t *count, uint64_t timeout)
{
    if (size == 0) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = services_virtio_channel_enter(&console->in, timeout);
    if (status != KEEL_OK) {
        return status;
    }
    status = receive(console, bytes, size, count, timeout);
    services_virtio_channel_leave(&console->in);
    return status;
}

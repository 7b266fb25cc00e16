/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The network device of services/virtio_net.h. Before each frame is a header about offloads (5.1.6), which
 * are not agreed upon: what is sent has a header of zeroes, and one that is received is not looked at.
 */
#include "services/virtio_net.h"

#define FEATURE_MAC (UINT64_C(1) << 5)

enum { QUEUE_IN = 0, QUEUE_OUT = 1 };
#define HEADER_SIZE  12u
#define REQUEST_SIZE (HEADER_SIZE + SERVICES_VIRTIO_NET_FRAME_MAX)
#define BUFFER_SIZE  2048u
#define MAC_GROUP    1u /* bit of an address's first byte: it is not one device's */

/* --- Opening --- */

static bool is_address(const uint8_t *mac)
{
    uint8_t any = 0;
    for (unsigned i = 0; i < SERVICES_VIRTIO_NET_MAC_SIZE; i++) {
        any |= mac[i];
    }
    return any != 0 && (mac[0] & MAC_GROUP) == 0;
}

static keel_status_t read_address(struct services_virtio_net *net)
{
    if ((net->device.features & FEATURE_MAC) == 0) {
        return KEEL_E_UNSUPPORTED;
    }
    keel_status_t status = services_virtio_config(&net->device, 0, net->mac, SERVICES_VIRTIO_NET_MAC_SIZE);
    return status == KEEL_OK && !is_address(net->mac) ? KEEL_E_MALFORMED : status;
}

static keel_status_t begin(struct services_virtio_net *net)
{
    keel_status_t status = read_address(net);
    if (status == KEEL_OK) {
        status = services_virtio_channel_open(&net->in, &net->device, QUEUE_IN, SERVICES_VIRTIO_NET_BUFFERS);
    }
    if (status == KEEL_OK) {
        status = services_virtio_channel_buffers(&net->in, BUFFER_SIZE, true);
    }
    if (status == KEEL_OK) {
        status =
            services_virtio_channel_open(&net->out, &net->device, QUEUE_OUT, SERVICES_VIRTIO_NET_BUFFERS);
    }
    if (status == KEEL_OK) {
        status = services_virtio_channel_buffers(&net->out, BUFFER_SIZE, false);
    }
    if (status == KEEL_OK) {
        status = services_virtio_start(&net->device);
    }
    return status == KEEL_OK ? services_virtio_channel_offer_all(&net->in, REQUEST_SIZE) : status;
}

keel_status_t services_virtio_net_open(struct services_virtio_net *net, uint32_t pci_index)
{
    *net = (struct services_virtio_net){.mac = {0}};
    keel_status_t status =
        services_virtio_open(&net->device, pci_index, SERVICES_VIRTIO_NETWORK, FEATURE_MAC);
    if (status == KEEL_OK) {
        status = begin(net);
    }
    if (status != KEEL_OK) {
        services_virtio_net_close(net);
    }
    return status;
}

/* Handles that were not made are zero, and refused. */
void services_virtio_net_close(struct services_virtio_net *net)
{
    services_virtio_close(&net->device);
    services_virtio_channel_close(&net->in);
    services_virtio_channel_close(&net->out);
    *net = (struct services_virtio_net){.mac = {0}};
}

/* --- Frames --- */

keel_status_t services_virtio_net_send(struct services_virtio_net *net, const void *frame, uint32_t size)
{
    if (size < SERVICES_VIRTIO_NET_FRAME_MIN || size > SERVICES_VIRTIO_NET_FRAME_MAX) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = services_virtio_channel_enter(&net->out, KEEL_FOREVER);
    if (status != KEEL_OK) {
        return status;
    }
    status = services_virtio_channel_send(&net->out, HEADER_SIZE, frame, size);
    if (status != KEEL_OK) {
        services_virtio_give_up(&net->device);
    }
    services_virtio_channel_leave(&net->out);
    return status;
}

/* The channel is entered. */
static keel_status_t take_frame(struct services_virtio_net *net, void *frame, uint32_t *size,
                                uint64_t timeout)
{
    uint32_t written = 0;
    uint16_t id = 0;
    keel_status_t status = services_virtio_channel_wait(&net->in, timeout, false, &id, &written);
    if (status == KEEL_E_TIMEOUT || status == KEEL_E_CANCELED) {
        return status;
    }
    if (status == KEEL_OK && written < HEADER_SIZE) {
        status = KEEL_E_MALFORMED;
    }
    if (status == KEEL_OK) {
        *size = written - HEADER_SIZE;
        status = services_virtio_channel_read(&net->in, id, HEADER_SIZE, frame, *size);
    }
    if (status == KEEL_OK) {
        status = services_virtio_channel_offer(&net->in, REQUEST_SIZE);
    }
    if (status != KEEL_OK) {
        services_virtio_give_up(&net->device);
    }
    return status;
}

keel_status_t services_virtio_net_receive(struct services_virtio_net *net, void *frame, uint32_t *size,
                                          uint64_t timeout)
{
    keel_status_t status = services_virtio_channel_enter(&net->in, timeout);
    if (status != KEEL_OK) {
        return status;
    }
    status = take_frame(net, frame, size, timeout);
    services_virtio_channel_leave(&net->in);
    return status;
}

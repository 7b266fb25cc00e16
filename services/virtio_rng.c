/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The entropy source of services/virtio_rng.h: a buffer goes out, and comes back with some random bytes.
 */
#include "services/virtio_rng.h"

#define CHUNK SERVICES_VIRTIO_RNG_CHUNK

static keel_status_t begin(struct services_virtio_rng *rng)
{
    keel_status_t status = services_virtio_channel_open(&rng->channel, &rng->device, 0, 1);
    if (status == KEEL_OK) {
        status = services_virtio_channel_buffers(&rng->channel, CHUNK, true);
    }
    return status == KEEL_OK ? services_virtio_start(&rng->device) : status;
}

keel_status_t services_virtio_rng_open(struct services_virtio_rng *rng, uint32_t pci_index)
{
    *rng = (struct services_virtio_rng){.channel = {0}};
    keel_status_t status = services_virtio_open(&rng->device, pci_index, SERVICES_VIRTIO_ENTROPY, 0);
    if (status == KEEL_OK) {
        status = begin(rng);
    }
    if (status != KEEL_OK) {
        services_virtio_rng_close(rng);
    }
    return status;
}

/* Handles that were not made are zero, and refused. */
void services_virtio_rng_close(struct services_virtio_rng *rng)
{
    services_virtio_close(&rng->device);
    services_virtio_channel_close(&rng->channel);
    *rng = (struct services_virtio_rng){.channel = {0}};
}

/* `size`: how many bytes are wanted, and then how many there are. The channel is
 * entered. */
static keel_status_t fetch(struct services_virtio_rng *rng, void *bytes, uint32_t *size)
{
    uint32_t written = 0;
    uint16_t id = 0;
    keel_status_t status = services_virtio_channel_offer(&rng->channel, *size);
    if (status == KEEL_OK) {
        status = services_virtio_channel_wait(&rng->channel, SERVICES_VIRTIO_PATIENCE, true, &id, &written);
    }
    if (status == KEEL_OK && written == 0) {
        status = KEEL_E_MALFORMED; /* it would be asked for ever (5.4.6.2) */
    }
    if (status == KEEL_OK) {
        status = services_virtio_channel_read(&rng->channel, id, 0, bytes, written);
    }
    *size = written;
    return status;
}

keel_status_t services_virtio_rng_read(struct services_virtio_rng *rng, void *bytes, uint64_t size)
{
    uint8_t *to = bytes;
    keel_status_t status = services_virtio_channel_enter(&rng->channel, KEEL_FOREVER);
    if (status != KEEL_OK) {
        return status;
    }
    while (status == KEEL_OK && size > 0) {
        uint32_t some = size < CHUNK ? (uint32_t)size : CHUNK;
        status = fetch(rng, to, &some);
        to += status == KEEL_OK ? some : 0;
        size -= status == KEEL_OK ? some : 0;
    }
    if (status != KEEL_OK) {
        services_virtio_give_up(&rng->device);
    }
    services_virtio_channel_leave(&rng->channel);
    return status;
}

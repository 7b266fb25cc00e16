/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A network device, connected to what the configuration says, and a host to connect it to (hosted/virtio.h).
 */
#include <string.h>

#include "state.h"
#include "virtio.h"

#define FEATURE_MAC (UINT64_C(1) << 5)
#define HEADER_SIZE 12u
enum { QUEUE_IN = 0, HEADER_BUFFERS = 10 };

static uint8_t coming[HEADER_SIZE + HOSTED_NETWORK_FRAME_MAX]; /* a frame that waits for a buffer */
static size_t coming_size;                                     /* of the frame; 0: there is none */

static const struct hosted_virtio *settings(void)
{
    return machine.config.network ? &machine.config.network->virtio : NULL;
}

static void power_on(void)
{
    coming_size = 0;
    memset(coming, 0, HEADER_SIZE);
    coming[HEADER_BUFFERS] = 1; /* it is in one buffer */
}

static uint64_t features(void)
{
    return machine.config.network->no_mac ? 0 : FEATURE_MAC;
}

static void config(uint8_t bytes[VIRTIO_CONFIG_SIZE])
{
    memcpy(bytes, machine.config.network->mac, sizeof machine.config.network->mac);
}

static bool wants(unsigned queue)
{
    const struct hosted_network *network = machine.config.network;
    if (queue == QUEUE_IN && coming_size == 0 && network->give) {
        coming_size = network->give(network->context, coming + HEADER_SIZE);
    }
    return queue != QUEUE_IN || coming_size > 0;
}

static bool serve(struct virtio_request *request, uint32_t *written)
{
    const struct hosted_network *network = machine.config.network;
    uint8_t going[HEADER_SIZE + HOSTED_NETWORK_FRAME_MAX];
    if (request->index == QUEUE_IN) {
        *written = (uint32_t)virtio_scatter(request, coming, HEADER_SIZE + coming_size);
        coming_size = 0;
        return *written > 0;
    }
    size_t size = virtio_gather(request, going, sizeof going);
    if (size <= HEADER_SIZE) {
        return false;
    }
    if (network->take) {
        network->take(network->context, going + HEADER_SIZE, size - HEADER_SIZE);
    }
    return true;
}

static const struct virtio_type type = {.queue_count = 2,
                                        .settings = settings,
                                        .power_on = power_on,
                                        .features = features,
                                        .config = config,
                                        .wants = wants,
                                        .serve = serve};
static struct virtio_device device = {.type = &type};
static const struct hosted_device model = VIRTIO_MODEL(&device);

const struct hosted_pci_function hosted_network_function =
    VIRTIO_FUNCTION(28, 1, 0x020000, 0xc4000, 0xd2000, &model);

/* --- A host that answers ARP (RFC 826) --- */

/* In a frame: the Ethernet header's parts, those of a packet for IPv4 over Ethernet, and its pairs of
 * addresses. */
enum { TARGET = 0, SENDER = 6, PACKET = 12, OPERATION = 20, FROM = 22, TO = 32, ARP_END = 42 };
enum { MAC_SIZE = 6, PAIR_SIZE = 10 };

void hosted_arp_take(void *context, const uint8_t *frame, size_t size)
{
    static const uint8_t request[] = {0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1};
    static const uint8_t host[PAIR_SIZE] = {0x52, 0x55, 10, 0, 2, 2, 10, 0, 2, 2};
    struct hosted_arp_host *arp = context;
    if (size < ARP_END || memcmp(frame + PACKET, request, sizeof request) != 0 ||
        memcmp(frame + TO + MAC_SIZE, host + MAC_SIZE, PAIR_SIZE - MAC_SIZE) != 0) {
        return;
    }
    memcpy(arp->answer + TARGET, frame + FROM, MAC_SIZE);
    memcpy(arp->answer + SENDER, host, MAC_SIZE);
    memcpy(arp->answer + PACKET, request, sizeof request);
    arp->answer[OPERATION + 1] = 2;
    memcpy(arp->answer + FROM, host, PAIR_SIZE);
    memcpy(arp->answer + TO, frame + FROM, PAIR_SIZE);
    arp->size = ARP_END;
}

size_t hosted_arp_give(void *context, uint8_t *frame)
{
    struct hosted_arp_host *arp = context;
    size_t size = arp->size;
    memcpy(frame, arp->answer, size);
    arp->size = 0;
    return size;
}

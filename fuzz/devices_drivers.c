/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The drivers of fuzz_devices, and what is behind their devices: a disk's contents, a network that sends back
 * what it gets, a console that is typed at.
 */
#include "devices_drivers.h"

#include <string.h>

#include "services/virtio_blk.h"
#include "services/virtio_console.h"
#include "services/virtio_net.h"
#include "services/virtio_rng.h"

#define SECTORS      64u
#define BYTES        (SECTORS * HOSTED_DISK_SECTOR)
#define SHORTLY      UINT64_C(1000000)
#define TYPED        600u
#define FRAME_MIN    SERVICES_VIRTIO_NET_FRAME_MIN
#define FRAME_RANGE  (SERVICES_VIRTIO_NET_FRAME_MAX - FRAME_MIN + 1u)
#define ENTROPY_UNIT 4u

static uint8_t buffer[BYTES];

/* --- Disk --- */

static uint8_t contents[BYTES];
static struct hosted_disk drive;
static struct services_virtio_blk disk;

static keel_status_t disk_open(uint32_t pci_index)
{
    return services_virtio_blk_open(&disk, pci_index);
}

static keel_status_t disk_request(const uint8_t bytes[REQUEST_SIZE])
{
    uint64_t sector = bytes[1] % (SECTORS + 2), count = bytes[2] % (SECTORS - 1) + 1u;
    switch (bytes[0] % 3) {
    case 0:
        return services_virtio_blk_read(&disk, sector, buffer, count);
    case 1:
        return services_virtio_blk_write(&disk, sector, buffer, count);
    default:
        return services_virtio_blk_flush(&disk);
    }
}

static void disk_close(void)
{
    services_virtio_blk_close(&disk);
}

/* --- Entropy source --- */

static struct hosted_entropy source;
static struct services_virtio_rng rng;

static keel_status_t rng_open(uint32_t pci_index)
{
    return services_virtio_rng_open(&rng, pci_index);
}

static keel_status_t rng_request(const uint8_t bytes[REQUEST_SIZE])
{
    return services_virtio_rng_read(&rng, buffer, bytes[1] * ENTROPY_UNIT);
}

static void rng_close(void)
{
    services_virtio_rng_close(&rng);
}

/* --- Network --- */

static struct hosted_network network;
static struct services_virtio_net net;
static uint8_t echoed[HOSTED_NETWORK_FRAME_MAX];
static size_t echoed_size;

static void echo(void *context, const uint8_t *frame, size_t size)
{
    (void)context;
    memcpy(echoed, frame, size);
    echoed_size = size;
}

static size_t give(void *context, uint8_t *frame)
{
    size_t size = echoed_size;
    (void)context;
    memcpy(frame, echoed, size);
    echoed_size = 0;
    return size;
}

static keel_status_t net_open(uint32_t pci_index)
{
    return services_virtio_net_open(&net, pci_index);
}

static keel_status_t net_request(const uint8_t bytes[REQUEST_SIZE])
{
    uint32_t size = 0;
    if (bytes[0] % 2 == 0) {
        return services_virtio_net_send(&net, buffer, FRAME_MIN + (bytes[1] * 8u + bytes[2]) % FRAME_RANGE);
    }
    return services_virtio_net_receive(&net, buffer, &size, bytes[1] % 4 * SHORTLY);
}

static void net_close(void)
{
    services_virtio_net_close(&net);
}

/* --- Console --- */

static struct hosted_console port;
static struct services_virtio_console console;

static keel_status_t console_open(uint32_t pci_index)
{
    return services_virtio_console_open(&console, pci_index);
}

static keel_status_t console_request(const uint8_t bytes[REQUEST_SIZE])
{
    uint32_t count = 0;
    if (bytes[0] % 2 == 0) {
        return services_virtio_console_send(&console, buffer, bytes[1] * 16u);
    }
    return services_virtio_console_receive(&console, buffer, bytes[1], &count, bytes[2] % 4 * SHORTLY);
}

static void console_close(void)
{
    services_virtio_console_close(&console);
}

/* --- All of them --- */

const struct driver drivers[DRIVERS] = {
    {"disk", &hosted_disk_function, &drive.virtio, disk_open, disk_request, disk_close},
    {"rng", &hosted_entropy_function, &source.virtio, rng_open, rng_request, rng_close},
    {"net", &hosted_network_function, &network.virtio, net_open, net_request, net_close},
    {"console", &hosted_console_function, &port.virtio, console_open, console_request, console_close},
};

void drivers_begin(struct hosted_config *config)
{
    drive = (struct hosted_disk){.bytes = contents, .size = sizeof(contents)};
    source = (struct hosted_entropy){.virtio = {0}};
    network = (struct hosted_network){.mac = {2, 0, 0, 0, 0, 1}, .take = echo, .give = give};
    port = (struct hosted_console){.input = contents, .input_size = TYPED};
    echoed_size = 0;
    config->disk = &drive;
    config->entropy = &source;
    config->network = &network;
    config->virtio_console = &port;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The virtio disk of services/virtio_blk.h. A request is three parts: what is wanted, the data, and one byte
 * by which the device answers (5.2.6).
 */
#include "services/virtio_blk.h"

#define SECTOR    SERVICES_VIRTIO_BLK_SECTOR
#define CHUNK     SERVICES_VIRTIO_BLK_CHUNK
#define NO_ANSWER 0xffu

enum { REQUEST_READ = 0, REQUEST_WRITE = 1, REQUEST_FLUSH = 4 };
enum { ANSWER_OK = 0, ANSWER_ERROR = 1, ANSWER_UNSUPPORTED = 2 };
#define FEATURE_READ_ONLY (UINT64_C(1) << 5)
#define FEATURE_FLUSH     (UINT64_C(1) << 9)

#define PARTS         3u /* of a request, each a descriptor */
#define REQUEST_SIZE  16u
#define CAPACITY_SIZE 8u

/* --- Opening --- */

static keel_status_t map_all(struct services_virtio_blk *disk)
{
    keel_pci_device_t pci = disk->device.pci;
    keel_status_t status =
        services_virtqueue_map(pci, REQUEST_SIZE, KEEL_DMA_TO_DEVICE, &disk->request, &disk->request_address);
    if (status == KEEL_OK) {
        status = services_virtqueue_map(pci, 1, KEEL_DMA_FROM_DEVICE, &disk->answer, &disk->answer_address);
    }
    if (status == KEEL_OK) {
        status = services_virtqueue_map(pci, CHUNK, KEEL_DMA_BOTH, &disk->data, &disk->data_address);
    }
    return status;
}

static keel_status_t begin(struct services_virtio_blk *disk)
{
    uint8_t capacity[CAPACITY_SIZE] = {0};
    keel_status_t status =
        services_virtio_channel_open(&disk->channel, &disk->device, 0, SERVICES_VIRTQUEUE_SIZE_MAX);
    if (status == KEEL_OK && disk->channel.queue.size < PARTS) {
        status = KEEL_E_UNSUPPORTED;
    }
    if (status == KEEL_OK) {
        status = map_all(disk);
    }
    if (status == KEEL_OK) {
        status = services_virtio_config(&disk->device, 0, capacity, CAPACITY_SIZE);
    }
    for (unsigned i = 0; i < CAPACITY_SIZE; i++) {
        disk->sector_count |= (uint64_t)capacity[i] << 8 * i;
    }
    disk->read_only = (disk->device.features & FEATURE_READ_ONLY) != 0;
    disk->flushes = (disk->device.features & FEATURE_FLUSH) != 0;
    return status == KEEL_OK ? services_virtio_start(&disk->device) : status;
}

keel_status_t services_virtio_blk_open(struct services_virtio_blk *disk, uint32_t pci_index)
{
    *disk = (struct services_virtio_blk){.sector_count = 0};
    keel_status_t status = services_virtio_open(&disk->device, pci_index, SERVICES_VIRTIO_BLOCK,
                                                FEATURE_READ_ONLY | FEATURE_FLUSH);
    if (status != KEEL_OK) {
        return status;
    }
    status = begin(disk);
    if (status != KEEL_OK) {
        services_virtio_blk_close(disk);
    }
    return status;
}

/* Handles that were not made are zero, and refused. */
void services_virtio_blk_close(struct services_virtio_blk *disk)
{
    services_virtio_close(&disk->device);
    services_virtio_channel_close(&disk->channel);
    (void)keel_dma_release(disk->request);
    (void)keel_dma_release(disk->answer);
    (void)keel_dma_release(disk->data);
    *disk = (struct services_virtio_blk){.sector_count = 0};
}

/* --- One request; the channel is entered --- */

static void put(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

static keel_status_t send(struct services_virtio_blk *disk, uint32_t type, uint64_t sector, uint32_t size)
{
    uint8_t request[REQUEST_SIZE] = {0};
    struct services_virtqueue_part parts[3] = {{disk->request_address, REQUEST_SIZE, false}};
    uint16_t count = 1, id;
    if (size > 0) {
        parts[count++] = (struct services_virtqueue_part){disk->data_address, size, type == REQUEST_READ};
    }
    parts[count++] = (struct services_virtqueue_part){disk->answer_address, 1, true};
    put(request, type, 4);
    put(request + 8, sector, 8);
    keel_status_t status = keel_dma_write(disk->request, 0, request, sizeof(request));
    if (status == KEEL_OK) {
        status = keel_dma_store(disk->answer, 0, 1, NO_ANSWER);
    }
    if (status == KEEL_OK) {
        status = services_virtqueue_add(&disk->channel.queue, parts, count, &id);
    }
    return status == KEEL_OK ? services_virtio_notify(&disk->device, &disk->channel.queue) : status;
}

static keel_status_t judge(const struct services_virtio_blk *disk, uint32_t written, uint32_t expected)
{
    uint64_t answer = NO_ANSWER;
    keel_status_t status = keel_dma_load(disk->answer, 0, 1, &answer);
    if (status != KEEL_OK) {
        return status;
    }
    switch (answer) {
    case ANSWER_OK:
        /* What it has not written is what another request left there. */
        return written == expected ? KEEL_OK : KEEL_E_MALFORMED;
    case ANSWER_ERROR:
        return KEEL_E_DENIED;
    case ANSWER_UNSUPPORTED:
        return KEEL_E_UNSUPPORTED;
    default:
        return KEEL_E_MALFORMED;
    }
}

static keel_status_t perform(struct services_virtio_blk *disk, uint32_t type, uint64_t sector, uint32_t size)
{
    uint32_t written = 0;
    uint16_t id; /* there is one request, so it is no other that the device has used */
    keel_status_t status = send(disk, type, sector, size);
    if (status == KEEL_OK) {
        status = services_virtio_channel_wait(&disk->channel, SERVICES_VIRTIO_PATIENCE, true, &id, &written);
    }
    if (status == KEEL_OK) {
        status = judge(disk, written, type == REQUEST_READ ? size + 1 : 1);
    }
    if (status != KEEL_OK && status != KEEL_E_DENIED && status != KEEL_E_UNSUPPORTED) {
        services_virtio_give_up(&disk->device);
    }
    return status;
}

static keel_status_t read_chunk(struct services_virtio_blk *disk, uint64_t sector, void *buffer,
                                uint32_t size)
{
    keel_status_t status = perform(disk, REQUEST_READ, sector, size);
    return status == KEEL_OK ? keel_dma_read(disk->data, 0, buffer, size) : status;
}

static keel_status_t write_chunk(struct services_virtio_blk *disk, uint64_t sector, const void *buffer,
                                 uint32_t size)
{
    keel_status_t status = keel_dma_write(disk->data, 0, buffer, size);
    return status == KEEL_OK ? perform(disk, REQUEST_WRITE, sector, size) : status;
}

/* --- The calls --- */

static bool holds(const struct services_virtio_blk *disk, uint64_t sector, uint64_t count)
{
    return sector <= disk->sector_count && count <= disk->sector_count - sector;
}

static uint32_t chunk_of(uint64_t count)
{
    return count < CHUNK / SECTOR ? (uint32_t)count * SECTOR : CHUNK;
}

keel_status_t services_virtio_blk_read(struct services_virtio_blk *disk, uint64_t sector, void *buffer,
                                       uint64_t count)
{
    uint8_t *to = buffer;
    if (!holds(disk, sector, count)) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = services_virtio_channel_enter(&disk->channel, KEEL_FOREVER);
    if (status != KEEL_OK) {
        return status;
    }
    while (status == KEEL_OK && count > 0) {
        uint32_t size = chunk_of(count);
        status = read_chunk(disk, sector, to, size);
        to += size;
        sector += size / SECTOR;
        count -= size / SECTOR;
    }
    services_virtio_channel_leave(&disk->channel);
    return status;
}

keel_status_t services_virtio_blk_write(struct services_virtio_blk *disk, uint64_t sector, const void *buffer,
                                        uint64_t count)
{
    const uint8_t *from = buffer;
    if (!holds(disk, sector, count)) {
        return KEEL_E_INVALID;
    }
    if (disk->read_only) {
        return KEEL_E_DENIED;
    }
    keel_status_t status = services_virtio_channel_enter(&disk->channel, KEEL_FOREVER);
    if (status != KEEL_OK) {
        return status;
    }
    while (status == KEEL_OK && count > 0) {
        uint32_t size = chunk_of(count);
        status = write_chunk(disk, sector, from, size);
        from += size;
        sector += size / SECTOR;
        count -= size / SECTOR;
    }
    services_virtio_channel_leave(&disk->channel);
    return status;
}

keel_status_t services_virtio_blk_flush(struct services_virtio_blk *disk)
{
    keel_status_t status = services_virtio_channel_enter(&disk->channel, KEEL_FOREVER);
    if (status != KEEL_OK) {
        return status;
    }
    if (disk->flushes) { /* otherwise a write is where it stays when the device has used it (5.2.6.2) */
        status = perform(disk, REQUEST_FLUSH, 0, 0);
    }
    services_virtio_channel_leave(&disk->channel);
    return status;
}

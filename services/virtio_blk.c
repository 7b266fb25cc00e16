/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The virtio disk of services/virtio_blk.h. A request is three parts: what is wanted, the data, and one byte
 * by which the device answers (5.2.6).
 */
#include "services/virtio_blk.h"

#include "keel/machine.h"
#include "keel/task.h"

#define SECTOR    SERVICES_VIRTIO_BLK_SECTOR
#define CHUNK     SERVICES_VIRTIO_BLK_CHUNK
#define MESSAGE   0u /* the one by which it interrupts */
#define NO_ANSWER 0xffu

enum { REQUEST_READ = 0, REQUEST_WRITE = 1, REQUEST_FLUSH = 4 };
enum { ANSWER_OK = 0, ANSWER_ERROR = 1, ANSWER_UNSUPPORTED = 2 };
#define FEATURE_READ_ONLY (UINT64_C(1) << 5)
#define FEATURE_FLUSH     (UINT64_C(1) << 9)

#define REQUEST_SIZE  16u
#define CAPACITY_SIZE 8u

/* How long to wait between two looks, if nothing interrupts: soon at first, since most requests are quick. */
#define NAP_FIRST_NS UINT64_C(20000)
#define NAP_LAST_NS  UINT64_C(5000000)

/* --- Interrupts --- */

static uint32_t handle(void *context)
{
    const struct services_virtio_blk *disk = context;
    uint32_t woken = 0;
    (void)keel_event_signal(disk->used, 1, &woken);
    return KEEL_IRQ_HANDLED;
}

/* The handler has run for the last time when it returns. */
static void end_interrupts(struct services_virtio_blk *disk)
{
    while (keel_irq_handler_disable(disk->handler) == KEEL_E_BUSY) {
        (void)keel_cpu_relax();
    }
    (void)keel_irq_handler_release(disk->handler);
    (void)keel_pci_message_close(disk->device.pci, MESSAGE);
    (void)keel_event_release(disk->used);
    disk->handler = (keel_irq_handler_t){0};
    disk->used = (keel_event_t){0};
}

static keel_status_t begin_interrupts(struct services_virtio_blk *disk)
{
    struct keel_irq_handler_options options = {.handler = handle, .context = disk};
    keel_status_t status = keel_pci_message_open(disk->device.pci, MESSAGE, &options.source);
    if (status == KEEL_OK) {
        status = keel_event_create(&disk->used);
    }
    if (status == KEEL_OK) {
        status = keel_irq_handler_create(&options, &disk->handler);
    }
    if (status == KEEL_OK) {
        status = keel_irq_handler_enable(disk->handler);
    }
    if (status != KEEL_OK) {
        end_interrupts(disk);
    }
    return status;
}

/* A device that has no message, or does not take it for its queue, is polled. */
static keel_status_t make_queue(struct services_virtio_blk *disk)
{
    if (begin_interrupts(disk) == KEEL_OK) {
        keel_status_t status = services_virtio_queue(&disk->device, 0, MESSAGE, &disk->queue);
        if (status == KEEL_OK) {
            return KEEL_OK;
        }
        end_interrupts(disk);
        if (status != KEEL_E_UNSUPPORTED) {
            return status;
        }
    }
    return services_virtio_queue(&disk->device, 0, SERVICES_VIRTIO_NO_MESSAGE, &disk->queue);
}

/* --- Opening --- */

static keel_status_t map(keel_pci_device_t device, uint64_t size, uint32_t direction, keel_dma_t *dma,
                         uint64_t *address)
{
    uint64_t page_count = (size + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE;
    struct keel_dma_info info = {0};
    keel_segment_t segment = {0};
    keel_status_t status = keel_segment_alloc(page_count, 1, &segment);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_dma_map(device, segment, 0, page_count, direction, dma);
    (void)keel_segment_release(segment); /* the mapping holds it */
    if (status == KEEL_OK) {
        status = keel_dma_info(*dma, &info);
        *address = info.address;
    }
    return status;
}

static keel_status_t map_all(struct services_virtio_blk *disk)
{
    keel_pci_device_t pci = disk->device.pci;
    keel_status_t status = map(pci, REQUEST_SIZE, KEEL_DMA_TO_DEVICE, &disk->request, &disk->request_address);
    if (status == KEEL_OK) {
        status = map(pci, 1, KEEL_DMA_FROM_DEVICE, &disk->answer, &disk->answer_address);
    }
    if (status == KEEL_OK) {
        status = map(pci, CHUNK, KEEL_DMA_BOTH, &disk->data, &disk->data_address);
    }
    return status;
}

static keel_status_t begin(struct services_virtio_blk *disk)
{
    uint8_t capacity[CAPACITY_SIZE] = {0};
    keel_status_t status = make_queue(disk);
    if (status == KEEL_OK) {
        status = map_all(disk);
    }
    if (status == KEEL_OK) {
        status = services_virtio_config(&disk->device, 0, capacity, CAPACITY_SIZE);
    }
    if (status == KEEL_OK) {
        status = keel_mutex_create(&disk->mutex);
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
    *disk = (struct services_virtio_blk){.given_up = false};
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
    end_interrupts(disk);
    services_virtio_close(&disk->device);
    services_virtqueue_destroy(&disk->queue);
    (void)keel_dma_release(disk->request);
    (void)keel_dma_release(disk->answer);
    (void)keel_dma_release(disk->data);
    (void)keel_mutex_release(disk->mutex);
    *disk = (struct services_virtio_blk){.given_up = true};
}

/* --- One request; the mutex is locked --- */

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
        status = services_virtqueue_add(&disk->queue, parts, count, &id);
    }
    return status == KEEL_OK ? services_virtio_notify(&disk->device, &disk->queue) : status;
}

/* Until the device interrupts, if it does, but not for long: it may have forgotten to. */
static void pause(const struct services_virtio_blk *disk, uint64_t sequence, uint64_t nap)
{
    keel_status_t status =
        disk->handler.value != 0 ? keel_event_wait(disk->used, sequence, NAP_LAST_NS) : keel_task_sleep(nap);
    if (status != KEEL_OK && status != KEEL_E_TIMEOUT) {
        (void)keel_task_yield(); /* whoever wants the task to end has to wait: the device has the data */
    }
}

/* There is one request, so it is no other that the device has used. */
static keel_status_t wait(struct services_virtio_blk *disk, uint32_t *written)
{
    uint64_t start = 0, now = 0, nap = NAP_FIRST_NS, sequence = 0;
    uint16_t id;
    (void)keel_time_now(&start);
    for (;;) {
        (void)keel_event_sequence(disk->used, &sequence);
        keel_status_t status = services_virtqueue_take(&disk->queue, &id, written);
        if (status != KEEL_E_NOT_FOUND) {
            return status;
        }
        status = keel_time_now(&now);
        if (status != KEEL_OK || now - start > SERVICES_VIRTIO_BLK_PATIENCE) {
            return status != KEEL_OK ? status : KEEL_E_TIMEOUT;
        }
        pause(disk, sequence, nap);
        nap = nap < NAP_LAST_NS ? 2 * nap : nap;
    }
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
    keel_status_t status = send(disk, type, sector, size);
    if (status == KEEL_OK) {
        status = wait(disk, &written);
    }
    if (status == KEEL_OK) {
        status = judge(disk, written, type == REQUEST_READ ? size + 1 : 1);
    }
    if (status != KEEL_OK && status != KEEL_E_DENIED && status != KEEL_E_UNSUPPORTED) {
        disk->given_up = true;
        services_virtio_reset(&disk->device);
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

static keel_status_t enter(struct services_virtio_blk *disk)
{
    keel_status_t status = keel_mutex_lock(disk->mutex, KEEL_FOREVER);
    if (status == KEEL_OK && disk->given_up) {
        (void)keel_mutex_unlock(disk->mutex);
        return KEEL_E_BUSY;
    }
    return status;
}

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
    keel_status_t status = enter(disk);
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
    (void)keel_mutex_unlock(disk->mutex);
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
    keel_status_t status = enter(disk);
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
    (void)keel_mutex_unlock(disk->mutex);
    return status;
}

keel_status_t services_virtio_blk_flush(struct services_virtio_blk *disk)
{
    keel_status_t status = enter(disk);
    if (status != KEEL_OK) {
        return status;
    }
    if (disk->flushes) { /* otherwise a write is where it stays when the device has used it (5.2.6.2) */
        status = perform(disk, REQUEST_FLUSH, 0, 0);
    }
    (void)keel_mutex_unlock(disk->mutex);
    return status;
}

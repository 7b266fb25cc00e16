/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The split virtqueue of services/virtqueue.h. In its page: the table of descriptors, the ring of available
 * requests (flags, index, and a descriptor's number each), the ring of used ones (flags, index, and number
 * and length each). Indexes count requests modulo 2^16.
 */
#include "services/virtqueue.h"

#include "keel/frame.h"

#define DESCRIPTOR_SIZE 16u
#define USED_SIZE       8u

enum {
    DESCRIPTOR_NEXT = 1,
    DESCRIPTOR_WRITE = 2,
    AVAILABLE_NO_INTERRUPT = 1,
    RING_FLAGS = 0,
    RING_INDEX = 2,
    RING_ENTRIES = 4,
};

static uint64_t available_at(const struct services_virtqueue *queue)
{
    return (uint64_t)DESCRIPTOR_SIZE * queue->size;
}

/* A multiple of 4: the ring before it ends at one, its size being 4 + 2 * size and a word that is not used.
 */
static uint64_t used_at(const struct services_virtqueue *queue)
{
    return available_at(queue) + ((RING_ENTRIES + 2u * queue->size + 2u + 3u) & ~UINT64_C(3));
}

_Static_assert(DESCRIPTOR_SIZE *SERVICES_VIRTQUEUE_SIZE_MAX + 2 * SERVICES_VIRTQUEUE_SIZE_MAX +
                       USED_SIZE * SERVICES_VIRTQUEUE_SIZE_MAX + 16 <=
                   KEEL_PAGE_SIZE,
               "the largest queue fits into a page");

keel_status_t services_virtqueue_map(keel_pci_device_t device, uint64_t size, uint32_t direction,
                                     keel_dma_t *dma, uint64_t *address)
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

keel_status_t services_virtqueue_create(struct services_virtqueue *queue, keel_pci_device_t device,
                                        uint16_t size, bool interrupts)
{
    *queue = (struct services_virtqueue){.size = size, .free_count = size};
    if (size == 0 || size > SERVICES_VIRTQUEUE_SIZE_MAX || (size & (size - 1u)) != 0) {
        return KEEL_E_INVALID;
    }
    for (uint16_t i = 0; i < size; i++) {
        queue->slots[i].next = (uint16_t)(i + 1);
    }
    keel_status_t status =
        services_virtqueue_map(device, KEEL_PAGE_SIZE, KEEL_DMA_BOTH, &queue->dma, &queue->table);
    queue->available_ring = queue->table + available_at(queue);
    queue->used_ring = queue->table + used_at(queue);
    if (status == KEEL_OK) {
        status = keel_dma_store(queue->dma, available_at(queue) + RING_FLAGS, 2,
                                interrupts ? 0 : (uint64_t)AVAILABLE_NO_INTERRUPT);
    }
    if (status != KEEL_OK) {
        services_virtqueue_destroy(queue);
    }
    return status;
}

void services_virtqueue_destroy(struct services_virtqueue *queue)
{
    (void)keel_dma_release(queue->dma); /* a handle that was not made is zero, and refused */
    *queue = (struct services_virtqueue){.broken = true};
}

/* --- Requests --- */

static bool add_up(const struct services_virtqueue_part *parts, uint16_t count, uint32_t *room)
{
    *room = 0;
    for (uint16_t i = 0; i < count; i++) {
        bool late = i > 0 && !parts[i].written && parts[i - 1].written;
        if (late || parts[i].size == 0 || parts[i].size > UINT32_MAX - *room) {
            return false;
        }
        *room += parts[i].written ? parts[i].size : 0;
    }
    return count > 0;
}

static void put(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

static keel_status_t write_descriptor(const struct services_virtqueue *queue, uint16_t number,
                                      const struct services_virtqueue_part *part, bool last)
{
    uint8_t bytes[DESCRIPTOR_SIZE];
    uint16_t flags = (uint16_t)((part->written ? DESCRIPTOR_WRITE : 0) | (last ? 0 : DESCRIPTOR_NEXT));
    put(bytes, part->address, 8);
    put(bytes + 8, part->size, 4);
    put(bytes + 12, flags, 2);
    put(bytes + 14, last ? 0 : queue->slots[number].next, 2);
    return keel_dma_write(queue->dma, (uint64_t)DESCRIPTOR_SIZE * number, bytes, sizeof(bytes));
}

/* The device looks at what stands before its own copy of the index, so the entry is written before that. */
static keel_status_t publish(const struct services_virtqueue *queue, uint16_t head)
{
    uint64_t ring = available_at(queue), entry = queue->made_available % queue->size;
    keel_status_t status = keel_dma_store(queue->dma, ring + RING_ENTRIES + 2 * entry, 2, head);
    if (status == KEEL_OK) {
        status = keel_dma_store(queue->dma, ring + RING_INDEX, 2, (uint16_t)(queue->made_available + 1));
    }
    return status;
}

keel_status_t services_virtqueue_add(struct services_virtqueue *queue,
                                     const struct services_virtqueue_part *parts, uint16_t count,
                                     uint16_t *id)
{
    uint32_t room;
    uint16_t head = queue->free, number = head;
    if (queue->broken) {
        return KEEL_E_MALFORMED;
    }
    if (!add_up(parts, count, &room)) {
        return KEEL_E_INVALID;
    }
    if (count > queue->free_count) {
        return KEEL_E_LIMIT;
    }
    for (uint16_t i = 0; i < count; i++) {
        keel_status_t status = write_descriptor(queue, number, &parts[i], i + 1 == count);
        if (status != KEEL_OK) {
            return status; /* of descriptors that are free */
        }
        number = queue->slots[number].next;
    }
    keel_status_t status = publish(queue, head);
    if (status != KEEL_OK) {
        return status;
    }
    queue->slots[head].length = count;
    queue->slots[head].room = room;
    queue->free = number;
    queue->free_count = (uint16_t)(queue->free_count - count);
    queue->made_available++;
    queue->outstanding++;
    *id = head;
    return KEEL_OK;
}

/* --- Answers --- */

/* How many answers wait. A device that counts further than there are requests lies. */
static keel_status_t look(const struct services_virtqueue *queue, uint16_t *waiting)
{
    uint64_t index = 0;
    keel_status_t status = keel_dma_load(queue->dma, used_at(queue) + RING_INDEX, 2, &index);
    *waiting = (uint16_t)(index - queue->used);
    if (status == KEEL_OK && *waiting > queue->outstanding) {
        return KEEL_E_MALFORMED;
    }
    return status == KEEL_OK && *waiting == 0 ? KEEL_E_NOT_FOUND : status;
}

static keel_status_t read_answer(const struct services_virtqueue *queue, uint64_t *number, uint64_t *written)
{
    uint64_t entry = used_at(queue) + RING_ENTRIES + USED_SIZE * (uint64_t)(queue->used % queue->size);
    keel_status_t status = keel_dma_load(queue->dma, entry, 4, number);
    if (status == KEEL_OK) {
        status = keel_dma_load(queue->dma, entry + 4, 4, written);
    }
    if (status != KEEL_OK) {
        return status;
    }
    bool known = *number < queue->size && queue->slots[*number].length > 0;
    return known && *written <= queue->slots[*number].room ? KEEL_OK : KEEL_E_MALFORMED;
}

static void free_chain(struct services_virtqueue *queue, uint16_t head)
{
    uint16_t last = head;
    for (uint16_t i = 1; i < queue->slots[head].length; i++) {
        last = queue->slots[last].next;
    }
    queue->free_count = (uint16_t)(queue->free_count + queue->slots[head].length);
    queue->slots[last].next = queue->free;
    queue->slots[head].length = 0;
    queue->free = head;
}

keel_status_t services_virtqueue_take(struct services_virtqueue *queue, uint16_t *id, uint32_t *written)
{
    uint64_t number = 0, size = 0;
    uint16_t waiting;
    keel_status_t status = queue->broken ? KEEL_E_MALFORMED : look(queue, &waiting);
    if (status == KEEL_OK) {
        status = read_answer(queue, &number, &size);
    }
    if (status != KEEL_OK) {
        queue->broken = queue->broken || status == KEEL_E_MALFORMED;
        return status;
    }
    free_chain(queue, (uint16_t)number);
    queue->used++;
    queue->outstanding--;
    *id = (uint16_t)number;
    *written = (uint32_t)size;
    return KEEL_OK;
}

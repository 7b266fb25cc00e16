/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio devices at work (hosted/virtio.h): they take requests from their queues, have their type serve them,
 * and lie about them where they are told to. What drivers wrote is not trusted, either: a chain that is none,
 * or memory that cannot be reached, and the device serves nothing more until it is reset.
 */
#include "virtio.h"

#include "hosted/machine.h"

enum { STATUS_NEEDS_RESET = 64 };
enum { COMMAND = 0x04, COMMAND_MASTER = 4 };
enum { AVAILABLE_NO_INTERRUPT = 1 };
enum { PART_NEXT = 1 };

static uint16_t source_of(struct hal_pci_address at)
{
    return (uint16_t)(at.bus << 8 | at.device << 3 | at.function);
}

static bool read_memory(uint16_t source, uint64_t address, void *bytes, size_t size)
{
    return hosted_dma(source, address, bytes, size, false);
}

static bool write_memory(uint16_t source, uint64_t address, const void *bytes, size_t size)
{
    return hosted_dma(source, address, (void *)(uintptr_t)bytes, size, true);
}

static bool is_current(const struct virtio_request *request)
{
    return request->device->resets == request->resets;
}

enum hosted_virtio_lie virtio_lie_now(const struct virtio_device *device)
{
    const struct hosted_virtio *settings = device->type->settings();
    return device->served > settings->honest ? settings->lie : HOSTED_VIRTIO_HONEST;
}

/* --- A request's memory --- */

/* False: it is no chain. */
static bool read_chain(struct virtio_request *request)
{
    uint16_t number = request->head;
    do {
        struct virtio_part *part = &request->parts[request->count];
        if (number >= request->queue.size || request->count == VIRTIO_PARTS_MAX ||
            !read_memory(request->source, request->queue.table + 16ull * number, part, sizeof *part)) {
            return false;
        }
        number = part->next;
    } while ((request->parts[request->count++].flags & PART_NEXT) != 0);
    return true;
}

static size_t move(const struct virtio_request *request, uint8_t *bytes, size_t size, bool write)
{
    size_t done = 0;
    for (unsigned i = 0; i < request->count; i++) {
        const struct virtio_part *part = &request->parts[i];
        size_t some = part->size < size - done ? part->size : size - done;
        if (((part->flags & VIRTIO_PART_WRITE) != 0) == write && some > 0) {
            if (!hosted_dma(request->source, part->address, bytes + done, some, write)) {
                break;
            }
            done += some;
        }
    }
    return done;
}

size_t virtio_gather(const struct virtio_request *request, void *bytes, size_t size)
{
    return move(request, bytes, size, false);
}

size_t virtio_scatter(const struct virtio_request *request, const void *bytes, size_t size)
{
    return move(request, (uint8_t *)(uintptr_t)bytes, size, true);
}

/* --- What becomes of it --- */

/* An entry of its ring, and how far that is now. */
static void give(const struct virtio_request *request, uint32_t written)
{
    enum hosted_virtio_lie lie = virtio_lie_now(request->device);
    struct virtio_queue *queue = &request->device->queues[request->index];
    uint32_t room = 0;
    for (unsigned i = 0; i < request->count; i++) {
        room += (request->parts[i].flags & VIRTIO_PART_WRITE) != 0 ? request->parts[i].size : 0;
    }
    uint32_t entry[2] = {request->head, written};
    entry[0] = lie == HOSTED_VIRTIO_ID_HUGE ? UINT32_MAX : entry[0];
    entry[0] = lie == HOSTED_VIRTIO_ID_OTHER ? request->head ^ 1u : entry[0];
    entry[1] = lie == HOSTED_VIRTIO_LENGTH_HUGE ? room + 1 : entry[1];
    entry[1] = lie == HOSTED_VIRTIO_LENGTH_SHORT ? 0 : entry[1];
    uint16_t index = queue->given;
    for (unsigned i = 0; i < (lie == HOSTED_VIRTIO_TWICE ? 2 : 1); i++) {
        uint64_t ring = request->queue.used + 4 + 8ull * (index++ % request->queue.size);
        (void)write_memory(request->source, ring, entry, sizeof entry);
    }
    if (!is_current(request)) {
        return;
    }
    queue->given = index;
    index = lie == HOSTED_VIRTIO_JUMP ? (uint16_t)(index + 1000) : index;
    index = lie == HOSTED_VIRTIO_BACK ? (uint16_t)(index - 2) : index;
    if (lie != HOSTED_VIRTIO_NEVER) {
        (void)write_memory(request->source, request->queue.used + 2, &index, sizeof index);
    }
}

static void interrupt(const struct virtio_request *request)
{
    uint16_t flags = AVAILABLE_NO_INTERRUPT;
    (void)read_memory(request->source, request->queue.available, &flags, sizeof flags);
    if (request->queue.message != UINT16_MAX && (flags & AVAILABLE_NO_INTERRUPT) == 0 &&
        virtio_lie_now(request->device) != HOSTED_VIRTIO_SILENT) {
        (void)hosted_pci_message(request->at, request->queue.message);
    }
}

static void misbehave(const struct virtio_request *request)
{
    static const uint64_t junk[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    enum hosted_virtio_lie lie = virtio_lie_now(request->device);
    uint64_t value = 0;
    if (lie == HOSTED_VIRTIO_SCRIBBLE) {
        /* What it has taken: the rest it needs itself. */
        uint16_t entry = (uint16_t)(request->device->queues[request->index].taken - 1) % request->queue.size;
        size_t size = request->count > 1 ? sizeof junk : sizeof junk / 2;
        (void)write_memory(request->source, request->queue.table + 16ull * request->head, junk, size);
        (void)write_memory(request->source, request->queue.available + 4 + 2ull * entry, junk, 2);
    }
    for (unsigned i = 0; i < 8 && lie == HOSTED_VIRTIO_WILD; i++) {
        (void)hosted_dma(request->source, i * 0x12345000ull, &value, sizeof value, i % 2 == 0);
    }
}

static bool serve(struct virtio_request *request)
{
    uint32_t written = 0;
    if (!read_chain(request)) {
        return false;
    }
    request->device->served++;
    if (!request->device->type->serve(request, &written)) {
        return false;
    }
    misbehave(request);
    if (is_current(request)) {
        give(request, written);
        interrupt(request);
    }
    return true;
}

/* --- All requests --- */

/* False: there is none. `failed`: what should be one is not. */
static bool take(struct virtio_request *request, bool *failed)
{
    struct virtio_queue *queue = &request->device->queues[request->index];
    uint16_t index = 0;
    uint64_t ring = request->queue.available;
    if (!read_memory(request->source, ring + 2, &index, sizeof index)) {
        *failed = true;
        return false;
    }
    uint16_t waiting = (uint16_t)(index - queue->taken);
    if (waiting == 0 || !is_current(request)) {
        return false;
    }
    ring += 4 + 2ull * (queue->taken++ % request->queue.size);
    *failed = waiting > request->queue.size || !read_memory(request->source, ring, &request->head, 2);
    return !*failed;
}

static void serve_queue(struct virtio_device *device, unsigned index, struct hal_pci_address at)
{
    const struct virtio_request fresh = {.device = device,
                                         .queue = device->queues[index],
                                         .resets = device->resets,
                                         .index = index,
                                         .at = at,
                                         .source = source_of(at)};
    struct virtio_request request = fresh;
    bool failed = !fresh.queue.enabled || fresh.queue.size == 0;
    if (failed) {
        return;
    }
    while (!failed && is_current(&fresh) && device->type->wants(index) && take(&request, &failed)) {
        failed = !serve(&request);
        request = fresh;
    }
    device->status |= failed && is_current(&fresh) ? STATUS_NEEDS_RESET : 0;
}

static bool is_ready(const struct virtio_device *device, struct hal_pci_address at)
{
    return (device->status & STATUS_NEEDS_RESET) == 0 &&
           (hosted_pci_peek(at, COMMAND, 2) & COMMAND_MASTER) != 0;
}

/* The last queue first: what it sends may be answered in another one. */
void virtio_serve(struct virtio_device *device, const struct hosted_pci_function *function)
{
    struct hal_pci_address at = {function->bus, function->device, function->function};
    device->again = true;
    if (device->busy) {
        return;
    }
    device->busy = true;
    while (device->again) {
        device->again = false;
        for (unsigned i = device->type->queue_count; i-- > 0 && is_ready(device, at);) {
            serve_queue(device, i, at);
        }
    }
    device->busy = false;
}

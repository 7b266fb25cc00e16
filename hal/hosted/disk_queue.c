/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The disk at work (hosted/disk.h): takes requests from its queue, serves them, and lies about them where it
 * is told to. What drivers wrote is not trusted, either: a chain that is none, or memory that it cannot
 * reach, and it serves nothing more until it is reset.
 */
#include "disk.h"

#include <string.h>

#include "hosted/machine.h"
#include "state.h"

#define PARTS_MAX 8u

enum { STATUS_NEEDS_RESET = 64 };
enum { COMMAND = 0x04, COMMAND_MASTER = 4 };
enum { AVAILABLE_NO_INTERRUPT = 1 };
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };
enum { REQUEST_READ = 0, REQUEST_WRITE = 1, REQUEST_FLUSH = 4 };
enum { ANSWER_OK = 0, ANSWER_ERROR = 1, ANSWER_UNSUPPORTED = 2, ANSWER_NONE = 255 };

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};
_Static_assert(sizeof(struct descriptor) == 16, "as drivers write it");

struct request {
    struct disk_queue queue; /* as it was: the disk may be reset meanwhile, on another CPU ... */
    unsigned resets;         /* ... and has been, if there are more now */
    struct hal_pci_address at;
    uint16_t source, head;
    unsigned count;
    struct descriptor parts[PARTS_MAX];
};

struct header {
    uint32_t type, reserved;
    uint64_t sector;
};

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

static bool is_current(const struct request *request)
{
    return disk.resets == request->resets;
}

/* False: it is no chain. */
static bool read_chain(struct request *request)
{
    uint16_t number = request->head;
    do {
        struct descriptor *part = &request->parts[request->count];
        if (number >= request->queue.size || request->count == PARTS_MAX ||
            !read_memory(request->source, request->queue.table + 16ull * number, part, sizeof *part)) {
            return false;
        }
        number = part->next;
    } while ((request->parts[request->count++].flags & DESCRIPTOR_NEXT) != 0);
    return request->count >= 2 && request->parts[0].size >= sizeof(struct header) &&
           (request->parts[request->count - 1].flags & DESCRIPTOR_WRITE) != 0;
}

static uint8_t move(const struct request *request, const struct header *header, uint32_t *written)
{
    const struct hosted_disk *from = machine.config.disk;
    uint64_t at = header->sector * HOSTED_DISK_SECTOR;
    if (header->type == REQUEST_FLUSH) {
        return ANSWER_OK;
    }
    if (header->type != REQUEST_READ && header->type != REQUEST_WRITE) {
        return ANSWER_UNSUPPORTED;
    }
    for (unsigned i = 1; i + 1 < request->count; i++) {
        const struct descriptor *part = &request->parts[i];
        bool reads = header->type == REQUEST_READ;
        bool fits = header->sector < from->size / HOSTED_DISK_SECTOR && part->size <= from->size - at;
        if (!fits || reads != ((part->flags & DESCRIPTOR_WRITE) != 0) || (!reads && from->read_only) ||
            !hosted_dma(request->source, part->address, from->bytes + at, part->size, reads)) {
            return ANSWER_ERROR;
        }
        at += part->size;
        *written += reads ? part->size : 0;
    }
    return ANSWER_OK;
}

static enum hosted_disk_lie lie_now(void)
{
    const struct hosted_disk *from = machine.config.disk;
    return disk.served > from->honest ? from->lie : HOSTED_DISK_HONEST;
}

static uint8_t answer(uint8_t honest)
{
    switch (lie_now()) {
    case HOSTED_DISK_ERROR:
        return ANSWER_ERROR;
    case HOSTED_DISK_UNKNOWN:
        return ANSWER_UNSUPPORTED;
    case HOSTED_DISK_ANSWER:
        return 77;
    case HOSTED_DISK_NO_ANSWER:
        return ANSWER_NONE;
    default:
        return honest;
    }
}

/* An entry of its ring, and how far that is now. */
static void give(const struct request *request, uint32_t written)
{
    enum hosted_disk_lie lie = lie_now();
    uint32_t entry[2] = {request->head, written};
    entry[0] = lie == HOSTED_DISK_ID_HUGE ? UINT32_MAX : entry[0];
    entry[0] = lie == HOSTED_DISK_ID_FREE ? request->head ^ 1u : entry[0];
    entry[1] = lie == HOSTED_DISK_LENGTH_HUGE ? written + 1 : entry[1];
    entry[1] = lie == HOSTED_DISK_LENGTH_SHORT ? 0 : entry[1];
    uint16_t index = disk.queue.given;
    for (unsigned i = 0; i < (lie == HOSTED_DISK_TWICE ? 2 : 1); i++) {
        uint64_t ring = request->queue.used + 4 + 8ull * (index++ % request->queue.size);
        (void)write_memory(request->source, ring, entry, sizeof entry);
    }
    if (!is_current(request)) {
        return;
    }
    disk.queue.given = index;
    index = lie == HOSTED_DISK_JUMP ? (uint16_t)(index + 1000) : index;
    index = lie == HOSTED_DISK_BACK ? (uint16_t)(index - 2) : index;
    if (lie != HOSTED_DISK_NEVER) {
        (void)write_memory(request->source, request->queue.used + 2, &index, sizeof index);
    }
}

static void interrupt(const struct request *request)
{
    uint16_t flags = AVAILABLE_NO_INTERRUPT;
    (void)read_memory(request->source, request->queue.available, &flags, sizeof flags);
    if (request->queue.message != UINT16_MAX && (flags & AVAILABLE_NO_INTERRUPT) == 0 &&
        lie_now() != HOSTED_DISK_SILENT) {
        (void)hosted_pci_message(request->at, request->queue.message);
    }
}

static void misbehave(const struct request *request)
{
    static const uint64_t junk[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint64_t value = 0;
    if (lie_now() == HOSTED_DISK_SCRIBBLE) {
        (void)write_memory(request->source, request->queue.table + 16ull * request->head, junk, sizeof junk);
        (void)write_memory(request->source, request->queue.available + 4, junk, 4);
    }
    for (unsigned i = 0; i < 8 && lie_now() == HOSTED_DISK_WILD; i++) {
        (void)hosted_dma(request->source, i * 0x12345000ull, &value, sizeof value, i % 2 == 0);
    }
}

static bool serve(struct request *request)
{
    struct header header;
    uint32_t written = 0;
    if (!read_chain(request) ||
        !read_memory(request->source, request->parts[0].address, &header, sizeof header)) {
        return false;
    }
    disk.served++;
    uint8_t said = answer(move(request, &header, &written));
    if (said != ANSWER_NONE &&
        !write_memory(request->source, request->parts[request->count - 1].address, &said, 1)) {
        return false;
    }
    misbehave(request);
    if (is_current(request)) {
        give(request, written + 1);
        interrupt(request);
    }
    return true;
}

/* False: there is none. `failed`: what should be one is not. */
static bool take(struct request *request, bool *failed)
{
    uint16_t index = 0;
    uint64_t ring = request->queue.available;
    if (!read_memory(request->source, ring + 2, &index, sizeof index)) {
        *failed = true;
        return false;
    }
    uint16_t waiting = (uint16_t)(index - disk.queue.taken);
    if (waiting == 0 || !is_current(request)) {
        return false;
    }
    ring += 4 + 2ull * (disk.queue.taken++ % request->queue.size);
    *failed = waiting > request->queue.size || !read_memory(request->source, ring, &request->head, 2);
    return !*failed;
}

static void serve_all(struct hal_pci_address at)
{
    const struct request fresh = {
        .queue = disk.queue, .resets = disk.resets, .at = at, .source = source_of(at)};
    struct request request = fresh;
    bool failed = false;
    while (!failed && is_current(&fresh) && take(&request, &failed)) {
        failed = !serve(&request);
        request = fresh;
    }
    disk.status |= failed && is_current(&fresh) ? STATUS_NEEDS_RESET : 0;
}

static bool is_ready(struct hal_pci_address at)
{
    return disk.queue.enabled && disk.queue.size > 0 && (disk.status & STATUS_NEEDS_RESET) == 0 &&
           (hosted_pci_peek(at, COMMAND, 2) & COMMAND_MASTER) != 0;
}

void disk_serve(const struct hosted_pci_function *function)
{
    struct hal_pci_address at = {function->bus, function->device, function->function};
    disk.again = true;
    if (disk.busy) {
        return;
    }
    disk.busy = true;
    while (disk.again && is_ready(at)) {
        disk.again = false;
        serve_all(at);
    }
    disk.busy = false;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A disk whose contents are the host's (hosted/virtio.h).
 */
#include <string.h>

#include "hosted/machine.h"
#include "state.h"
#include "virtio.h"

#define FEATURE_READ_ONLY (UINT64_C(1) << 5)
#define FEATURE_FLUSH     (UINT64_C(1) << 9)

enum { REQUEST_READ = 0, REQUEST_WRITE = 1, REQUEST_FLUSH = 4 };
enum { ANSWER_OK = 0, ANSWER_ERROR = 1, ANSWER_UNSUPPORTED = 2, ANSWER_NONE = 255 };

struct header {
    uint32_t type, reserved;
    uint64_t sector;
};

static const struct hosted_virtio *settings(void)
{
    return machine.config.disk ? &machine.config.disk->virtio : NULL;
}

static void power_on(void)
{
}

static uint64_t features(void)
{
    return FEATURE_FLUSH | (machine.config.disk->read_only ? FEATURE_READ_ONLY : 0);
}

static void config(uint8_t bytes[VIRTIO_CONFIG_SIZE])
{
    uint64_t sectors = machine.config.disk->size / HOSTED_DISK_SECTOR;
    memcpy(bytes, &sectors, sizeof sectors);
}

static uint8_t move(const struct virtio_request *request, const struct header *header, uint32_t *written)
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
        const struct virtio_part *part = &request->parts[i];
        bool reads = header->type == REQUEST_READ;
        bool fits = header->sector < from->size / HOSTED_DISK_SECTOR && part->size <= from->size - at;
        if (!fits || reads != ((part->flags & VIRTIO_PART_WRITE) != 0) || (!reads && from->read_only) ||
            !hosted_dma(request->source, part->address, from->bytes + at, part->size, reads)) {
            return ANSWER_ERROR;
        }
        at += part->size;
        *written += reads ? part->size : 0;
    }
    return ANSWER_OK;
}

static uint8_t answer(const struct virtio_request *request, uint8_t honest)
{
    switch (virtio_lie_now(request->device)) {
    case HOSTED_VIRTIO_ERROR:
        return ANSWER_ERROR;
    case HOSTED_VIRTIO_UNKNOWN:
        return ANSWER_UNSUPPORTED;
    case HOSTED_VIRTIO_ANSWER:
        return 77;
    case HOSTED_VIRTIO_NO_ANSWER:
        return ANSWER_NONE;
    default:
        return honest;
    }
}

static bool serve(struct virtio_request *request, uint32_t *written)
{
    struct header header;
    const struct virtio_part *last = &request->parts[request->count - 1];
    if (request->count < 2 || request->parts[0].size < sizeof header ||
        (last->flags & VIRTIO_PART_WRITE) == 0 ||
        !hosted_dma(request->source, request->parts[0].address, &header, sizeof header, false)) {
        return false;
    }
    uint8_t said = answer(request, move(request, &header, written));
    *written += 1;
    return said == ANSWER_NONE || hosted_dma(request->source, last->address, &said, 1, true);
}

static const struct virtio_type type = {.queue_count = 1,
                                        .settings = settings,
                                        .power_on = power_on,
                                        .features = features,
                                        .config = config,
                                        .wants = virtio_wants_always,
                                        .serve = serve};
static struct virtio_device disk = {.type = &type};
static const struct hosted_device model = VIRTIO_MODEL(&disk);

const struct hosted_pci_function hosted_disk_function =
    VIRTIO_FUNCTION(30, 2, 0x018000, 0x60000, 0xa0000, &model);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio devices: their registers (hosted/virtio.h). What they do with requests begins in virtio_queue.c.
 */
#include "virtio.h"

#include <string.h>

enum { COMMON_SIZE = 0x38 };

#define FEATURE_VERSION_1       (UINT64_C(1) << 32)
#define FEATURE_ACCESS_PLATFORM (UINT64_C(1) << 33)

enum { STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8, STATUS_NEEDS_RESET = 64 };

static enum hosted_virtio_lie lie(const struct virtio_device *device)
{
    return device->type->settings()->lie;
}

static void reset(struct virtio_device *device)
{
    *device = (struct virtio_device){
        .type = device->type, .served = device->served, .busy = device->busy, .resets = device->resets + 1};
    for (unsigned i = 0; i < device->type->queue_count; i++) {
        device->queues[i].size = virtio_queue_most(device);
        device->queues[i].message = UINT16_MAX;
    }
}

void virtio_power_on(void *context)
{
    struct virtio_device *device = context;
    *device = (struct virtio_device){.type = device->type};
    if (device->type->settings()) {
        device->type->power_on();
        reset(device);
    }
}

static uint64_t offered(const struct virtio_device *device)
{
    return device->type->features() | FEATURE_VERSION_1 |
           (lie(device) == HOSTED_VIRTIO_PHYSICAL ? 0 : FEATURE_ACCESS_PLATFORM);
}

uint16_t virtio_queue_most(const struct virtio_device *device)
{
    switch (lie(device)) {
    case HOSTED_VIRTIO_NO_QUEUE:
        return 0;
    case HOSTED_VIRTIO_SMALL_QUEUE:
        return 2;
    case HOSTED_VIRTIO_ODD_QUEUE:
        return 7;
    case HOSTED_VIRTIO_HUGE_QUEUE:
        return UINT16_MAX;
    default:
        return HOSTED_VIRTIO_QUEUE_SIZE;
    }
}

/* --- The common part (4.1.4.3) --- */

/* NULL: there is none. */
static struct virtio_queue *selected(struct virtio_device *device)
{
    return device->queue_select < device->type->queue_count ? &device->queues[device->queue_select] : NULL;
}

static uint64_t *queue_address(struct virtio_queue *queue, uint64_t offset)
{
    return offset < 0x28 ? &queue->table : offset < 0x30 ? &queue->available : &queue->used;
}

static uint64_t read_queue(struct virtio_device *device, uint64_t offset)
{
    struct virtio_queue *queue = selected(device);
    switch (offset) {
    case 0x18:
        return queue ? queue->size : 0;
    case 0x1a:
        return queue ? queue->message : UINT16_MAX;
    case 0x1c:
        return queue && queue->enabled;
    case 0x1e:
        return lie(device) == HOSTED_VIRTIO_FAR_NOTIFY ? VIRTIO_PART_SIZE / VIRTIO_MULTIPLIER
                                                       : device->queue_select;
    default:
        return offset >= 0x20 && queue ? *queue_address(queue, offset) >> (offset % 8 * 8) : 0;
    }
}

static uint64_t read_common(struct virtio_device *device, uint64_t offset)
{
    switch (offset) {
    case 0x00:
        return device->offered_select;
    case 0x04:
        return device->offered_select < 2 ? offered(device) >> 32 * device->offered_select : 0;
    case 0x08:
        return device->agreed_select;
    case 0x0c:
        return device->agreed_select < 2 ? device->agreed >> 32 * device->agreed_select : 0;
    case 0x10:
        return UINT16_MAX; /* no message tells that it has changed */
    case 0x12:
        return device->type->queue_count;
    case 0x14:
        return device->status;
    case 0x15:
        device->generation = (uint8_t)(device->generation + (lie(device) == HOSTED_VIRTIO_RESTLESS ? 1 : 0));
        return device->generation;
    case 0x16:
        return device->queue_select;
    default:
        return read_queue(device, offset);
    }
}

static void write_status(struct virtio_device *device, uint8_t value)
{
    if (value == 0) {
        if (lie(device) != HOSTED_VIRTIO_NO_RESET) {
            reset(device);
        }
        return;
    }
    bool refuses = (device->agreed & ~offered(device)) != 0 || lie(device) == HOSTED_VIRTIO_NO_FEATURES;
    if (refuses && (device->status & STATUS_FEATURES_OK) == 0) {
        value &= (uint8_t)~STATUS_FEATURES_OK;
    }
    device->status |= value;
    if ((value & STATUS_DRIVER_OK) != 0 && lie(device) == HOSTED_VIRTIO_NEEDS_RESET) {
        device->status |= STATUS_NEEDS_RESET;
    }
}

static void write_queue(struct virtio_device *device, uint64_t offset, uint64_t value)
{
    struct virtio_queue *queue = selected(device);
    if (!queue || queue->enabled) {
        return;
    }
    if (offset == 0x18) {
        queue->size = (uint16_t)value;
    } else if (offset == 0x1a) {
        bool takes = value < VIRTIO_MESSAGES && lie(device) != HOSTED_VIRTIO_NO_MESSAGE;
        queue->message = takes ? (uint16_t)value : UINT16_MAX;
    } else if (offset == 0x1c) {
        queue->enabled = value == 1 && lie(device) != HOSTED_VIRTIO_NO_ENABLE;
    } else if (offset >= 0x20) {
        uint64_t *address = queue_address(queue, offset), shift = offset % 8 * 8;
        *address = (*address & ~(UINT64_C(0xffffffff) << shift)) | (value & UINT32_MAX) << shift;
    }
}

static void write_common(struct virtio_device *device, uint64_t offset, uint64_t value)
{
    switch (offset) {
    case 0x00:
        device->offered_select = (uint32_t)value;
        break;
    case 0x08:
        device->agreed_select = (uint32_t)value;
        break;
    case 0x0c:
        if (device->agreed_select < 2) {
            uint64_t shift = 32 * device->agreed_select;
            device->agreed = (device->agreed & ~(UINT64_C(0xffffffff) << shift)) | value << shift;
        }
        break;
    case 0x14:
        write_status(device, (uint8_t)value);
        break;
    case 0x16:
        device->queue_select = (uint16_t)value;
        break;
    default:
        write_queue(device, offset, value);
    }
}

/* --- All parts --- */

uint64_t virtio_read(void *context, const struct hosted_pci_function *function, unsigned bar, uint64_t offset,
                     unsigned width)
{
    struct virtio_device *device = context;
    uint8_t config[VIRTIO_CONFIG_SIZE] = {0};
    uint64_t value = 0;
    (void)function;
    (void)bar;
    if (offset < VIRTIO_COMMON + COMMON_SIZE) {
        return read_common(device, offset);
    }
    if (offset >= VIRTIO_CONFIG && offset - VIRTIO_CONFIG <= VIRTIO_CONFIG_SIZE - width) {
        device->type->config(config);
        memcpy(&value, config + (offset - VIRTIO_CONFIG), width);
    }
    return value;
}

void virtio_write(void *context, const struct hosted_pci_function *function, unsigned bar, uint64_t offset,
                  unsigned width, uint64_t value)
{
    struct virtio_device *device = context;
    (void)bar;
    (void)width;
    if (offset < VIRTIO_COMMON + COMMON_SIZE) {
        write_common(device, offset, value);
    } else if (offset == VIRTIO_NOTIFY + VIRTIO_MULTIPLIER * value && value < device->type->queue_count &&
               (device->status & STATUS_DRIVER_OK) != 0) {
        virtio_serve(device, function);
    }
}

void hosted_virtio_arrived(const struct hosted_pci_function *function)
{
    struct virtio_device *device = function->device_model->context;
    if ((device->status & STATUS_DRIVER_OK) != 0) {
        virtio_serve(device, function);
    }
}

/* --- For types that need no more --- */

bool virtio_wants_always(unsigned queue)
{
    (void)queue;
    return true;
}

void virtio_config_none(uint8_t bytes[VIRTIO_CONFIG_SIZE])
{
    (void)bytes;
}

uint64_t virtio_features_none(void)
{
    return 0;
}

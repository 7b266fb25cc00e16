/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio over PCI, see services/virtio_pci.h. Where its registers are, the device says in capabilities of its
 * vendor's in PCI's configuration space (4.1.4).
 */
#include "services/virtio_pci.h"

#include "keel/machine.h"
#include "keel/task.h"
#include "elapsed.h"

/* Device numbers of PCI begin here, with type 0 (4.1.2). */
#define DEVICE_BASE       0x1040u
#define CAPABILITY_VENDOR 0x09u

/* A capability's fields, and what it can be of (4.1.4). */
enum {
    CAPABILITY_LENGTH = 2,
    CAPABILITY_PART = 3,
    CAPABILITY_BAR = 4,
    CAPABILITY_OFFSET = 8,
    CAPABILITY_SIZE = 12,
    CAPABILITY_MULTIPLIER = 16,
    CAPABILITY_END = 16,
    CAPABILITY_NOTIFY_END = 20,
};
enum { PART_COMMON = 1, PART_NOTIFY = 2, PART_CONFIG = 4 };

/* Registers of the common part (4.1.4.3). */
enum {
    OFFERED_SELECT = 0x00,
    OFFERED = 0x04,
    AGREED_SELECT = 0x08,
    AGREED = 0x0c,
    STATUS = 0x14,     /* 1 byte */
    GENERATION = 0x15, /* 1 byte */
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_MESSAGE = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY = 0x1e,
    QUEUE_TABLE = 0x20,
    QUEUE_AVAILABLE = 0x28,
    QUEUE_USED = 0x30,
    COMMON_SIZE = 0x38,
};

/* Bits of its status (2.1). */
enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64,
    STATUS_FAILED = 128,
};

#define FEATURE_VERSION_1       (UINT64_C(1) << 32)
#define FEATURE_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define FEATURES_NEEDED         (FEATURE_VERSION_1 | FEATURE_ACCESS_PLATFORM)

#define RESET_NAP_NS      UINT64_C(1000000)
#define CONFIG_TRIES      16u
#define CONFIG_SIZE_MAX   64u
#define NOTIFY_VALUE_SIZE 2u

/* --- Registers --- */

static keel_status_t get(const struct services_virtio_device *device, uint64_t at, uint32_t width,
                         uint64_t *value)
{
    *value = 0;
    return keel_io_memory_read(device->common, at, width, value);
}

static keel_status_t set(const struct services_virtio_device *device, uint64_t at, uint32_t width,
                         uint64_t value)
{
    return keel_io_memory_write(device->common, at, width, value);
}

/* 64 bits are two registers of 32 (4.1.3.1). */
static keel_status_t set_address(const struct services_virtio_device *device, uint64_t at, uint64_t value)
{
    keel_status_t status = set(device, at, 4, value & UINT32_MAX);
    return status == KEEL_OK ? set(device, at + 4, 4, value >> 32) : status;
}

static keel_status_t add_status(const struct services_virtio_device *device, uint64_t bits)
{
    uint64_t now;
    keel_status_t status = get(device, STATUS, 1, &now);
    return status == KEEL_OK ? set(device, STATUS, 1, now | bits) : status;
}

/* --- Finding the device and its parts --- */

static bool is_type(uint32_t pci_index, uint16_t type)
{
    struct keel_pci_device_info info = {0};
    return keel_pci_device_info(pci_index, &info) == KEEL_OK && info.vendor_id == SERVICES_VIRTIO_VENDOR &&
           info.device_id == DEVICE_BASE + type;
}

keel_status_t services_virtio_find(uint16_t type, uint32_t nth, uint32_t *pci_index)
{
    uint32_t count = 0;
    keel_status_t status = keel_pci_device_count(&count);
    for (uint32_t i = 0; status == KEEL_OK && i < count; i++) {
        if (is_type(i, type) && nth-- == 0) {
            *pci_index = i;
            return KEEL_OK;
        }
    }
    return status == KEEL_OK ? KEEL_E_NOT_FOUND : status;
}

struct part {
    uint32_t bar, offset, size, multiplier;
};

/* Reads a capability, each field once; E_NOT_FOUND: it is of another part, or too short for what it says. */
static keel_status_t read_capability(keel_pci_device_t pci, uint32_t at, uint32_t kind, struct part *part)
{
    uint32_t length = 0, found = 0;
    keel_status_t status = keel_pci_config_read(pci, at + CAPABILITY_LENGTH, 1, &length);
    if (status == KEEL_OK) {
        status = keel_pci_config_read(pci, at + CAPABILITY_PART, 1, &found);
    }
    if (status == KEEL_OK &&
        (found != kind || length < (kind == PART_NOTIFY ? CAPABILITY_NOTIFY_END : CAPABILITY_END))) {
        return KEEL_E_NOT_FOUND;
    }
    if (status == KEEL_OK) {
        status = keel_pci_config_read(pci, at + CAPABILITY_BAR, 1, &part->bar);
    }
    if (status == KEEL_OK) {
        status = keel_pci_config_read(pci, at + CAPABILITY_OFFSET, 4, &part->offset);
    }
    if (status == KEEL_OK) {
        status = keel_pci_config_read(pci, at + CAPABILITY_SIZE, 4, &part->size);
    }
    if (status == KEEL_OK && kind == PART_NOTIFY) {
        status = keel_pci_config_read(pci, at + CAPABILITY_MULTIPLIER, 4, &part->multiplier);
    }
    return status;
}

/* Acquires `size` bytes (0: all that there are) of the first part of its kind that can be: Keel looks whether
 * that is inside a BAR, and nobody's. */
static keel_status_t acquire_part(const struct services_virtio_device *device, uint32_t kind, uint32_t size,
                                  struct part *part, keel_io_memory_t *io)
{
    keel_status_t last = KEEL_E_NOT_FOUND;
    uint32_t at = 0;
    for (uint32_t i = 0; keel_pci_capability(device->pci, CAPABILITY_VENDOR, i, &at) == KEEL_OK; i++) {
        *part = (struct part){0};
        keel_status_t status = read_capability(device->pci, at, kind, part);
        if (status == KEEL_OK && part->offset % 4 == 0 && part->size >= size) {
            status = keel_pci_bar_acquire(device->pci, part->bar, part->offset, size == 0 ? part->size : size,
                                          KEEL_CACHE_UNCACHED, io);
            if (status == KEEL_OK) {
                return KEEL_OK;
            }
            last = status;
        }
    }
    return last == KEEL_E_BUSY || last == KEEL_E_LIMIT ? last : KEEL_E_MALFORMED;
}

static keel_status_t acquire_parts(struct services_virtio_device *device)
{
    struct part part;
    keel_status_t status = acquire_part(device, PART_COMMON, COMMON_SIZE, &part, &device->common);
    if (status == KEEL_OK) {
        status = acquire_part(device, PART_NOTIFY, 0, &part, &device->notify);
        device->notify_multiplier = part.multiplier;
        device->notify_size = part.size;
    }
    if (status == KEEL_OK) {
        (void)acquire_part(device, PART_CONFIG, 0, &part, &device->config); /* not all types have one */
    }
    return status;
}

/* --- Its life --- */

void services_virtio_give_up(struct services_virtio_device *device)
{
    device->given_up = true;
    (void)set(device, STATUS, 1, 0);
}

static keel_status_t reset_and_wait(const struct services_virtio_device *device)
{
    uint64_t value = 0, start = 0, passed = 0;
    (void)keel_time_now(&start);
    keel_status_t status = set(device, STATUS, 1, 0);
    for (;;) {
        if (status == KEEL_OK) {
            status = get(device, STATUS, 1, &value);
        }
        if (status != KEEL_OK || value == 0) {
            return status;
        }
        status = services_elapsed(start, &passed);
        if (status != KEEL_OK || passed > SERVICES_VIRTIO_RESET_NS) {
            return status != KEEL_OK ? status : KEEL_E_TIMEOUT;
        }
        if (keel_task_sleep(RESET_NAP_NS) != KEEL_OK) {
            (void)keel_task_yield(); /* it has been asked to stop waiting, perhaps for ever */
        }
    }
}

static keel_status_t read_offered(const struct services_virtio_device *device, uint64_t *features)
{
    uint64_t half;
    *features = 0;
    for (unsigned i = 0; i < 2; i++) {
        keel_status_t status = set(device, OFFERED_SELECT, 4, i);
        if (status == KEEL_OK) {
            status = get(device, OFFERED, 4, &half);
        }
        if (status != KEEL_OK) {
            return status;
        }
        *features |= half << 32 * i;
    }
    return KEEL_OK;
}

static keel_status_t agree(struct services_virtio_device *device, uint64_t wanted)
{
    uint64_t offered, value = 0;
    keel_status_t status = read_offered(device, &offered);
    if (status == KEEL_OK && (offered & FEATURES_NEEDED) != FEATURES_NEEDED) {
        return KEEL_E_UNSUPPORTED;
    }
    device->features = offered & (wanted | FEATURES_NEEDED);
    for (unsigned i = 0; status == KEEL_OK && i < 2; i++) {
        status = set(device, AGREED_SELECT, 4, i);
        if (status == KEEL_OK) {
            status = set(device, AGREED, 4, device->features >> 32 * i & UINT32_MAX);
        }
    }
    if (status == KEEL_OK) {
        status = add_status(device, STATUS_FEATURES_OK);
    }
    if (status == KEEL_OK) {
        status = get(device, STATUS, 1, &value);
    }
    return status == KEEL_OK && (value & STATUS_FEATURES_OK) == 0 ? KEEL_E_UNSUPPORTED : status;
}

static keel_status_t begin(struct services_virtio_device *device, uint64_t wanted)
{
    keel_status_t status = acquire_parts(device);
    if (status == KEEL_OK) {
        status = reset_and_wait(device);
    }
    if (status == KEEL_OK) {
        status = keel_dma_enable(device->pci, 0);
    }
    if (status == KEEL_OK) {
        status = add_status(device, STATUS_ACKNOWLEDGE);
    }
    if (status == KEEL_OK) {
        status = add_status(device, STATUS_DRIVER);
    }
    return status == KEEL_OK ? agree(device, wanted) : status;
}

keel_status_t services_virtio_open(struct services_virtio_device *device, uint32_t pci_index, uint16_t type,
                                   uint64_t wanted)
{
    *device = (struct services_virtio_device){0};
    if (!is_type(pci_index, type)) {
        return KEEL_E_UNSUPPORTED;
    }
    keel_status_t status = keel_pci_device_acquire(pci_index, &device->pci);
    if (status == KEEL_OK) {
        status = begin(device, wanted);
    }
    if (status != KEEL_OK) {
        services_virtio_close(device);
    }
    return status;
}

/* Handles that were not made are zero, and refused. */
void services_virtio_close(struct services_virtio_device *device)
{
    (void)reset_and_wait(device); /* one that does not obey loses its memory all the same */
    (void)keel_dma_disable(device->pci);
    (void)keel_io_memory_release(device->common);
    (void)keel_io_memory_release(device->notify);
    (void)keel_io_memory_release(device->config);
    (void)keel_pci_device_release(device->pci);
    *device = (struct services_virtio_device){0};
}

/* --- Its queues --- */

/* As many descriptors as the device has, at most ours, and a power of two whatever is said. */
static uint16_t choose_size(uint64_t most, uint16_t ours)
{
    uint16_t size = SERVICES_VIRTQUEUE_SIZE_MAX;
    while (size > most || size > ours) {
        size /= 2;
    }
    return size;
}

static keel_status_t set_up(const struct services_virtio_device *device, struct services_virtqueue *queue)
{
    uint64_t enabled = 0;
    keel_status_t status = set(device, QUEUE_SIZE, 2, queue->size);
    if (status == KEEL_OK) {
        status = set_address(device, QUEUE_TABLE, queue->table);
    }
    if (status == KEEL_OK) {
        status = set_address(device, QUEUE_AVAILABLE, queue->available_ring);
    }
    if (status == KEEL_OK) {
        status = set_address(device, QUEUE_USED, queue->used_ring);
    }
    if (status == KEEL_OK) {
        status = set(device, QUEUE_ENABLE, 2, 1);
    }
    if (status == KEEL_OK) {
        status = get(device, QUEUE_ENABLE, 2, &enabled);
    }
    return status == KEEL_OK && enabled != 1 ? KEEL_E_MALFORMED : status;
}

static keel_status_t set_message(const struct services_virtio_device *device, uint16_t message)
{
    uint64_t taken = 0;
    keel_status_t status = set(device, QUEUE_MESSAGE, 2, message);
    if (status == KEEL_OK) {
        status = get(device, QUEUE_MESSAGE, 2, &taken);
    }
    return status == KEEL_OK && taken != message ? KEEL_E_UNSUPPORTED : status;
}

/* Where the device listens for the queue: a multiple (4.1.4.4), which both numbers of are the device's. */
static keel_status_t find_notify(const struct services_virtio_device *device,
                                 struct services_virtqueue *queue)
{
    uint64_t number;
    keel_status_t status = get(device, QUEUE_NOTIFY, 2, &number);
    queue->notify_offset = number * device->notify_multiplier;
    bool inside = device->notify_size >= NOTIFY_VALUE_SIZE &&
                  queue->notify_offset <= device->notify_size - NOTIFY_VALUE_SIZE;
    return status == KEEL_OK && (!inside || queue->notify_offset % 2 != 0) ? KEEL_E_MALFORMED : status;
}

keel_status_t services_virtio_queue(const struct services_virtio_device *device, uint16_t index,
                                    uint16_t message, uint16_t most, struct services_virtqueue *queue)
{
    uint64_t offered = 0;
    keel_status_t status = set(device, QUEUE_SELECT, 2, index);
    if (status == KEEL_OK) {
        status = get(device, QUEUE_SIZE, 2, &offered);
    }
    if (status != KEEL_OK || offered == 0) {
        return status != KEEL_OK ? status : KEEL_E_NOT_FOUND;
    }
    status = services_virtqueue_create(queue, device->pci, choose_size(offered, most),
                                       message != SERVICES_VIRTIO_NO_MESSAGE);
    if (status != KEEL_OK) {
        return status;
    }
    queue->index = index;
    status = find_notify(device, queue);
    if (status == KEEL_OK) {
        status = set_message(device, message);
    }
    if (status == KEEL_OK) {
        status = set_up(device, queue);
    }
    if (status != KEEL_OK) {
        services_virtqueue_destroy(queue);
    }
    return status;
}

keel_status_t services_virtio_start(struct services_virtio_device *device)
{
    uint64_t value = 0;
    keel_status_t status = add_status(device, STATUS_DRIVER_OK);
    if (status == KEEL_OK) {
        status = get(device, STATUS, 1, &value);
    }
    bool well = (value & STATUS_DRIVER_OK) != 0 && (value & (STATUS_NEEDS_RESET | STATUS_FAILED)) == 0;
    return status == KEEL_OK && !well ? KEEL_E_UNSUPPORTED : status;
}

/* What the driver has written to memory before, the device finds (keel/io_memory.h). */
keel_status_t services_virtio_notify(const struct services_virtio_device *device,
                                     const struct services_virtqueue *queue)
{
    return keel_io_memory_write(device->notify, queue->notify_offset, NOTIFY_VALUE_SIZE, queue->index);
}

/* --- Its configuration --- */

static keel_status_t read_bytes(const struct services_virtio_device *device, uint64_t offset, uint8_t *bytes,
                                uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        uint64_t value = 0;
        keel_status_t status = keel_io_memory_read(device->config, offset + i, 1, &value);
        if (status != KEEL_OK) {
            return status == KEEL_E_BAD_HANDLE ? KEEL_E_INVALID : status;
        }
        bytes[i] = (uint8_t)value;
    }
    return KEEL_OK;
}

keel_status_t services_virtio_config(const struct services_virtio_device *device, uint64_t offset,
                                     uint8_t *bytes, uint32_t size)
{
    uint64_t before, after;
    if (size > CONFIG_SIZE_MAX) {
        return KEEL_E_INVALID;
    }
    for (unsigned i = 0; i < CONFIG_TRIES; i++) {
        keel_status_t status = get(device, GENERATION, 1, &before);
        if (status == KEEL_OK) {
            status = read_bytes(device, offset, bytes, size);
        }
        if (status == KEEL_OK) {
            status = get(device, GENERATION, 1, &after);
        }
        if (status != KEEL_OK || before == after) {
            return status;
        }
    }
    return KEEL_E_TIMEOUT;
}

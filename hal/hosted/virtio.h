/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the virtio devices share: registers (virtio.c) and rings (virtio_queue.c) are the same
 * for all; what each does with a request is its type's.
 */
#ifndef HOSTED_VIRTIO_STATE_H
#define HOSTED_VIRTIO_STATE_H

#include "hosted/virtio.h"

#define VIRTIO_QUEUES      2u
#define VIRTIO_CONFIG_SIZE 0x40u
#define VIRTIO_PARTS_MAX   8u

struct virtio_queue {
    uint64_t table, available, used; /* addresses */
    uint16_t size;
    uint16_t message;
    uint16_t taken, given; /* requests so far */
    bool enabled;
};

struct virtio_request;
struct virtio_type {
    unsigned queue_count;
    const struct hosted_virtio *(*settings)(void); /* NULL: the machine has no such device */
    void (*power_on)(void);
    uint64_t (*features)(void);
    void (*config)(uint8_t bytes[VIRTIO_CONFIG_SIZE]);
    /* Whether it has something to do with a request of this queue. */
    bool (*wants)(unsigned queue);
    /* Answers how many bytes it has written. False: it is no request. */
    bool (*serve)(struct virtio_request *request, uint32_t *written);
};

struct virtio_device {
    const struct virtio_type *type;
    uint8_t status, generation;
    uint32_t offered_select, agreed_select;
    uint64_t agreed;
    uint16_t queue_select;
    struct virtio_queue queues[VIRTIO_QUEUES];
    unsigned served, resets;
    bool busy, again; /* it serves; it was told once more meanwhile */
};

enum { VIRTIO_PART_WRITE = 2 };
struct virtio_part {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};
_Static_assert(sizeof(struct virtio_part) == 16, "as drivers write it");

struct virtio_request {
    struct virtio_device *device;
    struct virtio_queue queue; /* as it was: the device may be reset meanwhile, on another CPU ... */
    unsigned resets;           /* ... and has been, if there are more now */
    unsigned index;            /* of the queue */
    struct hal_pci_address at;
    uint16_t source, head;
    unsigned count;
    struct virtio_part parts[VIRTIO_PARTS_MAX];
};

/* What it says of its queues' sizes. */
uint16_t virtio_queue_most(const struct virtio_device *device);

/* It is told of requests. Other CPUs run meanwhile: they may tell it, too, or reset it. */
void virtio_serve(struct virtio_device *device, const struct hosted_pci_function *function);

/* The lie about the request that is served; an honest device's: HOSTED_VIRTIO_HONEST. */
enum hosted_virtio_lie virtio_lie_now(const struct virtio_device *device);

/* Bytes of all parts that the device reads, and to those that it writes, as many as there are or fit; answers
 * how many. */
size_t virtio_gather(const struct virtio_request *request, void *bytes, size_t size);
size_t virtio_scatter(const struct virtio_request *request, const void *bytes, size_t size);

bool virtio_wants_always(unsigned queue);
void virtio_config_none(uint8_t bytes[VIRTIO_CONFIG_SIZE]);
uint64_t virtio_features_none(void);

/* Accesses to BAR 0, whose context is a struct virtio_device. */
void virtio_power_on(void *context);
uint64_t virtio_read(void *context, const struct hosted_pci_function *function, unsigned bar, uint64_t offset,
                     unsigned width);
void virtio_write(void *context, const struct hosted_pci_function *function, unsigned bar, uint64_t offset,
                  unsigned width, uint64_t value);
#define VIRTIO_MODEL(device)                                                                                 \
    {.power_on = virtio_power_on, .read = virtio_read, .write = virtio_write, .context = (device)}

/* --- The function in configuration space --- */

/* Where its parts are in BAR 0, a page each. */
enum {
    VIRTIO_COMMON = 0x0000,
    VIRTIO_ISR = 0x1000,
    VIRTIO_CONFIG = 0x2000,
    VIRTIO_NOTIFY = 0x3000,
    VIRTIO_PART_SIZE = 0x1000,
    VIRTIO_MULTIPLIER = 4,
};

/* BAR 1: the table of messages, and their pending bits. */
#define VIRTIO_MESSAGES 2u
enum { VIRTIO_PENDING = 0x1000, VIRTIO_MESSAGES_SIZE = 0x2000 };

/* A capability: head (id, next, length), what it is of, the BAR, and where in that. */
#define VIRTIO_CAPABILITY(at, next, length, part, offset, size)                                              \
    {(at), 0x09u | (uint32_t)(next) << 8 | (uint32_t)(length) << 16 | (uint32_t)(part) << 24},               \
        {(at) + 4, 0}, {(at) + 8, (offset)},                                                                 \
    {                                                                                                        \
        (at) + 12, (size)                                                                                    \
    }

/* `registers` and `messages`: where the BARs are, from HOSTED_PCI_BASE on. */
#define VIRTIO_FUNCTION(place, type, class, registers, messages, model)                                      \
    {                                                                                                        \
        .device = (place),                                                                                   \
        .vendor_id = 0x1af4,                                                                                 \
        .device_id = 0x1040 + (type),                                                                        \
        .class_code = (class),                                                                               \
        .irq_pin = 1,                                                                                        \
        .command = 6,                                                                                        \
        .bars = {(uint32_t)HOSTED_PCI_BASE + (registers), (uint32_t)HOSTED_PCI_BASE + (messages)},           \
        .masks = {~UINT32_C(0x3fff), ~((uint32_t)VIRTIO_MESSAGES_SIZE - 1)},                                 \
        .capabilities = 0x40,                                                                                \
        .words = {VIRTIO_CAPABILITY(0x40, 0x50, 16, 1, VIRTIO_COMMON, VIRTIO_PART_SIZE),                     \
                  VIRTIO_CAPABILITY(0x50, 0x60, 16, 3, VIRTIO_ISR, VIRTIO_PART_SIZE),                        \
                  VIRTIO_CAPABILITY(0x60, 0x70, 16, 4, VIRTIO_CONFIG, VIRTIO_CONFIG_SIZE),                   \
                  VIRTIO_CAPABILITY(0x70, 0x90, 20, 2, VIRTIO_NOTIFY, VIRTIO_PART_SIZE),                     \
                  {0x80, VIRTIO_MULTIPLIER},                                                                 \
                  {0x90, 0x11u | (VIRTIO_MESSAGES - 1) << 16},                                               \
                  {0x94, 1},                                                                                 \
                  {0x98, VIRTIO_PENDING | 1}},                                                               \
        .device_model = (model),                                                                             \
    }

#endif

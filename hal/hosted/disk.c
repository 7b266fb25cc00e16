/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The disk as a virtio device: its registers (hosted/disk.h). What it does with requests is in
 * disk_queue.c.
 */
#include "disk.h"

#include <string.h>

#include "state.h"

/* Where its parts are in BAR 0, a page each. */
enum { PART_COMMON = 0x0000, PART_ISR = 0x1000, PART_CONFIG = 0x2000, PART_NOTIFY = 0x3000 };
enum { PART_SIZE = 0x1000, COMMON_SIZE = 0x38, CONFIG_SIZE = 0x40, MULTIPLIER = 4 };

#define BASE ((uint32_t)HOSTED_PCI_BASE + 0x60000u)

/* BAR 1: the table of messages, and their pending bits. */
#define MESSAGES      ((uint32_t)HOSTED_PCI_BASE + 0xa0000u)
#define MESSAGE_COUNT 2u
enum { PENDING = 0x1000, MESSAGES_SIZE = 0x2000 };

/* A capability: head (id, next, length), what it is of, the BAR, and where in that. */
#define CAPABILITY(at, next, length, part, offset, size)                                                     \
    {(at), 0x09u | (uint32_t)(next) << 8 | (uint32_t)(length) << 16 | (uint32_t)(part) << 24},               \
        {(at) + 4, 0}, {(at) + 8, (offset)},                                                                 \
    {                                                                                                        \
        (at) + 12, (size)                                                                                    \
    }

#define FEATURE_READ_ONLY       (UINT64_C(1) << 5)
#define FEATURE_FLUSH           (UINT64_C(1) << 9)
#define FEATURE_VERSION_1       (UINT64_C(1) << 32)
#define FEATURE_ACCESS_PLATFORM (UINT64_C(1) << 33)

enum { STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8, STATUS_NEEDS_RESET = 64 };

struct disk disk;

static enum hosted_disk_lie lie(void)
{
    return machine.config.disk->lie;
}

static void reset(void)
{
    unsigned served = disk.served;
    disk = (struct disk){.served = served, .busy = disk.busy, .resets = disk.resets + 1};
    disk.queue.size = disk_queue_most();
    disk.queue.message = UINT16_MAX;
}

static void power_on(void *context)
{
    (void)context;
    memset(&disk, 0, sizeof disk);
    if (machine.config.disk) {
        reset();
    }
}

static uint64_t offered(void)
{
    uint64_t features = FEATURE_VERSION_1 | FEATURE_FLUSH;
    features |= lie() == HOSTED_DISK_PHYSICAL ? 0 : FEATURE_ACCESS_PLATFORM;
    return features | (machine.config.disk->read_only ? FEATURE_READ_ONLY : 0);
}

uint16_t disk_queue_most(void)
{
    switch (lie()) {
    case HOSTED_DISK_NO_QUEUE:
        return 0;
    case HOSTED_DISK_ODD_QUEUE:
        return 7;
    case HOSTED_DISK_HUGE_QUEUE:
        return UINT16_MAX;
    default:
        return HOSTED_DISK_QUEUE_SIZE;
    }
}

/* --- The common part (4.1.4.3) --- */

static uint64_t *queue_address(uint64_t offset)
{
    return offset < 0x28 ? &disk.queue.table : offset < 0x30 ? &disk.queue.available : &disk.queue.used;
}

static uint64_t read_common(uint64_t offset)
{
    bool first = disk.queue_select == 0;
    switch (offset) {
    case 0x00:
        return disk.offered_select;
    case 0x04:
        return disk.offered_select < 2 ? offered() >> 32 * disk.offered_select : 0;
    case 0x08:
        return disk.agreed_select;
    case 0x0c:
        return disk.agreed_select < 2 ? disk.agreed >> 32 * disk.agreed_select : 0;
    case 0x10:
        return UINT16_MAX; /* no message tells that it has changed */
    case 0x12:
        return 1;
    case 0x14:
        return disk.status;
    case 0x15:
        disk.generation = (uint8_t)(disk.generation + (lie() == HOSTED_DISK_RESTLESS ? 1 : 0));
        return disk.generation;
    case 0x16:
        return disk.queue_select;
    case 0x18:
        return first ? disk.queue.size : 0;
    case 0x1a:
        return first ? disk.queue.message : UINT16_MAX;
    case 0x1c:
        return first && disk.queue.enabled;
    case 0x1e:
        return lie() == HOSTED_DISK_FAR_NOTIFY ? PART_SIZE / MULTIPLIER : 0;
    default:
        return offset >= 0x20 && first ? *queue_address(offset) >> (offset % 8 * 8) : 0;
    }
}

static void write_status(uint8_t value)
{
    if (value == 0) {
        if (lie() != HOSTED_DISK_NO_RESET) {
            reset();
        }
        return;
    }
    bool refuses = (disk.agreed & ~offered()) != 0 || lie() == HOSTED_DISK_NO_FEATURES;
    if (refuses && (disk.status & STATUS_FEATURES_OK) == 0) {
        value &= (uint8_t)~STATUS_FEATURES_OK;
    }
    disk.status |= value;
    if ((value & STATUS_DRIVER_OK) != 0 && lie() == HOSTED_DISK_NEEDS_RESET) {
        disk.status |= STATUS_NEEDS_RESET;
    }
}

static void write_queue(uint64_t offset, uint64_t value)
{
    if (disk.queue_select != 0 || disk.queue.enabled) {
        return;
    }
    if (offset == 0x18) {
        disk.queue.size = (uint16_t)value;
    } else if (offset == 0x1a) {
        bool takes = value < MESSAGE_COUNT && lie() != HOSTED_DISK_NO_MESSAGE;
        disk.queue.message = takes ? (uint16_t)value : UINT16_MAX;
    } else if (offset == 0x1c) {
        disk.queue.enabled = value == 1 && lie() != HOSTED_DISK_NO_ENABLE;
    } else if (offset >= 0x20) {
        uint64_t *address = queue_address(offset), shift = offset % 8 * 8;
        *address = (*address & ~(UINT64_C(0xffffffff) << shift)) | (value & UINT32_MAX) << shift;
    }
}

static void write_common(uint64_t offset, uint64_t value)
{
    switch (offset) {
    case 0x00:
        disk.offered_select = (uint32_t)value;
        break;
    case 0x08:
        disk.agreed_select = (uint32_t)value;
        break;
    case 0x0c:
        if (disk.agreed_select < 2) {
            uint64_t shift = 32 * disk.agreed_select;
            disk.agreed = (disk.agreed & ~(UINT64_C(0xffffffff) << shift)) | value << shift;
        }
        break;
    case 0x14:
        write_status((uint8_t)value);
        break;
    case 0x16:
        disk.queue_select = (uint16_t)value;
        break;
    default:
        write_queue(offset, value);
    }
}

/* --- All parts --- */

static uint64_t read_register(void *context, const struct hosted_pci_function *function, unsigned bar,
                              uint64_t offset, unsigned width)
{
    uint8_t config[CONFIG_SIZE] = {0};
    uint64_t sectors = machine.config.disk->size / HOSTED_DISK_SECTOR, value = 0;
    (void)context;
    (void)function;
    (void)bar;
    if (offset < PART_COMMON + COMMON_SIZE) {
        return read_common(offset);
    }
    if (offset >= PART_CONFIG && offset - PART_CONFIG <= CONFIG_SIZE - width) {
        memcpy(config, &sectors, sizeof sectors);
        memcpy(&value, config + (offset - PART_CONFIG), width);
    }
    return value;
}

static void write_register(void *context, const struct hosted_pci_function *function, unsigned bar,
                           uint64_t offset, unsigned width, uint64_t value)
{
    (void)context;
    (void)bar;
    (void)width;
    if (offset < PART_COMMON + COMMON_SIZE) {
        write_common(offset, value);
    } else if (offset == PART_NOTIFY && value == 0 && (disk.status & STATUS_DRIVER_OK) != 0) {
        disk_serve(function);
    }
}

static const struct hosted_device device = {
    .power_on = power_on, .read = read_register, .write = write_register};

const struct hosted_pci_function hosted_disk_function = {
    .device = 30,
    .vendor_id = 0x1af4,
    .device_id = 0x1042,
    .class_code = 0x018000,
    .irq_pin = 1,
    .command = 6,
    .bars = {BASE, MESSAGES},
    .masks = {~UINT32_C(0x3fff), ~((uint32_t)MESSAGES_SIZE - 1)},
    .capabilities = 0x40,
    .words = {CAPABILITY(0x40, 0x50, 16, 1, PART_COMMON, PART_SIZE),
              CAPABILITY(0x50, 0x60, 16, 3, PART_ISR, PART_SIZE),
              CAPABILITY(0x60, 0x70, 16, 4, PART_CONFIG, CONFIG_SIZE),
              CAPABILITY(0x70, 0x90, 20, 2, PART_NOTIFY, PART_SIZE),
              {0x80, MULTIPLIER},
              {0x90, 0x11u | (MESSAGE_COUNT - 1) << 16},
              {0x94, 1},
              {0x98, PENDING | 1}},
    .device_model = &device,
};

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A virtio device of the hosted machine that lies in another way whenever it is asked anything, if it does
 * not answer just anything. For tests of the drivers in services/.
 */
#ifndef UNIT_VIRTIO_SCRIPT_H
#define UNIT_VIRTIO_SCRIPT_H

#include "hosted/virtio.h"
#include "services/virtio_pci.h"
#include "support.h"

#define VIRTIO_COUNT(cases) (sizeof(cases) / sizeof(cases)[0])

/* What a driver answers to a device that lies. */
struct virtio_case {
    enum hosted_virtio_lie lie;
    keel_status_t status;
};

/* Those that cannot be opened, whatever their type. */
static const struct virtio_case virtio_closed[] = {
    {HOSTED_VIRTIO_NO_FEATURES, KEEL_E_UNSUPPORTED}, {HOSTED_VIRTIO_PHYSICAL, KEEL_E_UNSUPPORTED},
    {HOSTED_VIRTIO_NEEDS_RESET, KEEL_E_UNSUPPORTED}, {HOSTED_VIRTIO_NO_QUEUE, KEEL_E_NOT_FOUND},
    {HOSTED_VIRTIO_FAR_NOTIFY, KEEL_E_MALFORMED},    {HOSTED_VIRTIO_NO_ENABLE, KEEL_E_MALFORMED},
};

/* A request that waits for its answer. */
static const struct virtio_case virtio_answers[] = {
    {HOSTED_VIRTIO_ID_HUGE, KEEL_E_MALFORMED},      {HOSTED_VIRTIO_ID_OTHER, KEEL_E_MALFORMED},
    {HOSTED_VIRTIO_TWICE, KEEL_E_MALFORMED},        {HOSTED_VIRTIO_LENGTH_HUGE, KEEL_E_MALFORMED},
    {HOSTED_VIRTIO_LENGTH_SHORT, KEEL_E_MALFORMED}, {HOSTED_VIRTIO_JUMP, KEEL_E_MALFORMED},
    {HOSTED_VIRTIO_BACK, KEEL_E_MALFORMED},         {HOSTED_VIRTIO_NEVER, KEEL_E_TIMEOUT},
};

/* What comes at any moment, into one of several buffers. */
static const struct virtio_case virtio_received[] = {
    {HOSTED_VIRTIO_ID_HUGE, KEEL_E_MALFORMED},      {HOSTED_VIRTIO_LENGTH_HUGE, KEEL_E_MALFORMED},
    {HOSTED_VIRTIO_LENGTH_SHORT, KEEL_E_MALFORMED}, {HOSTED_VIRTIO_JUMP, KEEL_E_MALFORMED},
    {HOSTED_VIRTIO_BACK, KEEL_E_MALFORMED},         {HOSTED_VIRTIO_NEVER, KEEL_E_TIMEOUT},
};

/* What is sent. */
static const struct virtio_case virtio_sent[] = {
    {HOSTED_VIRTIO_ID_HUGE, KEEL_E_MALFORMED},     {HOSTED_VIRTIO_ID_OTHER, KEEL_E_MALFORMED},
    {HOSTED_VIRTIO_LENGTH_HUGE, KEEL_E_MALFORMED}, {HOSTED_VIRTIO_TWICE, KEEL_E_MALFORMED},
    {HOSTED_VIRTIO_JUMP, KEEL_E_MALFORMED},        {HOSTED_VIRTIO_BACK, KEEL_E_MALFORMED},
    {HOSTED_VIRTIO_NEVER, KEEL_E_TIMEOUT},
};

/* The only device of the type. */
static inline uint32_t virtio_index(uint16_t type)
{
    uint32_t index = 0;
    CHECK_OK(services_virtio_find(type, 0, &index));
    return index;
}

static const struct hosted_pci_function *moody_made_from;
static struct hosted_virtio *moody_settings;
static uint64_t moods;

static inline const struct hosted_device *moody_model(void)
{
    return moody_made_from->device_model;
}

static inline uint64_t mood(void)
{
    moods = moods * UINT64_C(6364136223846793005) + 1442695040888963407u;
    moody_settings->lie =
        moods >> 40 & 3 ? HOSTED_VIRTIO_HONEST : (enum hosted_virtio_lie)((moods >> 48) % HOSTED_VIRTIO_LIES);
    return moods >> 33;
}

static inline void moody_power_on(void *context)
{
    (void)context;
    moods = 1;
    moody_model()->power_on(moody_model()->context);
}

static inline uint64_t moody_read(void *context, const struct hosted_pci_function *function, unsigned bar,
                                  uint64_t offset, unsigned width)
{
    uint64_t random = mood();
    (void)context;
    uint64_t value = moody_model()->read(moody_model()->context, function, bar, offset, width);
    return random % 64 == 0 ? random * random : value;
}

static inline void moody_write(void *context, const struct hosted_pci_function *function, unsigned bar,
                               uint64_t offset, unsigned width, uint64_t value)
{
    (void)context;
    if (mood() % 64 != 0) {
        moody_model()->write(moody_model()->context, function, bar, offset, width, value);
    }
}

static const struct hosted_device moody = {
    .power_on = moody_power_on, .read = moody_read, .write = moody_write};

/* Made from an honest one, which the machine adds beside it. */
static struct hosted_pci_function moody_function;

static inline void make_moody(const struct hosted_pci_function *honest, struct hosted_virtio *settings)
{
    moody_made_from = honest;
    moody_settings = settings;
    moody_function = *honest;
    moody_function.device = 1;
    moody_function.bars[0] = (uint32_t)HOSTED_PCI_BASE + 0xcc000;
    moody_function.bars[1] = (uint32_t)HOSTED_PCI_BASE + 0xde000;
    moody_function.device_model = &moody;
}

#endif

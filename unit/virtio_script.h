/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A virtio device of the hosted machine that lies in another way whenever it is asked anything, if it does
 * not answer just anything. For tests of the drivers in services/.
 */
#ifndef UNIT_VIRTIO_SCRIPT_H
#define UNIT_VIRTIO_SCRIPT_H

#include "hosted/virtio.h"

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

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An entropy source (hosted/virtio.h): a run is a function of its configuration, and so is what this gives.
 */
#include "state.h"
#include "virtio.h"

#define BYTES_MAX 64u

static uint64_t state;

static const struct hosted_virtio *settings(void)
{
    return machine.config.entropy ? &machine.config.entropy->virtio : NULL;
}

static void power_on(void)
{
    state = machine.config.seed;
}

/* SplitMix64. */
static uint8_t next(void)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (state ^ state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint8_t)(mixed >> 56);
}

/* Seldom all that were asked for. */
static bool serve(struct virtio_request *request, uint32_t *written)
{
    uint8_t bytes[BYTES_MAX];
    size_t size = 1 + next() % BYTES_MAX;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = next();
    }
    *written = (uint32_t)virtio_scatter(request, bytes, size);
    return *written > 0;
}

static const struct virtio_type type = {.queue_count = 1,
                                        .settings = settings,
                                        .power_on = power_on,
                                        .features = virtio_features_none,
                                        .config = virtio_config_none,
                                        .wants = virtio_wants_always,
                                        .serve = serve};
static struct virtio_device entropy = {.type = &type};
static const struct hosted_device model = VIRTIO_MODEL(&entropy);

const struct hosted_pci_function hosted_entropy_function =
    VIRTIO_FUNCTION(29, 4, 0xff0000, 0xc0000, 0xd0000, &model);

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A console of one port, whose two ends the configuration names (hosted/virtio.h).
 */
#include "state.h"
#include "virtio.h"

#define BYTES_MAX 64u /* that go in or out by one request */
enum { QUEUE_IN = 0 };

static size_t input_at;

static const struct hosted_virtio *settings(void)
{
    return machine.config.virtio_console ? &machine.config.virtio_console->virtio : NULL;
}

static void power_on(void)
{
    input_at = 0;
}

static bool wants(unsigned queue)
{
    return queue != QUEUE_IN || input_at < machine.config.virtio_console->input_size;
}

static bool serve(struct virtio_request *request, uint32_t *written)
{
    const struct hosted_console *console = machine.config.virtio_console;
    uint8_t bytes[1024];
    if (request->index == QUEUE_IN) {
        size_t left = console->input_size - input_at;
        *written =
            (uint32_t)virtio_scatter(request, console->input + input_at, left < BYTES_MAX ? left : BYTES_MAX);
        input_at += *written;
        return *written > 0;
    }
    size_t size = virtio_gather(request, bytes, sizeof bytes);
    if (size > 0 && console->output) {
        console->output(console->context, bytes, size);
    }
    return size > 0;
}

static const struct virtio_type type = {.queue_count = 2,
                                        .settings = settings,
                                        .power_on = power_on,
                                        .features = virtio_features_none,
                                        .config = virtio_config_none,
                                        .wants = wants,
                                        .serve = serve};
static struct virtio_device device = {.type = &type};
static const struct hosted_device model = VIRTIO_MODEL(&device);

const struct hosted_pci_function hosted_console_function =
    VIRTIO_FUNCTION(27, 3, 0x078000, 0xc8000, 0xd4000, &model);

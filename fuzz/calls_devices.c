/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Hostile devices, and handlers of their interrupts that make calls of their own.
 */
#include "calls_world.h"
#include "hal/machine.h"
#include "hosted/machine.h"

/* Sources that devices use: old lines, PCI's, the one that is kept, and the next unit's. */
static const uint8_t sources[] = {0, 1, 5, 9, 16, 17, HOSTED_IRQ_NMI, HOSTED_IRQ_FAR, HOSTED_IRQ_FAR + 7};

static uint32_t source_of(uint8_t byte)
{
    return byte < 0xf0 ? sources[byte % sizeof(sources)] : calls_number("source", byte) & UINT32_MAX;
}

static uint32_t serve(void *context)
{
    uint64_t random = calls_random(&calls_world.random);
    if (random % 4 != 0) {
        hosted_irq_assert((uint32_t)(uintptr_t)context, false);
    }
    if ((random >> 8) % 2 == 0 && calls_world.next_op < calls_world.input.op_count) {
        struct calls_op op = calls_input_op(&calls_world.input, calls_world.next_op++);
        calls_execute(&op);
    }
    return (uint32_t)(random >> 16) % 4;
}

struct keel_irq_handler_options calls_irq_handler_options(uint8_t source, uint8_t flags)
{
    return (struct keel_irq_handler_options){.handler = serve,
                                             .context = (void *)(uintptr_t)source_of(source),
                                             .source = source_of(source),
                                             .flags = flags < 0xf8 ? flags % 8u : flags,
                                             .affinity = flags / 8 % 4};
}

/* Reaches for memory, with any source id, in vain (D3). */
static void reach(uint64_t random)
{
    uint8_t bytes[8] = {0};
    if (hosted_dma((uint16_t)random, (random >> 16) % (UINT64_C(8) << 20), bytes, sizeof(bytes),
                   random >> 63 != 0)) {
        hal_panic("D3: a device reached memory");
    }
}

void calls_devices(void)
{
    uint64_t random = calls_random(&calls_world.random);
    switch (random % 8) {
    case 0:
        hosted_irq_message((random >> 8) % 2, (random >> 16) % 256);
        break;
    case 1:
    case 2:
    case 3:
        hosted_irq_assert(source_of((uint8_t)(random >> 8) % 16), (random >> 16) % 2 != 0);
        break;
    case 4:
        reach(calls_random(&calls_world.random));
        break;
    default:
        break;
    }
}

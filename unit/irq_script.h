/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of interrupt lines share: devices that the tests play, with a handler each.
 */
#ifndef UNIT_IRQ_SCRIPT_H
#define UNIT_IRQ_SCRIPT_H

#include "core/irq.h"
#include "support.h"

#define MS   UINT64_C(1000000)
#define EDGE 5u  /* a source of an old line: an active high edge */
#define PCI  17u /* another: an active low level */
/* What its wire is. */
#define PCI_FLAGS ((uint32_t)(KEEL_IRQ_LEVEL | KEEL_IRQ_LOW))

/* A device with a handler: interrupts until it has been asked so often. */
struct device {
    uint32_t source;
    uint32_t answer; /* of its handler */
    uint32_t asks;   /* until it is quiet; the wire stays if 0 */
    atomic_u32_t calls;
    keel_irq_handler_t handler;
};
static struct device devices[KEEL_IRQ_SHARERS_MAX + 1];
static struct device *const one = &devices[0];

static inline uint32_t handle(void *context)
{
    struct device *device = context;
    uint32_t calls = atomic_u32_fetch_add(&device->calls, 1) + 1;
    if (calls == device->asks) {
        hosted_irq_assert(device->source, false);
    }
    return device->answer;
}

/* A device as new, with a handler of its own. */
static inline keel_status_t create_with(struct device *device, uint32_t (*function)(void *), uint32_t source,
                                        uint32_t flags, uint64_t affinity)
{
    const struct keel_irq_handler_options options = {
        .handler = function, .context = device, .source = source, .flags = flags, .affinity = affinity};
    *device = (struct device){.source = source, .answer = KEEL_IRQ_HANDLED, .asks = 1};
    atomic_u32_init(&device->calls, 0);
    return keel_irq_handler_create(&options, &device->handler);
}

static inline keel_status_t create(struct device *device, uint32_t source, uint32_t flags, uint64_t affinity)
{
    return create_with(device, handle, source, flags, affinity);
}

static inline void start_with(struct device *device, uint32_t (*function)(void *), uint32_t source,
                              uint32_t flags)
{
    CHECK_OK(create_with(device, function, source, flags, 0));
    CHECK_OK(keel_irq_handler_enable(device->handler));
}

static inline void start(struct device *device, uint32_t source, uint32_t flags)
{
    start_with(device, handle, source, flags);
}

static inline uint32_t calls_of(struct device *device)
{
    return atomic_u32_load_acquire(&device->calls);
}

static inline void pulse(uint32_t source)
{
    hosted_irq_assert(source, true);
    hosted_irq_assert(source, false);
}

static inline struct keel_irq_handler_info info_of(const struct device *device)
{
    struct keel_irq_handler_info info = {0};
    CHECK_OK(keel_irq_handler_info(device->handler, &info));
    return info;
}

static inline void wait_for(uint64_t nanoseconds)
{
    uint64_t now = 0, since = 0;
    CHECK_OK(keel_time_now(&since));
    while (now < since + nanoseconds) {
        CHECK_OK(keel_time_now(&now));
    }
}

#endif

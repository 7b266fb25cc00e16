/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of PCI devices' messages share: devices of each kind, and a handler that counts.
 */
#ifndef UNIT_MESSAGE_SCRIPT_H
#define UNIT_MESSAGE_SCRIPT_H

#include "core/irq.h"
#include "core/pci.h"
#include "support.h"

#define MESSAGE_BAR(number) ((uint32_t)HOSTED_PCI_BASE + 0x10000 * (number))

/* Whatever firmware used, it has left on. */
#define MSIX_LEFT_ON(vectors) (0x80000011u | (uint32_t)((vectors) - 1) << 16)
#define MSI_LEFT_ON           0x00010005u
#define MSI_WIDE              0x00800000u
#define MSI_MASKABLE          0x01000000u

enum { MSIX_DEVICE, MASKABLE_DEVICE, PLAIN_DEVICE, MESSAGE_DEVICES };

static const struct hosted_pci_function message_devices[MESSAGE_DEVICES] = {
    [MSIX_DEVICE] = {.device = 1,
                     .vendor_id = 0x4b45,
                     .command = 2,
                     .bars = {MESSAGE_BAR(0)},
                     .masks = {0xffffc000},
                     .capabilities = 0x40,
                     .words = {{0x40, MSI_LEFT_ON | MSI_WIDE | 0x5000},
                               {0x50, MSIX_LEFT_ON(4)},
                               {0x54, 0x1048}, /* a multiple of 8 is enough (PCI 3.0, 6.8.2.4) */
                               {0x58, 0x2000}}},
    [MASKABLE_DEVICE] = {.device = 2,
                         .function = 0,
                         .vendor_id = 0x4b45,
                         .command = 2,
                         .capabilities = 0x80,
                         .words = {{0x80, MSI_LEFT_ON | MSI_WIDE | MSI_MASKABLE}}},
    [PLAIN_DEVICE] = {.device = 3,
                      .vendor_id = 0x4b45,
                      .command = 2,
                      .capabilities = 0xf4,
                      .words = {{0xf4, MSI_LEFT_ON}}},
};

static inline struct hal_pci_address message_place(uint32_t index)
{
    return (struct hal_pci_address){.device = message_devices[index].device};
}

struct listener {
    uint32_t source;
    atomic_u32_t calls, cpu; /* the CPU of the last call */
    keel_irq_handler_t handler;
};

static inline uint32_t listen(void *context)
{
    struct listener *listener = context;
    uint32_t cpu = UINT32_MAX;
    CHECK_OK(keel_cpu_current(&cpu));
    atomic_u32_store_relaxed(&listener->cpu, cpu);
    atomic_u32_fetch_add(&listener->calls, 1);
    return KEEL_IRQ_HANDLED;
}

static inline keel_status_t listener_create(struct listener *listener, uint32_t source, uint64_t affinity)
{
    const struct keel_irq_handler_options options = {
        .handler = listen, .context = listener, .source = source, .affinity = affinity};
    listener->source = source;
    atomic_u32_init(&listener->calls, 0);
    atomic_u32_init(&listener->cpu, UINT32_MAX);
    return keel_irq_handler_create(&options, &listener->handler);
}

static inline uint32_t calls_of(struct listener *listener)
{
    return atomic_u32_load_acquire(&listener->calls);
}

/* Whatever is under way has come. More than one sleep: who waits for hardware by looking again and again lets
 * time pass to the next deadline each time. */
static inline void message_settle(void)
{
    for (unsigned i = 0; i < 10; i++) {
        CHECK_OK(keel_task_sleep(1000000));
    }
}

static inline keel_pci_device_t message_device(uint32_t index)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(index, &device));
    return device;
}

/* And it masters the bus: only then it sends messages. */
static inline keel_pci_device_t message_sender(uint32_t index)
{
    keel_pci_device_t device = message_device(index);
    CHECK_OK(keel_dma_enable(device, 1));
    return device;
}

static inline uint32_t message_open(keel_pci_device_t device, uint32_t index)
{
    uint32_t source = 0;
    CHECK_OK(keel_pci_message_open(device, index, &source));
    return source;
}

/* With what is done once when the line is unmasked over: calls that follow are for messages. */
static inline void listener_start(struct listener *listener, uint32_t source, uint64_t affinity)
{
    CHECK_OK(listener_create(listener, source, affinity));
    CHECK_OK(keel_irq_handler_enable(listener->handler));
    CHECK_OK(keel_task_sleep(1000000));
    atomic_u32_store_relaxed(&listener->calls, 0);
}

#endif

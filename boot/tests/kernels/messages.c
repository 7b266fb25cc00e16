/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of two devices of QEMU's: `edu` has MSI, and `e1000e` MSI-X. Both interrupt when a register says
 * so, and are driven by calls alone. What they send arrives where the line goes, and nothing after a message
 * is closed or its device given back (D4), nor before a device masters the bus.
 */
#include "check.h"

#define MS UINT64_C(1000000)

enum {
    COMMAND = 0x04,
    COMMAND_INTX_DISABLE = 1 << 10,
    MSI = 0x05,
    MSIX = 0x11,
    ROUNDS = 20,
};

struct device {
    keel_pci_device_t pci;
    keel_io_memory_t io;
    uint32_t index; /* among the PCI devices */
};

static uint64_t load(const struct device *device, uint64_t offset)
{
    uint64_t value = 0;
    CHECK_OK(keel_io_memory_read(device->io, offset, 4, &value));
    return value;
}

static void store(const struct device *device, uint64_t offset, uint32_t value)
{
    CHECK_OK(keel_io_memory_write(device->io, offset, 4, value));
}

static void acquire(struct device *device, uint16_t vendor, uint16_t device_id)
{
    struct keel_pci_device_info info = {0};
    uint32_t count = 0;
    CHECK_OK(keel_pci_device_count(&count));
    for (device->index = 0; device->index < count; device->index++) {
        CHECK_OK(keel_pci_device_info(device->index, &info));
        if (info.vendor_id == vendor && info.device_id == device_id) {
            break;
        }
    }
    CHECK_OK(keel_pci_device_acquire(device->index, &device->pci));
    CHECK_OK(keel_pci_bar_acquire(device->pci, 0, 0, 0x1000, KEEL_CACHE_UNCACHED, &device->io));
}

static void give_back(const struct device *device)
{
    CHECK_OK(keel_io_memory_release(device->io));
    CHECK_OK(keel_pci_device_release(device->pci));
}

/* The control register of the capability. */
static uint32_t control(const struct device *device, uint32_t id)
{
    uint32_t offset = 0, value = 0;
    CHECK_OK(keel_pci_capability(device->pci, id, 0, &offset));
    CHECK_OK(keel_pci_config_read(device->pci, offset + 2, 2, &value));
    return value;
}

static bool wire_is_off(const struct device *device)
{
    uint32_t value = 0;
    CHECK_OK(keel_pci_config_read(device->pci, COMMAND, 2, &value));
    return (value & COMMAND_INTX_DISABLE) != 0;
}

static unsigned cpu_count(void)
{
    uint64_t online = 0;
    unsigned count = 0;
    CHECK_OK(keel_cpu_online(&online));
    for (; online != 0; online &= online - 1) {
        count++;
    }
    return count;
}

/* --- What handlers see --- */

struct listener {
    const struct device *device;
    void (*quiet)(const struct device *device); /* the device does not interrupt any more */
    _Atomic uint32_t calls, cpu;                /* the CPU of the last one */
    keel_irq_handler_t handler;
};

static uint32_t listen(void *context)
{
    struct listener *listener = context;
    uint32_t cpu = 0;
    listener->quiet(listener->device);
    CHECK_OK(keel_cpu_current(&cpu));
    listener->cpu = cpu;
    listener->calls++;
    return KEEL_IRQ_HANDLED;
}

/* What is called once since edges may have been lost is over, when this returns. */
static void settle(struct listener *listener)
{
    CHECK_OK(keel_task_sleep(5 * MS));
    listener->calls = 0;
}

static void listen_to(struct listener *listener, uint32_t source)
{
    const struct keel_irq_handler_options options = {
        .handler = listen, .context = listener, .source = source};
    CHECK_OK(keel_irq_handler_create(&options, &listener->handler));
    CHECK_OK(keel_irq_handler_enable(listener->handler));
    settle(listener);
}

/* Answers how many calls there were. */
static uint32_t heard(struct listener *listener)
{
    for (unsigned turn = 0; listener->calls == 0 && turn < 50; turn++) {
        CHECK_OK(keel_task_sleep(MS));
    }
    return listener->calls;
}

/* On each CPU in turn. */
static void check_rounds(struct listener *listener, void (*interrupt)(const struct device *device))
{
    unsigned cpus = cpu_count();
    uint32_t violations = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        CHECK_OK(keel_irq_handler_set_affinity(listener->handler, UINT64_C(1) << round % cpus));
        settle(listener);
        CHECK_OK(keel_audit(&violations)); /* while something may pass */
        CHECK_VALUE(violations == 0, violations);
        interrupt(listener->device);
        CHECK_VALUE(heard(listener) == 1, listener->calls);
        CHECK_VALUE(listener->cpu == round % cpus, listener->cpu);
    }
}

/* --- edu (QEMU, docs/specs/edu.txt) --- */

enum {
    EDU_STATUS = 0x24,
    EDU_RAISE = 0x60,
    EDU_ACKNOWLEDGE = 0x64,
};

static struct device edu;

static void edu_interrupt(const struct device *device)
{
    store(device, EDU_RAISE, 1);
}

static void edu_quiet(const struct device *device)
{
    store(device, EDU_ACKNOWLEDGE, (uint32_t)load(device, EDU_STATUS));
}

static struct listener one = {.device = &edu, .quiet = edu_quiet};

static void D4_msi_arrives_where_the_line_goes(void)
{
    uint32_t count = 0, source = 0;
    acquire(&edu, 0x1234, 0x11e8);
    CHECK_OK(keel_pci_message_count(edu.pci, &count));
    CHECK_VALUE(count == 1, count);
    CHECK_OK(keel_pci_message_open(edu.pci, 0, &source));
    CHECK(wire_is_off(&edu));
    listen_to(&one, source);
    edu_interrupt(&edu); /* it does not master the bus */
    CHECK_VALUE(heard(&one) == 0, one.calls);
    edu_quiet(&edu);
    CHECK_OK(keel_dma_enable(edu.pci, 1));
    check_rounds(&one, edu_interrupt);
    CHECK_VALUE((control(&edu, MSI) & 1) == 1, control(&edu, MSI));
    CHECK_OK(keel_irq_handler_release(one.handler));
    give_back(&edu);
}

static void D4_closed_msi_calls_nobody(void)
{
    struct keel_irq_handler_info info = {0};
    uint32_t source = 0, again = 0;
    acquire(&edu, 0x1234, 0x11e8);
    CHECK_OK(keel_dma_enable(edu.pci, 1));
    CHECK_OK(keel_pci_message_open(edu.pci, 0, &source));
    listen_to(&one, source);
    edu_interrupt(&edu);
    CHECK_VALUE(heard(&one) == 1, one.calls);
    CHECK_OK(keel_pci_message_close(edu.pci, 0));
    CHECK_VALUE((control(&edu, MSI) & 1) == 0, control(&edu, MSI));
    CHECK(!wire_is_off(&edu));
    one.calls = 0;
    edu_interrupt(&edu);
    CHECK_VALUE(heard(&one) == 0, one.calls);
    edu_quiet(&edu);
    CHECK_OK(keel_irq_handler_info(one.handler, &info));
    CHECK_VALUE(info.state == KEEL_IRQ_GONE, info.state);
    CHECK_OK(keel_irq_handler_release(one.handler));
    CHECK_OK(keel_pci_message_open(edu.pci, 0, &again));
    CHECK_VALUE(again == source, again);
    listen_to(&one, again);
    CHECK_OK(keel_pci_device_ref(edu.pci));
    CHECK_OK(keel_pci_device_release(edu.pci));
    edu_interrupt(&edu);
    CHECK_VALUE(heard(&one) == 1, one.calls);
    CHECK_OK(keel_pci_device_release(edu.pci)); /* the last one; the registers are still held */
    one.calls = 0;
    edu_interrupt(&edu);
    CHECK_VALUE(heard(&one) == 0, one.calls);
    edu_quiet(&edu);
    CHECK_OK(keel_irq_handler_release(one.handler));
    CHECK_OK(keel_io_memory_release(edu.io));
}

/* --- e1000e (Intel 82574 data sheet, 10.2.4) --- */

enum {
    NET_CAUSES = 0xc0, /* that are pending; ones clear */
    NET_SET = 0xc8,    /* causes become pending */
    NET_ENABLE = 0xd0, /* causes interrupt */
    NET_VECTORS = 0xe4,
    CAUSE_RECEIVE = 1 << 20, /* of the first queue */
    CAUSE_TRANSMIT = 1 << 22,
    VECTOR_VALID = 8,
};

static struct device network;

static void network_quiet(const struct device *device)
{
    store(device, NET_CAUSES, UINT32_MAX);
}

static void receive(const struct device *device)
{
    store(device, NET_SET, CAUSE_RECEIVE);
}

static void transmit(const struct device *device)
{
    store(device, NET_SET, CAUSE_TRANSMIT);
}

static struct listener receiver = {.device = &network, .quiet = network_quiet};
static struct listener transmitter = {.device = &network, .quiet = network_quiet};

static void D4_each_msix_has_its_own_handler(void)
{
    uint32_t count = 0, first = 0, second = 0;
    acquire(&network, 0x8086, 0x10d3);
    CHECK_OK(keel_dma_enable(network.pci, 1));
    CHECK_OK(keel_pci_message_count(network.pci, &count));
    CHECK_VALUE(count == 5, count);
    CHECK_OK(keel_pci_message_open(network.pci, 1, &first));
    CHECK_OK(keel_pci_message_open(network.pci, 4, &second));
    CHECK_VALUE((control(&network, MSIX) & 0x8000) != 0, control(&network, MSIX));
    /* Reception by message 1, transmission by message 4: fields of four bits for two queues of each. */
    store(&network, NET_VECTORS, (VECTOR_VALID | 1) | (VECTOR_VALID | 4) << 8);
    store(&network, NET_ENABLE, CAUSE_RECEIVE | CAUSE_TRANSMIT);
    listen_to(&receiver, first);
    listen_to(&transmitter, second);
    check_rounds(&receiver, receive);
    CHECK_VALUE(transmitter.calls == 0, transmitter.calls);
    receiver.calls = 0;
    check_rounds(&transmitter, transmit);
    CHECK_VALUE(receiver.calls == 0, receiver.calls);
    /* What comes while it is masked is pending. */
    CHECK_OK(keel_irq_handler_disable(receiver.handler));
    receive(&network);
    CHECK_VALUE(heard(&receiver) == 0, receiver.calls);
    CHECK_OK(keel_irq_handler_enable(receiver.handler));
    CHECK_VALUE(heard(&receiver) >= 1, receiver.calls);
    settle(&receiver);
    CHECK_OK(keel_pci_message_close(network.pci, 1));
    receive(&network);
    CHECK_VALUE(heard(&receiver) == 0, receiver.calls);
    network_quiet(&network);
    settle(&transmitter);
    transmit(&network);
    CHECK_VALUE(heard(&transmitter) == 1, transmitter.calls);
    settle(&transmitter); /* QEMU throttles messages by a timer, and aborts if it rings with MSI-X off */
    CHECK_OK(keel_irq_handler_release(receiver.handler));
    CHECK_OK(keel_irq_handler_release(transmitter.handler));
    give_back(&network);
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(D4_msi_arrives_where_the_line_goes),
        TEST(D4_closed_msi_calls_nobody),
        TEST(D4_each_msix_has_its_own_handler),
    };
    return tests_run("messages", tests, COUNT_OF(tests));
}

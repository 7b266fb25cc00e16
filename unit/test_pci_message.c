/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of PCI devices: MSI-X, and MSI with and without mask bits (core/pci_message.c, core/irq.c,
 * hal/x86_common/irq_message.c).
 */
#include "core/pci_message.h"
#include "hal/io.h"
#include "hal/ioapic.h"
#include "message_script.h"

#define CPU_0   UINT64_C(1)
#define CPU_1   UINT64_C(2)
#define MS      UINT64_C(1000000)
#define SOURCES (HAL_IRQ_SOURCES_MAX - HOSTED_IRQ_FAR - HOSTED_IRQ_FAR_COUNT)
#define FIRST   (HOSTED_IRQ_FAR + HOSTED_IRQ_FAR_COUNT)
#define TABLE   (MESSAGE_BAR(0) + 0x1048)

static struct listener one, other;

static uint32_t control_of(uint32_t index)
{
    static const uint8_t at[MESSAGE_DEVICES] = {0x52, 0x82, 0xf6};
    return hosted_pci_peek(message_place(index), at[index], 2);
}

static bool is_on(uint32_t index)
{
    return (control_of(index) & (index == MSIX_DEVICE ? 0x8000u : 1u)) != 0;
}

static bool wire_is_off(uint32_t index)
{
    return (hosted_pci_peek(message_place(index), PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE) != 0;
}

static bool send(uint32_t index)
{
    return hosted_pci_message(message_place(index), 0);
}

static uint64_t strays(void)
{
    struct keel_irq_counts counts[2] = {{0}};
    for (uint32_t cpu = 0; cpu < 2; cpu++) {
        CHECK_OK(keel_irq_counts(cpu, &counts[cpu]));
    }
    return counts[0].stray + counts[1].stray;
}

static uint32_t state_of(struct listener *listener)
{
    struct keel_irq_handler_info info = {0};
    CHECK_OK(keel_irq_handler_info(listener->handler, &info));
    CHECK_EQUAL(info.source, listener->source);
    return info.state;
}

/* --- What devices have --- */

static void D6_firmware_leaves_no_message_on(void)
{
    for (uint32_t i = 0; i < MESSAGE_DEVICES; i++) {
        CHECK(!is_on(i));
        CHECK(!wire_is_off(i));
        CHECK(!send(i));
    }
    CHECK_EQUAL(hosted_pci_peek(message_place(MSIX_DEVICE), 0x42, 2) & 1, 0); /* its MSI */
    for (uint64_t entry = 0; entry < 4; entry++) {
        CHECK_EQUAL(hal_io_read(hal_paddr(TABLE + 16 * entry + 12), 4, HAL_CACHE_UNCACHED), 1);
    }
    CHECK_AUDIT();
}

#define NEAR MESSAGE_BAR(8)
static const struct hosted_pci_function doubtful[] = {
    {.device = 0,
     .vendor_id = 0x6666,
     .class_code = 0x060000, /* what steers the machine is no device */
     .capabilities = 0x40,
     .words = {{0x40, MSI_LEFT_ON}}},
    {.device = 1,
     .vendor_id = 0x6666,
     .class_code = 0x060400,
     .header = 1,
     .capabilities = 0x40,
     .words = {{0x40, MSI_LEFT_ON}}},
    /* Its table is where another BAR is, too; but it has MSI. */
    {.device = 2,
     .vendor_id = 0x6666,
     .command = 2,
     .bars = {NEAR, NEAR + 0x1000},
     .masks = {0xffffc000, 0xfffff000},
     .capabilities = 0x40,
     .words = {{0x40, MSIX_LEFT_ON(2) | 0x5000}, {0x44, 0x1000}, {0x48, 0x2000}, {0x50, MSI_LEFT_ON}}},
    /* Beyond the end of configuration space, by its mask bits. */
    {.device = 3, .vendor_id = 0x6666, .capabilities = 0xf0, .words = {{0xf0, MSI_LEFT_ON | MSI_MASKABLE}}},
    /* A list that is a circle. */
    {.device = 4, .vendor_id = 0x6666, .capabilities = 0x40, .words = {{0x40, MSI_LEFT_ON | 0x4000}}},
    /* Two of them: it has the first one. */
    {.device = 5,
     .vendor_id = 0x6666,
     .capabilities = 0x40,
     .words = {{0x40, MSI_LEFT_ON | 0x6000}, {0x60, MSI_LEFT_ON | MSI_WIDE}}},
    {.device = 6, .vendor_id = 0x6666},
};

static void D7_what_cannot_be_trusted_sends_no_messages(void)
{
    static const uint32_t expected[] = {0, 0, 1, 0, 0, 1, 0};
    for (uint32_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        keel_pci_device_t device = message_device(i);
        uint32_t count = 7, source = 7;
        CHECK_OK(keel_pci_message_count(device, &count));
        CHECK_EQUAL(count, expected[i]);
        CHECK_STATUS(keel_pci_message_open(device, count, &source), KEEL_E_NOT_FOUND);
        CHECK_STATUS(keel_pci_message_open(device, UINT32_MAX, &source), KEEL_E_NOT_FOUND);
        CHECK_STATUS(keel_pci_message_close(device, 0), KEEL_E_NOT_FOUND);
        CHECK_EQUAL(source, 7);
        if (count > 0) {
            (void)message_open(device, 0);
        }
        CHECK_AUDIT();
        CHECK_OK(keel_pci_device_release(device));
    }
    CHECK_EQUAL(hosted_pci_peek((struct hal_pci_address){.device = 5}, 0x62, 2) & 1, 0);
    CHECK_EQUAL(hosted_pci_peek((struct hal_pci_address){.device = 3}, 0xf2, 2) & 1, 0);
}

static void D6_messages_are_opened_and_closed(void)
{
    static const uint32_t counts[MESSAGE_DEVICES] = {4, 1, 1};
    for (uint32_t i = 0; i < MESSAGE_DEVICES; i++) {
        keel_pci_device_t device = message_device(i);
        uint32_t count = 0, source = 7;
        CHECK_OK(keel_pci_message_count(device, &count));
        CHECK_EQUAL(count, counts[i]);
        for (uint32_t index = 0; index < count; index++) {
            CHECK_EQUAL(message_open(device, index), FIRST + index);
            CHECK_STATUS(keel_pci_message_open(device, index, &source), KEEL_E_EXISTS);
            CHECK(wire_is_off(i));
            CHECK_EQUAL(is_on(i), i != PLAIN_DEVICE); /* that one is not masked otherwise */
            CHECK_AUDIT();
        }
        for (uint32_t index = 0; index < count; index++) {
            CHECK(wire_is_off(i));
            CHECK_OK(keel_pci_message_close(device, index));
            CHECK_STATUS(keel_pci_message_close(device, index), KEEL_E_NOT_FOUND);
            CHECK_AUDIT();
        }
        CHECK(!wire_is_off(i));
        CHECK(!is_on(i));
        CHECK_EQUAL(source, 7);
        CHECK_OK(keel_pci_device_release(device));
    }
}

/* --- Interrupts --- */

static void D4_message_calls_where_the_line_goes(void)
{
    for (uint32_t i = 0; i < MESSAGE_DEVICES; i++) {
        keel_pci_device_t device = message_device(i);
        uint32_t source = message_open(device, 0);
        listener_start(&one, source, CPU_1);
        CHECK(!send(i)); /* it does not master the bus */
        CHECK_OK(keel_dma_enable(device, 1));
        for (uint32_t round = 1; round <= 4; round++) {
            uint32_t cpu = round % 2;
            CHECK_OK(keel_irq_handler_set_affinity(one.handler, UINT64_C(1) << cpu));
            message_settle(); /* edges may have been lost meanwhile: one call */
            uint32_t before = calls_of(&one);
            CHECK(send(i));
            message_settle();
            CHECK_EQUAL(calls_of(&one), before + 1);
            CHECK_EQUAL(atomic_u32_load_relaxed(&one.cpu), cpu);
            CHECK_AUDIT();
        }
        CHECK_EQUAL(state_of(&one), KEEL_IRQ_OPEN);
        CHECK_OK(keel_irq_handler_release(one.handler));
        CHECK_OK(keel_pci_device_release(device));
    }
}

static void D4_each_message_has_its_own_handler(void)
{
    keel_pci_device_t device = message_sender(MSIX_DEVICE);
    uint32_t first = message_open(device, 3), second = message_open(device, 1);
    listener_start(&one, first, 0);
    listener_start(&other, second, 0);
    CHECK(hosted_pci_message(message_place(MSIX_DEVICE), 1));
    message_settle();
    CHECK_EQUAL(calls_of(&one), 0);
    CHECK_EQUAL(calls_of(&other), 1);
    CHECK(hosted_pci_message(message_place(MSIX_DEVICE), 3));
    message_settle();
    CHECK_EQUAL(calls_of(&one), 1);
    CHECK_EQUAL(calls_of(&other), 1);
    CHECK(!hosted_pci_message(message_place(MSIX_DEVICE), 0)); /* not open */
    CHECK(!hosted_pci_message(message_place(MSIX_DEVICE), 4)); /* none */
    CHECK_OK(keel_irq_handler_release(one.handler));
    CHECK_OK(keel_irq_handler_release(other.handler));
    CHECK_OK(keel_pci_device_release(device));
}

/* Pending where the device has a bit for that; otherwise the handler is called all the same. */
static void T9_message_while_masked_is_not_lost(void)
{
    for (uint32_t i = 0; i < MESSAGE_DEVICES; i++) {
        keel_pci_device_t device = message_sender(i);
        listener_start(&one, message_open(device, 0), CPU_0);
        CHECK_OK(keel_irq_handler_disable(one.handler));
        CHECK(!send(i));
        message_settle();
        CHECK_EQUAL(calls_of(&one), 0);
        CHECK_AUDIT();
        CHECK_OK(keel_irq_handler_enable(one.handler));
        message_settle();
        CHECK_EQUAL(calls_of(&one), i == PLAIN_DEVICE ? 1 : 2);
        CHECK_OK(keel_irq_handler_release(one.handler));
        CHECK_OK(keel_pci_device_release(device));
    }
}

/* Its device does not care whether it is masked. */
static bool send_all_the_same(uint32_t i)
{
    bool interrupts = hal_irq_disable();
    struct hal_irq_message message = hal_irq_message_describe(one.source);
    hal_irq_restore(interrupts);
    return hosted_message((uint16_t)(message_devices[i].device << 3), message.address, message.data);
}

static void D8_messages_that_storm_are_masked(void)
{
    for (uint32_t i = 0; i < MESSAGE_DEVICES; i++) {
        keel_pci_device_t device = message_sender(i);
        listener_start(&one, message_open(device, 0), CPU_0);
        for (uint32_t sent = 0; sent < 2000 && send(i); sent++) {
            CHECK_OK(keel_cpu_relax());
        }
        CHECK(!send(i));
        CHECK(!send_all_the_same(i));
        CHECK_EQUAL(state_of(&one), KEEL_IRQ_THROTTLED);
        CHECK_AUDIT();
        CHECK_OK(keel_irq_handler_set_affinity(one.handler, CPU_1));
        CHECK(!send_all_the_same(i));
        CHECK_OK(keel_task_sleep(20 * MS));
        CHECK_EQUAL(state_of(&one), KEEL_IRQ_OPEN);
        CHECK(send(i));
        CHECK(send_all_the_same(i));
        CHECK_AUDIT();
        CHECK_OK(keel_irq_handler_release(one.handler));
        CHECK_OK(keel_pci_device_release(device));
    }
}

/* --- The end --- */

static void check_gone(uint32_t i)
{
    uint32_t before = calls_of(&one);
    uint64_t stray = strays();
    CHECK(!send(i));
    CHECK(!is_on(i));
    CHECK(!wire_is_off(i));
    CHECK_EQUAL(state_of(&one), KEEL_IRQ_GONE);
    CHECK_OK(keel_irq_handler_enable(one.handler));
    CHECK_STATUS(keel_irq_handler_set_affinity(one.handler, CPU_0), KEEL_E_NOT_FOUND);
    CHECK_STATUS(listener_create(&other, one.source, 0), KEEL_E_NOT_FOUND);
    CHECK(!send(i));
    hosted_irq_message(0, IOAPIC_VECTOR_FIRST + one.source); /* on its way, or forged */
    CHECK_OK(keel_task_sleep(20 * MS));
    CHECK_EQUAL(calls_of(&one), before);
    CHECK_EQUAL(strays(), stray + 1);
    CHECK_AUDIT();
}

static void D4_closed_message_calls_nobody(void)
{
    for (uint32_t i = 0; i < MESSAGE_DEVICES; i++) {
        keel_pci_device_t device = message_sender(i);
        uint32_t source = message_open(device, 0);
        listener_start(&one, source, CPU_0);
        CHECK(send(i));
        message_settle();
        CHECK_EQUAL(calls_of(&one), 1);
        CHECK_OK(keel_pci_message_close(device, 0));
        check_gone(i);
        /* The source is its handler's as long as that lives. */
        CHECK_EQUAL(message_open(device, 0), source + 1);
        CHECK_EQUAL(state_of(&one), KEEL_IRQ_GONE);
        CHECK_OK(keel_pci_message_close(device, 0));
        CHECK_OK(keel_irq_handler_release(one.handler));
        CHECK_EQUAL(message_open(device, 0), source);
        listener_start(&one, source, CPU_0);
        CHECK(send(i));
        message_settle();
        CHECK_EQUAL(calls_of(&one), 1);
        CHECK_OK(keel_irq_handler_release(one.handler));
        CHECK_OK(keel_pci_device_release(device));
    }
}

static void D4_last_release_of_the_device_closes_its_messages(void)
{
    for (uint32_t i = 0; i < MESSAGE_DEVICES; i++) {
        keel_pci_device_t device = message_sender(i);
        CHECK_OK(keel_pci_device_ref(device));
        listener_start(&one, message_open(device, 0), CPU_0);
        if (i == MSIX_DEVICE) {
            (void)message_open(device, 2);
        }
        CHECK_OK(keel_pci_device_release(device));
        CHECK(send(i)); /* not the last one */
        CHECK_OK(keel_pci_device_release(device));
        check_gone(i);
        CHECK_OK(keel_irq_handler_release(one.handler));
        device = message_device(i);
        CHECK_STATUS(keel_pci_message_close(device, 0), KEEL_E_NOT_FOUND);
        CHECK_EQUAL(message_open(device, 0), FIRST);
        CHECK_OK(keel_pci_device_release(device));
    }
    for (uint64_t offset = 0; offset < 12; offset += 4) {
        CHECK_EQUAL(hal_io_read(hal_paddr(TABLE + offset), 4, HAL_CACHE_UNCACHED), 0);
    }
    CHECK_EQUAL(hal_io_read(hal_paddr(TABLE + 12), 4, HAL_CACHE_UNCACHED), 1);
    CHECK_EQUAL(hosted_pci_peek(message_place(MASKABLE_DEVICE), 0x84, 4), 0);
    CHECK_EQUAL(hosted_pci_peek(message_place(MASKABLE_DEVICE), 0x90, 4), UINT32_MAX);
    CHECK_EQUAL(hosted_pci_peek(message_place(PLAIN_DEVICE), 0xf8, 4), 0);
    CHECK_EQUAL(hosted_pci_peek(message_place(PLAIN_DEVICE), 0xfc, 2), 0);
}

static keel_pci_device_t own_device;

static uint32_t release_device(void *context)
{
    struct listener *listener = context;
    atomic_u32_fetch_add(&listener->calls, 1);
    (void)keel_pci_device_release(own_device);
    return KEEL_IRQ_HOLD;
}

static void P2_handler_closes_its_own_message(void)
{
    own_device = message_sender(MSIX_DEVICE);
    struct keel_irq_handler_options options = {
        .handler = release_device, .context = &one, .source = message_open(own_device, 0)};
    one.source = options.source;
    atomic_u32_init(&one.calls, 0);
    CHECK_OK(keel_irq_handler_create(&options, &one.handler));
    CHECK_OK(keel_irq_handler_enable(one.handler));
    message_settle(); /* edges may have been lost: it is called once */
    CHECK_EQUAL(calls_of(&one), 1);
    CHECK_STATUS(keel_pci_device_release(own_device), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_irq_handler_resume(one.handler));
    check_gone(MSIX_DEVICE);
    CHECK_OK(keel_irq_handler_release(one.handler));
}

/* --- Misuse, and running out --- */

static void D4_handlers_are_for_open_messages_alone(void)
{
    keel_pci_device_t device = message_device(MSIX_DEVICE);
    struct keel_irq_handler_options options = {.handler = listen, .context = &one, .source = FIRST};
    struct keel_irq_source_info info;
    keel_irq_handler_t handler = {0};
    CHECK_STATUS(keel_irq_handler_create(&options, &handler), KEEL_E_NOT_FOUND);
    CHECK_EQUAL(message_open(device, 0), FIRST);
    options.flags = KEEL_IRQ_LEVEL;
    CHECK_STATUS(keel_irq_handler_create(&options, &handler), KEEL_E_INVALID);
    options.flags = KEEL_IRQ_LOW;
    CHECK_STATUS(keel_irq_handler_create(&options, &handler), KEEL_E_INVALID);
    options.flags = 0;
    options.source = FIRST + 1;
    CHECK_STATUS(keel_irq_handler_create(&options, &handler), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_irq_source_info(FIRST, &info), KEEL_E_NOT_FOUND); /* no wire */
    CHECK_OK(listener_create(&one, FIRST, 0));
    CHECK_STATUS(listener_create(&other, FIRST, 0), KEEL_E_BUSY);
    CHECK_OK(keel_irq_handler_release(one.handler));
    CHECK_OK(keel_pci_device_release(device));
}

static const struct hosted_pci_function greedy[] = {
    {.device = 9,
     .vendor_id = 0x4b45,
     .command = 2,
     .bars = {NEAR},
     .masks = {0xffff8000},
     .capabilities = 0x40,
     .words = {{0x40, MSIX_LEFT_ON(SOURCES + 8)}, {0x44, 0x4000}, {0x48, 0}}}};

static void M8_sources_run_out(void)
{
    keel_pci_device_t device = message_device(0);
    uint32_t source = 0;
    for (uint32_t index = 0; index < SOURCES; index++) {
        CHECK_EQUAL(message_open(device, index), FIRST + index);
    }
    CHECK_STATUS(keel_pci_message_open(device, SOURCES, &source), KEEL_E_LIMIT);
    CHECK_AUDIT();
    CHECK_OK(keel_pci_message_close(device, 7));
    CHECK_EQUAL(message_open(device, SOURCES), FIRST + 7);
    CHECK_OK(keel_pci_device_release(device));
    device = message_device(0);
    CHECK_EQUAL(message_open(device, 0), FIRST);
    CHECK_OK(keel_pci_device_release(device));
}

/* --- Sources that are shared --- */

/* A bridge to the old bus may send what two functions behind it send as one's, or as its own. */
static const struct hosted_pci_function old_bus[] = {
    {.device = 4,
     .vendor_id = 0x1b36,
     .class_code = 0x060400,
     .header = 1,
     .command = 7,
     .secondary = 1,
     .last = 1},
    {.bus = 1, .vendor_id = 0x6666, .command = 2, .capabilities = 0x40, .words = {{0x40, MSI_LEFT_ON}}},
};

static keel_status_t open_behind_the_bridge(void)
{
    keel_pci_device_t device = {0};
    uint32_t source = 0;
    CHECK_OK(keel_pci_device_acquire(1, &device));
    CHECK_STATUS(keel_pci_message_open(device, 1, &source), KEEL_E_NOT_FOUND);
    keel_status_t status = keel_pci_message_open(device, 0, &source);
    CHECK_AUDIT();
    CHECK_OK(keel_pci_device_release(device));
    return status;
}

static void D4_who_shares_a_source_has_no_messages(void)
{
    CHECK_STATUS(open_behind_the_bridge(), KEEL_E_LIMIT);
}

/* Where nothing tells anybody apart. */
static void D4_who_shares_a_source_has_them_unremapped(void)
{
    CHECK_OK(open_behind_the_bridge());
}

/* --- The audit --- */

static void D4_audit_sees_messages_of_nobody(void)
{
    hosted_pci_poke(message_place(MSIX_DEVICE), 0x52, 2, 0x8003);
    CHECK(unit_audit() > 0);
    hosted_pci_poke(message_place(MSIX_DEVICE), 0x52, 2, 0x0003);
    hosted_pci_poke(message_place(PLAIN_DEVICE), 0xf6, 2, 1);
    CHECK(unit_audit() > 0);
    hosted_pci_poke(message_place(PLAIN_DEVICE), 0xf6, 2, 0);
    CHECK_AUDIT();
}

static void D6_audit_sees_messages_of_others(void)
{
    keel_pci_device_t device = message_device(MSIX_DEVICE), plain = message_device(PLAIN_DEVICE);
    listener_start(&one, message_open(device, 0), 0);
    listener_start(&other, message_open(plain, 0), 0);
    hal_io_write(hal_paddr(TABLE + 16 + 12), 4, 0, HAL_CACHE_UNCACHED); /* as firmware left it */
    CHECK(unit_audit() > 0);
    hal_io_write(hal_paddr(TABLE + 16 + 12), 4, 1, HAL_CACHE_UNCACHED);
    CHECK_AUDIT();
    hosted_pci_poke(message_place(PLAIN_DEVICE), 0xfc, 2, IOAPIC_VECTOR_FIRST + one.source);
    CHECK(unit_audit() > 0);
    hosted_pci_poke(message_place(PLAIN_DEVICE), 0xfc, 2, IOAPIC_VECTOR_FIRST + other.source);
    hosted_pci_poke(message_place(MSIX_DEVICE), 0x42, 2, 1); /* its MSI */
    CHECK(unit_audit() > 0);
    hosted_pci_poke(message_place(MSIX_DEVICE), 0x42, 2, 0);
    CHECK_OK(keel_irq_handler_release(one.handler));
    CHECK_OK(keel_irq_handler_release(other.handler));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_OK(keel_pci_device_release(plain));
}

static const char trust[] = "keel.dma=trust-devices"; /* with interrupts, too */

#define WITH(of) .config.pci = of, .config.pci_count = sizeof(of) / sizeof(of)[0]

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D6_firmware_leaves_no_message_on, WITH(message_devices)),
        UNIT(D7_what_cannot_be_trusted_sends_no_messages, WITH(doubtful)),
        UNIT(D6_messages_are_opened_and_closed, WITH(message_devices)),
        UNIT(D4_message_calls_where_the_line_goes, .by_amd = true, WITH(message_devices), .seeds = 4),
        /* Where the message itself says which CPU. */
        UNIT(D4_message_calls_where_the_line_goes, WITH(message_devices), .seeds = 4,
             .config.iommu = HOSTED_IOMMU_OLD_INTERRUPTS, .config.command_line = trust,
             .config.command_line_size = sizeof trust - 1),
        UNIT(D4_who_shares_a_source_has_no_messages, .by_amd = true, WITH(old_bus)),
        UNIT(D4_who_shares_a_source_has_them_unremapped, WITH(old_bus),
             .config.iommu = HOSTED_IOMMU_OLD_INTERRUPTS),
        UNIT(D4_each_message_has_its_own_handler, .by_amd = true, WITH(message_devices)),
        UNIT(T9_message_while_masked_is_not_lost, .by_amd = true, WITH(message_devices), .seeds = 4),
        UNIT(D8_messages_that_storm_are_masked, WITH(message_devices)),
        UNIT(D4_closed_message_calls_nobody, .by_amd = true, WITH(message_devices), .seeds = 4),
        UNIT(D4_last_release_of_the_device_closes_its_messages, .by_amd = true, WITH(message_devices),
             .seeds = 4),
        UNIT(P2_handler_closes_its_own_message, .by_amd = true, WITH(message_devices)),
        UNIT(D4_handlers_are_for_open_messages_alone, WITH(message_devices)),
        UNIT(M8_sources_run_out, .by_amd = true, WITH(greedy)),
        UNIT(D4_audit_sees_messages_of_nobody, .by_amd = true, WITH(message_devices)),
        UNIT(D6_audit_sees_messages_of_others, .by_amd = true, WITH(message_devices)),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The drivers of interrupt remapping (hal/x86_common/vtd_interrupt.c, amdvi_interrupt.c, ioapic.c,
 * irq_message.c) on the hosted machine, whose units do what they may do at the worst: a device raises what it
 * was given, as long as it has it.
 */
#include "hal/cpu.h"
#include "hal/ioapic.h"
#include "hal/irq.h"
#include "hal/remap_interrupt.h"
#include "hosted_kernel.h"

#define MESSAGE (HOSTED_IRQ_FAR + HOSTED_IRQ_FAR_COUNT)
#define EDGE    5u
#define LOW     17u
#define ROUNDS  6u

static const struct hal_irq_wire edge = {false, false}, falling = {false, true};

/* Devices behind either unit; each pair shares one. */
static const uint16_t devices[] = {0x0028, 0x0128, 0x0030, 0x0130};
#define DEVICES 4u

static bool came(unsigned source)
{
    uint32_t before = atomic_u32_load_acquire(&mini_irq_count);
    hal_irq_restore(true);
    (void)hal_irq_disable();
    return atomic_u32_load_acquire(&mini_irq_count) == before + 1 &&
           atomic_u32_load_acquire(&mini_irq_source) == source && atomic_u32_load_acquire(&mini_irq_cpu) == 0;
}

static bool sends(uint16_t device, struct hal_irq_message message)
{
    return hosted_message(device, message.address, message.data);
}

static struct hal_irq_message message_of(unsigned source)
{
    uint64_t address;
    uint32_t data;
    remap_interrupt_message(source, &address, &data);
    return (struct hal_irq_message){.address = (uint32_t)address, .data = (uint16_t)data};
}

static void audits_well(void)
{
    mini_audit();
    mini_expect(mini_audit_lines == 0);
}

static void messages_come_and_go(void)
{
    mini_expect(remap_interrupts_on());
    for (unsigned round = 0; round < 2 * DEVICES; round++) {
        const uint16_t own = devices[round % DEVICES];
        struct hal_irq_message message = message_of(MESSAGE);
        mini_expect(hal_irq_message_open(MESSAGE, own) && !sends(own, message));
        mini_expect(hal_irq_route(MESSAGE, edge, 0) && hal_irq_is_routed(MESSAGE));
        message = hal_irq_message_describe(MESSAGE);
        for (unsigned i = 0; i < DEVICES; i++) {
            mini_expect(sends(devices[i], message) == (devices[i] == own));
        }
        mini_expect(came(MESSAGE));
        mini_expect(
            !hosted_message(own, 0xfee00000 | ioapic_apic_id(0) << 12, IOAPIC_VECTOR_FIRST + MESSAGE));
        audits_well();
        mini_expect(hal_irq_route(MESSAGE, edge, 1) && sends(own, message) && !came(MESSAGE));
        hal_irq_close(MESSAGE);
        mini_expect(!sends(own, message) && !hal_irq_is_routed(MESSAGE));
        mini_expect(hal_irq_route(MESSAGE, edge, 0) && sends(own, message) && came(MESSAGE));
        hal_irq_message_close(MESSAGE);
        mini_expect(!sends(own, message));
        audits_well();
    }
}

static void pulse(unsigned source)
{
    hosted_irq_assert(source, true);
    hosted_irq_assert(source, false);
}

/* The two I/O APICs are behind different units. */
static void pins_open_and_close(void)
{
    static const unsigned sources[] = {EDGE, LOW, HOSTED_IRQ_FAR, HOSTED_IRQ_FAR + 7};
    for (unsigned round = 0; round < 8; round++) {
        unsigned source = sources[round % 4];
        mini_expect(hal_irq_route(source, source == EDGE ? edge : falling, 0));
        hal_irq_mask(source, false);
        pulse(source);
        mini_expect(came(source));
        for (unsigned i = 0; i < DEVICES; i++) {
            mini_expect(!sends(devices[i], message_of(source)));
        }
        audits_well();
        hal_irq_mask(source, true);
        hal_irq_close(source);
        audits_well();
        uint32_t before = atomic_u32_load_acquire(&mini_irq_count);
        hal_irq_mask(source, false); /* as core does not */
        pulse(source);
        (void)came(source);
        hal_irq_mask(source, true);
        mini_expect(atomic_u32_load_acquire(&mini_irq_count) == before && !hal_irq_is_routed(source));
    }
}

/* The last variant takes long to start: one seed. */
static void run_each(void (*body)(void), void (*second)(void), unsigned seeds)
{
    static const unsigned variants[] = {0, HOSTED_IOMMU_NARROW, HOSTED_IOMMU_AMD,
                                        HOSTED_IOMMU_AMD | HOSTED_IOMMU_REGISTERS};
    struct hosted_config config = mini_small;
    for (unsigned i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        config.iommu = variants[i];
        const bool is_last = i == sizeof variants / sizeof variants[0] - 1;
        for (config.seed = 1; config.seed <= (is_last ? 1 : seeds); config.seed++) {
            mini_run_showing(&config, body, second, "");
        }
    }
}

static void D4_messages_and_pins_raise_their_own(void **state)
{
    (void)state;
    run_each(messages_come_and_go, NULL, 1);
    run_each(pins_open_and_close, NULL, 1);
}

/* --- Meanwhile --- */

static void devices_send(void)
{
    for (unsigned i = 0; atomic_u32_load_acquire(&mini_finished) == 0; i++) {
        (void)sends(devices[i % DEVICES], message_of(MESSAGE + i / DEVICES % 2));
    }
}

/* Whatever passes is its sender's: the machine looks. */
static void open_and_close_meanwhile(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        mini_expect(hal_irq_message_open(MESSAGE, devices[i % DEVICES]));
        mini_expect(hal_irq_message_open(MESSAGE + 1, devices[(i + 1) % DEVICES]));
        mini_expect(hal_irq_route(MESSAGE, edge, 0) && hal_irq_route(MESSAGE + 1, edge, 1));
        mini_expect(hal_irq_route(MESSAGE, edge, 1));
        hal_irq_message_close(MESSAGE + 1);
        hal_irq_message_close(MESSAGE);
    }
    atomic_u32_store_release(&mini_finished, 1);
}

static void D4_devices_that_send_all_the_time(void **state)
{
    (void)state;
    run_each(open_and_close_meanwhile, devices_send, 8);
}

/* --- Units that stand still --- */

static bool recovers;

/* What is cached of a message that could not be forgotten is not in the way of the next. */
static void unit_stands_still(void)
{
    do {
        mini_expect(hal_irq_message_open(MESSAGE, devices[0]));
        if (hal_irq_route(MESSAGE, edge, 0)) {
            hal_irq_message_close(MESSAGE);
        }
    } while (hal_irq_message_open(MESSAGE + 1, devices[1]) && hal_irq_route(MESSAGE + 1, edge, 0));
    hal_irq_message_close(MESSAGE);
    hal_irq_message_close(MESSAGE + 1);
    mini_expect(hal_irq_message_open(MESSAGE, devices[2]) && !hal_irq_route(MESSAGE, edge, 0));
    audits_well();
    mini_expect(hal_iommu_recover() == recovers && hal_irq_route(MESSAGE, edge, 0) == recovers);
    mini_expect(sends(devices[2], message_of(MESSAGE)) == recovers);
    mini_expect(!sends(devices[1], message_of(MESSAGE)));
    hal_irq_message_close(MESSAGE);
    audits_well();
}

static void D4_unit_that_stalls_lets_nobody_in(void **state)
{
    struct hosted_config config = mini_small;
    (void)state;
    config.step_limit = UINT64_C(1) << 30;
    for (config.iommu_stalls = 5; config.iommu_stalls < 9; config.iommu_stalls++) {
        for (unsigned maker = 0; maker < 2; maker++) {
            const unsigned amd = maker == 1 ? HOSTED_IOMMU_AMD : 0;
            config.iommu = amd;
            recovers = true;
            mini_run_showing(&config, unit_stands_still, NULL, "");
            config.iommu = amd | HOSTED_IOMMU_DIES;
            recovers = false;
            mini_run_showing(&config, unit_stands_still, NULL, "");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D4_messages_and_pins_raise_their_own),
        cmocka_unit_test(D4_devices_that_send_all_the_time),
        cmocka_unit_test(D4_unit_that_stalls_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of devices (Intel SDM vol. 3A, 10.11): the second half of hal/irq.h. A source's vector is fixed
 * (hal/ioapic.h), so that a message says which source it is of; only the CPU changes.
 *
 * Where interrupts are remapped (hal/remap_interrupt.h), a message names its source's entry, which lets
 * pass what its requester sends. Otherwise nothing keeps a device from writing whatever message it likes:
 * hal_upcall_irq expects that.
 */
#include "hal/irq_message.h"

#include "hal/ioapic.h"
#include "hal/remap_interrupt.h"

/* Fixed delivery to one CPU by its physical id, edge triggered: all other bits of both are 0. */
#define ADDRESS_BASE        UINT32_C(0xfee00000)
#define ADDRESS_DESTINATION 12

#define DESTINATION_LIMIT UINT32_C(255) /* which means all CPUs */

static struct message {
    bool open, routed; /* a closed one is not routed */
    uint16_t requester;
    uint32_t apic_id;
} messages[HAL_IRQ_SOURCES_MAX];

static unsigned first, routed_count;

static void set_routed(struct message *message, bool routed)
{
    routed_count = routed_count - message->routed + routed;
    message->routed = routed;
}

void irq_message_init(unsigned first_source)
{
    first = first_source;
    routed_count = 0;
    for (unsigned source = 0; source < HAL_IRQ_SOURCES_MAX; source++) {
        messages[source] = (struct message){.open = false};
    }
}

unsigned hal_irq_message_first(void)
{
    return first;
}

bool hal_irq_messages_are_held(void)
{
    return remap_interrupts_on();
}

bool hal_irq_message_open(unsigned source, uint16_t requester)
{
    if (remap_interrupts_on() && !remap_interrupt_can_hold(requester)) {
        return false;
    }
    set_routed(&messages[source], false);
    messages[source] = (struct message){.open = true, .requester = requester};
    return true;
}

void hal_irq_message_close(unsigned source)
{
    irq_message_unroute(source);
    messages[source] = (struct message){.open = false};
}

void irq_message_unroute(unsigned source)
{
    if (messages[source].routed && remap_interrupts_on()) {
        (void)remap_interrupt_clear(source); /* not obeyed: nothing is set before units start over */
    }
    set_routed(&messages[source], false);
}

bool irq_message_is_routed(unsigned source)
{
    return messages[source].routed;
}

unsigned irq_message_routed_count(void)
{
    return routed_count;
}

bool irq_message_owner(unsigned source, uint16_t *requester)
{
    *requester = messages[source].requester;
    return messages[source].open;
}

bool irq_message_route(unsigned source, uint32_t apic_id)
{
    struct message *message = &messages[source];

    if (apic_id >= DESTINATION_LIMIT) {
        return false;
    }
    if (remap_interrupts_on() &&
        !remap_interrupt_set(source, message->requester, (uint8_t)(IOAPIC_VECTOR_FIRST + source), apic_id,
                             false)) {
        return false;
    }
    set_routed(message, true);
    message->apic_id = apic_id;
    return true;
}

struct hal_irq_message hal_irq_message_describe(unsigned source)
{
    if (remap_interrupts_on()) {
        uint64_t address;
        uint32_t data;

        remap_interrupt_message(source, &address, &data);
        return (struct hal_irq_message){.address = (uint32_t)address, .data = (uint16_t)data};
    }
    return (struct hal_irq_message){.address = ADDRESS_BASE | messages[source].apic_id << ADDRESS_DESTINATION,
                                    .data = (uint16_t)(IOAPIC_VECTOR_FIRST + source)};
}

unsigned irq_message_count(uint16_t requester)
{
    unsigned count = 0;

    for (unsigned source = first; source < HAL_IRQ_SOURCES_MAX; source++) {
        count += messages[source].open && messages[source].requester == requester;
    }
    return count;
}

bool irq_message_may_be_told(uint16_t requester, uint64_t address, uint32_t data)
{
    const uint64_t cpus = remap_interrupts_on() ? 0 : DESTINATION_LIMIT << ADDRESS_DESTINATION;

    for (unsigned source = first; source < HAL_IRQ_SOURCES_MAX; source++) {
        const struct hal_irq_message message = hal_irq_message_describe(source);

        if (messages[source].routed && messages[source].requester == requester && message.data == data &&
            (message.address & ~cpus) == (address & ~cpus)) {
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of devices: the half of hal/irq.h that is not about wires (hal/ioapic.h has those).
 */
#ifndef HAL_IRQ_MESSAGE_H
#define HAL_IRQ_MESSAGE_H

#include "hal/irq.h"

/* Boot CPU, before interrupts are on: sources from this one on are messages, and none is open. */
void irq_message_init(unsigned first_source);

/* hal_irq_route of a message: to the local APIC of this id. */
bool irq_message_route(unsigned source, uint32_t apic_id);

/* hal_irq_close and hal_irq_is_routed, and ioapic_owner, of a message. */
void irq_message_unroute(unsigned source);
bool irq_message_is_routed(unsigned source);
unsigned irq_message_routed_count(void);
bool irq_message_owner(unsigned source, uint16_t *requester);

/* For an audit: how many messages are open for the requester; and is this one of them, on any CPU? (It may be
 * on its way to another one.) */
unsigned irq_message_count(uint16_t requester);
bool irq_message_may_be_told(uint16_t requester, uint64_t address, uint32_t data);

#endif

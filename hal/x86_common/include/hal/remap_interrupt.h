/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt remapping, by the driver of the hardware that was found: Intel's or AMD's (hal/vtd.h,
 * hal/amdvi.h). Interrupts off; any CPU; of one source one at a time. Sources are those of hal/irq.h.
 */
#ifndef HAL_REMAP_INTERRUPT_H
#define HAL_REMAP_INTERRUPT_H

#include "hal/types.h"

/* Constant once the units were started: all of them remap interrupts. Then a message that nothing below lets
 * pass raises nothing, whatever it says (D4). */
bool remap_interrupts_on(void);

/* Messages of this source id can be told from all others. Constant likewise. */
bool remap_interrupt_can_hold(uint16_t source_id);

/* The message of `source` by this source id raises `vector`, IOAPIC_VECTOR_FIRST + source, on that CPU, and
 * nobody else's does. In force when it returns. False: interrupts are not remapped, the source id cannot be
 * held, there is no such source or CPU, or the hardware does not obey; then nothing passes, but all save the
 * last have changed nothing. */
bool remap_interrupt_set(unsigned source, uint16_t source_id, uint8_t vector, uint32_t apic_id, bool level);
/* Nothing passes any more. False: the hardware does not obey. */
bool remap_interrupt_clear(unsigned source);
/* For an audit: do tables let something pass? */
bool remap_interrupt_is_set(unsigned source);
/* The same: if so, is it that source's vector alone, by this source id alone? */
bool remap_interrupt_is_for(unsigned source, uint16_t source_id);

/* What a device writes, and where, to send the message of the source. */
void remap_interrupt_message(unsigned source, uint64_t *address, uint32_t *data);

/* I/O APICs. The source id of the one with this id in the MADT; false: firmware does not name it. */
bool remap_ioapic_source(uint8_t id, uint16_t *source_id);
/* The high half of the entry of the pin that is `source`; the low half is as without remapping. */
uint32_t remap_ioapic_entry(unsigned source);
/* The message does not say that it is of a level: its end is not told of, other than by a write to the I/O
 * APIC itself. */
bool remap_ioapic_loses_levels(void);

#endif

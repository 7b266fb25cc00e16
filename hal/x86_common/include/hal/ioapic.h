/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O APICs (Intel 82093AA data sheet): hal/irq.h on top of their registers. Their pins are the machine's
 * interrupt sources; a pin's vector is fixed, so that a message says which pin it came from.
 *
 * No instruction in here needs privilege; what does is asked of the functions at the end.
 */
#ifndef HAL_IOAPIC_H
#define HAL_IOAPIC_H

#include "hal/acpi.h"
#include "hal/irq.h"

/* The vector of source 0; those of the others follow, also of those that are messages (hal/irq_message.h). */
#define IOAPIC_VECTOR_FIRST 0x40u

/* Boot CPU, before interrupts are on: finds the pins of the units and masks them all. A unit that does not
 * answer, or has more pins than its registers have numbers for (those that have one are masked), or pins that
 * were there before or are beyond HAL_IRQ_SOURCES_MAX (they are masked), are left out. */
void ioapic_init(const struct acpi_interrupts *interrupts);

/* Where interrupts are remapped, of a source below HAL_IRQ_SOURCES_MAX: the source id of whoever may raise
 * it. False: nobody may. For audits: whatever an entry of remapping lets pass has an owner. */
bool ioapic_owner(unsigned source, uint16_t *source_id);

/* Any CPU, interrupts off, when hal_upcall_irq has returned, and before the local APIC hears of the end: a
 * level that is still active interrupts again. */
void ioapic_end(unsigned source);

/* Supplied by the machine: the 32-bit register `index` of the unit that stands `unit`-th in what ioapic_init
 * was given. Of one unit core calls them one at a time (hal/irq.h). */
uint32_t ioapic_read(unsigned unit, uint8_t index);
void ioapic_write(unsigned unit, uint8_t index, uint32_t value);
/* Any context: interrupts of this vector have ended, by the register for that of versions from 0x20 on. */
void ioapic_write_end(unsigned unit, uint8_t vector);
/* The local APIC of a CPU. */
uint32_t ioapic_apic_id(unsigned cpu);

#endif

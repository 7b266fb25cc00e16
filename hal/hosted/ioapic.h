/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The interrupt controllers: two I/O APICs at register level, under the driver of the real machine
 * (hal/ioapic.h).
 */
#ifndef HOSTED_IOAPIC_H
#define HOSTED_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

/* By what the MADT and remapping units (vtd.h) know them. */
#define IOAPIC_UNITS        2u
#define IOAPIC_ID(unit)     ((uint8_t)(8u + (unit)))
#define IOAPIC_SOURCE(unit) ((uint16_t)(0xf0f8u + 0x100u * (unit))) /* one behind each remapping unit */

/* No device asserts its wire; the driver finds the pins. */
void ioapic_prepare(void);

/* A message in the old format reaches the CPUs: `data` that is written to an address. False: it is none of
 * interrupts, or no CPU is there. */
bool ioapic_message(uint64_t address, uint32_t data);

/* A CPU is done with an interrupt of this vector. */
void ioapic_end_of_interrupt(unsigned vector);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * AMD's remapping units (I/O Virtualization Technology specification 3.0): no device reaches memory but
 * through them (D3), and they say who tried. Every unit is started with a device table whose entries block
 * all DMA; for devices of PCI segment 0, hal/iommu.h is fulfilled with it from then on.
 *
 * No instruction in here needs privilege; what does is asked of the functions at the end, and of
 * hal/remapping.h. A unit goes by its place in the IVRS (struct acpi_ivrs). What registers and the event log
 * show is read once and bounded (D7), and no wait is without end.
 */
#ifndef HAL_AMDVI_H
#define HAL_AMDVI_H

#include "hal/acpi.h"
#include "hal/iommu.h"
#include "hal/remapping.h"

/* All registers that are touched lie in so many bytes. */
#define AMDVI_REGISTERS_SIZE 0x4000u
/* One entry for each of 65,536 sources: then it is of no matter what a unit does with one beyond the end. */
#define AMDVI_TABLE_SIZE UINT64_C(0x200000)
/* Tables of interrupts, one for each source that may raise some. */
#define AMDVI_INTERRUPT_TABLES      160u
#define AMDVI_INTERRUPT_ENTRIES     256u
#define AMDVI_INTERRUPT_TABLE_SIZE  1024u
#define AMDVI_INTERRUPT_TABLES_SIZE UINT64_C(0x28000)

/* --- amdvi_segment.c: all units --- */

/* Boot CPU: starts every unit and says what came of it. */
void amdvi_begin(const struct acpi_ivrs *ivrs);

/* Has amdvi_begin been told of any unit? */
bool amdvi_is_there(void);

/* One CPU at a time, interrupts off, every now and then: says which devices tried what, and makes the upcall
 * for those of PCI segment 0. However many attempts there are, one device's lines get fewer and fewer (D8).
 */
void amdvi_watch(void);

/* No unit that amdvi_begin could start has stopped translating. */
bool amdvi_all_translate(void);

/* --- hal/iommu.h, function by function --- */

const struct hal_iommu *amdvi_describe(void);
bool amdvi_range(unsigned index, struct hal_iommu_range *range);
uint64_t amdvi_table_entry(hal_paddr_t table, unsigned level);
uint64_t amdvi_leaf_entry(hal_paddr_t page, unsigned level, bool may_read, bool may_write);
bool amdvi_entry_is_leaf(uint64_t entry, unsigned level);
hal_paddr_t amdvi_entry_target(uint64_t entry);
bool amdvi_entry_may_read(uint64_t entry);
bool amdvi_entry_may_write(uint64_t entry);
void amdvi_fill(hal_paddr_t table, unsigned index, unsigned count, uint64_t entry, uint64_t step);
/* Some unit is responsible for the source, and tells it from all others. */
bool amdvi_can_hold(uint16_t source);
uint64_t amdvi_attach(uint16_t source, uint32_t domain, hal_paddr_t root);
uint64_t amdvi_detach(uint16_t source, uint32_t domain);
uint64_t amdvi_flush(uint32_t domain, uint64_t address, uint64_t page_count, bool tables);
bool amdvi_is_done(uint64_t ticket);
bool amdvi_recover(void);

/* --- amdvi_interrupt.c: hal/remap_interrupt.h, function by function --- */

/* Firmware names an I/O APIC, and since amdvi_begin every unit goes by the table, in which each source's
 * entry blocks all interrupts but those that its own table has. */
bool amdvi_remaps_interrupts(void);
bool amdvi_interrupt_can_hold(uint16_t source_id);
bool amdvi_interrupt_set(unsigned index, uint16_t source_id, uint32_t apic_id);
bool amdvi_interrupt_clear(unsigned index);
bool amdvi_interrupt_is_set(unsigned index);
/* By this source id alone, and by its vector? */
bool amdvi_interrupt_is_for(unsigned index, uint16_t source_id);
void amdvi_interrupt_message(unsigned index, uint64_t *address, uint32_t *data);
bool amdvi_ioapic_source(uint8_t id, uint16_t *source_id);

/* --- Supplied by the machine --- */

/* The register at `offset` < AMDVI_REGISTERS_SIZE, a multiple of 8; all ones where none answers. */
uint64_t amdvi_read(unsigned unit, uint32_t offset);
void amdvi_write(unsigned unit, uint32_t offset, uint64_t value);
/* Boot CPU: AMDVI_TABLE_SIZE bytes in a row, from the beginning of a page on, for good. */
hal_paddr_t amdvi_table(void);
/* Boot CPU, once: AMDVI_INTERRUPT_TABLES_SIZE zeroed bytes in a row, from the beginning of a page on, for
 * good. */
hal_paddr_t amdvi_interrupt_tables(void);

#endif

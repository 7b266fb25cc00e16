/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA remapping units (Intel VT-d specification 4.0): no device reaches memory but through them (D3), and
 * they say who tried. Every unit is started with a root table without entries, which blocks all DMA; for
 * devices of PCI segment 0, hal/iommu.h is fulfilled with it from then on.
 *
 * No instruction in here needs privilege; what does is asked of the functions at the end, and of
 * hal/remapping.h. A unit goes by its place in the DMAR (struct acpi_dmar). What registers show is read once
 * and bounded (D7), and no wait is without end.
 */
#ifndef HAL_VTD_H
#define HAL_VTD_H

#include "hal/acpi.h"
#include "hal/iommu.h"
#include "hal/irq.h"
#include "hal/remapping.h"

/* Whatever a unit's capabilities say, all registers that are touched lie in so many bytes. */
#define VTD_REGISTERS_SIZE 0x5000u

enum vtd_status {
    VTD_TRANSLATES,
    VTD_SILENT, /* nothing answers at its address */
    VTD_UNFIT,  /* its capabilities contradict each other */
    VTD_STUCK,  /* it does not do what it is told */
};

/* --- vtd.c: one unit. Calls for one unit come one at a time. --- */

/* Boot CPU: from now on all DMA behind the unit goes by the root table, a zeroed page. If firmware left
 * translation on, it stays on throughout. After anything but VTD_TRANSLATES devices may reach memory. `words`
 * are VTD_WORDS_SIZE zeroed bytes of the unit's own, aligned to so many. */
#define VTD_WORDS_SIZE 64u
enum vtd_status vtd_start(unsigned unit, hal_paddr_t root, hal_paddr_t words);

/* Does it, after vtd_start answered so, still translate, and remap interrupts if it has begun to? */
bool vtd_translates(unsigned unit);

/* An attempt that was blocked. */
struct vtd_fault {
    uint64_t address; /* of the page */
    uint16_t source;  /* bus:8, device:5, function:3 */
    uint8_t reason;   /* table 28 of the specification; 1: the bus has no entry in the root table */
    bool is_read;
};

/* Hands what the unit has recorded since the last call to `take`, oldest first, and makes room for more.
 * Answers whether some were lost for want of room. The unit was started. */
bool vtd_take_faults(unsigned unit, void (*take)(unsigned unit, const struct vtd_fault *fault));

/* --- vtd_watch.c: all units, and lines about them. --- */

/* Boot CPU: starts every unit and says what came of it. */
void vtd_begin(const struct acpi_dmar *dmar);

/* Boot CPU, once hal/pci.h can be used, before hal_upcall_boot: where no unit covers all that firmware does
 * not name, devices can be attached only if it names every function of bus 0, as far as a look shows. Without
 * this call they cannot. */
void vtd_cover(void);

/* One CPU at a time, interrupts off, every now and then: says which devices tried what, and makes the upcall
 * for those of PCI segment 0. However many attempts there are, one device's lines get fewer and fewer (D8).
 */
void vtd_watch(void);

/* No unit that vtd_begin could start has stopped translating, or remapping interrupts. */
bool vtd_all_translate(void);

/* --- hal/iommu.h, function by function --- */

const struct hal_iommu *vtd_describe(void);
bool vtd_range(unsigned index, struct hal_iommu_range *range);
uint64_t vtd_table_entry(hal_paddr_t table, unsigned level);
uint64_t vtd_leaf_entry(hal_paddr_t page, unsigned level, bool may_read, bool may_write);
bool vtd_entry_is_leaf(uint64_t entry, unsigned level);
hal_paddr_t vtd_entry_target(uint64_t entry);
bool vtd_entry_may_read(uint64_t entry);
bool vtd_entry_may_write(uint64_t entry);
void vtd_fill(hal_paddr_t table, unsigned index, unsigned count, uint64_t entry, uint64_t step);
bool vtd_wants_page(uint16_t source);
void vtd_give_page(uint16_t source, hal_paddr_t page);
uint64_t vtd_attach(uint16_t source, uint32_t domain, hal_paddr_t root);
uint64_t vtd_detach(uint16_t source, uint32_t domain);
uint64_t vtd_flush(uint32_t domain, uint64_t address, uint64_t page_count, bool tables);
bool vtd_is_done(uint64_t ticket);
bool vtd_recover(void);

/* --- vtd_interrupt.c: interrupt remapping. Interrupts off; any CPU; of one index one at a time. --- */

/* Since vtd_begin, every unit remaps interrupts. Then a message that no entry below lets pass raises nothing,
 * whatever it says (D4). */
bool vtd_remaps_interrupts(void);

/* Messages of this source with this index raise `vector` on that CPU, and nobody else's do. In force when it
 * returns. False: interrupts are not remapped, there is no such index or CPU, or the hardware does not obey;
 * then nothing passes, but the first two have changed nothing. */
bool vtd_interrupt_set(unsigned index, uint16_t source_id, uint8_t vector, uint32_t apic_id, bool level);
/* Nothing passes any more. False: the hardware does not obey. */
bool vtd_interrupt_clear(unsigned index);
/* For an audit: does the table let something pass? */
bool vtd_interrupt_is_set(unsigned index);
/* By this source id alone, and by its vector? */
bool vtd_interrupt_is_for(unsigned index, uint16_t source_id);
/* What a device writes, and where, to send the message with this index. */
void vtd_interrupt_message(unsigned index, uint64_t *address, uint32_t *data);
/* The source id of messages of the I/O APIC with this id in the MADT. False: firmware does not name it. */
bool vtd_ioapic_source(uint8_t id, uint16_t *source_id);

/* --- Supplied by the machine --- */

/* The register at `offset` < VTD_REGISTERS_SIZE, a multiple of its size; all ones where none answers. */
uint32_t vtd_read32(unsigned unit, uint32_t offset);
uint64_t vtd_read64(unsigned unit, uint32_t offset);
void vtd_write32(unsigned unit, uint32_t offset, uint32_t value);
void vtd_write64(unsigned unit, uint32_t offset, uint64_t value);

#endif

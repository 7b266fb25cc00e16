/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA remapping units (Intel VT-d specification 4.0): no device reaches memory but through them (D3), and
 * they say who tried. Every unit is started with a root table without entries, which blocks all DMA; for
 * devices of PCI segment 0, hal/iommu.h is fulfilled with it from then on.
 *
 * No instruction in here needs privilege; what does is asked of the functions at the end. A unit goes by its
 * place in the DMAR (struct acpi_dmar). What registers show is read once and bounded (D7), and no wait is
 * without end.
 */
#ifndef HAL_VTD_H
#define HAL_VTD_H

#include "hal/acpi.h"
#include "hal/irq.h"

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
/* 8 bytes, at a multiple of 8, of the driver's tables, queues and words, or of a domain's tables. Loaded
 * before all that is loaded later; stored in one piece, after all that was stored before. */
uint64_t vtd_load(hal_paddr_t at);
void vtd_store(hal_paddr_t at, uint64_t value);
/* Memory has what CPUs wrote there: for a unit that does not look into their caches. */
void vtd_write_back(hal_paddr_t at, size_t size);
/* Boot CPU: a zeroed page, for good. */
hal_paddr_t vtd_page(void);
/* Writes a line, without its end, to the console. */
void vtd_print(const char *line);

#endif

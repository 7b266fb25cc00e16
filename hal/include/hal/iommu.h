/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: remapping hardware between devices and memory (Intel VT-d specification 4.0; AMD I/O
 * Virtualization Technology specification 3.0).
 *
 * At hal_upcall_boot no device that the hardware covers reaches memory (D3). From then on core attaches a
 * source, one device, to a domain of its own: a number and a root table, which say where in memory each page
 * of the addresses that the device uses is. Core decides what stands in a domain's tables, in TABLE frames of
 * 512 entries; how an entry is written is said here. An entry that is 0 leads nowhere. The top, levels - 1,
 * is the root's level, level 0 maps pages.
 *
 * The hardware may have cached whatever a table says, or has said since the last flush that covers it. So
 * what was unmapped may be reached until such a flush has been posted after the entries were cleared, and is
 * done (D2). Calls marked "one at a time" are made with interrupts off, and never two at once on any CPU.
 */
#ifndef HAL_IOMMU_H
#define HAL_IOMMU_H

#include "hal/types.h"

#define HAL_IOMMU_ENTRIES          512u
#define HAL_IOMMU_ADDRESS_BITS_MIN 32u
/* Devices write their interrupts here: never an address of memory for them (both specifications). */
#define HAL_IOMMU_INTERRUPTS_FIRST UINT64_C(0xfee00000)
#define HAL_IOMMU_INTERRUPTS_LAST  UINT64_C(0xfeefffff)

/* Constant from hal_upcall_boot on. */
struct hal_iommu {
    unsigned levels; /* of a domain's tables: 3..5; 0: not every device is held by hardware that obeys, and
                        none of the calls below but hal_iommu_describe is made */
    unsigned address_bits;   /* of the addresses that it translates; at least HAL_IOMMU_ADDRESS_BITS_MIN */
    unsigned leaf_level_max; /* the highest level whose entries may be leaves: 0, 1 (2 MiB) or 2 (1 GiB) */
    uint32_t domain_count;   /* numbers of domains are below it, and above 0 */
    bool caches_absence;     /* a flush is due also where entries that were 0 are not any more */
    uint32_t looks_max; /* so often core looks whether a ticket is done, each time relaxing the CPU, until it
                           takes the hardware to have stopped */
};
const struct hal_iommu *hal_iommu_describe(void);

/* Firmware has its device use this memory all the time: bytes [first, last], whatever core does. Such a
 * source is never attached. `mapped`: at hal_upcall_boot, and for ever, the source reaches this memory, whole
 * pages of a RESERVED region, at these addresses, and nothing beside its ranges. Whoever tells such a device
 * what to do could have it write there, so it is for no client (D1). */
struct hal_iommu_range {
    uint64_t first, last;
    uint16_t source;
    bool any_source; /* it is not known which */
    bool may_read, may_write;
    bool mapped;
};
/* False: there are not so many. Constant likewise. */
bool hal_iommu_range(unsigned index, struct hal_iommu_range *range);

/* --- Entries --- */

/* `table` is of the level below `level`, that of the entry. */
uint64_t hal_iommu_table_entry(hal_paddr_t table, unsigned level);
/* Maps a page of the level's size (4 KiB << 9 * level), which `page` is a multiple of. Not neither. Where all
 * of the hardware can, it reads CPUs' caches for the device, whatever the request says (VT-d 4.0, 9.8: SNP,
 * where units have snoop control; AMD 3.0, 2.2.7: FC); elsewhere a device that asks for it reads what memory
 * had before caches were written back. */
uint64_t hal_iommu_leaf_entry(hal_paddr_t page, unsigned level, bool may_read, bool may_write);
/* Of an entry that is not 0. */
bool hal_iommu_entry_is_leaf(uint64_t entry, unsigned level);
hal_paddr_t hal_iommu_entry_target(uint64_t entry);
bool hal_iommu_entry_may_read(uint64_t entry);
bool hal_iommu_entry_may_write(uint64_t entry);

/* The entry at `index` of a domain's table. Who has the domain's lock reads what was last filled in. */
uint64_t hal_iommu_load(hal_paddr_t table, unsigned index);
/* First index of `from`, ... whose entry is not 0; HAL_IOMMU_ENTRIES: none. Frozen, or who has the lock; no
 * scheduling point. */
unsigned hal_iommu_next(hal_paddr_t table, unsigned from);
/* Entries [index, index + count) become `entry`, `entry` + step, ...: each in one piece, and visible to the
 * hardware, in order with other calls here, when this returns. */
void hal_iommu_fill(hal_paddr_t table, unsigned index, unsigned count, uint64_t entry, uint64_t step);

/* --- Sources: bus:8, device:5, function:3, of PCI segment 0. One at a time --- */

/* False: the hardware does not hold it, or not apart from another one. It is never attached. Constant. */
bool hal_iommu_can_hold(uint16_t source);

/* The hardware needs a page before the source, one that it can hold, can be attached: hal_iommu_give_page
 * with a zeroed TABLE frame, which is the hardware's for ever. */
bool hal_iommu_wants_page(uint16_t source);
void hal_iommu_give_page(uint16_t source, hal_paddr_t page);

/* Posts a flush of all that may be cached of the source and of the domain; the caller waits for it. `domain`
 * is the number of no other source. Attach: DMA of the source goes by `root` at the latest then. Detach: none
 * passes any more from then on, none that passed is still on its way, and tables, root and number may be used
 * for something else. */
uint64_t hal_iommu_attach(uint16_t source, uint32_t domain, hal_paddr_t root);
uint64_t hal_iommu_detach(uint16_t source, uint32_t domain);

/* --- Flushes --- */

/* One at a time. Posts one of what may be cached of these pages of the domain's addresses; page_count
 * UINT64_MAX: of all of them. `tables`: also of entries that led to tables. Answers its ticket, which is
 * larger than those before. */
uint64_t hal_iommu_flush(uint32_t domain, uint64_t address, uint64_t page_count, bool tables);

/* Any context, any CPU. The flush, and those posted before it, are done. */
bool hal_iommu_is_done(uint64_t ticket);

/* One at a time. A ticket has been waited for in vain. Starts over, and flushes all: when this answers true,
 * every ticket so far is done. False: the hardware does not obey any more, and nothing it may have cached or
 * may be told of will ever be forgotten; no ticket that is not done will be. */
bool hal_iommu_recover(void);

/* --- Attempts --- */

struct hal_iommu_fault {
    uint64_t address; /* of the page */
    uint16_t source;
    uint8_t reason; /* the hardware's number */
    bool is_read;
};
/* Upcall, interrupts off, one at a time: a device tried to reach what is not mapped for it, and was kept from
 * it. There may have been more. */
void hal_upcall_iommu_fault(const struct hal_iommu_fault *fault);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the driver of DMA remapping units (hal/vtd.h) offer each other about one unit. Calls for
 * one unit come one at a time, but where it says otherwise.
 */
#ifndef HAL_VTD_UNIT_H
#define HAL_VTD_UNIT_H

#include "hal/atomic.h"
#include "hal/vtd.h"

/* Registers (11.4). Those of fault records and of the IOTLB stand where the capabilities say. */
enum {
    VTD_VERSION = 0x00,
    VTD_CAPABILITY = 0x08,
    VTD_EXTENDED = 0x10,
    VTD_COMMAND = 0x18,
    VTD_STATUS = 0x1c,
    VTD_ROOT = 0x20,
    VTD_CONTEXT = 0x28,
    VTD_FAULT_STATUS = 0x34,
    VTD_FAULT_CONTROL = 0x38,
    VTD_PROTECTED = 0x64,
    VTD_QUEUE_HEAD = 0x80,
    VTD_QUEUE_TAIL = 0x88,
    VTD_QUEUE_ADDRESS = 0x90,
    VTD_INTERRUPT_TABLE = 0xb8,
    VTD_REGISTERS_FIXED_END = 0xf0,
    VTD_RECORD_SIZE = 16,
    VTD_IOTLB_SIZE = 16,
};

/* Capabilities: 11.4.2, 11.4.3. */
#define VTD_CAPABILITY_DOMAINS(value)      ((unsigned)((value) & 7))
#define VTD_CAPABILITY_WRITE_BUFFER(value) (((value) >> 4 & 1) != 0)
#define VTD_CAPABILITY_PROTECTS(value)     (((value) >> 5 & 3) != 0) /* regions of memory */
#define VTD_CAPABILITY_ABSENCE(value)      (((value) >> 7 & 1) != 0) /* caching mode */
#define VTD_CAPABILITY_LEVELS(value)       ((unsigned)((value) >> 8 & 0x1f))
#define VTD_CAPABILITY_ADDRESS_BITS(value) ((unsigned)((value) >> 16 & 0x3f) + 1) /* MGAW */
#define VTD_CAPABILITY_FAULT_OFFSET(value) ((uint32_t)((value) >> 24 & 0x3ff) * 16)
#define VTD_CAPABILITY_LEAVES(value)       ((unsigned)((value) >> 34 & 0xf))
#define VTD_CAPABILITY_PAGES(value)        (((value) >> 39 & 1) != 0) /* page-selective invalidation */
#define VTD_CAPABILITY_FAULT_COUNT(value)  ((uint32_t)((value) >> 40 & 0xff) + 1)
#define VTD_CAPABILITY_MASK_MAX(value)     ((unsigned)((value) >> 48 & 0x3f))
#define VTD_CAPABILITY_DRAINS(value)       ((value) >> 54 & 3) /* 1: of writes, 2: of reads */
#define VTD_EXTENDED_COHERENT(value)       (((value) & 1) != 0)
#define VTD_EXTENDED_QUEUE(value)          (((value) >> 1 & 1) != 0)
#define VTD_EXTENDED_REMAPS(value)         (((value) >> 3 & 1) != 0) /* interrupts */
#define VTD_EXTENDED_LONG_IDS(value)       (((value) >> 4 & 1) != 0) /* of local APICs (EIM) */
#define VTD_EXTENDED_SNOOPS(value)         (((value) >> 7 & 1) != 0) /* snoop control */
#define VTD_EXTENDED_IOTLB_OFFSET(value)   ((uint32_t)((value) >> 8 & 0x3ff) * 16)

/* Commands, and what the status shows of each (11.4.4). */
#define VTD_TRANSLATE      (UINT32_C(1) << 31)
#define VTD_SET_ROOT       (UINT32_C(1) << 30)
#define VTD_ADVANCED_LOG   (UINT32_C(1) << 28)
#define VTD_WRITE_BUFFER   (UINT32_C(1) << 27)
#define VTD_QUEUE          (UINT32_C(1) << 26)
#define VTD_INTERRUPTS     (UINT32_C(1) << 25)
#define VTD_SET_INTERRUPTS (UINT32_C(1) << 24)
#define VTD_OLD_INTERRUPTS (UINT32_C(1) << 23)

#define VTD_FAULT_OVERFLOW UINT32_C(1)
#define VTD_FAULT_PENDING  UINT32_C(2)
/* Errors of the queue: a descriptor makes no sense, or what it asks for does not end. */
#define VTD_FAULT_QUEUE UINT32_C(0x70)

struct vtd_unit {
    /* Constant once it was started. */
    uint64_t capability, extended;
    uint32_t fault_offset, fault_count, iotlb_offset;
    hal_paddr_t queue; /* its page; 0: there is none, the unit is told by registers */
    hal_paddr_t words; /* of the queue (vtd_queue.c) */
    bool remaps;       /* interrupts, by a table that it may have cached entries of */
    /* The rest is that of who posts flushes: slots of the queue that were ever used, and that are free. */
    uint32_t tail, free;
    bool stands;        /* a flush could not be posted: none is done any more until all starts over */
    atomic_u64_t flush; /* without a queue: the last that is done. Read by anyone */
};
extern struct vtd_unit vtd_units[ACPI_DMAR_UNITS_MAX];

static inline bool vtd_is_gone(uint32_t value)
{
    return value == UINT32_MAX;
}

/* vtd.c: gives one command, and waits for its status bit to be as it is when the unit is done. False: it is
 * not, in time. */
bool vtd_give(unsigned unit, uint32_t command, bool on, bool done);

/* Entries of the IOTLB. */
struct vtd_iotlb {
    enum vtd_granularity {
        VTD_ALL = 1,
        VTD_DOMAIN = 2,
        VTD_PAGES = 3,
    } granularity;
    uint32_t domain;
    uint64_t where; /* the address of the first of 2^mask pages, and the mask; VTD_LEAVES_ALONE: of those,
                       entries that led to tables may stay */
};
#define VTD_LEAVES_ALONE (UINT64_C(1) << 6)

/* vtd_registers.c: without the queue. Waits until all context entries (`contexts`), then those of the IOTLB,
 * are forgotten; false: they are not, in time. */
bool vtd_forget_now(unsigned unit, bool contexts, const struct vtd_iotlb *iotlb);

/* vtd_queue.c. The queue stands in the page `queue`; when flush `ticket` is done, its low 32 bits are in the
 * first of the unit's words. */
bool vtd_queue_on(unsigned unit);
/* Waits until it has run empty, but not for ever. */
bool vtd_queue_off(unsigned unit);
/* What stands in it is left out, and its errors are forgotten. */
void vtd_queue_clear(unsigned unit);
/* False: there is no room for it. */
bool vtd_queue_post(unsigned unit, bool contexts, const struct vtd_iotlb *iotlb, uint64_t ticket);
/* The entry of the interrupt table at `index`. */
bool vtd_queue_post_interrupt(unsigned unit, unsigned index, uint64_t ticket);

/* vtd_flush.c. Tickets, and all that was said of flushes, begin anew: before the first unit is started. */
void vtd_flush_begin(void);
/* All that the unit may have cached is forgotten when it answers true. */
bool vtd_forget_all(unsigned unit);
/* Posts it to all units of PCI segment 0; answers the ticket. */
uint64_t vtd_flush_everything(void);
/* No unit has failed to forget something since all started over. With the lock. */
bool vtd_all_obey(void);
/* The entry of the interrupt table is forgotten when it answers true. With the lock. */
bool vtd_forget_interrupt(unsigned index);
/* Calls about interrupts may come beside those that hal/iommu.h has one at a time. Interrupts off; innermost.
 */
void vtd_lock(void);
void vtd_unlock(void);

/* vtd_tables.c: the source goes by that root, of so many levels, once units have forgotten its entry. */
void vtd_put_source(uint16_t source, uint32_t domain, hal_paddr_t root, unsigned levels);

/* vtd_segment.c: PCI segment 0, whose devices can be attached. Constant once vtd_begin is done. */
struct vtd_segment {
    unsigned count;
    uint8_t units[ACPI_DMAR_UNITS_MAX]; /* those that translate */
    hal_paddr_t root;                   /* the table of all of them */
    bool coherent;                      /* all of them look into CPUs' caches */
    bool snoops;                        /* all of them can have devices look there, too */
    struct hal_iommu iommu;
};
extern struct vtd_segment vtd_segment;

/* Before the first unit is started: what firmware has its devices use, and their entries in the root table.
 */
void vtd_segment_begin(const struct acpi_dmar *dmar);
/* Does the source reach it? */
bool vtd_segment_maps(uint16_t source);

/* Once all units were started: what they offer together. Answers what keeps devices from being attached, for
 * people; NULL: nothing does. */
const char *vtd_segment_join(const struct acpi_dmar *dmar, const enum vtd_status *statuses);

/* vtd_cover's part. False: it turns out that devices cannot be attached. */
bool vtd_segment_cover(void);

/* vtd_watch.c: the page for a unit: `page` for those of segment 0, *others for the rest, which is made when
 * it is first needed. Another segment's source ids must not find what stands there for those of segment 0. */
hal_paddr_t vtd_page_of(const struct acpi_dmar_unit *unit, hal_paddr_t page, hal_paddr_t *others);

/* vtd_interrupt.c: once all units were started. Answers whether all of them remap interrupts from now on. */
bool vtd_interrupts_begin(const struct acpi_dmar *dmar, const enum vtd_status *statuses);

#endif

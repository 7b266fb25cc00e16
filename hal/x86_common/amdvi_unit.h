/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the driver of AMD's remapping units (hal/amdvi.h) offer each other. Calls for one unit
 * come one at a time, but where it says otherwise.
 */
#ifndef HAL_AMDVI_UNIT_H
#define HAL_AMDVI_UNIT_H

#include "hal/amdvi.h"
#include "hal/atomic.h"

/* Registers (3.4). */
enum {
    AMDVI_TABLE = 0x00,
    AMDVI_COMMANDS = 0x08,
    AMDVI_EVENTS = 0x10,
    AMDVI_CONTROL = 0x18,
    AMDVI_EXCLUSION = 0x20,
    AMDVI_EXCLUSION_LIMIT = 0x28,
    AMDVI_FEATURES = 0x30,
    AMDVI_COMMAND_HEAD = 0x2000,
    AMDVI_COMMAND_TAIL = 0x2008,
    AMDVI_EVENT_HEAD = 0x2010,
    AMDVI_EVENT_TAIL = 0x2018,
    AMDVI_STATUS = 0x2020,
};

#define AMDVI_ENABLE          (UINT64_C(1) << 0)
#define AMDVI_ENABLE_EVENTS   (UINT64_C(1) << 2)
#define AMDVI_COHERENT        (UINT64_C(1) << 10) /* the unit looks into CPUs' caches */
#define AMDVI_ENABLE_COMMANDS (UINT64_C(1) << 12)

#define AMDVI_STATUS_OVERFLOW UINT64_C(1)
#define AMDVI_STATUS_EVENTS   (UINT64_C(1) << 3) /* the log is being written */
#define AMDVI_STATUS_COMMANDS (UINT64_C(1) << 4) /* commands are being carried out */

/* Both rings are one page. */
#define AMDVI_SLOT_SIZE 16u
#define AMDVI_SLOTS     256u
#define AMDVI_RING_SIZE (UINT64_C(8) << 56) /* 2^8 slots, beside a ring's address */

/* Of every domain's tables. All units know as many. */
#define AMDVI_LEVELS 3u

enum amdvi_status {
    AMDVI_TRANSLATES,
    AMDVI_SILENT, /* nothing answers at its address */
    AMDVI_STUCK,  /* it does not do what it is told */
};

struct amdvi_unit {
    /* Constant once it was started. */
    bool forgets_all;             /* it knows the command for that */
    hal_paddr_t commands, events; /* pages of the rings */
    hal_paddr_t word;             /* where it says which ticket is done */

    uint64_t control;    /* what its control register was told; under a lock (amdvi.c) */
    uint32_t event_head; /* the watcher's */
    /* The rest is that of who posts flushes: slots of the ring that were ever used, and that are free. */
    uint32_t tail, free;
    bool stands; /* a flush could not be posted: none is done any more until all starts over */
};
extern struct amdvi_unit amdvi_units[ACPI_IVRS_UNITS_MAX];

static inline bool amdvi_is_gone(uint64_t value)
{
    return value == UINT64_MAX;
}

/* amdvi.c: from now on all DMA behind the unit goes by `table`, of AMDVI_TABLE_SIZE. If firmware left
 * translation on, it stays on throughout. After anything but AMDVI_TRANSLATES devices may reach memory. */
enum amdvi_status amdvi_start(unsigned unit, hal_paddr_t table, hal_paddr_t word);
/* Does it, after amdvi_start answered so, still translate? */
bool amdvi_translates(unsigned unit);
/* Bits of the control register. Off: waits until the status bits `running` say so. False: they do not, in
 * time. That something is on shows by what it does. */
bool amdvi_switch_off(unsigned unit, uint64_t bits, uint64_t running);
bool amdvi_switch_on(unsigned unit, uint64_t bits);

/* amdvi_events.c: hands what the unit has logged since the last call to `take`, oldest first, and makes room
 * for more. Answers whether some were lost for want of room. */
typedef void amdvi_take(unsigned unit, const struct hal_iommu_fault *fault, bool is_interrupt);
bool amdvi_take_events(unsigned unit, amdvi_take *take);
/* An empty log. */
void amdvi_events_reset(unsigned unit);

/* amdvi_commands.c */
struct amdvi_command {
    uint64_t low, high;
};
struct amdvi_command amdvi_forget_source(uint16_t source);
/* Entries of the table of interrupts that the source has. */
struct amdvi_command amdvi_forget_entries(uint16_t source);
/* Entries of these pages; page_count UINT64_MAX: of all. `tables`: also those that led to tables. */
struct amdvi_command amdvi_forget_pages(uint32_t domain, uint64_t address, uint64_t page_count, bool tables);
struct amdvi_command amdvi_forget_everything(void);
/* What follows begins only when all that was asked before is done. */
struct amdvi_command amdvi_barrier(void);
/* For so many. False: there is none, in time. */
bool amdvi_make_room(unsigned unit, uint32_t count);
/* There is room for it. */
void amdvi_put(unsigned unit, struct amdvi_command command);
/* When all that was put before is done, `ticket` is in the unit's word. There is room for it. */
void amdvi_finish(unsigned unit, uint64_t ticket);
/* An empty ring. The unit carries no commands out meanwhile. */
void amdvi_commands_reset(unsigned unit);

/* amdvi_flush.c. Tickets, and all that was said of flushes, begin anew: before the first unit is started. */
void amdvi_flush_begin(void);
/* All that the unit may have cached is forgotten when it answers true. */
bool amdvi_forget_all(unsigned unit);
/* What may be cached of the source, and of the domain; to all units of PCI segment 0. Answers the ticket. */
uint64_t amdvi_flush_source(uint16_t source, uint32_t domain);
/* No unit has failed to forget something since all started over. With the lock. */
bool amdvi_all_obey(void);
/* What may be cached of the source's table of interrupts, and of who has that (`table`), is forgotten when it
 * answers true. With the lock. */
bool amdvi_forget_interrupts(uint16_t source, bool table);
/* Calls about interrupts may come beside those that hal/iommu.h has one at a time. Interrupts off; innermost.
 */
void amdvi_lock(void);
void amdvi_unlock(void);

/* amdvi_tables.c: the source goes by that root, once units have forgotten its entry. */
void amdvi_put_source(uint16_t source, uint32_t domain, hal_paddr_t root);
/* Every entry of the table blocks, interrupts too if `interrupts`. `empty` is a page of
 * zeroes. */
void amdvi_block_all(hal_paddr_t table, hal_paddr_t empty, bool interrupts);
/* Interrupts pass as they were sent, of all sources. */
void amdvi_pass_interrupts(hal_paddr_t table);
/* Interrupts of the source, of PCI segment 0, go by its own table; or none pass. */
void amdvi_use_interrupts(uint16_t source, hal_paddr_t table);
void amdvi_block_interrupts(uint16_t source);

/* amdvi_interrupt.c, before the first unit is started. Answers whether interrupts can be remapped, as far as
 * firmware says. */
bool amdvi_interrupts_prepare(const struct acpi_ivrs *ivrs);
/* They cannot, after all. */
void amdvi_interrupts_give_up(void);

/* amdvi_segment.c: PCI segment 0, whose devices can be attached. Constant once amdvi_begin is done. */
struct amdvi_segment {
    unsigned count;
    uint8_t units[ACPI_IVRS_UNITS_MAX]; /* those that translate */
    hal_paddr_t table;                  /* of all of them */
    hal_paddr_t others;                 /* that of other segments' units; 0: there are none */
    hal_paddr_t empty;                  /* a page of zeroes */
    struct hal_iommu iommu;
};
extern struct amdvi_segment amdvi_segment;

#endif

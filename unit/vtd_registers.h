/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Registers of DMA remapping units, sound and broken ones, for tests of their driver (hal/vtd.h), whose
 * functions the build gives other names in these programs, since the hosted machine has them as well.
 */
#ifndef UNIT_VTD_REGISTERS_H
#define UNIT_VTD_REGISTERS_H

#include "hal/iommu.h"
#include "hal/pci.h"
#include "hal/vtd.h"
#include "hosted_kernel.h"

#define VTD_TEST_UNITS          3
#define ROOT                    UINT64_C(0x123000)
#define TRANSLATE               (UINT32_C(1) << 31)
#define SET_ROOT                (UINT32_C(1) << 30)
#define WRITE_BUFFER            (UINT32_C(1) << 27)
#define QUEUE                   (UINT32_C(1) << 26)
#define INTERRUPTS              (UINT32_C(1) << 25)
#define SET_INTERRUPTS          (UINT32_C(1) << 24)
#define OLD_INTERRUPTS          (UINT32_C(1) << 23)
#define GIVEN_ONCE              UINT32_C(0x69000000)
#define INVALIDATE              (UINT64_C(1) << 63)
#define RECORD_FAULT            (UINT64_C(1) << 63)
#define RECORD_READ             (UINT64_C(1) << 62)
#define RECORDS_MAX             256u
#define COHERENT                UINT64_C(1)
#define IOTLB_AT(place)         ((uint64_t)(place) << 8)
#define FAULTS_AT(place, count) ((uint64_t)(place) << 24 | (uint64_t)((count) - 1) << 40)
#define FLUSHES_BUFFERS         (UINT64_C(1) << 4)
#define CACHES_ABSENCE          (UINT64_C(1) << 7)
#define FLUSHES_PAGES(mask)     (UINT64_C(1) << 39 | (uint64_t)(mask) << 48)
#define DRAINS                  (UINT64_C(3) << 54)
#define QUEUED                  UINT64_C(2)
#define REMAPS                  UINT64_C(8)
#define SNOOPS                  UINT64_C(0x80)
#define KNOWS_LONG_IDS          UINT64_C(0x10)
#define ADDRESS_BITS(count)     ((uint64_t)((count) - 1) << 16)
/* Tables of 3 levels, addresses to match, 2 MiB pages, 256 domains, what is on its way is waited for. */
#define CAPABLE (FAULTS_AT(0x20, 4) | DRAINS | ADDRESS_BITS(39) | UINT64_C(2) << 8 | UINT64_C(1) << 34 | 2)

/* Memory that the machine's map calls firmware's; last 0: none. */
extern uint64_t reserved_first, reserved_last;

/* CPUs are in x2APIC mode. */
extern bool long_ids;

/* One unit's registers. */
struct registers {
    uint32_t version, status, fault_status, fault_control, protected_memory;
    uint64_t capability, extended, root, context, iotlb, iotlb_address, queue_left, interrupts;
    uint64_t low[RECORDS_MAX], high[RECORDS_MAX];
    uint32_t stuck;         /* commands that it never ends */
    bool hangs, ignores;    /* invalidations */
    uint32_t command, late; /* what it is about, and for how many reads yet */
    unsigned record_reads;
    bool several_commands, too_early, overflow_first;
    struct queue {
        uint64_t address, head, tail; /* bytes */
        bool lazy;                    /* it goes on by one only when a register is read */
        bool stands;                  /* it does not go on */
        bool asleep;                  /* after an error, until its tail is written */
        bool full_stop;               /* nor may it be switched off then */
        uint64_t refuses;             /* 1 << type: of descriptors that it stops at */
        unsigned contexts, iotlbs, waits;
        uint64_t low, high; /* of the last that was about the IOTLB ... */
        uint64_t interrupt; /* ... and about interrupts */
        bool unfenced;      /* the IOTLB was flushed without a wait after the context cache */
        bool between;
        bool off_at_work, overrun;
    } queue;
};
extern struct registers units[VTD_TEST_UNITS];

/* The driver's memory: pages from ROOT on, as remap_page hands them out. */
#define TEST_PAGES 64u
uint64_t test_word(uint64_t address);
/* The stores of the driver, in order, from `reset` on; those beyond the last place are not noted. */
#define STORES_MAX 64u
extern struct store {
    uint64_t address, value;
} stores[STORES_MAX];
extern unsigned store_count;
/* Bytes that were written back, and the end of what was last. */
extern uint64_t written_back, written_back_end;

/* Configuration space of bus 0, by device:5, function:3: the header's type, and whether there is one. */
extern uint32_t config_size;
extern struct function {
    bool exists;
    uint8_t header;
} functions[256];

/* The queue goes on until it is empty, or stands. */
void run_queue(unsigned unit);

/* What the units have done, in order: W memory written back, B write buffer flushed, R root table in use,
 * C context cache and I IOTLB invalidated (c, i: by the queue; e: interrupts; w: waited), T translation, Q
 * queue, N interrupt remapping, O old interrupts switched, E interrupt table in use. */
extern char done[64];
/* Accesses so far; from which of them on nothing answers any more. */
extern unsigned accesses, gone_from;
/* What the driver printed. */
extern char lines[8192];
extern unsigned line_count;

struct registers *reset(unsigned unit, uint64_t capability, uint64_t extended);
/* Four fault records at 0x200, caches that are looked into. */
struct registers *reset_plain(unsigned unit);
/* The same, and CAPABLE, with a queue. */
struct registers *reset_capable(unsigned unit);

/* A fault record. */
void record(struct registers *u, unsigned place, uint64_t address, uint16_t source, bool is_read);

#endif

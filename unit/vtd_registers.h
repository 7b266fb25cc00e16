/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Registers of DMA remapping units, sound and broken ones, for tests of their driver (hal/vtd.h), whose
 * functions the build gives other names in these programs, since the hosted machine has them as well.
 */
#ifndef UNIT_VTD_REGISTERS_H
#define UNIT_VTD_REGISTERS_H

#include "hal/vtd.h"
#include "hosted_kernel.h"

#define VTD_TEST_UNITS          3
#define ROOT                    UINT64_C(0x123000)
#define TRANSLATE               (UINT32_C(1) << 31)
#define SET_ROOT                (UINT32_C(1) << 30)
#define WRITE_BUFFER            (UINT32_C(1) << 27)
#define QUEUE                   (UINT32_C(1) << 26)
#define INTERRUPTS              (UINT32_C(1) << 25)
#define GIVEN_ONCE              UINT32_C(0x69000000)
#define INVALIDATE              (UINT64_C(1) << 63)
#define RECORD_FAULT            (UINT64_C(1) << 63)
#define RECORD_READ             (UINT64_C(1) << 62)
#define RECORDS_MAX             256u
#define COHERENT                UINT64_C(1)
#define IOTLB_AT(place)         ((uint64_t)(place) << 8)
#define FAULTS_AT(place, count) ((uint64_t)(place) << 24 | (uint64_t)((count) - 1) << 40)
#define FLUSHES_BUFFERS         (UINT64_C(1) << 4)

/* One unit's registers. */
struct registers {
    uint32_t version, status, fault_status, fault_control;
    uint64_t capability, extended, root, context, iotlb, queue_left;
    uint64_t low[RECORDS_MAX], high[RECORDS_MAX];
    uint32_t stuck;         /* commands that it never ends */
    bool hangs, ignores;    /* invalidations */
    uint32_t command, late; /* what it is about, and for how many reads yet */
    unsigned record_reads;
    bool several_commands, too_early, overflow_first;
};
extern struct registers units[VTD_TEST_UNITS];

/* What the units have done, in order: W root table written back, B write buffer flushed, R root table in use,
 * C context cache and I IOTLB invalidated, T translation, Q queue, N interrupt remapping switched. */
extern char done[64];
/* Accesses so far; from which of them on nothing answers any more. */
extern unsigned accesses, gone_from;
/* What the driver printed. */
extern char lines[8192];
extern unsigned line_count;

struct registers *reset(unsigned unit, uint64_t capability, uint64_t extended);
/* Four fault records at 0x200, caches that are looked into. */
struct registers *reset_plain(unsigned unit);

/* A fault record. */
void record(struct registers *u, unsigned place, uint64_t address, uint16_t source, bool is_read);

#endif

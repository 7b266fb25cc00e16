/* SPDX-License-Identifier: BSD-2-Clause
 *
 * AMD's remapping units of the hosted machine by their registers, see hosted_iommu.h.
 */
#ifndef UNIT_HOSTED_AMDVI_H
#define UNIT_HOSTED_AMDVI_H

#include "hosted_iommu.h"

#define AMD_TABLE      0x00u
#define AMD_RING       0x08u
#define AMD_EVENTS     0x10u
#define AMD_CONTROL    0x18u
#define AMD_EXCLUSION  0x20u
#define AMD_FEATURES   0x30u
#define AMD_HEAD       0x2000u
#define AMD_TAIL       0x2008u
#define AMD_EVENT_HEAD 0x2010u
#define AMD_EVENT_TAIL 0x2018u
#define AMD_STATUS     0x2020u

#define AMD_TRANSLATES   UINT64_C(1)
#define AMD_LOGS         UINT64_C(4)
#define AMD_COMMANDS     (UINT64_C(1) << 12)
#define AMD_OVERFLOW     UINT64_C(1)
#define AMD_FORGETS_ALL  (UINT64_C(1) << 6)
#define AMD_LOG_RUNS     UINT64_C(8)
#define AMD_COMMANDS_RUN UINT64_C(16)
#define AMD_PAGE         (UINT64_C(8) << 56) /* a ring of one */

/* Commands. */
#define AMD_WAIT       (UINT64_C(1) << 60)
#define AMD_STORES     UINT64_C(1)
#define AMD_FENCE      UINT64_C(4)
#define AMD_SOURCE(s)  (UINT64_C(2) << 60 | (s))
#define AMD_PAGES(d)   (UINT64_C(3) << 60 | (uint64_t)(d) << 32)
#define AMD_SEVERAL    UINT64_C(1)
#define AMD_TABLES     UINT64_C(2)
#define AMD_EVERY_PAGE UINT64_C(0x7ffffffffffff000)
#define AMD_ENTRIES(s) (UINT64_C(5) << 60 | (s))
#define AMD_ALL        (UINT64_C(8) << 60)

/* Entries of the device table: one that lets nothing pass, and one that does. */
#define AMD_VALID                UINT64_C(3)
#define AMD_DEVICE(root, levels) ((root).value | AMD_VALID | (uint64_t)(levels) << 9 | (READS | WRITES) << 61)

/* The words of a source's entry. */
hal_paddr_t amdvi_device_at(uint16_t source);
void amdvi_set_device(uint16_t source, uint64_t low, uint64_t high);
/* Switches bits off and waits until they are; or on. */
void amdvi_switch(uint64_t bits, bool on);
/* An empty ring of commands, which is on. */
void amdvi_use_ring(hal_paddr_t ring);
/* Commands in the place of one of Intel's descriptors. */
void amdvi_translate(uint64_t low, uint64_t high, void (*put)(uint64_t low, uint64_t high));
/* The code of the last event, which makes room; 0: none. */
unsigned amdvi_last_event(void);
/* AMD's code for Intel's reason. */
unsigned amdvi_code(unsigned reason);

#endif

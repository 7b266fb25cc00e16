/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA remapping: two units at register level, under the driver of the real machine (hal/iommu.h).
 */
#ifndef HOSTED_IOMMU_H
#define HOSTED_IOMMU_H

#include <stdbool.h>
#include <stdint.h>

/* Both units are as firmware leaves them; the driver starts them. */
void iommu_prepare(void);

/* A timer interrupt: every now and then the driver looks at the fault records. */
void iommu_timer(void);

/* Core has given the source a domain. */
bool iommu_is_attached(uint16_t source);

/* The driver has written to tables in frames of core in this run. If not, none of those below is called. */
extern bool iommu_in_use;

/* Reports every way in which a device could still reach the frame (M1, D2), whose use ends. */
void iommu_check_unreachable(uint64_t frame);
/* Does an entry that a unit may go by lead to the table? */
bool iommu_is_linked(uint64_t frame);
/* CPUs have cleared the table by another way than the driver's. */
void iommu_memory_zeroed(uint64_t frame);
void iommu_memory_forget(uint64_t frame);

/* What the audit finds wrong; NULL: nothing. */
const char *iommu_wrong(void);
const char *iommu_interrupts_wrong(void);

/* The source writes `data` to an address for messages of interrupts. False: it is none, a remapping unit
 * blocks it, or no CPU is there. */
bool iommu_message(uint16_t source, uint64_t address, uint32_t data);

#endif

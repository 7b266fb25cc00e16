/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of Intel's modelled remapping units share (VT-d specification 4.0, legacy mode).
 */
#ifndef HOSTED_VTD_MODEL_H
#define HOSTED_VTD_MODEL_H

#include "iommu_model.h"

/* Commands, and the status of each (11.4.4). */
#define IOMMU_TRANSLATE    (UINT32_C(1) << 31)
#define IOMMU_SET_ROOT     (UINT32_C(1) << 30)
#define IOMMU_FLUSH_BUFFER (UINT32_C(1) << 27)
#define IOMMU_QUEUE        (UINT32_C(1) << 26)
#define IOMMU_INTERRUPTS   (UINT32_C(1) << 25)

/* The upper halves of fault records (11.4.14). */
#define IOMMU_RECORD_FAULT (UINT64_C(1) << 63)
#define IOMMU_RECORD_READ  (UINT64_C(1) << 62)

/* --- vtd.c --- */

/* Units, if there are any, are as firmware leaves them; the driver starts them. */
void vtd_prepare(void);
void vtd_record(struct iommu_unit *unit, const struct iommu_attempt *attempt);

/* --- vtd_queue.c: invalidation --- */

/* Time passes for the unit: it may do what is next in its queue. */
void iommu_queue_look(struct iommu_unit *unit);
void iommu_queue_run(struct iommu_unit *unit);
uint64_t iommu_queue_read_head(struct iommu_unit *unit);
void iommu_queue_write_tail(struct iommu_unit *unit, uint64_t value);
void iommu_queue_write_address(struct iommu_unit *unit, uint64_t value);
void iommu_queue_switched(struct iommu_unit *unit);

/* By registers: answers the granularity of what was done; 0: the command is ignored; UINT32_MAX: it waits. */
unsigned iommu_invalidate_contexts(struct iommu_unit *unit, uint64_t command);
unsigned iommu_invalidate_translations(struct iommu_unit *unit, uint64_t address, uint64_t command);

#endif

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
#define IOMMU_SET_TABLE    (UINT32_C(1) << 24) /* of interrupts */
#define IOMMU_OLD_FORMAT   (UINT32_C(1) << 23) /* of interrupts */

/* The upper halves of fault records (11.4.14). */
#define IOMMU_RECORD_FAULT (UINT64_C(1) << 63)
#define IOMMU_RECORD_READ  (UINT64_C(1) << 62)

/* --- vtd.c --- */

/* Units, if there are any, are as firmware leaves them; the driver starts them. */
void vtd_prepare(void);
void vtd_record(struct iommu_unit *unit, const struct iommu_attempt *attempt);
/* Of whatever is blocked; the words are those of a record. */
void vtd_record_words(struct iommu_unit *unit, uint64_t low, uint64_t high);

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

/* --- vtd_interrupts.c: the table of interrupts (9.9) --- */

/* Of an entry of 16 bytes. */
#define IOMMU_ENTRY_PRESENT UINT64_C(1)
#define IOMMU_ENTRY_SILENT  UINT64_C(2) /* of the lower half: faults are not recorded */

void vtd_interrupts_prepare(void);
/* The register of the table: what was written, and that this is in use from now on. */
uint64_t vtd_interrupts_given(const struct iommu_unit *unit);
void vtd_interrupts_give(struct iommu_unit *unit, uint64_t value);
void vtd_interrupts_use(struct iommu_unit *unit);
/* As iommu_edit, of all units. */
void vtd_interrupts_edit(enum iommu_view view, uint64_t at, const uint64_t old[2], const uint64_t words[2]);
const char *vtd_interrupts_wrong(void);

/* 0: there is no table. */
uint32_t vtd_interrupts_count(const struct iommu_unit *unit);
/* The entry of the table as the unit sees it. */
enum iommu_seen { IOMMU_SEEN, IOMMU_UNREACHABLE, IOMMU_NEVER_WRITTEN };
enum iommu_seen vtd_interrupts_load(const struct iommu_unit *unit, uint32_t index,
                                    struct iommu_interrupt *entry);

/* --- vtd_message.c --- */

bool vtd_message(uint16_t source, uint64_t address, uint32_t data);

#endif

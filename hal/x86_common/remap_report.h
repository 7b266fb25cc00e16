/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines about remapping units, of whichever maker, and about devices that try what they may not. Inside
 * hal/x86_common only. One CPU at a time.
 */
#ifndef REMAP_REPORT_H
#define REMAP_REPORT_H

#include "hal/iommu.h"

#define REMAP_UNITS_MAX 16u

/* --- Start-up --- */

/* What was counted is forgotten. */
void remap_report_begin(void);
/* `why` it does not block, as the end of a sentence. */
void remap_warn_unit(uint64_t address, const char *why);
void remap_warn_left_out(unsigned count);
/* Memory that firmware wants: for one source, or for so many devices (`source` NULL). `mapped`: it reaches
 * it. */
void remap_tell_range(uint64_t first, uint64_t last, const uint16_t *source, uint32_t count, bool mapped);
void remap_tell_sum(unsigned working, unsigned unit_count, unsigned left_out);
void remap_tell_why_not(const char *why);
void remap_warn_interrupts(void);

/* --- Attempts. However many there are, one device's lines get fewer and fewer (D8) --- */

/* One look at what all units recorded begins: it has few lines. */
void remap_report_look(void);
/* `is_interrupt`: a message, which has no address. */
void remap_report_fault(unsigned unit, const struct hal_iommu_fault *fault, bool is_interrupt);
/* There were more than the unit, below REMAP_UNITS_MAX, could record. */
void remap_report_overflow(unsigned unit);

#endif

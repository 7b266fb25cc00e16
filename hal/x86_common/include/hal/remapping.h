/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the drivers of remapping hardware (hal/vtd.h, hal/amdvi.h) have in common. Supplied by the machine.
 */
#ifndef HAL_REMAPPING_H
#define HAL_REMAPPING_H

#include "hal/types.h"

/* 8 bytes, at a multiple of 8, of a driver's tables, queues and words, or of a domain's tables. Loaded before
 * all that is loaded later; stored in one piece, after all that was stored before. */
uint64_t remap_load(hal_paddr_t at);
void remap_store(hal_paddr_t at, uint64_t value);
/* hal_iommu_next. */
unsigned remap_next(hal_paddr_t table, unsigned from);
/* Boot CPU: words at `at`, at + stride, ... before `end`, which are 0, become `value`: of a table for all
 * sources (hal/amdvi.h), while no unit goes by one. */
void remap_fill(hal_paddr_t at, hal_paddr_t end, uint64_t stride, uint64_t value);
/* Memory has what CPUs wrote there: for a unit that does not look into their caches. */
void remap_write_back(hal_paddr_t at, size_t size);
/* Boot CPU: a zeroed page, for good. */
hal_paddr_t remap_page(void);
/* So many at most are for tables of firmware's devices. */
#define REMAP_FIRMWARE_PAGES 256u
/* Boot CPU: all bytes [first, last] are in memory that the machine's map calls firmware's: neither registers
 * that Keel drives, nor ever a frame that somebody is given. */
bool remap_is_reserved(uint64_t first, uint64_t last);
/* So often a driver looks at a unit, as core does (struct hal_iommu), until it takes it to have stopped: more
 * than any unit of the machine's needs. */
uint32_t remap_looks_max(void);
/* Boot CPU: local APICs are in x2APIC mode (Intel SDM vol. 3A, 10.12), in which CPUs' ids have 32 bits. */
bool remap_apics_have_long_ids(void);
/* Writes a line, without its end, to the console. */
void remap_print(const char *line);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine's remapping units told what to do by their registers, without the driver: for tests of
 * the model under the kernel of a few lines. What is asked for is said in Intel's words, and where units are
 * AMD's, put into theirs.
 */
#ifndef UNIT_HOSTED_IOMMU_H
#define UNIT_HOSTED_IOMMU_H

#include "hal/amdvi.h"
#include "hal/vtd.h"
#include "hosted_kernel.h"

/* A device behind each unit. */
#define DEVICE(unit) ((uint16_t)((unit) % 2 == 0 ? 0x0028 : 0xff2f))
#define DOMAIN(unit) ((unit) % 2 + 5u)
#define IOVA         UINT64_C(0x40000000)
#define READS        UINT64_C(1)
#define WRITES       UINT64_C(2)

/* The unit under test. Of Intel's, 0 looks into caches, 1 does not, has a write buffer and caches absence; of
 * AMD's, 1 caches absence. */
extern unsigned iommu_unit;
/* What the set-up leaves: tables of DEVICE(iommu_unit), by level, up to the root; a frame to map. */
extern hal_paddr_t iommu_tables[4], iommu_frame;

/* Runs the body for each unit of each maker, whose number is then iommu_tried: from AMD_FIRST on they are
 * AMD's. */
#define AMD_FIRST   2u
#define UNITS_TRIED 4u
extern unsigned iommu_tried;
bool iommu_is_amd(void);
void iommu_run(void (*body)(void), const char *violation);
void iommu_run_intel(void (*body)(void), const char *violation); /* for each of that maker's */
void iommu_run_tried(const struct hosted_config *config, void (*body)(void), const char *violation);

/* A store that the unit sees; and one that it does not, or not before what follows. */
void iommu_put(hal_paddr_t table, unsigned index, uint64_t value);
/* Entries of tables of that level. */
uint64_t iommu_link(hal_paddr_t table, unsigned level, uint64_t rights);
uint64_t iommu_leaf(hal_paddr_t frame, unsigned level, uint64_t rights);
void iommu_put_hidden(hal_paddr_t table, unsigned index, uint64_t value);
void iommu_write_back(hal_paddr_t table);
void iommu_flush_buffer(void);

/* A queue of the test's own is on; attaches the device to tables that lead to nothing but iommu_tables[0]. */
void iommu_begin(unsigned unit);
/* The context entry of the device, where there is a context table; or of the device table. */
void iommu_attach(uint16_t source, hal_paddr_t root, unsigned levels, uint32_t domain);
void iommu_detach(uint16_t source);
/* The same, Intel's, as it is written. */
void iommu_attach_words(uint16_t source, uint64_t low, uint64_t high);
/* The same of one that was absent: both halves are written back together. */
void iommu_attach_at_once(uint16_t source, uint64_t low, uint64_t high);
#define CONTEXT_HIGH(domain, levels) ((uint64_t)(domain) << 8 | ((uint64_t)(levels) - 2))

/* A queue that is empty and on. */
void iommu_queue_begin(void);
/* Descriptors. */
#define FORGET_CONTEXTS      UINT64_C(0x11)
#define FORGET_CONTEXT(d, s) ((uint64_t)(s) << 32 | (uint64_t)(d) << 16 | 0x31)
#define FORGET_ALL           UINT64_C(0xd2)
#define FORGET_DOMAIN(d)     ((uint64_t)(d) << 16 | 0xe2)
#define FORGET_PAGES(d)      ((uint64_t)(d) << 16 | 0xf2) /* the upper half: address, without tables, mask */
#define WITHOUT_TABLES       UINT64_C(0x40)
/* Posts one, AMD's in their own words; and one that says that those before are done. */
void iommu_post(uint64_t low, uint64_t high);
void iommu_post_amd(uint64_t low, uint64_t high);
uint32_t iommu_post_wait(void);
bool iommu_is_done(uint32_t ticket);
/* Posts one and waits. */
void iommu_do(uint64_t low, uint64_t high);
/* The page at IOVA + page is mapped to iommu_frame, or not any more; no flush. */
void iommu_map(unsigned page, uint64_t rights);
void iommu_unmap(unsigned page);
void iommu_forget_page(unsigned page);

/* Gives a command and waits. */
void iommu_command(uint32_t bit, bool on);
/* The reason of the last attempt that was recorded, which makes room; 0: none. */
unsigned iommu_reason(void);
/* It was this one, by Intel's numbers; AMD's say less. */
bool iommu_was(unsigned reason);
bool iommu_dma(uint64_t address, uint64_t *value, bool write);

#endif

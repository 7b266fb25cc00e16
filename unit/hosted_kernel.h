/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A kernel of a few lines for tests of the hosted machine itself, without core: it brings its own upcalls and
 * runs one function of the test on the boot CPU and one on the second.
 */
#ifndef UNIT_HOSTED_KERNEL_H
#define UNIT_HOSTED_KERNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hal/atomic.h"
#include "hal/context.h"
#include "hal/iommu.h"
#include "hal/mmu.h"
#include "hal/phys.h"
#include "hosted/machine.h"

#define USER_CODE UINT64_C(0x400000)
#define USER_DATA UINT64_C(0x500000)
#define STACK_VA  (HAL_WINDOW_BASE + HAL_STACK_PAGES * HAL_PAGE_SIZE)

/* The test's part of the run that comes next; the second may be NULL. */
extern void (*mini_boot_body)(void);
extern void (*mini_second_body)(void);

/* Zero at the start of each run. */
extern atomic_u32_t mini_word, mini_finished;
extern uint32_t mini_timer_count, mini_ipi_count, mini_audit_lines;

/* Of the last interrupt of a device, which any CPU may take. */
extern atomic_u32_t mini_irq_count, mini_irq_source, mini_irq_cpu;

/* What hal_upcall_iommu_fault was told last, and how often. */
extern struct hal_iommu_fault mini_fault;
extern uint32_t mini_fault_count;

/* The next frame of RAM that no one took, zeroed unless it stays unused. */
hal_paddr_t mini_take_frame(enum hal_frame_use use);

/* The level-0 slot of `va`, with the tables on the way. */
struct hal_pte_slot mini_find_slot(hal_paddr_t root, uint64_t va);
void mini_map(hal_paddr_t root, uint64_t va, hal_paddr_t frame, unsigned prot);
void mini_unmap(hal_paddr_t root, uint64_t va);
hal_paddr_t mini_make_root(void);
/* A loaded root with one writable page at USER_DATA. */
hal_paddr_t mini_make_space(hal_paddr_t *frame);
/* A kernel stack at STACK_VA. */
void mini_make_stack(void);
/* Runs hal_audit; mini_audit_lines counts what it says. */
void mini_audit(void);
/* Ends the run with status 1 unless it holds. */
void mini_expect(bool holds);

/* 1 MiB, two CPUs, seed 1, silent, violations counted. */
extern const struct hosted_config mini_small;

struct hosted_result mini_run_with(const struct hosted_config *config, void (*body)(void),
                                   void (*second)(void));
/* Asserts that it comes to a good end, and that the first violation begins so; "": that there is none. */
void mini_run_showing(const struct hosted_config *config, void (*body)(void), void (*second)(void),
                      const char *violation);
/* Asserts that all is well. */
void mini_run_well(void (*body)(void), void (*second)(void));
/* Asserts that the machine sees the planted mistake, under the name of the invariant. */
void mini_run_badly(void (*body)(void), const char *invariant);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel of a few lines, see hosted_kernel.h.
 */
#include "hosted_kernel.h"

#include <stdio.h>
#include <string.h>

#include "hal/cpu.h"
#include "hal/iommu.h"
#include "hal/irq.h"
#include "hal/machine.h"
#include "hal/phys.h"

#define FIRST_FRAME UINT64_C(16)

void (*mini_boot_body)(void);
void (*mini_second_body)(void);
static uint64_t next_frame;
atomic_u32_t mini_word, mini_finished;
uint32_t mini_timer_count, mini_ipi_count, mini_audit_lines;
atomic_u32_t mini_irq_count, mini_irq_source, mini_irq_cpu;
struct hal_iommu_fault mini_fault;
uint32_t mini_fault_count;

_Noreturn void hal_upcall_boot(const struct hal_boot *boot)
{
    (void)boot;
    next_frame = FIRST_FRAME;
    atomic_u32_init(&mini_word, 0);
    atomic_u32_init(&mini_finished, 0);
    mini_timer_count = mini_ipi_count = mini_audit_lines = 0;
    atomic_u32_init(&mini_irq_count, 0);
    hal_cpus_start();
    mini_boot_body();
    hal_power_off(0);
}

_Noreturn void hal_upcall_cpu_online(void)
{
    if (mini_second_body) {
        mini_second_body();
    }
    for (;;) {
        hal_cpu_wait();
    }
}

void hal_upcall_timer(void)
{
    mini_timer_count++;
}

void hal_upcall_ipi(void)
{
    mini_ipi_count++;
    hal_tlb_flush_range(0, KEEL_USER_END >> HAL_PAGE_SHIFT);
    hal_tlb_flush_window(HAL_WINDOW_BASE, 4 * (uint64_t)HAL_STACK_PAGES);
    atomic_u32_fetch_add(&mini_finished, 1);
}

void hal_upcall_irq(unsigned source)
{
    atomic_u32_store_relaxed(&mini_irq_source, source);
    atomic_u32_store_relaxed(&mini_irq_cpu, hal_cpu_id());
    atomic_u32_fetch_add(&mini_irq_count, 1);
}

void hal_upcall_iommu_fault(const struct hal_iommu_fault *fault)
{
    mini_fault = *fault;
    mini_fault_count++;
}

void hal_upcall_interrupt_exit(void)
{
}

bool hal_upcall_guard_owner(uint64_t va, char *name, size_t size)
{
    snprintf(name, size, "digger");
    return va >= STACK_VA - HAL_PAGE_SIZE && va < STACK_VA;
}

hal_paddr_t mini_take_frame(enum hal_frame_use use)
{
    hal_paddr_t frame = hal_frame_address(next_frame++);
    hal_frame_use(frame, 1, use);
    if (use != HAL_FRAME_UNUSED) {
        hal_phys_zero(frame, HAL_PAGE_SIZE);
    }
    return frame;
}

struct hal_pte_slot mini_find_slot(hal_paddr_t root, uint64_t va)
{
    struct hal_pte_slot slot = {.root = root, .table = root, .va = va, .level = HAL_PT_LEVELS - 1};
    while (slot.level > 0) {
        uint64_t entry = hal_pte_load(&slot);
        if (!hal_pte_present(entry)) {
            entry = hal_pte_table(mini_take_frame(HAL_FRAME_TABLE), va < HAL_LINEAR_BASE ? HAL_PROT_USER : 0);
            hal_pte_exchange(&slot, entry);
        }
        slot.table = hal_pte_target(entry);
        slot.level--;
    }
    return slot;
}

void mini_map(hal_paddr_t root, uint64_t va, hal_paddr_t frame, unsigned prot)
{
    struct hal_pte_slot slot = mini_find_slot(root, va);
    hal_pte_exchange(&slot, hal_pte_leaf(frame, prot));
}

void mini_unmap(hal_paddr_t root, uint64_t va)
{
    struct hal_pte_slot slot = mini_find_slot(root, va);
    hal_pte_exchange(&slot, 0);
}

hal_paddr_t mini_make_root(void)
{
    hal_paddr_t root = mini_take_frame(HAL_FRAME_TABLE);
    hal_root_init(root);
    return root;
}

/* A loaded root with one writable page at USER_DATA. */
hal_paddr_t mini_make_space(hal_paddr_t *frame)
{
    hal_paddr_t root = mini_make_root();
    *frame = mini_take_frame(HAL_FRAME_UNTYPED);
    mini_map(root, USER_DATA, *frame, HAL_PROT_USER | HAL_PROT_WRITE);
    hal_root_load(root, 0, false);
    return root;
}

void mini_make_stack(void)
{
    for (uint64_t i = 0; i < HAL_STACK_PAGES; i++) {
        mini_map(hal_kernel_root(), STACK_VA + i * HAL_PAGE_SIZE, mini_take_frame(HAL_FRAME_STACK),
                 HAL_PROT_WRITE);
    }
    hal_window_sync(STACK_VA, HAL_STACK_PAGES);
}

static void count_line(const char *line)
{
    (void)line;
    mini_audit_lines++;
}

void mini_audit(void)
{
    hal_freeze();
    hal_audit(count_line);
    hal_thaw();
}

/* The kernel's own test: a failure ends the run with status 1. */
void mini_expect(bool holds)
{
    if (!holds) {
        hal_power_off(1);
    }
}

static void ignore_console(void *context, const char *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
}

const struct hosted_config mini_small = {
    .ram_size = UINT64_C(1) << 20,
    .strategy = HOSTED_RANDOM,
    .seed = 1,
    .console = ignore_console,
    .step_limit = 100000,
    .count_violations = true,
    .no_pci = true, /* this kernel does not look after it */
};

struct hosted_result mini_run_with(const struct hosted_config *config, void (*body)(void),
                                   void (*second)(void))
{
    mini_boot_body = body;
    mini_second_body = second;
    return hosted_run(config);
}

void mini_run_showing(const struct hosted_config *config, void (*body)(void), void (*second)(void),
                      const char *violation)
{
    struct hosted_result result = mini_run_with(config, body, second);
    assert_int_equal(result.end, HOSTED_POWER_OFF);
    assert_int_equal(result.status, 0);
    if (*violation == '\0') {
        assert_string_equal(result.first_violation, "");
    } else {
        assert_memory_equal(result.first_violation, violation, strlen(violation));
    }
}

void mini_run_well(void (*body)(void), void (*second)(void))
{
    mini_run_showing(&mini_small, body, second, "");
}

/* The planted mistake is seen, under the name of the invariant. */
void mini_run_badly(void (*body)(void), const char *invariant)
{
    struct hosted_result result = mini_run_with(&mini_small, body, NULL);
    assert_true(result.violations > 0);
    assert_memory_equal(result.first_violation, invariant, strlen(invariant));
}

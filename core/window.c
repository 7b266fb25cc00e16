/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel stacks in the kernel window, see core/window.h.
 */
#include "core/window.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/pagetable.h"
#include "core/spinlock.h"
#include "core/tlb.h"
#include "hal/context.h"

#define STACK_BYTES (HAL_STACK_PAGES * HAL_PAGE_SIZE)
#define SLOT_BYTES  (2 * STACK_BYTES)

static struct spinlock lock;

bool window_init(void)
{
    spinlock_init(&lock);
    uint64_t end = HAL_WINDOW_BASE + object_slots(OBJECT_TASK) * SLOT_BYTES;
    for (uint64_t va = HAL_WINDOW_BASE; va < end; va += hal_pt_span(1)) {
        struct hal_pte_slot slot;
        if (pagetable_prepare(hal_kernel_root(), va, 0, &slot) != KEEL_OK) {
            return false;
        }
    }
    return true;
}

uint64_t window_stack_base(uint32_t slot)
{
    return HAL_WINDOW_BASE + slot * SLOT_BYTES + STACK_BYTES;
}

bool window_guard_slot(uint64_t va, uint32_t *slot)
{
    if (va < HAL_WINDOW_BASE || va - HAL_WINDOW_BASE >= object_slots(OBJECT_TASK) * SLOT_BYTES) {
        return false;
    }
    *slot = (uint32_t)((va - HAL_WINDOW_BASE) / SLOT_BYTES);
    return (va - HAL_WINDOW_BASE) % SLOT_BYTES < STACK_BYTES;
}

/* Sets the entry of page `page` of the stack at `base`. The lock is held. */
static void set_entry(uint64_t base, uint64_t page, uint64_t entry)
{
    struct hal_pte_slot slot;
    bool found = pagetable_find(hal_kernel_root(), base + page * HAL_PAGE_SIZE, &slot);
    CORE_ASSERT(found);
    uint64_t old = pagetable_set(&slot, entry);
    CORE_ASSERT((old == 0) != (entry == 0));
}

void window_map_stack(uint32_t slot, struct frame *first)
{
    uint64_t base = window_stack_base(slot);
    bool interrupts = spinlock_acquire(&lock);
    for (uint64_t page = 0; page < HAL_STACK_PAGES; page++) {
        set_entry(base, page, hal_pte_leaf(frame_address(first + page), HAL_PROT_READ | HAL_PROT_WRITE));
    }
    spinlock_release(&lock, interrupts);
    hal_window_sync(base, HAL_STACK_PAGES);
}

void window_unmap_stack(uint32_t slot)
{
    uint64_t base = window_stack_base(slot);
    bool interrupts = spinlock_acquire(&lock);
    for (uint64_t page = 0; page < HAL_STACK_PAGES; page++) {
        set_entry(base, page, 0);
    }
    spinlock_release(&lock, interrupts);
    tlb_shootdown(cpu_online_mask(), hal_kernel_root(), base, HAL_STACK_PAGES);
    hal_window_sync(base, HAL_STACK_PAGES);
}

bool hal_upcall_guard_owner(uint64_t va, char *name, size_t size)
{
    uint32_t slot;
    if (size == 0 || !window_guard_slot(va, &slot)) {
        return false;
    }
    const struct task *task = (const struct task *)object_at(OBJECT_TASK, slot);
    size_t i = 0;
    for (; i + 1 < size && i < TASK_NAME_SIZE && task->name[i] != '\0'; i++) {
        name[i] = task->name[i];
    }
    name[i] = '\0';
    return true;
}

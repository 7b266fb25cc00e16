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

void window_init(void)
{
    spinlock_init(&lock);
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

/* Takes the entries of the first `pages` pages of the stack out again. The lock is held. */
static void clear_entries(uint64_t base, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        struct hal_pte_slot slot;
        bool found = pagetable_find(hal_kernel_root(), base + i * HAL_PAGE_SIZE, &slot);
        CORE_ASSERT(found);
        pagetable_set(&slot, 0);
    }
}

keel_status_t window_map_stack(uint32_t slot_index, struct frame *first)
{
    uint64_t base = window_stack_base(slot_index);
    const unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE;
    keel_status_t status = KEEL_OK;
    bool interrupts = spinlock_acquire(&lock);
    for (uint64_t i = 0; i < HAL_STACK_PAGES && status == KEEL_OK; i++) {
        struct hal_pte_slot slot;
        status = pagetable_prepare(hal_kernel_root(), base + i * HAL_PAGE_SIZE, prot, &slot);
        if (status == KEEL_OK) {
            pagetable_set(&slot, hal_pte_leaf(frame_address(first + i), prot));
        } else {
            clear_entries(base, i); /* never used, so never cached by use; the flush below covers speculation */
        }
    }
    spinlock_release(&lock, interrupts);
    if (status == KEEL_OK) {
        hal_window_sync(base, HAL_STACK_PAGES);
    } else {
        tlb_shootdown(cpu_online_mask(), hal_kernel_root(), base, HAL_STACK_PAGES);
    }
    return status;
}

void window_unmap_stack(uint32_t slot_index)
{
    uint64_t base = window_stack_base(slot_index);
    bool interrupts = spinlock_acquire(&lock);
    clear_entries(base, HAL_STACK_PAGES);
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

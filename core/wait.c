/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting, see core/wait.h.
 */
#include "core/wait.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/sched.h"

/* Sleeping tasks, the earliest deadline first. */
static struct wait_queue sleepers;

void wait_queue_init(struct wait_queue *queue)
{
    spinlock_init(&queue->lock);
    queue->head = NULL;
}

void wait_init(void)
{
    wait_queue_init(&sleepers);
}

/* Marks the calling task blocked, lets go of the lock and switches away. The entry is linked already. */
static void block_and_release(struct wait_queue *queue, struct task *task, bool interrupts)
{
    atomic_u32_store_release(&task->state, TASK_BLOCKED | TASK_ON);
    spinlock_release_irq_off(&queue->lock);
    sched_block();
    hal_irq_restore(interrupts);
}

void wait_queue_block(struct wait_queue *queue, bool interrupts)
{
    struct task *task = cpu_this()->current;
    CORE_ASSERT(task != NULL);
    task->wait.next = queue->head;
    queue->head = task;
    block_and_release(queue, task, interrupts);
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    bool interrupts = spinlock_acquire(&queue->lock);
    while (queue->head != NULL) {
        struct task *task = queue->head;
        queue->head = task->wait.next;
        bool woken = sched_wake(task);
        CORE_ASSERT(woken);
    }
    spinlock_release(&queue->lock, interrupts);
}

void wait_sleep_until(uint64_t deadline)
{
    bool interrupts = spinlock_acquire(&sleepers.lock);
    struct cpu *cpu = cpu_this();
    struct task *task = cpu->current;
    CORE_ASSERT(task != NULL);
    task->wait.deadline = deadline;
    struct task **link = &sleepers.head;
    while (*link != NULL && (*link)->wait.deadline <= deadline) {
        link = &(*link)->wait.next;
    }
    task->wait.next = *link;
    *link = task;
    uint64_t first = sleepers.head->wait.deadline;
    hal_timer_arm(first < cpu->next_tick ? first : cpu->next_tick);
    block_and_release(&sleepers, task, interrupts);
}

uint64_t wait_expire(uint64_t now)
{
    bool interrupts = spinlock_acquire(&sleepers.lock);
    while (sleepers.head != NULL && sleepers.head->wait.deadline <= now) {
        struct task *task = sleepers.head;
        sleepers.head = task->wait.next;
        bool woken = sched_wake(task);
        CORE_ASSERT(woken);
    }
    uint64_t next = sleepers.head != NULL ? sleepers.head->wait.deadline : UINT64_MAX;
    spinlock_release(&sleepers.lock, interrupts);
    return next;
}

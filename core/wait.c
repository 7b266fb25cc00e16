/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting, see core/wait.h.
 */
#include "core/wait.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/deadline.h"
#include "core/sched.h"

void wait_entry_init(struct wait_entry *entry)
{
    entry->next = NULL;
    entry->previous = NULL;
    entry->queued = false;
    atomic_u32_init(&entry->outcome, WAIT_WOKEN);
    entry->deadline = WAIT_FOREVER;
    entry->place = 0;
}

void wait_queue_init(struct wait_queue *queue)
{
    spinlock_init(&queue->lock);
    queue->head = NULL;
    queue->tail = NULL;
}

uint64_t wait_deadline(uint64_t timeout)
{
    uint64_t now = hal_time_now();
    return timeout < WAIT_FOREVER - now ? now + timeout : WAIT_FOREVER;
}

static void append(struct wait_queue *queue, struct task *task)
{
    task->wait.next = NULL;
    task->wait.previous = queue->tail;
    if (queue->tail != NULL) {
        queue->tail->wait.next = task;
    } else {
        queue->head = task;
    }
    queue->tail = task;
    task->wait.queued = true;
}

static void take_off(struct wait_queue *queue, struct task *task)
{
    if (task->wait.previous != NULL) {
        task->wait.previous->wait.next = task->wait.next;
    } else {
        queue->head = task->wait.next;
    }
    if (task->wait.next != NULL) {
        task->wait.next->wait.previous = task->wait.previous;
    } else {
        queue->tail = task->wait.previous;
    }
    task->wait.queued = false;
}

/* From here on the task may be woken, though it still runs: sched_block sees to that. Interrupts are off. */
static void begin(struct task *task, uint64_t deadline)
{
    task->wait.deadline = deadline;
    atomic_u32_store_release(&task->wait.outcome, WAIT_WAITING);
    atomic_u32_store_release(&task->state, TASK_BLOCKED | TASK_ON);
    if (deadline != WAIT_FOREVER) {
        deadline_add(task);
    }
}

/* Off the CPU and back. True: it was woken. Interrupts are off. */
static bool finish(struct task *task)
{
    sched_block();
    if (task->wait.deadline != WAIT_FOREVER) {
        deadline_remove(task);
    }
    uint32_t outcome = atomic_u32_load_acquire(&task->wait.outcome);
    CORE_ASSERT(outcome != WAIT_WAITING);
    return outcome == WAIT_WOKEN;
}

bool wait_queue_block(struct wait_queue *queue, uint64_t deadline, bool interrupts)
{
    struct task *task = cpu_this()->current;
    CORE_ASSERT(task != NULL);
    append(queue, task);
    begin(task, deadline);
    spinlock_release_irq_off(&queue->lock);
    bool woken = finish(task);
    if (!woken) {
        (void)spinlock_acquire(&queue->lock);
        if (task->wait.queued) {
            take_off(queue, task);
        }
        spinlock_release_irq_off(&queue->lock);
    }
    hal_irq_restore(interrupts);
    return woken;
}

struct task *wait_queue_take(struct wait_queue *queue)
{
    while (queue->head != NULL) {
        struct task *task = queue->head;
        uint32_t outcome = WAIT_WAITING;
        take_off(queue, task);
        if (atomic_u32_cas(&task->wait.outcome, &outcome, WAIT_WOKEN)) {
            return task;
        }
    }
    return NULL;
}

uint32_t wait_queue_wake(struct wait_queue *queue, uint32_t limit)
{
    uint32_t count = 0;
    while (count < limit) {
        struct task *task = wait_queue_take(queue);
        if (task == NULL) {
            break;
        }
        sched_wake(task);
        count++;
    }
    return count;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    bool interrupts = spinlock_acquire(&queue->lock);
    (void)wait_queue_wake(queue, UINT32_MAX);
    spinlock_release(&queue->lock, interrupts);
}

void wait_sleep_until(uint64_t deadline)
{
    bool interrupts = hal_irq_disable();
    struct task *task = cpu_this()->current;
    CORE_ASSERT(task != NULL);
    begin(task, deadline);
    (void)finish(task);
    hal_irq_restore(interrupts);
}

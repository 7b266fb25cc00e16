/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting, see core/wait.h.
 */
#include "core/wait.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/sched.h"

void wait_entry_init(struct wait_entry *entry)
{
    entry->next = NULL;
    entry->previous = NULL;
    entry->queued = false;
    entry->want = 0;
    atomic_u32_init(&entry->outcome, WAIT_WOKEN);
    deadline_init(&entry->deadline, DEADLINE_WAIT);
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

static void put_in(struct wait_queue *queue, enum wait_place place, struct task *task)
{
    struct task *previous = place == WAIT_LAST ? queue->tail : NULL;
    struct task *next = place == WAIT_LAST ? NULL : queue->head;
    task->wait.previous = previous;
    task->wait.next = next;
    *(previous != NULL ? &previous->wait.next : &queue->head) = task;
    *(next != NULL ? &next->wait.previous : &queue->tail) = task;
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

/* The wait ends as `outcome` says, unless it has ended. True: the caller wakes the task. */
static bool end_wait(struct task *task, enum wait_outcome outcome)
{
    uint32_t waiting = WAIT_WAITING;
    return atomic_u32_cas(&task->wait.outcome, &waiting, outcome);
}

void wait_cancel(struct task *task, enum wait_request request)
{
    uint32_t word = atomic_u32_load_acquire(&task->wait.outcome), next;
    do {
        next = word == WAIT_WAITING ? WAIT_CANCELED | (request & WAIT_CANCEL_ALL) : word | request;
    } while (!atomic_u32_cas(&task->wait.outcome, &word, next));
    if (word == WAIT_WAITING) {
        sched_wake(task);
    }
}

bool wait_take_cancel(struct task *task)
{
    uint32_t word = atomic_u32_load_relaxed(&task->wait.outcome);
    if ((word & ~WAIT_OUTCOME) == 0) {
        return false;
    }
    atomic_u32_fetch_and(&task->wait.outcome, ~(uint32_t)WAIT_CANCEL_NEXT);
    return true;
}

/* From here on the task may be woken, though it still runs: sched_block sees to that. Interrupts are off. */
static void begin(struct task *task, uint64_t deadline)
{
    uint32_t word = atomic_u32_load_acquire(&task->wait.outcome), next;
    atomic_u32_store_release(&task->state, TASK_BLOCKED | TASK_ON);
    do {
        next = (word & ~WAIT_OUTCOME) != 0 ? WAIT_CANCELED | (word & WAIT_CANCEL_ALL) : WAIT_WAITING;
    } while (!atomic_u32_cas(&task->wait.outcome, &word, next));
    if (next != WAIT_WAITING) {
        sched_wake(task);
    } else if (deadline != WAIT_FOREVER) {
        (void)deadline_set(&task->wait.deadline, deadline);
    }
}

void wait_expire(struct task *task)
{
    if (end_wait(task, WAIT_TIMED_OUT)) {
        sched_wake(task);
    }
}

/* Off the CPU and back, with the outcome. Interrupts are off. */
static keel_status_t finish(struct task *task, uint64_t deadline)
{
    sched_block();
    if (deadline != WAIT_FOREVER) {
        (void)deadline_remove(&task->wait.deadline);
    }
    switch (atomic_u32_load_acquire(&task->wait.outcome) & WAIT_OUTCOME) {
    case WAIT_WOKEN:
        return KEEL_OK;
    case WAIT_TIMED_OUT:
        return KEEL_E_TIMEOUT;
    default:
        CORE_ASSERT(atomic_u32_peek(&task->wait.outcome) != WAIT_WAITING);
        return KEEL_E_CANCELED;
    }
}

keel_status_t wait_queue_block(struct wait_queue *queue, enum wait_place place, uint64_t timeout,
                               bool interrupts)
{
    struct task *task = cpu_this()->current;
    if (timeout == 0) {
        spinlock_release(&queue->lock, interrupts);
        return KEEL_E_TIMEOUT;
    }
    put_in(queue, place, task);
    uint64_t deadline = wait_deadline(timeout);
    begin(task, deadline);
    spinlock_release_irq_off(&queue->lock);
    keel_status_t status = finish(task, deadline);
    if (status != KEEL_OK) {
        (void)spinlock_acquire(&queue->lock);
        if (task->wait.queued) {
            take_off(queue, task);
        }
        spinlock_release_irq_off(&queue->lock);
    }
    hal_irq_restore(interrupts);
    return status;
}

struct task *wait_queue_first(struct wait_queue *queue)
{
    while (queue->head != NULL && atomic_u32_load_acquire(&queue->head->wait.outcome) != WAIT_WAITING) {
        take_off(queue, queue->head);
    }
    return queue->head;
}

bool wait_queue_claim(struct wait_queue *queue, struct task *first)
{
    take_off(queue, first);
    return end_wait(first, WAIT_WOKEN);
}

uint32_t wait_queue_wake(struct wait_queue *queue, uint32_t limit)
{
    uint32_t count = 0;
    while (count < limit && queue->head != NULL) {
        struct task *first = queue->head;
        if (wait_queue_claim(queue, first)) {
            sched_wake(first);
            count++;
        }
    }
    return count;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    bool interrupts = spinlock_acquire(&queue->lock);
    (void)wait_queue_wake(queue, UINT32_MAX);
    spinlock_release(&queue->lock, interrupts);
}

void wait_pause_until(uint64_t deadline)
{
    bool interrupts = hal_irq_disable();
    struct task *task = cpu_this()->current;
    atomic_u32_store_release(&task->state, TASK_BLOCKED | TASK_ON);
    uint32_t requests = atomic_u32_exchange(&task->wait.outcome, WAIT_WAITING) & ~WAIT_OUTCOME;
    (void)deadline_set(&task->wait.deadline, deadline);
    if (finish(task, deadline) == KEEL_E_CANCELED) {
        requests |= WAIT_CANCEL_NEXT;
    }
    atomic_u32_fetch_or(&task->wait.outcome, requests);
    hal_irq_restore(interrupts);
}

keel_status_t wait_sleep_until(uint64_t deadline)
{
    bool interrupts = hal_irq_disable();
    struct task *task = cpu_this()->current;
    begin(task, deadline);
    keel_status_t status = finish(task, deadline);
    hal_irq_restore(interrupts);
    return status == KEEL_E_TIMEOUT ? KEEL_OK : status;
}

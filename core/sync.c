/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Events, semaphores and mutexes, see core/sync.h.
 */
#include "core/sync.h"

#include "core/assert.h"
#include "core/sched.h"

/* Blocks on the queue, whose lock is held, unless `timeout` is 0; releases the lock. */
static keel_status_t wait_on(struct wait_queue *queue, uint64_t timeout, bool interrupts)
{
    if (timeout == 0) {
        spinlock_release(&queue->lock, interrupts);
        return KEEL_E_TIMEOUT;
    }
    return wait_queue_block(queue, wait_deadline(timeout), interrupts) ? KEEL_OK : KEEL_E_TIMEOUT;
}

/* --- Events --- */

keel_status_t event_create(uint64_t *handle)
{
    struct event *event = (struct event *)object_claim(OBJECT_EVENT);
    if (event == NULL) {
        return KEEL_E_LIMIT;
    }
    wait_queue_init(&event->queue);
    event->sequence = 0;
    *handle = object_handle(OBJECT_EVENT, &event->object);
    ref_publish(&event->object.ref, 1, true);
    return KEEL_OK;
}

void event_put(struct event *event)
{
    if (ref_put(&event->object.ref)) {
        ref_finish(&event->object.ref);
    }
}

uint64_t event_sequence(struct event *event)
{
    bool interrupts = spinlock_acquire(&event->queue.lock);
    uint64_t sequence = event->sequence;
    spinlock_release(&event->queue.lock, interrupts);
    return sequence;
}

keel_status_t event_wait(struct event *event, uint64_t sequence, uint64_t timeout)
{
    bool interrupts = spinlock_acquire(&event->queue.lock);
    if (event->sequence != sequence) {
        spinlock_release(&event->queue.lock, interrupts);
        return KEEL_OK;
    }
    return wait_on(&event->queue, timeout, interrupts);
}

uint32_t event_signal(struct event *event, uint32_t limit)
{
    bool interrupts = spinlock_acquire(&event->queue.lock);
    event->sequence++;
    uint32_t woken = wait_queue_wake(&event->queue, limit);
    spinlock_release(&event->queue.lock, interrupts);
    return woken;
}

/* --- Semaphores --- */

keel_status_t semaphore_create(uint32_t tokens, uint64_t *handle)
{
    struct semaphore *semaphore = (struct semaphore *)object_claim(OBJECT_SEMAPHORE);
    if (semaphore == NULL) {
        return KEEL_E_LIMIT;
    }
    wait_queue_init(&semaphore->queue);
    semaphore->tokens = tokens;
    *handle = object_handle(OBJECT_SEMAPHORE, &semaphore->object);
    ref_publish(&semaphore->object.ref, 1, true);
    return KEEL_OK;
}

void semaphore_put(struct semaphore *semaphore)
{
    if (ref_put(&semaphore->object.ref)) {
        ref_finish(&semaphore->object.ref);
    }
}

keel_status_t semaphore_down(struct semaphore *semaphore, uint64_t timeout)
{
    bool interrupts = spinlock_acquire(&semaphore->queue.lock);
    if (semaphore->tokens > 0) {
        semaphore->tokens--;
        spinlock_release(&semaphore->queue.lock, interrupts);
        return KEEL_OK;
    }
    return wait_on(&semaphore->queue, timeout, interrupts);
}

keel_status_t semaphore_up(struct semaphore *semaphore, uint32_t tokens, uint32_t limit)
{
    bool interrupts = spinlock_acquire(&semaphore->queue.lock);
    bool fits = tokens <= limit - semaphore->tokens;
    if (fits) {
        semaphore->tokens += tokens - wait_queue_wake(&semaphore->queue, tokens);
    }
    spinlock_release(&semaphore->queue.lock, interrupts);
    return fits ? KEEL_OK : KEEL_E_LIMIT;
}

/* --- Mutexes --- */

keel_status_t mutex_create(uint64_t *handle)
{
    struct mutex *mutex = (struct mutex *)object_claim(OBJECT_MUTEX);
    if (mutex == NULL) {
        return KEEL_E_LIMIT;
    }
    wait_queue_init(&mutex->queue);
    mutex->holder = NULL;
    mutex->next = NULL;
    mutex->previous = NULL;
    *handle = object_handle(OBJECT_MUTEX, &mutex->object);
    ref_publish(&mutex->object.ref, 1, true);
    return KEEL_OK;
}

void mutex_put(struct mutex *mutex)
{
    if (ref_put(&mutex->object.ref)) {
        CORE_ASSERT(mutex->holder == NULL);
        ref_finish(&mutex->object.ref);
    }
}

static void give(struct mutex *mutex, struct task *task)
{
    mutex->holder = task;
    mutex->previous = NULL;
    mutex->next = task->mutexes;
    if (mutex->next != NULL) {
        mutex->next->previous = mutex;
    }
    task->mutexes = mutex;
}

static void take_back(struct mutex *mutex)
{
    if (mutex->previous != NULL) {
        mutex->previous->next = mutex->next;
    } else {
        mutex->holder->mutexes = mutex->next;
    }
    if (mutex->next != NULL) {
        mutex->next->previous = mutex->previous;
    }
    mutex->holder = NULL;
}

keel_status_t mutex_lock(struct mutex *mutex, uint64_t timeout)
{
    struct task *self = task_current();
    bool interrupts = spinlock_acquire(&mutex->queue.lock);
    if (mutex->holder != NULL && mutex->holder != self) {
        return wait_on(&mutex->queue, timeout, interrupts);
    }
    keel_status_t status = mutex->holder == self ? KEEL_E_BUSY : ref_get_more(&mutex->object.ref);
    if (status == KEEL_OK) {
        give(mutex, self);
    }
    spinlock_release(&mutex->queue.lock, interrupts);
    return status;
}

keel_status_t mutex_unlock(struct mutex *mutex)
{
    bool interrupts = spinlock_acquire(&mutex->queue.lock);
    if (mutex->holder != task_current()) {
        spinlock_release(&mutex->queue.lock, interrupts);
        return KEEL_E_DENIED;
    }
    take_back(mutex);
    struct task *next = wait_queue_take(&mutex->queue);
    if (next != NULL) {
        give(mutex, next); /* with the reference */
        sched_wake(next);
    }
    spinlock_release(&mutex->queue.lock, interrupts);
    if (next == NULL) {
        mutex_put(mutex);
    }
    return KEEL_OK;
}

void mutex_unlock_all(struct task *task)
{
    while (task->mutexes != NULL) {
        keel_status_t status = mutex_unlock(task->mutexes);
        CORE_ASSERT(status == KEEL_OK);
    }
}

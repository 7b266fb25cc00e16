/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Events and semaphores, see core/sync.h.
 */
#include "core/sync.h"

#include "core/assert.h"
#include "core/sched.h"

/* --- Events --- */

keel_status_t event_create(uint64_t *handle)
{
    struct event *event = (struct event *)object_claim(OBJECT_EVENT);
    if (event == NULL) {
        return KEEL_E_LIMIT;
    }
    wait_queue_init(&event->queue);
    atomic_u64_store_relaxed(&event->sequence, 0);
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
    return atomic_u64_load_acquire(&event->sequence);
}

keel_status_t event_wait(struct event *event, uint64_t sequence, uint64_t timeout)
{
    bool interrupts = spinlock_acquire(&event->queue.lock);
    if (atomic_u64_peek(&event->sequence) != sequence) {
        spinlock_release(&event->queue.lock, interrupts);
        return KEEL_OK;
    }
    return wait_queue_block(&event->queue, WAIT_LAST, timeout, interrupts);
}

uint32_t event_signal(struct event *event, uint32_t limit)
{
    bool interrupts = spinlock_acquire(&event->queue.lock);
    atomic_u64_store_release(&event->sequence, atomic_u64_peek(&event->sequence) + 1);
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
    return wait_queue_block(&semaphore->queue, WAIT_LAST, timeout, interrupts);
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

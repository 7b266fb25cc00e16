/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mutexes, see core/mutex.h.
 */
#include "core/mutex.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/lock_order.h"
#include "core/sched.h"

/* What a waiter wants (wait_entry.want). */
enum wanted { ALONE, SHARED, UPGRADE };

keel_status_t mutex_create(uint64_t *handle)
{
    struct mutex *mutex = (struct mutex *)object_claim(OBJECT_MUTEX);
    if (mutex == NULL) {
        return KEEL_E_LIMIT;
    }
    wait_queue_init(&mutex->queue);
    mutex->holder = NULL;
    mutex->shared = 0;
    mutex->audit_holds = 0;
    *handle = object_handle(OBJECT_MUTEX, &mutex->object);
    ref_publish(&mutex->object.ref, 1, true);
    return KEEL_OK;
}

void mutex_put(struct mutex *mutex)
{
    if (ref_put(&mutex->object.ref)) {
        CORE_ASSERT(mutex->holder == NULL && mutex->shared == 0);
        ref_finish(&mutex->object.ref);
    }
}

/* --- Handing over; the queue's lock is held --- */

static bool admits(const struct mutex *mutex, uint32_t wanted)
{
    if (mutex->holder != NULL) {
        return false;
    }
    /* Who wants more than its share is one of those who share it. */
    return wanted == SHARED || mutex->shared == (wanted == UPGRADE ? 1 : 0);
}

/* The task is the caller, or waits and has been claimed. */
static void give(struct mutex *mutex, struct task *task, uint32_t wanted)
{
    if (wanted == UPGRADE) {
        hold_find(&task->holds, mutex)->kind = HOLD_MUTEX;
        mutex->shared = 0;
    } else {
        hold_add(&task->holds, wanted == SHARED ? HOLD_MUTEX_SHARED : HOLD_MUTEX, false, mutex);
    }
    if (wanted == SHARED) {
        mutex->shared++;
    } else {
        mutex->holder = task;
    }
}

KEEL_COLD static void hand_over(struct mutex *mutex)
{
    struct task *first = wait_queue_first(&mutex->queue);
    while (first != NULL && admits(mutex, first->wait.want)) {
        if (wait_queue_claim(&mutex->queue, first)) {
            give(mutex, first, first->wait.want);
            sched_wake(first);
        }
        first = wait_queue_first(&mutex->queue);
    }
}

/* Who left the queue may have kept others from what is free. */
static void settle(struct mutex *mutex)
{
    bool interrupts = spinlock_acquire(&mutex->queue.lock);
    hand_over(mutex);
    spinlock_release(&mutex->queue.lock, interrupts);
}

/* The queue's lock is held; it is released here. */
static keel_status_t wait_for(struct mutex *mutex, struct task *self, uint32_t wanted, uint64_t timeout,
                              bool interrupts)
{
    self->wait.want = wanted;
    enum wait_place place = wanted == UPGRADE ? WAIT_FIRST : WAIT_LAST;
    keel_status_t status = wait_queue_block(&mutex->queue, place, timeout, interrupts);
    if (status != KEEL_OK) {
        settle(mutex);
    }
    return status;
}

/* Likewise, where it may not be free. The list of what the task holds has room. */
KEEL_COLD static keel_status_t lock_or_wait(struct mutex *mutex, struct task *self, uint32_t wanted,
                                            uint64_t timeout, bool interrupts)
{
    if (wait_queue_first(&mutex->queue) != NULL || !admits(mutex, wanted)) {
        return wait_for(mutex, self, wanted, timeout, interrupts);
    }
    give(mutex, self, wanted);
    spinlock_release(&mutex->queue.lock, interrupts);
    return KEEL_OK;
}

/* --- Calls --- */

/* The caller's hold of that kind; NULL: it has none. */
static struct hold *hold_of(struct task *self, const struct mutex *mutex, enum hold_kind kind)
{
    struct hold *hold = hold_find(&self->holds, mutex);
    return hold != NULL && hold->kind == kind ? hold : NULL;
}

/* E_BUSY: it has it already; E_LIMIT. */
static inline keel_status_t may_lock(struct holds *holds, const struct mutex *mutex)
{
    if (hold_find(holds, mutex) != NULL) {
        return KEEL_E_BUSY;
    }
    return holds_full(holds) ? KEEL_E_LIMIT : KEEL_OK;
}

keel_status_t mutex_lock(struct mutex *mutex, bool shared, uint64_t timeout)
{
    const uint32_t wanted = shared ? SHARED : ALONE;
    struct task *self = task_current();
    keel_status_t status = may_lock(&self->holds, mutex);
    if (status != KEEL_OK) {
        return status;
    }
    if (timeout > 0) {
        lock_order_note(&self->holds, OBJECT_MUTEX, &mutex->object,
                        shared ? "mutex_lock_shared" : "mutex_lock");
    }
    bool interrupts = spinlock_acquire(&mutex->queue.lock);
    if (!wait_queue_is_empty(&mutex->queue) || !admits(mutex, wanted)) {
        return lock_or_wait(mutex, self, wanted, timeout, interrupts);
    }
    give(mutex, self, wanted);
    spinlock_release(&mutex->queue.lock, interrupts);
    return KEEL_OK;
}

keel_status_t mutex_upgrade(struct mutex *mutex, uint64_t timeout)
{
    struct task *self = task_current();
    if (hold_of(self, mutex, HOLD_MUTEX_SHARED) == NULL) {
        return KEEL_E_DENIED;
    }
    if (timeout > 0) {
        lock_order_note(&self->holds, OBJECT_MUTEX, &mutex->object, "mutex_upgrade");
    }
    bool interrupts = spinlock_acquire(&mutex->queue.lock);
    const struct task *first = wait_queue_first(&mutex->queue);
    if (first != NULL && first->wait.want == UPGRADE) {
        spinlock_release(&mutex->queue.lock, interrupts);
        return KEEL_E_BUSY;
    }
    if (!admits(mutex, UPGRADE)) {
        return wait_for(mutex, self, UPGRADE, timeout, interrupts);
    }
    give(mutex, self, UPGRADE);
    spinlock_release(&mutex->queue.lock, interrupts);
    return KEEL_OK;
}

keel_status_t mutex_downgrade(struct mutex *mutex)
{
    struct task *self = task_current();
    struct hold *hold = hold_of(self, mutex, HOLD_MUTEX);
    if (hold == NULL) {
        return KEEL_E_DENIED;
    }
    bool interrupts = spinlock_acquire(&mutex->queue.lock);
    hold->kind = HOLD_MUTEX_SHARED;
    mutex->holder = NULL;
    mutex->shared = 1;
    hand_over(mutex);
    spinlock_release(&mutex->queue.lock, interrupts);
    return KEEL_OK;
}

void mutex_unlock(struct hold *hold)
{
    struct mutex *mutex = hold->object;
    bool interrupts = spinlock_acquire(&mutex->queue.lock);
    if (hold->kind == HOLD_MUTEX) {
        mutex->holder = NULL;
    } else {
        mutex->shared--;
    }
    hold_remove(&task_current()->holds, hold);
    if (!wait_queue_is_empty(&mutex->queue)) {
        hand_over(mutex);
    }
    spinlock_release(&mutex->queue.lock, interrupts);
    if (!ref_put_quick(&mutex->object.ref)) {
        mutex_put(mutex);
    }
}

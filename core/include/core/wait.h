/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting: queues of blocked tasks, first come, first woken, and deadlines.
 *
 * A waiter checks its condition and queues itself under the queue's lock; a waker changes the condition and
 * takes waiters off under the same lock. Thus no wake-up is lost (T9), wherever the wake falls between the
 * check and the moment that the waiter is off its CPU.
 *
 * How a wait ends is settled by one word:
 *
 *                   a waker, under the queue's lock
 *   WAITING ---------------------------------------------> WOKEN
 *      |            the deadline, under the deadlines' lock
 *      +-------------------------------------------------> TIMED_OUT
 *      |            somebody who wants it to stop waiting
 *      +-------------------------------------------------> CANCELED
 *
 * Who makes the step wakes the task, so it is woken once. A waker that finds a waiter's time up goes on to
 * the next one: no wake is spent on a task that is leaving. A task whose time is up stays in its queue until
 * it runs and takes itself off; it can be nowhere else meanwhile.
 *
 * Requests to stop waiting are in the same word: one that finds no wait is left there for the next one, which
 * then ends before it has begun. So a request ends one wait, and never none.
 */
#ifndef CORE_WAIT_H
#define CORE_WAIT_H

#include "core/deadline.h"
#include "core/spinlock.h"
#include "keel/status.h"

struct task;

/* No deadline. */
#define WAIT_FOREVER UINT64_MAX

enum wait_outcome { WAIT_WAITING, WAIT_WOKEN, WAIT_TIMED_OUT, WAIT_CANCELED };

#define WAIT_OUTCOME UINT32_C(0xff) /* of the word */

/* Beside the outcome, while there is no wait: what ends the next one; every one from now on. */
enum wait_request { WAIT_CANCEL_NEXT = 0x100, WAIT_CANCEL_ALL = 0x200 };

/* Where in the queue. */
enum wait_place { WAIT_LAST, WAIT_FIRST };

/* What a task has to wait with. */
struct wait_entry {
    struct task *next, *previous; /* in the queue, under its lock */
    bool queued;
    uint32_t want;        /* what for, where the queue's owner has to know; fixed while it waits */
    atomic_u32_t outcome; /* enum wait_outcome, and requests */
    struct deadline deadline;
};

struct wait_queue {
    struct spinlock lock;
    struct task *head, *tail;
};

void wait_entry_init(struct wait_entry *entry);
void wait_queue_init(struct wait_queue *queue);

/* The moment `timeout` nanoseconds from now; WAIT_FOREVER where there is no such number. */
uint64_t wait_deadline(uint64_t timeout);

/* The calling task blocks until it is woken; E_TIMEOUT: `timeout` nanoseconds have passed (0: it does not
 * wait); E_CANCELED. The queue's lock is held, as taken by spinlock_acquire; it is released here. */
keel_status_t wait_queue_block(struct wait_queue *queue, enum wait_place place, uint64_t timeout,
                               bool interrupts);
/* Nobody is in it, not even who has ceased to wait. The lock is held. */
static inline bool wait_queue_is_empty(const struct wait_queue *queue)
{
    return queue->head == NULL;
}
/* The first that still waits; NULL: nobody does. It may cease to wait at any moment. The lock is held. */
struct task *wait_queue_first(struct wait_queue *queue);
/* Takes the first one off, and makes its wake-up the caller's to give: by sched_wake, once what the waiter is
 * to find is there. False: it has ceased to wait. The lock is held. */
bool wait_queue_claim(struct wait_queue *queue, struct task *first);
/* Wakes as many as `limit` waiters; answers how many. The lock is held. */
uint32_t wait_queue_wake(struct wait_queue *queue, uint32_t limit);
/* Wakes every waiter. Takes the lock. */
void wait_queue_wake_all(struct wait_queue *queue);

/* For core/deadline.c: the task's time is up. Under the deadlines' lock. */
void wait_expire(struct task *task);

/* Blocks the calling task until hal_time_now() >= deadline. E_CANCELED. */
keel_status_t wait_sleep_until(uint64_t deadline);

/* The same for a wait of Keel's own: requests to stop waiting may end it early, and are kept for the next. */
void wait_pause_until(uint64_t deadline);

/* Asks the task to stop waiting. The caller holds a reference. */
void wait_cancel(struct task *task, enum wait_request request);
/* Is there a request that the calling task has to answer before it goes to user mode? Takes a single one. */
bool wait_take_cancel(struct task *task);

#endif

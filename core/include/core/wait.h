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
 *
 * Who makes the step wakes the task, so it is woken once. A waker that finds a waiter's time up goes on to
 * the next one: no wake is spent on a task that is leaving. A task whose time is up stays in its queue until
 * it runs and takes itself off; it can be nowhere else meanwhile.
 */
#ifndef CORE_WAIT_H
#define CORE_WAIT_H

#include "core/spinlock.h"

struct task;

/* No deadline. */
#define WAIT_FOREVER UINT64_MAX

enum wait_outcome { WAIT_WAITING, WAIT_WOKEN, WAIT_TIMED_OUT };

/* What a task has to wait with. */
struct wait_entry {
    struct task *next, *previous; /* in the queue, under its lock */
    bool queued;
    atomic_u32_t outcome; /* enum wait_outcome */
    uint64_t deadline;    /* in hal_time_now's nanoseconds; fixed while it waits */
    uint32_t place;       /* among the deadlines, plus 1, under their lock; 0: not there */
};

struct wait_queue {
    struct spinlock lock;
    struct task *head, *tail;
};

void wait_entry_init(struct wait_entry *entry);
void wait_queue_init(struct wait_queue *queue);

/* The moment `timeout` nanoseconds from now; WAIT_FOREVER where there is no such number. */
uint64_t wait_deadline(uint64_t timeout);

/* The calling task blocks until it is woken, or the deadline has passed (false). The queue's lock is held, as
 * taken by spinlock_acquire; it is released here. */
bool wait_queue_block(struct wait_queue *queue, uint64_t deadline, bool interrupts);
/* Takes the first waiter off that still waits, and makes the wake-up the caller's to give: by sched_wake,
 * once what the waiter is to find is there. NULL: nobody waits. The lock is held. */
struct task *wait_queue_take(struct wait_queue *queue);
/* Wakes as many as `limit` waiters; answers how many. The lock is held. */
uint32_t wait_queue_wake(struct wait_queue *queue, uint32_t limit);
/* Wakes every waiter. Takes the lock. */
void wait_queue_wake_all(struct wait_queue *queue);

/* Blocks the calling task until hal_time_now() >= deadline. */
void wait_sleep_until(uint64_t deadline);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting: queues of blocked tasks, and sleeping until a time.
 *
 * A waiter checks its condition and queues itself under the queue's lock; a waker changes the condition and
 * takes the waiters off under the same lock. Thus no wake-up is lost (T9), wherever the wake falls between
 * the check and the moment that the waiter is off its CPU.
 */
#ifndef CORE_WAIT_H
#define CORE_WAIT_H

#include "core/spinlock.h"

struct task;

struct wait_entry {
    struct task *next;
    uint64_t deadline; /* sleepers only */
};

struct wait_queue {
    struct spinlock lock;
    struct task *head;
};

void wait_init(void); /* the sleepers */
void wait_queue_init(struct wait_queue *queue);

/* The calling task blocks until woken. The queue's lock is held, as taken by spinlock_acquire; it is released
 * here. */
void wait_queue_block(struct wait_queue *queue, bool interrupts);
/* Wakes every waiter. Takes the lock. */
void wait_queue_wake_all(struct wait_queue *queue);

/* Blocks the calling task until hal_time_now() >= deadline. */
void wait_sleep_until(uint64_t deadline);
/* Wakes the sleepers whose time has come; answers the next deadline, UINT64_MAX if none. From the timer
 * interrupt. */
uint64_t wait_expire(uint64_t now);

#endif

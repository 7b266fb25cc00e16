/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Events and semaphores (keel/sync.h). What each keeps is changed under its queue's lock; an event's sequence
 * is read without.
 *
 * Tokens are handed over: a waker gives them to the task that it takes off the queue, before it wakes it. So
 * nobody who comes later can be faster, and a token is never in two hands or in none.
 *
 * `timeout` is in nanoseconds; 0 does not wait. Blocking calls: a task, no lock held. E_TIMEOUT, E_CANCELED.
 */
#ifndef CORE_SYNC_H
#define CORE_SYNC_H

#include "core/object.h"
#include "core/wait.h"

struct event {
    struct object object; /* first */
    struct wait_queue queue;
    atomic_u64_t sequence; /* changed under the queue's lock */
};

struct semaphore {
    struct object object; /* first */
    struct wait_queue queue;
    uint32_t tokens; /* 0 while somebody waits */
};

/* E_LIMIT. */
keel_status_t event_create(uint64_t *handle);
void event_put(struct event *event);
uint64_t event_sequence(struct event *event);
keel_status_t event_wait(struct event *event, uint64_t sequence, uint64_t timeout);
uint32_t event_signal(struct event *event, uint32_t limit);

/* E_LIMIT. */
keel_status_t semaphore_create(uint32_t tokens, uint64_t *handle);
void semaphore_put(struct semaphore *semaphore);
keel_status_t semaphore_down(struct semaphore *semaphore, uint64_t timeout);
/* E_LIMIT: there would be more than `limit`; nothing changed. */
keel_status_t semaphore_up(struct semaphore *semaphore, uint32_t tokens, uint32_t limit);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Objects that tasks wait for (keel/sync.h). What each keeps is under its queue's lock.
 *
 * Tokens and mutexes are handed over: a waker gives them to the task that it takes off the queue, before it
 * wakes it. So nobody who comes later can be faster, and a token is never in two hands or in none.
 *
 * `timeout` is in nanoseconds; 0 does not wait. Blocking calls: a task, no lock held. E_TIMEOUT.
 */
#ifndef CORE_SYNC_H
#define CORE_SYNC_H

#include "core/object.h"
#include "core/wait.h"

struct task;

struct event {
    struct object object; /* first */
    struct wait_queue queue;
    uint64_t sequence;
};

struct semaphore {
    struct object object; /* first */
    struct wait_queue queue;
    uint32_t tokens; /* 0 while somebody waits */
};

/* While it is held it has a reference of its own. The list of what a task holds is touched by that task only,
 * and by who hands it a mutex before waking it. */
struct mutex {
    struct object object; /* first */
    struct wait_queue queue;
    struct task *holder;           /* NULL: nobody, and then nobody waits */
    struct mutex *next, *previous; /* of the holder's */
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

/* E_LIMIT. */
keel_status_t mutex_create(uint64_t *handle);
void mutex_put(struct mutex *mutex);
/* E_BUSY: the caller holds it; E_LIMIT: its references are at their limit. */
keel_status_t mutex_lock(struct mutex *mutex, uint64_t timeout);
/* E_DENIED: the caller does not hold it. */
keel_status_t mutex_unlock(struct mutex *mutex);
/* The task exits. */
void mutex_unlock_all(struct task *task);

#endif

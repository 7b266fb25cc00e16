/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A work queue: worker tasks that run items, which are a function and its context, one after the other. It is
 * where the second bottom half of an interrupt goes (keel/work.h): items run in task context, where they may
 * wait. Interrupt handlers and works submit them, as tasks do.
 *
 * Items wait in a ring that the client brings. Each is run once, by one of the workers; they begin in the
 * order of submission, and with one worker run in it. A full ring is an error for who submits: nothing is
 * lost in silence.
 *
 * An item gives back the guards and locks that it takes, and does not exit; otherwise its worker stands
 * still. It may submit items, but neither drain nor stop the queue.
 */
#ifndef SERVICES_WORK_QUEUE_H
#define SERVICES_WORK_QUEUE_H

#include <stdbool.h>

#include "keel/spinlock.h"
#include "keel/sync.h"
#include "keel/task.h"

#define SERVICES_WORK_QUEUE_WORKERS_MAX 16u

struct services_work_item {
    void (*function)(void *context);
    void *context;
};

/* Items are numbered in the order of submission; item n lies at n % capacity. */
struct services_work_worker {
    struct services_work_queue *queue;
    keel_task_t task;
    uint64_t number; /* of the item that it runs; UINT64_MAX: none */
};

struct services_work_queue {
    keel_spinlock_t lock; /* over numbers, items, drainers and stopping */
    keel_semaphore_t ready;
    keel_event_t finished;
    struct services_work_worker workers[SERVICES_WORK_QUEUE_WORKERS_MAX];
    uint32_t worker_count;
    uint32_t joined; /* of them: who stops the queue has seen them end */
    struct services_work_item *items;
    uint32_t capacity;
    uint64_t head, tail; /* numbers of the first that waits, and of the next to come */
    uint32_t drainers;   /* tasks that want to hear of finished items */
    bool stopping;
};

struct services_work_queue_options {
    struct services_work_item *items; /* room for `capacity`, until the queue is stopped */
    uint32_t capacity;                /* at least 1 */
    uint32_t workers;                 /* 1..SERVICES_WORK_QUEUE_WORKERS_MAX */
    uint32_t priority;                /* of their tasks (keel/task.h) */
    uint64_t affinity;
};

/* Makes the queue and starts its workers; `queue` stays where it is until it is stopped. Context: task.
 * Errors: E_INVALID (an option out of its range), E_NO_MEMORY, E_LIMIT. */
keel_status_t services_work_queue_start(struct services_work_queue *queue,
                                        const struct services_work_queue_options *options);

/* Context: task, atomic, irq. Errors: E_INVALID (function NULL), E_LIMIT (the ring is full; KEEL_HOLDS_MAX),
 * E_BUSY (the caller holds a spinlock, and CPUs wait for each other's in a circle), E_DENIED (the queue
 * stops), E_BAD_HANDLE (it has stopped). */
keel_status_t services_work_queue_submit(struct services_work_queue *queue, void (*function)(void *context),
                                         void *context);

/* Waits until everything that was submitted before has been run. Context: task. Errors: E_CANCELED; those of
 * keel_spinlock_lock. */
keel_status_t services_work_queue_drain(struct services_work_queue *queue);

/* Takes no more items, waits until all that were submitted have been run and the workers are gone, and
 * releases what the queue has. Nobody drains it then. Context: task, one at a time. Errors: E_CANCELED, and
 * those of keel_spinlock_lock: it has not stopped yet, and is to be stopped once more. */
keel_status_t services_work_queue_stop(struct services_work_queue *queue);

#endif

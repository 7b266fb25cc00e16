/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The work queue; services/work_queue.h says what it does. Its semaphore has a token for each item that
 * waits, put in under the lock together with the item, and one for each worker when the queue stops. Workers
 * believe no token: they look.
 */
#include "services/work_queue.h"

#include <stddef.h>

#include "keel/guard.h"

#define WORK_NO_NUMBER UINT64_MAX

/* --- Under the lock --- */

/* False: nothing waits. */
static bool work_take(struct services_work_queue *queue, struct services_work_worker *worker,
                      struct services_work_item *item)
{
    if (queue->head == queue->tail) {
        return false;
    }
    *item = queue->items[queue->head % queue->capacity];
    worker->number = queue->head++;
    return true;
}

static keel_status_t work_put(struct services_work_queue *queue, struct services_work_item item)
{
    if (queue->stopping) {
        return KEEL_E_DENIED;
    }
    if (queue->tail - queue->head == queue->capacity) {
        return KEEL_E_LIMIT;
    }
    keel_status_t status = keel_semaphore_up(queue->ready, 1);
    if (status == KEEL_OK) {
        queue->items[queue->tail++ % queue->capacity] = item;
    }
    return status;
}

/* Every item with a smaller number has been run. */
static uint64_t work_done_before(const struct services_work_queue *queue)
{
    uint64_t number = queue->head;
    for (uint32_t i = 0; i < queue->worker_count; i++) {
        number = queue->workers[i].number < number ? queue->workers[i].number : number;
    }
    return number;
}

/* --- Workers --- */

/* A worker holds nothing, so what keeps it from the lock passes. */
static void work_lock(struct services_work_queue *queue)
{
    while (keel_spinlock_lock(queue->lock) != KEEL_OK) {
        (void)keel_task_yield();
    }
}

static void work_run(struct services_work_worker *worker, struct services_work_item item)
{
    struct services_work_queue *queue = worker->queue;
    uint32_t woken = 0;
    item.function(item.context);
    work_lock(queue);
    worker->number = WORK_NO_NUMBER;
    bool tell = queue->drainers > 0;
    (void)keel_spinlock_unlock(queue->lock);
    if (tell) {
        (void)keel_event_signal(queue->finished, UINT32_MAX, &woken);
    }
}

static void work_worker(uint64_t argument)
{
    struct services_work_worker *worker = (struct services_work_worker *)(uintptr_t)argument;
    struct services_work_queue *queue = worker->queue;
    bool stops = false;
    while (!stops) {
        struct services_work_item item = {NULL, NULL};
        keel_status_t status = keel_semaphore_down(queue->ready, KEEL_FOREVER);
        work_lock(queue);
        bool taken = work_take(queue, worker, &item);
        stops = !taken && queue->stopping;
        (void)keel_spinlock_unlock(queue->lock);
        if (taken) {
            work_run(worker, item);
        } else if (status != KEEL_OK) {
            (void)keel_task_yield(); /* an item has asked its worker to stop waiting, perhaps for ever */
        }
    }
}

/* --- The life of a queue --- */

static void work_release(struct services_work_queue *queue)
{
    (void)keel_spinlock_release(queue->lock);
    (void)keel_semaphore_release(queue->ready);
    (void)keel_event_release(queue->finished);
}

static keel_status_t work_create(struct services_work_queue *queue)
{
    keel_status_t status = keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &queue->lock);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_semaphore_create(0, &queue->ready);
    if (status == KEEL_OK) {
        status = keel_event_create(&queue->finished);
    }
    if (status != KEEL_OK) {
        work_release(queue); /* a handle that was not made is zero, and refused */
    }
    return status;
}

static keel_status_t work_start_worker(struct services_work_queue *queue,
                                       const struct services_work_queue_options *options)
{
    struct services_work_worker *worker = &queue->workers[queue->worker_count];
    const struct keel_task_options task = {.entry = work_worker,
                                           .argument = (uintptr_t)worker,
                                           .name = "work",
                                           .priority = options->priority,
                                           .affinity = options->affinity};
    *worker = (struct services_work_worker){.queue = queue, .number = WORK_NO_NUMBER};
    return keel_task_spawn(&task, &worker->task);
}

keel_status_t services_work_queue_start(struct services_work_queue *queue,
                                        const struct services_work_queue_options *options)
{
    if (options->items == NULL || options->capacity == 0 || options->workers == 0 ||
        options->workers > SERVICES_WORK_QUEUE_WORKERS_MAX) {
        return KEEL_E_INVALID;
    }
    *queue = (struct services_work_queue){.items = options->items, .capacity = options->capacity};
    keel_status_t status = work_create(queue);
    if (status != KEEL_OK) {
        return status;
    }
    while (status == KEEL_OK && queue->worker_count < options->workers) {
        status = work_start_worker(queue, options);
        queue->worker_count += status == KEEL_OK;
    }
    if (status != KEEL_OK) {
        while (services_work_queue_stop(queue) != KEEL_OK) {
            (void)keel_task_yield();
        }
    }
    return status;
}

keel_status_t services_work_queue_submit(struct services_work_queue *queue, void (*function)(void *context),
                                         void *context)
{
    if (function == NULL) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = keel_spinlock_lock(queue->lock);
    if (status != KEEL_OK) {
        return status;
    }
    status = work_put(queue, (struct services_work_item){function, context});
    (void)keel_spinlock_unlock(queue->lock);
    return status;
}

/* Is everything before `*target` done? Counts the caller among those who wait for that by `change`. */
static keel_status_t work_look(struct services_work_queue *queue, uint32_t change, uint64_t *target,
                               bool *done)
{
    keel_status_t status = keel_spinlock_lock(queue->lock);
    if (status == KEEL_OK) {
        queue->drainers += change;
        *target = *target == WORK_NO_NUMBER ? queue->tail : *target;
        *done = work_done_before(queue) >= *target;
        (void)keel_spinlock_unlock(queue->lock);
    }
    return status;
}

keel_status_t services_work_queue_drain(struct services_work_queue *queue)
{
    uint64_t target = WORK_NO_NUMBER, sequence = 0;
    bool done = false;
    keel_status_t status = work_look(queue, 1, &target, &done);
    if (status != KEEL_OK) {
        return status;
    }
    while (status == KEEL_OK && !done) {
        status = keel_event_sequence(queue->finished, &sequence);
        if (status == KEEL_OK) {
            status = work_look(queue, 0, &target, &done);
        }
        if (status == KEEL_OK && !done) {
            status = keel_event_wait(queue->finished, sequence, KEEL_FOREVER);
        }
    }
    if (keel_spinlock_lock(queue->lock) ==
        KEEL_OK) { /* otherwise workers tell who is not there, which does no harm */
        queue->drainers--;
        (void)keel_spinlock_unlock(queue->lock);
    }
    return status;
}

keel_status_t services_work_queue_stop(struct services_work_queue *queue)
{
    keel_status_t status = keel_spinlock_lock(queue->lock);
    if (status != KEEL_OK) {
        return status;
    }
    bool first = !queue->stopping;
    queue->stopping = true;
    (void)keel_spinlock_unlock(queue->lock);
    while (first && queue->worker_count > 0 &&
           keel_semaphore_up(queue->ready, queue->worker_count) != KEEL_OK) {
        (void)keel_task_yield();
    }
    while (queue->joined < queue->worker_count) {
        keel_task_t next = queue->workers[queue->joined].task;
        int32_t exit_status = 0;
        status = keel_task_join(next, &exit_status);
        if (status != KEEL_OK) {
            return status;
        }
        (void)keel_task_release(next);
        queue->joined++;
    }
    work_release(queue);
    return KEEL_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default task scheduler; services/fifo.h says what it does. Each queued task has one node, which is in
 * the queue of one CPU and in one hash bucket; the bucket finds it again when Keel says that the task is
 * gone.
 */
#include "services/fifo.h"

#include <stddef.h>

static struct services_fifo_node *fifo_node(struct services_fifo *fifo, uint16_t name)
{
    return &fifo->nodes[name - 1u];
}

static uint16_t *fifo_bucket(struct services_fifo *fifo, uint64_t task)
{
    /* Handles are opaque and may differ in few bits: multiply by 2^64 / golden ratio and keep the top ones.
     */
    uint64_t hash = task * UINT64_C(0x9e3779b97f4a7c15);
    return &fifo->buckets[(hash >> 32) & (SERVICES_FIFO_BUCKETS - 1u)];
}

static uint16_t fifo_find(struct services_fifo *fifo, uint64_t task)
{
    uint16_t name = *fifo_bucket(fifo, task);
    while (name != 0 && fifo_node(fifo, name)->task != task) {
        name = fifo_node(fifo, name)->bucket_next;
    }
    return name;
}

static uint16_t fifo_node_take(struct services_fifo *fifo)
{
    if (fifo->spare != 0) {
        uint16_t name = fifo->spare;
        fifo->spare = fifo_node(fifo, name)->next;
        return name;
    }
    if (fifo->fresh == SERVICES_FIFO_TASKS) {
        return 0;
    }
    fifo->fresh++;
    return fifo->fresh;
}

/* Takes a queued node out of its queue and its bucket and gives it back. */
static void fifo_remove(struct services_fifo *fifo, uint16_t name)
{
    struct services_fifo_node *node = fifo_node(fifo, name);
    struct services_fifo_queue *queue = &fifo->queues[node->cpu];

    if (node->previous != 0) {
        fifo_node(fifo, node->previous)->next = node->next;
    } else {
        queue->head = node->next;
    }
    if (node->next != 0) {
        fifo_node(fifo, node->next)->previous = node->previous;
    } else {
        queue->tail = node->previous;
    }
    queue->length--;

    uint16_t *link = fifo_bucket(fifo, node->task);
    while (*link != name) {
        link = &fifo_node(fifo, *link)->bucket_next;
    }
    *link = node->bucket_next;

    node->task = 0;
    node->next = fifo->spare;
    fifo->spare = name;
}

static void fifo_enqueue(void *context, keel_task_t task, uint32_t cpu, uint32_t priority, uint32_t reason)
{
    struct services_fifo *fifo = context;
    (void)priority; /* first in, first out, for all */
    (void)reason;
    if (task.value == 0 || fifo_find(fifo, task.value) != 0) {
        return;
    }
    uint16_t name = fifo_node_take(fifo);
    if (name == 0) {
        return;
    }

    struct services_fifo_node *node = fifo_node(fifo, name);
    node->task = task.value;
    node->cpu = (uint16_t)(cpu % SERVICES_FIFO_CPUS);
    struct services_fifo_queue *queue = &fifo->queues[node->cpu];
    node->next = 0;
    node->previous = queue->tail;
    if (queue->tail != 0) {
        fifo_node(fifo, queue->tail)->next = name;
    } else {
        queue->head = name;
    }
    queue->tail = name;
    queue->length++;

    uint16_t *bucket = fifo_bucket(fifo, task.value);
    node->bucket_next = *bucket;
    *bucket = name;
}

static struct services_fifo_queue *fifo_longest(struct services_fifo *fifo)
{
    struct services_fifo_queue *longest = &fifo->queues[0];
    for (uint32_t cpu = 1; cpu < SERVICES_FIFO_CPUS; cpu++) {
        if (fifo->queues[cpu].length > longest->length) {
            longest = &fifo->queues[cpu];
        }
    }
    return longest;
}

static keel_task_t fifo_pick(void *context, uint32_t cpu)
{
    struct services_fifo *fifo = context;
    struct services_fifo_queue *own = &fifo->queues[cpu % SERVICES_FIFO_CPUS];
    struct services_fifo_queue *queue = own->length != 0 ? own : fifo_longest(fifo);
    own->ticks = 0;
    if (queue->length == 0) {
        return (keel_task_t){0};
    }
    keel_task_t task = {fifo_node(fifo, queue->head)->task};
    fifo_remove(fifo, queue->head);
    return task;
}

static void fifo_dequeue(void *context, keel_task_t task)
{
    struct services_fifo *fifo = context;
    uint16_t name = task.value != 0 ? fifo_find(fifo, task.value) : 0;
    if (name != 0) {
        fifo_remove(fifo, name);
    }
}

static uint32_t fifo_tick(void *context, keel_task_t task, uint32_t cpu)
{
    struct services_fifo *fifo = context;
    struct services_fifo_queue *queue = &fifo->queues[cpu % SERVICES_FIFO_CPUS];
    (void)task;
    if (queue->ticks < SERVICES_FIFO_SLICE) {
        queue->ticks++;
    }
    return queue->ticks == SERVICES_FIFO_SLICE && queue->length != 0;
}

struct keel_scheduler services_fifo_policy(struct services_fifo *fifo)
{
    return (struct keel_scheduler){
        .context = fifo,
        .enqueue = fifo_enqueue,
        .pick = fifo_pick,
        .dequeue = fifo_dequeue,
        .tick = fifo_tick,
    };
}

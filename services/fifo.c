/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default task scheduler; services/fifo.h says what it does. Each queued task has one node, which is in
 * the queue of one CPU and in one hash bucket; the bucket finds it again when Keel says that the task is
 * gone.
 */
#include "services/fifo.h"

#include <stdbool.h>
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

static bool fifo_allows(const struct services_fifo_node *node, uint32_t cpu)
{
    return (node->affinity >> cpu & 1) != 0;
}

/* Appends a node to the queue of `cpu`, or of the first CPU that may run it. */
static void fifo_append(struct services_fifo *fifo, uint16_t name, uint32_t cpu)
{
    struct services_fifo_node *node = fifo_node(fifo, name);
    if (!fifo_allows(node, cpu)) {
        for (cpu = 0; cpu < SERVICES_FIFO_CPUS - 1 && !fifo_allows(node, cpu); cpu++) {
        }
    }
    node->cpu = (uint16_t)cpu;
    struct services_fifo_queue *queue = &fifo->queues[cpu];
    node->next = 0;
    node->previous = queue->tail;
    if (queue->tail != 0) {
        fifo_node(fifo, queue->tail)->next = name;
    } else {
        queue->head = name;
    }
    queue->tail = name;
    queue->length++;
    fifo->filled |= UINT64_C(1) << node->cpu;
}

static void fifo_unlink(struct services_fifo *fifo, uint16_t name)
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
    if (queue->length == 0) {
        fifo->filled &= ~(UINT64_C(1) << node->cpu);
    }
}

/* Takes a queued node out of its queue and its bucket and gives it back. */
static void fifo_remove(struct services_fifo *fifo, uint16_t name)
{
    struct services_fifo_node *node = fifo_node(fifo, name);
    fifo_unlink(fifo, name);

    uint16_t *link = fifo_bucket(fifo, node->task);
    while (*link != name) {
        link = &fifo_node(fifo, *link)->bucket_next;
    }
    *link = node->bucket_next;

    node->task = 0;
    node->next = fifo->spare;
    fifo->spare = name;
}

/* Any idle CPU may come for the task: Keel knows which idle. */
static uint32_t fifo_enqueue(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                             uint64_t affinity, uint32_t reason)
{
    struct services_fifo *fifo = context;
    (void)priority; /* first in, first out, for all */
    (void)reason;
    if (task.value == 0 || fifo_find(fifo, task.value) != 0) {
        return KEEL_CPU_ANY;
    }
    uint16_t name = fifo_node_take(fifo);
    if (name == 0) {
        return KEEL_CPU_ANY;
    }

    struct services_fifo_node *node = fifo_node(fifo, name);
    node->task = task.value;
    node->affinity = affinity;
    fifo_append(fifo, name, cpu % SERVICES_FIFO_CPUS);

    uint16_t *bucket = fifo_bucket(fifo, task.value);
    node->bucket_next = *bucket;
    *bucket = name;
    return KEEL_CPU_ANY;
}

/* The oldest task in a queue that `cpu` may run; 0: none. */
static uint16_t fifo_oldest(struct services_fifo *fifo, const struct services_fifo_queue *queue, uint32_t cpu)
{
    uint16_t name = queue->head;
    while (name != 0 && !fifo_allows(fifo_node(fifo, name), cpu)) {
        name = fifo_node(fifo, name)->next;
    }
    return name;
}

static uint16_t fifo_steal(struct services_fifo *fifo, uint32_t cpu)
{
    uint16_t found = 0, length = 0;
    uint64_t rest = fifo->filled;
    for (uint32_t victim = 0; rest != 0; victim++, rest >>= 1) {
        const struct services_fifo_queue *queue = &fifo->queues[victim];
        uint16_t name = queue->length > length ? fifo_oldest(fifo, queue, cpu) : 0;
        if (name != 0) {
            found = name;
            length = queue->length;
        }
    }
    return found;
}

static keel_task_t fifo_pick(void *context, uint32_t cpu)
{
    struct services_fifo *fifo = context;
    cpu %= SERVICES_FIFO_CPUS;
    fifo->queues[cpu].ticks = 0;
    uint16_t name = fifo_oldest(fifo, &fifo->queues[cpu], cpu);
    if (name == 0) {
        name = fifo_steal(fifo, cpu);
    }
    if (name == 0) {
        return (keel_task_t){0};
    }
    keel_task_t task = {fifo_node(fifo, name)->task};
    fifo_remove(fifo, name);
    return task;
}

_Static_assert(SERVICES_FIFO_CPUS <= 64, "a bit for each queue");

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

/* A task that may not run on its queue's CPU any longer goes to the end of another queue. */
static uint32_t fifo_update(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                            uint64_t affinity)
{
    struct services_fifo *fifo = context;
    uint16_t name = task.value != 0 ? fifo_find(fifo, task.value) : 0;
    (void)cpu;
    (void)priority;
    if (name != 0) {
        struct services_fifo_node *node = fifo_node(fifo, name);
        node->affinity = affinity;
        if (!fifo_allows(node, node->cpu)) {
            fifo_unlink(fifo, name);
            fifo_append(fifo, name, node->cpu);
        }
    }
    return KEEL_CPU_ANY;
}

struct keel_scheduler services_fifo_policy(struct services_fifo *fifo)
{
    return (struct keel_scheduler){
        .context = fifo,
        .enqueue = fifo_enqueue,
        .pick = fifo_pick,
        .dequeue = fifo_dequeue,
        .tick = fifo_tick,
        .update = fifo_update,
    };
}

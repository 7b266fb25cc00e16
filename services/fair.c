/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The fair scheduler; services/fair.h says what it does, fair_nodes.h keeps its books.
 */
#include "services/fair.h"

#include <stddef.h>

#include "fair_nodes.h"
#include "keel/machine.h"

/* Nobody pays for more at once: ticks come far more often, unless clocks are odd. */
#define FAIR_CHARGE_MAX UINT64_C(1000000000)

static bool fair_allows(const struct services_fair_node *node, uint32_t cpu)
{
    return (node->affinity >> cpu & 1) != 0;
}

static uint32_t fair_weight(uint32_t priority)
{
    if (priority == 0) {
        return SERVICES_FAIR_WEIGHT;
    }
    return priority < SERVICES_FAIR_WEIGHT_MAX ? priority : SERVICES_FAIR_WEIGHT_MAX;
}

/* What `nanoseconds` of CPU time are worth to a task of that weight, or to all of a CPU's together. */
static uint64_t fair_virtual(uint64_t nanoseconds, uint64_t weight)
{
    return nanoseconds * SERVICES_FAIR_WEIGHT / weight;
}

/* The number of the lowest bit that is set; 63 if none is. */
static uint32_t fair_lowest(uint64_t cpus)
{
    uint32_t cpu = 0;
    while (cpu < SERVICES_FAIR_CPUS - 1 && (cpus >> cpu & 1) == 0) {
        cpu++;
    }
    return cpu;
}

/* --- What runs --- */

/* Whoever runs on the CPU has received what has passed. */
static void fair_charge(struct services_fair *fair, struct services_fair_cpu *cpu)
{
    uint64_t now = 0;
    (void)keel_time_now(&now);
    if (!fair_before(cpu->charged, now)) {
        return; /* CPUs agree about the time only roughly */
    }
    uint64_t ran = now - cpu->charged < FAIR_CHARGE_MAX ? now - cpu->charged : FAIR_CHARGE_MAX;
    cpu->charged = now;
    if (cpu->running != 0) {
        struct services_fair_node *node = fair_node(fair, cpu->running);
        node->received += fair_virtual(ran, node->weight);
        cpu->virtual_now += fair_virtual(ran, cpu->weight);
    }
}

static void fair_stop(struct services_fair *fair, struct services_fair_cpu *cpu)
{
    if (cpu->running != 0) {
        cpu->weight -= fair_node(fair, cpu->running)->weight;
        fair_remember(fair, cpu->running);
        cpu->running = 0;
    }
}

/* Times of one CPU become those of another: what a task is owed stays the same. */
static void fair_move(struct services_fair *fair, struct services_fair_node *node, uint32_t cpu)
{
    uint64_t shift = fair->cpus[cpu].virtual_now - fair->cpus[node->cpu].virtual_now;
    node->received += shift;
    node->deadline += shift;
    node->cpu = (uint16_t)cpu;
}

/* A node that is neither queued nor remembered. */
static void fair_run(struct services_fair *fair, uint16_t name, uint32_t cpu)
{
    struct services_fair_node *node = fair_node(fair, name);
    fair_move(fair, node, cpu);
    node->state = SERVICES_FAIR_RUNNING;
    fair->cpus[cpu].running = name;
    fair->cpus[cpu].weight += node->weight;
}

/* --- Who is queued where --- */

static void fair_unqueue(struct services_fair *fair, uint16_t name)
{
    fair_remove(fair, name);
    fair->cpus[fair_node(fair, name)->cpu].weight -= fair_node(fair, name)->weight;
}

/* The queued task that comes first; 0: none. */
static uint16_t fair_first(struct services_fair *fair, struct services_fair_cpu *cpu)
{
    fair_advance(fair, cpu);
    return cpu->eligible != 0 ? cpu->eligible : cpu->waiting;
}

/* The CPU for a task that is or was on `cpu`. */
static uint32_t fair_choose_cpu(const struct services_fair *fair, const struct services_fair_node *node,
                                uint32_t cpu)
{
    uint64_t idle = fair->idle & node->affinity, known = fair->known & node->affinity;
    if (idle != 0) {
        return (idle >> cpu & 1) != 0 ? cpu : fair_lowest(idle);
    }
    if (known == 0) {
        return fair_allows(node, cpu) ? cpu : fair_lowest(node->affinity);
    }
    uint32_t best = (known >> cpu & 1) != 0 ? cpu : fair_lowest(known);
    for (uint32_t other = 0; other < SERVICES_FAIR_CPUS; other++) {
        if ((known >> other & 1) != 0 && fair->cpus[other].weight < fair->cpus[best].weight) {
            best = other;
        }
    }
    return best;
}

/* What the task may claim from now on, in the times of its CPU. */
static void fair_claim(const struct services_fair *fair, struct services_fair_node *node, uint32_t reason)
{
    uint64_t now = fair->cpus[node->cpu].virtual_now;
    uint64_t slice = fair_virtual(SERVICES_FAIR_SLICE, node->weight);
    uint64_t least = now - slice / 2, most = now + 2 * slice;
    if (reason == KEEL_ENQUEUE_YIELDED && fair_before(node->received, node->deadline)) {
        node->received = node->deadline;
    }
    if (reason == KEEL_ENQUEUE_WOKEN && fair_before(node->received, least)) {
        node->received = least;
    }
    if (fair_before(most, node->received)) {
        node->received = most;
    }
    bool goes_on = reason == KEEL_ENQUEUE_PREEMPTED && fair_before(node->received, node->deadline) &&
                   !fair_before(node->received + slice, node->deadline);
    if (!goes_on) {
        node->deadline = node->received + slice;
    }
}

/* Queues a node that is neither queued nor remembered. Answers what Keel wants to know. */
static uint32_t fair_place(struct services_fair *fair, uint16_t name, uint32_t cpu, uint32_t reason)
{
    struct services_fair_node *node = fair_node(fair, name);
    uint32_t target = fair_choose_cpu(fair, node, cpu);
    uint64_t bit = UINT64_C(1) << target;
    bool idles = (fair->idle & bit) != 0;
    fair_move(fair, node, target);
    fair_claim(fair, node, reason);
    fair_insert(fair, name);
    fair->cpus[target].weight += node->weight;
    fair->idle &= ~bit;
    if ((fair->known & bit) == 0) {
        return KEEL_CPU_ANY;
    }
    uint16_t running = fair->cpus[target].running;
    bool sooner = running != 0 && node->state == SERVICES_FAIR_ELIGIBLE &&
                  fair_before(node->deadline, fair_node(fair, running)->deadline);
    return target | (idles || sooner ? KEEL_CPU_PREEMPT : 0);
}

/* --- The policy --- */

static uint32_t fair_enqueue(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                             uint64_t affinity, uint32_t reason)
{
    struct services_fair *fair = context;
    cpu %= SERVICES_FAIR_CPUS;
    uint16_t name = task.value != 0 ? fair_find(fair, task.value) : 0;
    if (task.value == 0 || (name != 0 && fair_is_queued(fair_node(fair, name)))) {
        return KEEL_CPU_ANY;
    }
    if (name == 0) {
        name = fair_adopt(fair, task.value);
        if (name == 0) {
            return KEEL_CPU_ANY;
        }
        fair_node(fair, name)->cpu = (uint16_t)cpu;
        fair_node(fair, name)->received = fair->cpus[cpu].virtual_now;
    }
    struct services_fair_node *node = fair_node(fair, name);
    if (node->state == SERVICES_FAIR_RUNNING) {
        fair_stop(fair, &fair->cpus[node->cpu]);
    }
    fair_recall(fair, name);
    node->weight = fair_weight(priority);
    node->affinity = affinity;
    return fair_place(fair, name, cpu, reason);
}

/* A task for `cpu`, which has none, from the queue of another; 0: none that it may run. */
static uint16_t fair_steal(struct services_fair *fair, uint32_t cpu)
{
    struct services_fair_cpu *victim = &fair->cpus[0];
    if (fair->queued == 0) {
        return 0;
    }
    for (uint32_t other = 1; other < SERVICES_FAIR_CPUS; other++) {
        if (fair->cpus[other].queued > victim->queued) {
            victim = &fair->cpus[other];
        }
    }
    uint16_t first = fair_first(fair, victim);
    if (fair_allows(fair_node(fair, first), cpu)) {
        return first;
    }
    for (uint16_t name = 1; name <= fair->fresh; name++) {
        const struct services_fair_node *node = fair_node(fair, name);
        if (fair_is_queued(node) && fair_allows(node, cpu)) {
            return name;
        }
    }
    return 0;
}

static keel_task_t fair_pick(void *context, uint32_t cpu)
{
    struct services_fair *fair = context;
    cpu %= SERVICES_FAIR_CPUS;
    struct services_fair_cpu *own = &fair->cpus[cpu];
    uint64_t bit = UINT64_C(1) << cpu;
    fair->known |= bit;
    fair_charge(fair, own);
    fair_stop(fair, own);
    uint16_t name = fair_first(fair, own);
    if (name == 0 || !fair_allows(fair_node(fair, name), cpu)) {
        name = fair_steal(fair, cpu);
    }
    if (name == 0) {
        fair->idle |= bit;
        return (keel_task_t){0};
    }
    fair->idle &= ~bit;
    fair_unqueue(fair, name);
    fair_run(fair, name, cpu);
    struct services_fair_node *node = fair_node(fair, name);
    if (fair_before(own->virtual_now, node->received)) {
        own->virtual_now = node->received; /* the rest has received even more: time does not wait for it */
    }
    return (keel_task_t){node->task};
}

static void fair_dequeue(void *context, keel_task_t task)
{
    struct services_fair *fair = context;
    uint16_t name = task.value != 0 ? fair_find(fair, task.value) : 0;
    if (name != 0 && fair_is_queued(fair_node(fair, name))) {
        fair_unqueue(fair, name);
        fair_remember(fair, name);
    }
}

/* Keel says what runs on the CPU. It is another one than thought where the fallback started it, or where it
 * found nobody to yield to and went on. Answers its node; 0: there is none. */
static uint16_t fair_correct(struct services_fair *fair, uint64_t task, uint32_t cpu)
{
    uint16_t name = task != 0 ? fair_find(fair, task) : 0;
    if (name != 0 && name == fair->cpus[cpu].running) {
        return name;
    }
    fair_stop(fair, &fair->cpus[cpu]);
    if (name == 0 || fair_is_queued(fair_node(fair, name))) {
        return 0;
    }
    if (fair_node(fair, name)->state == SERVICES_FAIR_RUNNING) {
        fair_stop(fair, &fair->cpus[fair_node(fair, name)->cpu]);
    }
    fair_recall(fair, name);
    fair_run(fair, name, cpu);
    return name;
}

static uint32_t fair_tick(void *context, keel_task_t task, uint32_t cpu)
{
    struct services_fair *fair = context;
    cpu %= SERVICES_FAIR_CPUS;
    struct services_fair_cpu *own = &fair->cpus[cpu];
    fair->known |= UINT64_C(1) << cpu;
    fair->idle &= ~(UINT64_C(1) << cpu);
    fair_charge(fair, own);
    uint16_t name = fair_correct(fair, task.value, cpu), first = fair_first(fair, own);
    if (name == 0 || first == 0) {
        return first != 0;
    }
    struct services_fair_node *node = fair_node(fair, name);
    if (fair_before(node->received, node->deadline)) {
        return 0;
    }
    node->deadline = node->received + fair_virtual(SERVICES_FAIR_SLICE, node->weight);
    return fair_before(fair_node(fair, first)->deadline, node->deadline);
}

static uint32_t fair_update(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                            uint64_t affinity)
{
    struct services_fair *fair = context;
    uint16_t name = task.value != 0 ? fair_find(fair, task.value) : 0;
    (void)cpu;
    if (name == 0) {
        return KEEL_CPU_ANY;
    }
    struct services_fair_node *node = fair_node(fair, name);
    bool queued = fair_is_queued(node);
    if (queued) {
        fair_unqueue(fair, name);
    } else if (node->state == SERVICES_FAIR_RUNNING) {
        fair_charge(fair, &fair->cpus[node->cpu]);
        fair->cpus[node->cpu].weight += (uint64_t)fair_weight(priority) - node->weight;
    }
    node->weight = fair_weight(priority);
    node->affinity = affinity;
    fair_claim(fair, node, 0);
    return queued ? fair_place(fair, name, node->cpu, 0) : KEEL_CPU_ANY;
}

struct keel_scheduler services_fair_policy(struct services_fair *fair)
{
    return (struct keel_scheduler){
        .context = fair,
        .enqueue = fair_enqueue,
        .pick = fair_pick,
        .dequeue = fair_dequeue,
        .tick = fair_tick,
        .update = fair_update,
    };
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The fair scheduler's books: which node stands for which task, and the queues of the CPUs.
 */
#ifndef SERVICES_FAIR_NODES_H
#define SERVICES_FAIR_NODES_H

#include <stdbool.h>

#include "services/fair.h"

static inline struct services_fair_node *fair_node(struct services_fair *fair, uint16_t name)
{
    return &fair->nodes[name - 1u];
}

static inline bool fair_is_queued(const struct services_fair_node *node)
{
    return node->state == SERVICES_FAIR_WAITING || node->state == SERVICES_FAIR_ELIGIBLE;
}

/* Virtual times wrap around. */
static inline bool fair_before(uint64_t time, uint64_t other)
{
    return (int64_t)(time - other) < 0;
}

/* The node of a task; 0: none. */
uint16_t fair_find(struct services_fair *fair, uint64_t task);
/* A remembered node for a task that has none: a fresh one, or the one that was remembered longest. 0: all are
 * queued or run. */
uint16_t fair_adopt(struct services_fair *fair, uint64_t task);
/* Off and onto the list of the remembered. */
void fair_recall(struct services_fair *fair, uint16_t name);
void fair_remember(struct services_fair *fair, uint16_t name);

/* Into the heap of its CPU that the node's received time asks for, and out of it. Weights are the caller's.
 */
void fair_insert(struct services_fair *fair, uint16_t name);
void fair_remove(struct services_fair *fair, uint16_t name);
/* Makes those eligible whose time has come. */
void fair_advance(struct services_fair *fair, struct services_fair_cpu *cpu);

#endif

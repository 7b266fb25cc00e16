/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See fair_nodes.h. The queues are skew heaps (Sleator and Tarjan, 1986) with links to the parents: melding
 * is all there is to them, any node can be taken out, and they need no room but the nodes.
 */
#include "fair_nodes.h"

static uint16_t *fair_bucket(struct services_fair *fair, uint64_t task)
{
    /* Handles are opaque and may differ in few bits: multiply by 2^64 / golden ratio and keep the top ones.
     */
    uint64_t hash = task * UINT64_C(0x9e3779b97f4a7c15);
    return &fair->buckets[(hash >> 32) & (SERVICES_FAIR_BUCKETS - 1u)];
}

uint16_t fair_find(struct services_fair *fair, uint64_t task)
{
    uint16_t name = *fair_bucket(fair, task);
    while (name != 0 && fair_node(fair, name)->task != task) {
        name = fair_node(fair, name)->bucket_next;
    }
    return name;
}

/* --- The remembered --- */

void fair_recall(struct services_fair *fair, uint16_t name)
{
    const struct services_fair_node *node = fair_node(fair, name);
    if (node->left != 0) {
        fair_node(fair, node->left)->right = node->right;
    } else {
        fair->oldest = node->right;
    }
    if (node->right != 0) {
        fair_node(fair, node->right)->left = node->left;
    } else {
        fair->newest = node->left;
    }
}

void fair_remember(struct services_fair *fair, uint16_t name)
{
    struct services_fair_node *node = fair_node(fair, name);
    node->state = SERVICES_FAIR_REMEMBERED;
    node->left = fair->newest;
    node->right = 0;
    if (fair->newest != 0) {
        fair_node(fair, fair->newest)->right = name;
    } else {
        fair->oldest = name;
    }
    fair->newest = name;
}

/* The task that the node stands for is forgotten. */
static void fair_forget(struct services_fair *fair, uint16_t name)
{
    struct services_fair_node *node = fair_node(fair, name);
    uint16_t *link = fair_bucket(fair, node->task);
    while (*link != name) {
        link = &fair_node(fair, *link)->bucket_next;
    }
    *link = node->bucket_next;
    fair_recall(fair, name);
}

uint16_t fair_adopt(struct services_fair *fair, uint64_t task)
{
    uint16_t name = fair->oldest;
    if (fair->fresh < SERVICES_FAIR_TASKS) {
        fair->fresh++;
        name = fair->fresh;
    } else if (name != 0) {
        fair_forget(fair, name);
    } else {
        return 0;
    }
    struct services_fair_node *node = fair_node(fair, name);
    uint16_t *bucket = fair_bucket(fair, task);
    *node = (struct services_fair_node){.task = task, .bucket_next = *bucket};
    *bucket = name;
    fair_remember(fair, name);
    return name;
}

/* --- The queues --- */

/* Both are in one heap. */
static bool fair_comes_first(struct services_fair *fair, uint16_t name, uint16_t other)
{
    const struct services_fair_node *a = fair_node(fair, name), *b = fair_node(fair, other);
    return a->state == SERVICES_FAIR_ELIGIBLE ? fair_before(a->deadline, b->deadline)
                                              : fair_before(a->received, b->received);
}

/* The root of two heaps made one. */
static uint16_t fair_meld(struct services_fair *fair, uint16_t a, uint16_t b)
{
    uint16_t root = 0, parent = 0;
    uint16_t *link = &root;
    while (a != 0 && b != 0) {
        if (fair_comes_first(fair, b, a)) {
            uint16_t swap = a;
            a = b;
            b = swap;
        }
        struct services_fair_node *node = fair_node(fair, a);
        uint16_t rest = node->right;
        node->right = node->left;
        node->parent = parent;
        *link = a;
        link = &node->left;
        parent = a;
        a = rest;
    }
    uint16_t rest = a != 0 ? a : b;
    *link = rest;
    if (rest != 0) {
        fair_node(fair, rest)->parent = parent;
    }
    return root;
}

static uint16_t *fair_root(struct services_fair_cpu *cpu, const struct services_fair_node *node)
{
    return node->state == SERVICES_FAIR_ELIGIBLE ? &cpu->eligible : &cpu->waiting;
}

void fair_insert(struct services_fair *fair, uint16_t name)
{
    struct services_fair_node *node = fair_node(fair, name);
    struct services_fair_cpu *cpu = &fair->cpus[node->cpu];
    bool eligible = !fair_before(cpu->virtual_now, node->received);
    node->state = eligible ? SERVICES_FAIR_ELIGIBLE : SERVICES_FAIR_WAITING;
    node->left = node->right = node->parent = 0;
    uint16_t *root = fair_root(cpu, node);
    *root = fair_meld(fair, *root, name);
    cpu->queued++;
    fair->queued++;
}

void fair_remove(struct services_fair *fair, uint16_t name)
{
    struct services_fair_node *node = fair_node(fair, name);
    struct services_fair_cpu *cpu = &fair->cpus[node->cpu];
    uint16_t below = fair_meld(fair, node->left, node->right);
    if (below != 0) {
        fair_node(fair, below)->parent = node->parent;
    }
    if (node->parent == 0) {
        *fair_root(cpu, node) = below;
    } else if (fair_node(fair, node->parent)->left == name) {
        fair_node(fair, node->parent)->left = below;
    } else {
        fair_node(fair, node->parent)->right = below;
    }
    cpu->queued--;
    fair->queued--;
}

void fair_advance(struct services_fair *fair, struct services_fair_cpu *cpu)
{
    while (cpu->waiting != 0 && !fair_before(cpu->virtual_now, fair_node(fair, cpu->waiting)->received)) {
        uint16_t name = cpu->waiting;
        fair_remove(fair, name);
        fair_insert(fair, name);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default task scheduler: one first-in-first-out queue per CPU. A CPU whose queue is empty takes the
 * oldest task that it may run from the longest other queue that has one. A task that has run for
 * SERVICES_FIFO_SLICE ticks yields to a queued one. Priorities mean nothing.
 *
 * All storage is inside `struct services_fifo`. A task that finds no room is not queued: Keel's fallback runs
 * it. No locks: Keel calls a policy one call at a time.
 */
#ifndef SERVICES_FIFO_H
#define SERVICES_FIFO_H

#include "keel/policy.h"

#define SERVICES_FIFO_TASKS   4096u
#define SERVICES_FIFO_CPUS    64u
#define SERVICES_FIFO_BUCKETS 1024u /* power of two */
#define SERVICES_FIFO_SLICE   2u    /* ticks */

/* Nodes are named by index + 1, so that 0 means none and zeroed storage is an empty list. */
struct services_fifo_node {
    uint64_t task; /* handle value; 0: the node is spare */
    uint64_t affinity;
    uint16_t next, previous;
    uint16_t bucket_next;
    uint16_t cpu; /* whose queue it is in: one of its own, if that can be */
};

struct services_fifo_queue {
    uint16_t head, tail;
    uint16_t length;
    uint16_t ticks; /* ticks of the task that runs on this CPU since it was picked */
};

struct services_fifo {
    struct services_fifo_node nodes[SERVICES_FIFO_TASKS];
    struct services_fifo_queue queues[SERVICES_FIFO_CPUS];
    uint64_t filled;                         /* bit n: CPU n's queue is not empty */
    uint16_t buckets[SERVICES_FIFO_BUCKETS]; /* queued nodes by hash of their task */
    uint16_t spare;                          /* list of nodes given back, by `next` */
    uint16_t fresh;                          /* nodes below this index have been used */
};

/* The policy over `fifo`, which is zeroed. */
struct keel_scheduler services_fifo_policy(struct services_fifo *fifo);

#endif

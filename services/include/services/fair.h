/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A fair task scheduler: earliest eligible virtual deadline first (Stoica and Abdel-Wahab, 1995), on each
 * CPU.
 *
 * A task's weight is its priority, 1..SERVICES_FAIR_WEIGHT_MAX, or SERVICES_FAIR_WEIGHT if that is 0. The
 * virtual time of a CPU goes the slower the more weight is queued or runs there: it is what a task of
 * SERVICES_FAIR_WEIGHT would have received by now if CPUs could be divided without end. A task that has
 * received no more than that is eligible; it has a claim to SERVICES_FAIR_SLICE of CPU time until its
 * deadline, which is the sooner the larger its weight. Of the eligible tasks the one with the earliest
 * deadline runs.
 *
 * On one CPU each task so gets its share of the time, weight by weight, give or take a slice and a tick; and
 * a task that wakes up runs before those that have had more. A task that sleeps saves nothing up but half a
 * slice. Who yields gives up the rest of its slice.
 *
 * A task that is new or wakes up goes to an idle CPU, if it may run on one, else to the one with the least
 * weight, and preempts what runs there if its deadline is earlier. An idle CPU takes tasks from the one with
 * the most of them. Shares of tasks on different CPUs are not compared beyond that.
 *
 * All storage is inside `struct services_fair`. A task that finds no room is not queued: Keel's fallback runs
 * it. What is remembered of a task that does not run is forgotten when room is short. No locks: Keel calls a
 * scheduler's functions one at a time.
 */
#ifndef SERVICES_FAIR_H
#define SERVICES_FAIR_H

#include "keel/policy.h"

#define SERVICES_FAIR_TASKS      4096u
#define SERVICES_FAIR_CPUS       64u
#define SERVICES_FAIR_BUCKETS    1024u /* power of two */
#define SERVICES_FAIR_WEIGHT     1024u
#define SERVICES_FAIR_WEIGHT_MAX 65536u
/* Nanoseconds that a task may run before others have their turn: seen at ticks, which are 10 ms apart. */
#define SERVICES_FAIR_SLICE UINT64_C(15000000)

enum services_fair_state {
    SERVICES_FAIR_SPARE,      /* stands for no task */
    SERVICES_FAIR_REMEMBERED, /* neither queued nor known to run: sleeps, or is gone */
    SERVICES_FAIR_WAITING,    /* queued, has received too much for now */
    SERVICES_FAIR_ELIGIBLE,   /* queued */
    SERVICES_FAIR_RUNNING,
};

/* Nodes are named by index + 1, so that 0 means none and zeroed storage is an empty scheduler. Virtual times
 * are those of `cpu`, and wrap around: only differences mean something. */
struct services_fair_node {
    uint64_t task;     /* handle value */
    uint64_t affinity; /* bit n: CPU n */
    uint64_t received; /* virtual */
    uint64_t deadline; /* virtual */
    uint32_t weight;
    uint16_t state;       /* enum services_fair_state */
    uint16_t cpu;         /* where it is queued, runs, or ran last */
    uint16_t parent;      /* in the heap that `state` says ... */
    uint16_t left, right; /* ... or the remembered ones before and after it */
    uint16_t bucket_next;
};

struct services_fair_cpu {
    uint64_t virtual_now;
    uint64_t charged;  /* nanoseconds: until when `running` has paid for its time */
    uint64_t weight;   /* of all that is queued or runs */
    uint16_t waiting;  /* root of a heap, the least received first */
    uint16_t eligible; /* root of a heap, the earliest deadline first */
    uint16_t queued;   /* nodes in both heaps */
    uint16_t running;
};

struct services_fair {
    struct services_fair_node nodes[SERVICES_FAIR_TASKS];
    struct services_fair_cpu cpus[SERVICES_FAIR_CPUS];
    uint16_t buckets[SERVICES_FAIR_BUCKETS]; /* nodes of tasks by hash */
    uint16_t oldest, newest;                 /* list of remembered nodes, by `right` */
    uint16_t fresh;                          /* nodes below this index have been used */
    uint16_t queued;                         /* of all CPUs */
    uint64_t known;                          /* CPUs that have asked for work */
    uint64_t idle;                           /* those that got none and were not named since */
};

/* The policy over `fair`, which is zeroed. */
struct keel_scheduler services_fair_policy(struct services_fair *fair);

#endif

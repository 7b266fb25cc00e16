/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Injected policies: which frame to use next, which task to run next. Keel asks, checks every answer, and
 * knows the truth itself: a wrong answer is counted, logged once in a while, and survived with the built-in
 * fallback (P1). Without an injected policy the fallback alone decides.
 *
 * A policy's functions are called with interrupts off, in policy context: they may call only what lists
 * policy among its contexts (api/calls.tbl); anything else is E_CONTEXT (P2). They must return to their
 * caller, soon and without blocking: a function that loops for ever or jumps out (longjmp) stops the machine,
 * since locks are held around it. They may keep handles and frame numbers: these are names, checked again
 * each time.
 *
 * A scheduler's functions are called one at a time. A frame allocator's functions and a slab allocator's
 * (keel/slab_policy.h) are called on several CPUs at once, never nested on one CPU (at injection, a frame
 * allocator's `add` alone and by one CPU; at keel_boot_reclaim, `add` beside `alloc` and `free`): a lock of
 * its own, taken inside its functions only, is free again soon, and it waits with keel_cpu_relax. What code
 * outside of the functions shares with them (statistics) must do without that lock, since a task can be
 * preempted while it holds it: use atomics.
 */
#ifndef KEEL_POLICY_H
#define KEEL_POLICY_H

#include "keel/sched_reason.h"
#include "keel/task.h"

/* Frames are named by frame number: physical address / KEEL_PAGE_SIZE. */
#define KEEL_FRAME_NONE UINT64_MAX

/* CPUs are numbered 0..KEEL_CPU_MAX-1. */
#define KEEL_CPU_MAX 64u

/* `context` is passed back as the first argument of each function; `cpu` is the calling CPU, which cannot
 * change while the function runs. What Keel owes an honest allocator: each free frame is announced once, by
 * `add` or by `free`, after it became free; it may be answered at once, on any CPU; and nobody else takes it.
 */
struct keel_frame_allocator {
    void *context;
    /* These frames are free: called at injection for every free run, before anything else is called, and when
     * boot memory is reclaimed (keel_boot_reclaim). */
    void (*add)(void *context, uint32_t cpu, uint64_t first, uint64_t count);
    /* Choose `count` contiguous free frames (1..2^20), the first at a multiple of `alignment` (a power of
     * two, 1..2^18: 1 GiB). Answers the first, or KEEL_FRAME_NONE, which is believed: the caller's request
     * fails. So an allocator that keeps free frames in caches looks there too before it answers that. What it
     * answers is in use until `free` names it. */
    uint64_t (*alloc)(void *context, uint32_t cpu, uint64_t count, uint64_t alignment);
    /* These frames are free again; not always in the pieces that `alloc` answered. */
    void (*free)(void *context, uint32_t cpu, uint64_t first, uint64_t count);
};

/* What a scheduler answers about a task that it was just given: the number of the CPU that it wants to run
 * it, which must be online and one of the task's. If that CPU idles, Keel interrupts it, and it asks `pick`.
 * If it runs a task, it goes on with that, unless KEEL_CPU_PREEMPT is added: then it is interrupted and asks
 * `pick` as at a tick that was answered 1. That flag counts for tasks that are new or woken, and in `update`;
 * for others (which were just taken off a CPU themselves) it is allowed and has no effect. */
#define KEEL_CPU_PREEMPT (UINT32_C(1) << 31)
/* Keel's choice: some idle CPU of the task's, other than the calling one, is interrupted, `cpu` if it idles;
 * if none idles, none. Not together with KEEL_CPU_PREEMPT. A wrong answer is treated as this one. */
#define KEEL_CPU_ANY UINT32_C(0x7fffffff)

/* The scheduler decides which CPU runs what, when. What Keel enforces is that a task runs on one CPU at a
 * time, and on CPUs of its affinity mask only.
 *
 * Who asks, and when: a CPU asks `pick` when its task waits, ends, yields or is preempted, and when it idles,
 * each time that it was interrupted; an idle CPU has ticks, and so asks again, only while tasks are queued.
 * Idle CPUs ask soon after the injection. A scheduler that answers "none" to an idle CPU for 10 of its
 * ticks in a row (100 ms), while a task is queued that may run there, is taken to have lost it: that counts
 * as wrong, and Keel starts the task. A task that runs goes on for as long as the scheduler wants: but where
 * a call waits inside Keel for another task, it comes to leave the CPU to others. */
struct keel_scheduler {
    void *context;
    /* `task` is runnable; it was not queued before; `reason` is an enum keel_enqueue_reason. `cpu` is where
     * it ran last, or where it was made, which its affinity may exclude; `priority` and `affinity` are as in
     * struct keel_task_options, but of the mask no bit is 0 where it was given as 0. Answers a CPU, see
     * above. */
    uint32_t (*enqueue)(void *context, keel_task_t task, uint32_t cpu, uint32_t priority, uint64_t affinity,
                        uint32_t reason);
    /* Choose a queued task that may run on `cpu`, and forget it. The zero handle: none. What ran on `cpu`, if
     * it can go on, does so then, and is enqueued otherwise. */
    keel_task_t (*pick)(void *context, uint32_t cpu);
    /* A task that may be queued was started by the fallback: forget it. */
    void (*dequeue)(void *context, keel_task_t task);
    /* A timer tick on `cpu` while `task` ran. Answers 1: preempt it; 0: let it run. */
    uint32_t (*tick)(void *context, keel_task_t task, uint32_t cpu);
    /* `priority` or `affinity` of a task that is queued, or runs on `cpu`, have changed. Where it runs and
     * may not any longer, it will be preempted and enqueued again without further ado. Answers which CPU has
     * to choose anew, as for `enqueue`; KEEL_CPU_ANY of a running task: none. */
    uint32_t (*update)(void *context, keel_task_t task, uint32_t cpu, uint32_t priority, uint64_t affinity);
};

struct keel_policy_report {
    uint64_t allocator_wrong; /* answers that were refused */
    uint64_t scheduler_wrong;
    uint64_t allocator_fallbacks; /* times that the fallback served instead of an injected policy */
    uint64_t scheduler_fallbacks;
    uint64_t slab_wrong; /* the same of the slab allocator (keel/slab_policy.h) */
    uint64_t slab_fallbacks;
};

/* Injects a policy, once each. The struct is copied; the functions and what context points to must stay valid
 * for ever (the pointer rule). Context: task. Errors: E_INVALID (a NULL function), E_EXISTS (one is
 * injected). */
keel_status_t keel_frame_allocator_inject(const struct keel_frame_allocator *allocator);
keel_status_t keel_scheduler_inject(const struct keel_scheduler *scheduler);

/* Context: task, atomic, irq, policy. */
keel_status_t keel_policy_report(struct keel_policy_report *report);

#endif

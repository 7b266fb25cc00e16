/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tasks and their states.
 *
 *            spawn            pick                 block
 *   NEW ----------> RUNNABLE ------> RUNNING|ON ----------> BLOCKED|ON
 *                    ^  ^               |  |                 |      | tail
 *        wake        |  |     tail      |  | exit       wake |      v
 *   BLOCKED ---------+  +--RUNNABLE|ON<-+  v                 |   BLOCKED
 *                            ^  yield,   DEAD|ON             |
 *                            |  preempt    | tail            |
 *                            |             v                 |
 *                            |           DEAD                |
 *                            +-------------------------------+
 *
 * ON means that a CPU still stands on the task's stack or has not saved its context yet. "tail" is the end of
 * a context switch, run by the next task on the same CPU; it clears ON, and only then may anything else
 * happen to the task: only a RUNNABLE task without ON can be picked (T1), only a DEAD one without ON is torn
 * down (T4). Who makes a task RUNNABLE enqueues it if ON is clear; otherwise it does so itself on its way off
 * the CPU, from where on the scheduler's lock is held up to the end of the tail. So it is enqueued exactly
 * once.
 *
 * All steps into and out of RUNNABLE happen under the scheduler's lock, so what the policy was told is exact.
 * RUNNING and ON steps are made by the CPU that runs the task.
 */
#ifndef CORE_TASK_H
#define CORE_TASK_H

#include "core/area.h"
#include "core/assert.h"
#include "core/hold.h"
#include "core/object.h"
#include "core/space.h"
#include "core/wait.h"
#include "hal/context.h"
#include "hal/cpu.h"

#define TASK_NAME_SIZE 16u
#define TASK_WORDS     8u

enum task_state {
    TASK_NEW = 1,
    TASK_RUNNABLE = 2,
    TASK_RUNNING = 3,
    TASK_BLOCKED = 4,
    TASK_DEAD = 5,
};

#define TASK_STATE_MASK UINT32_C(0x7f)
#define TASK_ON         UINT32_C(0x80)

/* A place in the list of what can be picked (core/sched.c). */
struct runnable {
    struct runnable *next, *previous;
};

struct task {
    struct object object;     /* first */
    atomic_u32_t state;       /* enum task_state | TASK_ON */
    uint32_t last_cpu;        /* where it runs, or ran last; under the scheduler's lock */
    struct runnable runnable; /* under the same */
    struct hal_context context;
    struct frame *stack; /* area.page_count frames */
    /* Where they are mapped, above a guard of HAL_STACK_PAGES, whatever their number: a frame as large as the
     * least stack still ends in it; larger ones touch every page on their way (-fstack-clash-protection). */
    struct area area;
    struct frame *vector;   /* one frame: the vector image while it is not on a CPU */
    struct space *space;    /* active space, changed by the task itself only; holds a reference */
    uint32_t cursor_count;  /* cursors that it has open; its own affair */
    uint32_t audit_cursors; /* scratch of the audit: how many it has found; 0 between audits */
    uint32_t fault_depth;   /* page-fault handlers that it is inside of, changed by the task itself only */
    void (*entry)(uint64_t argument);
    uint64_t argument;
    char name[TASK_NAME_SIZE]; /* NUL-terminated */
    /* Written under the scheduler's lock. The CPUs that it may run on: bit n for CPU n. */
    atomic_u64_t affinity;
    atomic_u32_t priority;
    int32_t exit_status;
    atomic_u64_t switches;
    struct wait_queue joiners;
    struct wait_entry wait;
    struct holds holds;
    uint64_t words[TASK_WORDS]; /* the client's, touched by the task itself only */
};

struct task_options {
    void (*entry)(uint64_t argument);
    uint64_t argument;
    char name[TASK_NAME_SIZE];
    uint32_t priority;
    uint64_t affinity;    /* 0: all CPUs; otherwise at least one of them is online */
    uint64_t stack_pages; /* at least HAL_STACK_PAGES are taken */
    bool detached;        /* nobody gets a reference: it lives until it exits */
};

/* Makes a task and hands it to the scheduler. E_NO_MEMORY, E_LIMIT. */
keel_status_t task_spawn(const struct task_options *options, uint64_t *handle);
void task_put(struct task *task);
/* A mask as it was given: 0 means all CPUs. */
static inline uint64_t task_affinity_of(uint64_t given)
{
    return given != 0 ? given : UINT64_MAX;
}
/* May it run on that CPU? */
static inline bool task_may_run(const struct task *task, unsigned cpu)
{
    return (atomic_u64_load_relaxed(&task->affinity) >> cpu & 1) != 0;
}
/* The task that runs on this CPU, as cpu_set_current said. Interrupts on or off; the caller is that task. */
static inline struct task *task_current(void)
{
    struct task *task = hal_cpu_pointer();
    CORE_ASSERT(task != NULL);
    return task;
}
enum task_state task_state(const struct task *task);
void *task_vector_image(const struct task *task);

/* The calling task. */
void task_yield(void);
keel_status_t task_sleep(uint64_t nanoseconds); /* 0 yields; E_CANCELED */
void task_activate(struct space *space);
_Noreturn void task_exit(int32_t status);
/* E_BUSY: itself; E_CANCELED. */
keel_status_t task_join(struct task *task, int32_t *status);

#endif

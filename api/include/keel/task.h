/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tasks: threads of client code in kernel mode, preempted by the timer. Each may run user programs
 * (keel/user.h).
 *
 * Context of all calls: task; of those that never wait, atomic as well; of those that are not about the
 * calling task either, irq, but for keel_task_set_affinity, which may move it (api/calls.tbl).
 */
#ifndef KEEL_TASK_H
#define KEEL_TASK_H

#include "keel/handle.h"

#define KEEL_TASK_NAME_MAX 15u
#define KEEL_TASK_WORDS    8u
/* Bytes, on every machine. */
#define KEEL_TASK_STACK_SIZE_MAX UINT64_C(262144)

struct keel_task_options {
    void (*entry)(uint64_t argument); /* returning from it exits with status 0 */
    uint64_t argument;
    char name[KEEL_TASK_NAME_MAX + 1]; /* bytes up to the first NUL; for people */
    uint32_t priority; /* means what the scheduler takes it to mean; the built-in one ignores it */
    uint32_t flags;    /* 0 */
    uint64_t affinity; /* the CPUs that it may run on, bit n for CPU n; 0: all */
    /* Bytes of stack that it needs: so many are there, in whole pages, and never fewer than the machine gives
     * by default (16 KiB on the real one; more where checks need some). One stretch of free frames. */
    uint64_t stack_size;
};

enum keel_task_state {
    KEEL_TASK_NEW = 1,
    KEEL_TASK_RUNNABLE = 2,
    KEEL_TASK_RUNNING = 3,
    KEEL_TASK_BLOCKED = 4,
    KEEL_TASK_DEAD = 5,
};

struct keel_task_info {
    char name[KEEL_TASK_NAME_MAX + 1];
    uint32_t state;      /* enum keel_task_state, at some moment during the call */
    uint32_t priority;   /* as given last */
    int32_t exit_status; /* when DEAD */
    uint32_t reserved;   /* 0 */
    uint64_t switches;   /* times that it was switched to */
    uint64_t affinity;   /* as given last; all bits where 0 was given */
};

/* Creates a task and makes it runnable; the caller gets a reference. A task lives until it exits, whether or
 * not anybody holds it. Errors: E_INVALID (NULL, entry NULL, flags, an affinity of which no CPU is online,
 * stack_size > KEEL_TASK_STACK_SIZE_MAX), E_NO_MEMORY, E_LIMIT. */
keel_status_t keel_task_spawn(const struct keel_task_options *options, keel_task_t *task);
keel_status_t keel_task_ref(keel_task_t task);
keel_status_t keel_task_release(keel_task_t task);

/* The calling task, with a new reference for the caller. Errors: E_INVALID, E_LIMIT. */
keel_status_t keel_task_self(keel_task_t *task);
keel_status_t keel_task_info(keel_task_t task, struct keel_task_info *info);

/* Change what the task was spawned with; the scheduler is told (keel/policy.h). A task that runs on a CPU
 * outside its new mask is taken off it: the calling task before the call returns, or in atomic mode when it
 * leaves that, another one as soon as that CPU takes interrupts, which may be after the return. A task that
 * waits, or is dead, keeps what is set. Errors: E_BAD_HANDLE, E_INVALID (no CPU of the mask is online). */
keel_status_t keel_task_set_priority(keel_task_t task, uint32_t priority);
keel_status_t keel_task_set_affinity(keel_task_t task, uint64_t affinity);

/* Lets others run first. */
keel_status_t keel_task_yield(void);

/* Ends the calling task; does not return when it succeeds. What the task holds goes with it: its active
 * space, its cursors; its guards are released, its locks of all kinds unlocked. */
keel_status_t keel_task_exit(int32_t status);

/* Sleeps at least `nanoseconds`; 0 yields. Errors: E_CANCELED. */
keel_status_t keel_task_sleep(uint64_t nanoseconds);

/* Waits until `task` is dead and gives its exit status. Any number of tasks may join one, also after its
 * death. Errors: E_BAD_HANDLE, E_INVALID (status NULL), E_BUSY (joining oneself), E_CANCELED. */
keel_status_t keel_task_join(keel_task_t task, int32_t *status);

/* The calling task's own words, 0 in a new task: for what a client keeps about the task that runs. Errors:
 * E_INVALID (index >= KEEL_TASK_WORDS). */
keel_status_t keel_task_word_load(uint32_t index, uint64_t *value);
keel_status_t keel_task_word_store(uint32_t index, uint64_t value);

/* Ends what `task` waits for, with E_CANCELED; if it does not wait, the next wait. Or the next keel_user_run
 * answers it. Several requests before it is answered are one. A call that need not wait is not touched. */
keel_status_t keel_task_cancel(keel_task_t task);
/* The same for every wait from now on: the task is asked to come to an end. It ends itself; Keel never stops
 * client code in the middle. */
keel_status_t keel_task_kill(keel_task_t task);

#endif

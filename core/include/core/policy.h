/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What core asks of the injected policies. api defines these; frames and tasks that are answered have passed
 * api's checks (range, alignment, handle), and core then tries to claim them. Slab tokens are passed on as
 * they are: they are core's to prove. Called with interrupts off.
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include "core/task.h"

enum policy_answer {
    POLICY_ABSENT, /* nothing is injected: core's fallback decides */
    POLICY_NONE,   /* the policy says: none */
    POLICY_WRONG,  /* the answer was refused and counted: core's fallback decides */
    POLICY_CHOSE,
};

/* Where the scheduler wants a task to run. */
struct policy_place {
    enum policy_answer answer; /* POLICY_CHOSE: on `cpu`, which is online and among the task's */
    unsigned cpu;
    bool preempt; /* also if `cpu` runs another task */
};

/* Frame allocator; on several CPUs at once, `cpu` being the calling one. */
bool policy_frame_present(void); /* never false again once it was true */
enum policy_answer policy_frame_choose(unsigned cpu, uint64_t count, uint64_t alignment, uint64_t *first);
void policy_frame_wrong(void); /* what was chosen could not be claimed */
void policy_frame_fallback(void);
void policy_frame_freed(unsigned cpu, uint64_t first, uint64_t count);
void policy_frame_added(unsigned cpu, uint64_t first, uint64_t count); /* free for the first time */

/* Scheduler; under sched_lock. policy_task_pick's task carries no reference: only the lock keeps it. */
enum policy_answer policy_task_pick(unsigned cpu, struct task **task);
void policy_task_wrong(void);
void policy_task_fallback(struct task *task); /* the fallback took it: the policy forgets it */
struct policy_place policy_task_enqueue(struct task *task, unsigned cpu, uint32_t reason);
/* Priority or affinity of a task that is queued or runs are others now. */
struct policy_place policy_task_update(struct task *task, unsigned cpu);
bool policy_task_tick(struct task *task, unsigned cpu); /* true: preempt */

/* Slab allocator: no lock is held, several CPUs may be inside at once; each with interrupts off. Tokens are
 * those of core/slab.h. */
enum policy_answer policy_slab_alloc(unsigned size_class, uint64_t *token);
/* True: the policy has all slots of the new slab but the first. */
bool policy_slab_add(unsigned size_class, uint64_t first, unsigned count);
/* True: the policy gives up the slab that `given` names. */
bool policy_slab_free(unsigned size_class, uint64_t token, uint64_t *given);
void policy_slab_wrong(void); /* what it answered could not be done */
void policy_slab_fallback(void);

/* The page-fault handler is a policy that core calls as the task itself would: interrupts on, no lock held.
 * It may do anything, also not come back. May an access to the page at `va` be tried again? */
bool policy_page_fault(uint64_t va, bool write);

/* Everything injected is forgotten. Boot CPU, once. */
void policy_init(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The model beside which fuzz_model_tasks runs Keel: who waits for what, in plain arrays.
 *
 * Each task is a machine that makes one call after the other, when it is told to. One call is made at a time;
 * then all others run until nothing changes any more, and those whose wait has ended by it, as the model
 * says, must have answered, and no others. So what is expected does not depend on how tasks are scheduled, as
 * long as each has its turn.
 *
 * Names: 1 of an object, 2 of the task that makes the call. From `size` 0xc0 on the call is made in atomic
 * mode.
 */
#ifndef FUZZ_MODEL_TASKS_H
#define FUZZ_MODEL_TASKS_H

#include "calls.h"
#include "model_report.h"
#include "model_tasks_ops.h"

#define TASKS_RAM     (UINT64_C(2) << 20)
#define TASKS_MAX     8u  /* with the first one, as many as there are slots in this memory */
#define TASKS_OBJECTS 16u /* of each kind; so too */
/* Timeouts are whole numbers of these: all calls of an execution together do not take one. */
#define TASKS_UNIT    (UINT64_C(1000) * 1000000000)
#define TASKS_FOREVER UINT64_MAX
/* References that clients can hold of an object. */
#define TASKS_REFS_MAX REF_HANDLES_MAX

enum tasks_flags {
    TASKS_DEFAULT_POLICIES = 1u << 0, /* those of services/, otherwise none */
    TASKS_TWO_CPUS = 1u << 1,
    TASKS_RANDOM = 1u << 2, /* two CPUs are switched at any point */
};

/* Kinds of names. */
enum tasks_kind { TASKS_TASK, TASKS_EVENT, TASKS_SEMAPHORE, TASKS_MUTEX, TASKS_KINDS };
/* What Keel calls them. */
extern const enum object_kind tasks_object_kinds[TASKS_KINDS];

enum tasks_want { TASKS_ALONE, TASKS_SHARED, TASKS_UPGRADE };

/* Who waits, the longest waiter first. */
struct tasks_queue {
    unsigned length;
    struct tasks_task *order[TASKS_MAX];
};

/* One call of a task. */
struct tasks_call {
    enum call_id id;
    struct call_value values[CALL_ARGUMENTS_MAX];
    struct keel_task_options options;
    struct keel_task_info info;
    bool guarded, masks; /* made in atomic mode, also with interrupts off */
    bool returns;        /* task_exit: from the task's entry */
    volatile bool given, answered;
    keel_status_t status, guard_status;
    /* What the model says. */
    bool open, ends;
    keel_status_t expected;
    uint64_t result; /* what the last argument must have become, if `compares` */
    bool compares;
    struct tasks_task *informs; /* `info` is about this task, */
    uint32_t state;             /* which is so; RUNNABLE: perhaps it runs on another CPU */
    uint64_t *created;          /* gets the new handle */
    enum tasks_kind created_kind;
    uint8_t slot;
};

struct tasks_object {
    uint64_t handle, refs;
    bool used;
    uint64_t value; /* signals of an event, tokens of a semaphore */
    struct tasks_queue queue;
    /* Of a mutex. */
    const struct tasks_task *holder;
    unsigned shared; /* bit n: task n */
};

struct tasks_task {
    uint64_t handle, refs;
    bool used, dead, killed, canceled;
    int32_t exit_status;
    uint32_t priority;
    uint64_t affinity, switches, words[KEEL_TASK_WORDS];
    char name[KEEL_TASK_NAME_MAX + 1];
    struct tasks_queue joiners;
    struct tasks_call call;
    /* What it waits for. */
    bool waits;
    struct tasks_queue *queue;  /* NULL: it sleeps */
    struct tasks_object *mutex; /* NULL: not for one */
    enum tasks_want want;
    uint64_t deadline, since;
};

struct model_tasks {
    struct tasks_task tasks[TASKS_MAX]; /* the first one is keel_main's */
    struct tasks_object objects[TASKS_KINDS][TASKS_OBJECTS];
    uint64_t names[TASKS_KINDS][MODEL_SLOTS];
    uint64_t now;   /* units that have passed */
    uint64_t waits; /* so many have begun */
    unsigned cpu_count;
};

extern struct model_tasks tasks;

#define TASKS_DECLARE(name) void tasks_##name(struct tasks_task *self, const struct model_op *op);
TASKS_CALLS(TASKS_DECLARE)
#undef TASKS_DECLARE
#define TASKS_DECLARE(name) void tasks_##name(const struct model_op *op);
TASKS_EVENTS(TASKS_DECLARE)
#undef TASKS_DECLARE

/* --- model_tasks_run.c --- */

/* What all tasks but the first one are. */
void tasks_run(uint64_t number);
/* `self` makes its call at its next turn, the first task at once. */
void tasks_start(struct tasks_task *self);
/* Until all that the model says has happened. Compares the answers. */
void tasks_settle(void);
bool tasks_is_idle(const struct tasks_task *task);
/* The next one, but the first, that does not wait; NULL: there is none. */
struct tasks_task *tasks_next_idle(void);
unsigned tasks_number(const struct tasks_task *task);

/* --- What an operation says of its call, model_tasks_life.c --- */

/* Argument 0 is a handle that the operation names; NULL: it names nothing. */
struct tasks_task *tasks_task_named(struct tasks_task *self, const struct model_op *op);
struct tasks_object *tasks_object_named(struct tasks_task *self, const struct model_op *op,
                                        enum tasks_kind kind);
/* What a call for one more of so many references answers. */
keel_status_t tasks_ref_status(uint64_t refs);
/* The call answers this at once; of an error, nothing else has changed. True: KEEL_OK. False also: it is made
 * in atomic mode, and answers E_CONTEXT. */
bool tasks_answers(struct tasks_task *self, keel_status_t status);
/* Its last argument becomes this. */
void tasks_results(struct tasks_task *self, uint64_t result);
/* It makes an object: the record gets the handle. */
void tasks_creates(struct tasks_task *self, const struct model_op *op, enum tasks_kind kind,
                   uint64_t *handle);
uint64_t tasks_timeout(uint8_t byte);
void tasks_exits(struct tasks_task *task, int32_t status);
void tasks_kills(struct tasks_task *task);
/* Of one that is dead and that nobody names nothing is left. */
void tasks_forget_task(struct tasks_task *task);

/* --- model_tasks_handles.c --- */

/* Of each object that has too many references to release them one by one, all but one. */
void tasks_drop_references(void);
/* What is left of them; `self` unlocks what it holds. */
void tasks_release_objects(struct tasks_task *self);

/* --- Waiting, model_tasks_wait.c --- */

/* The call waits in the queue, at its head or its end, unless it is to answer at once. False: it would never
 * end, and nobody could tell it to: it is not to be made. */
bool tasks_wait(struct tasks_task *self, struct tasks_queue *queue, bool first, uint64_t timeout);
/* The wait ends, and the call answers that. */
void tasks_wake(struct tasks_task *task, keel_status_t status);
/* The first so many of the queue; answers how many there were. */
uint64_t tasks_wake_first(struct tasks_queue *queue, uint64_t limit);
void tasks_cancels(struct tasks_task *task);
/* Of an object that nobody holds, names or waits for nothing is left. */
void tasks_forget(struct tasks_object *object);
/* Unlocks what the task holds. */
void tasks_unlock_all(struct tasks_task *task);

#endif

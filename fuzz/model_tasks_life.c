/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The lives of tasks in the model of fuzz_model_tasks.
 */
#include <string.h>

#include "model_tasks.h"

/* --- What an operation says of its call --- */

struct tasks_task *tasks_task_named(struct tasks_task *self, const struct model_op *op)
{
    uint64_t handle = model_pick(tasks.names, TASKS_KINDS, TASKS_TASK, op->names[0]);
    self->call.values[0].number = handle;
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        if (tasks.tasks[i].used && tasks.tasks[i].refs > 0 && tasks.tasks[i].handle == handle) {
            return &tasks.tasks[i];
        }
    }
    return NULL;
}

struct tasks_object *tasks_object_named(struct tasks_task *self, const struct model_op *op,
                                        enum tasks_kind kind)
{
    uint64_t handle = model_pick(tasks.names, TASKS_KINDS, kind, op->names[0]);
    self->call.values[0].number = handle;
    for (unsigned i = 0; i < TASKS_OBJECTS; i++) {
        struct tasks_object *object = &tasks.objects[kind][i];
        if (object->used && object->refs > 0 && object->handle == handle) {
            return object;
        }
    }
    return NULL;
}

keel_status_t tasks_ref_status(uint64_t refs)
{
    return refs < TASKS_REFS_MAX ? KEEL_OK : KEEL_E_LIMIT;
}

bool tasks_answers(struct tasks_task *self, keel_status_t status)
{
    struct tasks_call *call = &self->call;
    bool refused = call->guarded && (call_descriptors[call->id].contexts & CONTEXT_ATOMIC) == 0;
    call->ends = true;
    call->expected = refused ? KEEL_E_CONTEXT : status;
    return call->expected == KEEL_OK;
}

void tasks_results(struct tasks_task *self, uint64_t result)
{
    self->call.compares = true;
    self->call.result = result;
}

void tasks_creates(struct tasks_task *self, const struct model_op *op, enum tasks_kind kind, uint64_t *handle)
{
    self->call.created = handle;
    self->call.created_kind = kind;
    self->call.slot = op->slot % MODEL_SLOTS;
}

uint64_t tasks_timeout(uint8_t byte)
{
    return byte % 8 < 4 ? byte % 8u : TASKS_FOREVER;
}

/* --- Coming and going --- */

static uint64_t online(void)
{
    return (UINT64_C(1) << tasks.cpu_count) - 1;
}

static uint64_t affinity_of(uint8_t byte)
{
    static const uint64_t masks[] = {0, 1, 2, 3, 4, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 1};
    return masks[byte % 8];
}

static bool can_run(uint64_t affinity)
{
    return affinity == 0 || (affinity & online()) != 0;
}

static uint64_t stack_of(uint8_t byte)
{
    static const uint64_t sizes[] = {
        0, 1, 20000, KEEL_TASK_STACK_SIZE_MAX, KEEL_TASK_STACK_SIZE_MAX + 1, UINT64_MAX};
    return byte < 0xf0 ? sizes[byte / 4 % 2] : sizes[byte % 6];
}

static struct tasks_task *free_record(void)
{
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        if (!tasks.tasks[i].used) {
            return &tasks.tasks[i];
        }
    }
    return NULL;
}

void tasks_task_spawn(struct tasks_task *self, const struct model_op *op)
{
    struct keel_task_options *options = &self->call.options;
    struct tasks_task *task = free_record();
    *options = (struct keel_task_options){.entry = op->numbers[0] == 0xff ? NULL : tasks_run,
                                          .priority = op->numbers[1],
                                          .flags = op->numbers[1] == 0xff ? 1 : 0,
                                          .affinity = affinity_of(op->numbers[2]),
                                          .stack_size = stack_of(op->numbers[0])};
    memset(options->name, 'a' + op->numbers[1] % 26, op->numbers[2] / 8 % (sizeof(options->name) + 1));
    options->argument = task != NULL ? tasks_number(task) : 0;
    self->call.values[0].memory = options;
    bool good = options->entry != NULL && options->flags == 0 && can_run(options->affinity) &&
                options->stack_size <= KEEL_TASK_STACK_SIZE_MAX;
    if (!tasks_answers(self, !good ? KEEL_E_INVALID : task == NULL ? KEEL_E_LIMIT : KEEL_OK)) {
        return;
    }
    *task = (struct tasks_task){.used = true,
                                .refs = 1,
                                .priority = options->priority,
                                .affinity = options->affinity != 0 ? options->affinity : UINT64_MAX};
    memcpy(task->name, options->name, KEEL_TASK_NAME_MAX);
    tasks_creates(self, op, TASKS_TASK, &task->handle);
}

void tasks_forget_task(struct tasks_task *task)
{
    if (task->dead && task->refs == 0) {
        task->used = false;
    }
}

void tasks_exits(struct tasks_task *task, int32_t status)
{
    task->dead = true;
    task->exit_status = status;
    tasks_unlock_all(task);
    while (task->joiners.length > 0) {
        struct tasks_task *joiner = task->joiners.order[0];
        tasks_wake(joiner, KEEL_OK);
        tasks_results(joiner, (uint64_t)status);
    }
    tasks_forget_task(task);
}

void tasks_task_exit(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_call *call = &self->call;
    call->returns = op->numbers[0] >= 0xc0 && !call->guarded;
    call->values[0].number = call->returns ? 0 : (uint32_t)(op->numbers[0] - 64);
    if (self == &tasks.tasks[0]) {
        call->open = false;
    } else if (tasks_answers(self, KEEL_OK)) {
        tasks_exits(self, (int32_t)(uint32_t)call->values[0].number);
    }
}

void tasks_task_ref(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_task *task = tasks_task_named(self, op);
    if (tasks_answers(self, task != NULL ? tasks_ref_status(task->refs) : KEEL_E_BAD_HANDLE)) {
        task->refs++;
    }
}

void tasks_task_release(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_task *task = tasks_task_named(self, op);
    if (task != NULL && task->refs == 1 && task->waits && task->deadline == TASKS_FOREVER) {
        self->call.open = false; /* nobody could ask it to end any more */
    } else if (tasks_answers(self, task != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        task->refs--;
        tasks_forget_task(task);
    }
}

void tasks_task_self(struct tasks_task *self, const struct model_op *op)
{
    if (tasks_answers(self, tasks_ref_status(self->refs))) {
        self->refs++;
        tasks_results(self, self->handle);
        tasks.names[TASKS_TASK][op->slot % MODEL_SLOTS] = self->handle;
    }
}

void tasks_task_join(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_task *task = tasks_task_named(self, op);
    keel_status_t status = task == NULL ? KEEL_E_BAD_HANDLE : task == self ? KEEL_E_BUSY : KEEL_OK;
    if (!tasks_answers(self, status)) {
        return;
    }
    if (task->dead) {
        tasks_results(self, (uint64_t)task->exit_status);
    } else if (!tasks_wait(self, &task->joiners, false, TASKS_FOREVER)) {
        self->call.open = false;
    }
}

void tasks_task_cancel(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_task *task = tasks_task_named(self, op);
    if (task == &tasks.tasks[0] && tasks.cpu_count > 1) { /* it sleeps while others run: tasks_settle */
        self->call.open = false;
    } else if (tasks_answers(self, task != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        tasks_cancels(task);
    }
}

void tasks_task_kill(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_task *task = tasks_task_named(self, op);
    if (task == &tasks.tasks[0]) { /* it could not let time pass any more */
        self->call.open = false;
    } else if (tasks_answers(self, task != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        tasks_kills(task);
    }
}

/* --- What a task is --- */

void tasks_task_info(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_task *task = tasks_task_named(self, op);
    self->call.info = (struct keel_task_info){.reserved = 9};
    self->call.values[1].memory = &self->call.info;
    if (tasks_answers(self, task != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        self->call.informs = task;
        self->call.state = task->dead     ? KEEL_TASK_DEAD
                           : task->waits  ? KEEL_TASK_BLOCKED
                           : task == self ? KEEL_TASK_RUNNING
                                          : KEEL_TASK_RUNNABLE;
    }
}

void tasks_task_set_priority(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_task *task = tasks_task_named(self, op);
    self->call.values[1].number = op->numbers[0] * UINT32_C(0x01010101);
    if (tasks_answers(self, task != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        task->priority = op->numbers[0] * UINT32_C(0x01010101);
    }
}

void tasks_task_set_affinity(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_task *task = tasks_task_named(self, op);
    uint64_t affinity = affinity_of(op->numbers[0]);
    self->call.values[1].number = affinity;
    keel_status_t status = can_run(affinity) ? KEEL_OK : KEEL_E_INVALID;
    if (tasks_answers(self, task != NULL ? status : KEEL_E_BAD_HANDLE)) {
        task->affinity = affinity != 0 ? affinity : UINT64_MAX;
    }
}

void tasks_task_yield(struct tasks_task *self, const struct model_op *op)
{
    (void)op;
    tasks_answers(self, KEEL_OK);
}

void tasks_task_sleep(struct tasks_task *self, const struct model_op *op)
{
    uint64_t timeout = tasks_timeout(op->numbers[0]);
    self->call.values[0].number = timeout < TASKS_FOREVER ? timeout * TASKS_UNIT : timeout;
    if (tasks_answers(self, KEEL_OK) && timeout > 0 && !tasks_wait(self, NULL, false, timeout)) {
        self->call.open = false;
    }
}

void tasks_task_word_load(struct tasks_task *self, const struct model_op *op)
{
    uint32_t index = op->numbers[0] % (KEEL_TASK_WORDS + 1);
    self->call.values[0].number = index;
    if (tasks_answers(self, index < KEEL_TASK_WORDS ? KEEL_OK : KEEL_E_INVALID)) {
        tasks_results(self, self->words[index]);
    }
}

void tasks_task_word_store(struct tasks_task *self, const struct model_op *op)
{
    uint32_t index = op->numbers[0] % (KEEL_TASK_WORDS + 1);
    uint64_t value = op->numbers[1] * UINT64_C(0x0101010101010101);
    self->call.values[0].number = index;
    self->call.values[1].number = value;
    if (tasks_answers(self, index < KEEL_TASK_WORDS ? KEEL_OK : KEEL_E_INVALID)) {
        self->words[index] = value;
    }
}

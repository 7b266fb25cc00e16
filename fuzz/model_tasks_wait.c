/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting in the model of fuzz_model_tasks: queues, and who has a mutex.
 */
#include "model_tasks.h"

static void put_in(struct tasks_queue *queue, struct tasks_task *task, bool first)
{
    unsigned at = first ? 0 : queue->length;
    for (unsigned i = queue->length; i > at; i--) {
        queue->order[i] = queue->order[i - 1];
    }
    queue->order[at] = task;
    queue->length++;
}

static void take_off(struct tasks_queue *queue, const struct tasks_task *task)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < queue->length; i++) {
        queue->order[kept] = queue->order[i];
        kept += queue->order[i] != task;
    }
    queue->length = kept;
}

/* Of two whose time is up at nearly the same moment, whether the second still gets what the first leaves to
 * it depends on how long that takes. */
static bool has_such(const struct tasks_queue *queue, uint64_t deadline)
{
    bool found = false;
    for (unsigned i = 0; queue != NULL && i < queue->length; i++) {
        found = found || (deadline != TASKS_FOREVER && queue->order[i]->deadline == deadline);
    }
    return found;
}

bool tasks_wait(struct tasks_task *self, struct tasks_queue *queue, bool first, uint64_t timeout)
{
    struct tasks_call *call = &self->call;
    if (timeout == 0) {
        call->expected = KEEL_E_TIMEOUT;
        return true;
    }
    if (self->killed || self->canceled) {
        self->canceled = false;
        call->expected = KEEL_E_CANCELED;
        return true;
    }
    uint64_t deadline = timeout == TASKS_FOREVER ? TASKS_FOREVER : tasks.now + timeout;
    if (self == &tasks.tasks[0] || (timeout == TASKS_FOREVER && self->refs == 0) ||
        has_such(queue, deadline)) {
        return false;
    }
    call->ends = false;
    self->waits = true;
    self->queue = queue;
    self->mutex = NULL;
    self->deadline = deadline;
    self->since = tasks.waits++;
    if (queue != NULL) {
        put_in(queue, self, first);
    }
    return true;
}

/* --- Mutexes --- */

static bool admits(const struct tasks_object *mutex, const struct tasks_task *task, enum tasks_want want)
{
    unsigned others = want == TASKS_UPGRADE ? mutex->shared & ~(1u << tasks_number(task)) : mutex->shared;
    return mutex->holder == NULL && (want == TASKS_SHARED || others == 0);
}

static void give(struct tasks_object *mutex, const struct tasks_task *task, enum tasks_want want)
{
    if (want == TASKS_SHARED) {
        mutex->shared |= 1u << tasks_number(task);
    } else {
        mutex->shared = 0;
        mutex->holder = task;
    }
}

static void hand_over(struct tasks_object *mutex)
{
    while (mutex->queue.length > 0 && admits(mutex, mutex->queue.order[0], mutex->queue.order[0]->want)) {
        struct tasks_task *first = mutex->queue.order[0];
        give(mutex, first, first->want);
        tasks_wake(first, KEEL_OK);
    }
}

static bool shares(const struct tasks_object *mutex, const struct tasks_task *task)
{
    return (mutex->shared & 1u << tasks_number(task)) != 0;
}

void tasks_unlock_all(struct tasks_task *task)
{
    for (unsigned i = 0; i < TASKS_OBJECTS; i++) {
        struct tasks_object *mutex = &tasks.objects[TASKS_MUTEX][i];
        if (mutex->used && (mutex->holder == task || shares(mutex, task))) {
            mutex->holder = mutex->holder == task ? NULL : mutex->holder;
            mutex->shared &= ~(1u << tasks_number(task));
            hand_over(mutex);
            tasks_forget(mutex);
        }
    }
}

/* --- The ends of waits --- */

void tasks_wake(struct tasks_task *task, keel_status_t status)
{
    struct tasks_object *mutex = task->mutex;
    if (task->queue != NULL) {
        take_off(task->queue, task);
    }
    task->waits = false;
    task->mutex = NULL;
    task->call.ends = true;
    task->call.expected = status;
    if (mutex != NULL && status != KEEL_OK) {
        hand_over(mutex); /* to those behind it */
    }
    for (unsigned i = 0; i < TASKS_KINDS * TASKS_OBJECTS; i++) {
        tasks_forget(&tasks.objects[i / TASKS_OBJECTS][i % TASKS_OBJECTS]);
    }
}

uint64_t tasks_wake_first(struct tasks_queue *queue, uint64_t limit)
{
    uint64_t count = 0;
    for (; count < limit && queue->length > 0; count++) {
        tasks_wake(queue->order[0], KEEL_OK);
    }
    return count;
}

void tasks_cancels(struct tasks_task *task)
{
    if (task->waits) {
        tasks_wake(task, KEEL_E_CANCELED);
    } else {
        task->canceled = true;
    }
}

void tasks_kills(struct tasks_task *task)
{
    task->killed = true;
    if (task->waits) {
        tasks_wake(task, KEEL_E_CANCELED);
    }
}

void tasks_forget(struct tasks_object *object)
{
    if (object->refs == 0 && object->queue.length == 0 && object->holder == NULL && object->shared == 0) {
        object->used = false;
    }
}

/* --- Calls on mutexes --- */

static void lock(struct tasks_task *self, const struct model_op *op, enum tasks_want want)
{
    struct tasks_object *mutex = tasks_object_named(self, op, TASKS_MUTEX);
    uint64_t timeout = tasks_timeout(op->numbers[0]);
    self->call.values[1].number = timeout < TASKS_FOREVER ? timeout * TASKS_UNIT : timeout;
    keel_status_t status = mutex == NULL ? KEEL_E_BAD_HANDLE : KEEL_OK;
    if (mutex != NULL && want == TASKS_UPGRADE) {
        status = !shares(mutex, self) ? KEEL_E_DENIED : KEEL_OK;
        if (status == KEEL_OK && mutex->queue.length > 0 && mutex->queue.order[0]->want == TASKS_UPGRADE) {
            status = KEEL_E_BUSY;
        }
    } else if (mutex != NULL && (mutex->holder == self || shares(mutex, self))) {
        status = KEEL_E_BUSY;
    }
    if (!tasks_answers(self, status)) {
        return;
    }
    if ((mutex->queue.length == 0 || want == TASKS_UPGRADE) && admits(mutex, self, want)) {
        give(mutex, self, want);
        return;
    }
    self->want = want;
    if (!tasks_wait(self, &mutex->queue, want == TASKS_UPGRADE, timeout)) {
        self->call.open = false;
    } else if (self->waits) {
        self->mutex = mutex;
    }
}

void tasks_mutex_lock(struct tasks_task *self, const struct model_op *op)
{
    lock(self, op, TASKS_ALONE);
}

void tasks_mutex_lock_shared(struct tasks_task *self, const struct model_op *op)
{
    lock(self, op, TASKS_SHARED);
}

void tasks_mutex_upgrade(struct tasks_task *self, const struct model_op *op)
{
    lock(self, op, TASKS_UPGRADE);
}

void tasks_mutex_downgrade(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_object *mutex = tasks_object_named(self, op, TASKS_MUTEX);
    keel_status_t status = mutex != NULL && mutex->holder != self ? KEEL_E_DENIED : KEEL_OK;
    if (tasks_answers(self, mutex == NULL ? KEEL_E_BAD_HANDLE : status)) {
        mutex->holder = NULL;
        mutex->shared = 1u << tasks_number(self);
        hand_over(mutex);
    }
}

void tasks_mutex_unlock(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_object *mutex = tasks_object_named(self, op, TASKS_MUTEX);
    bool holds = mutex != NULL && (mutex->holder == self || shares(mutex, self));
    if (tasks_answers(self, mutex == NULL ? KEEL_E_BAD_HANDLE : holds ? KEEL_OK : KEEL_E_DENIED)) {
        mutex->holder = NULL;
        mutex->shared &= ~(1u << tasks_number(self));
        hand_over(mutex);
    }
}

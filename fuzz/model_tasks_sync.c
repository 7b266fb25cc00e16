/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Events and semaphores in the model of fuzz_model_tasks, and how all three kinds come and go.
 */
#include "model_tasks.h"

/* --- All kinds --- */

const enum object_kind tasks_object_kinds[TASKS_KINDS] = {OBJECT_TASK, OBJECT_EVENT, OBJECT_SEMAPHORE,
                                                          OBJECT_MUTEX};

static unsigned used(enum tasks_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TASKS_OBJECTS; i++) {
        count += tasks.objects[kind][i].used;
    }
    return count;
}

/* `value`: what it begins with. */
static void create(struct tasks_task *self, const struct model_op *op, enum tasks_kind kind, uint64_t value,
                   keel_status_t status)
{
    bool full = used(kind) == object_slots(tasks_object_kinds[kind]);
    if (!tasks_answers(self, status == KEEL_OK && full ? KEEL_E_LIMIT : status)) {
        return;
    }
    struct tasks_object *object = tasks.objects[kind];
    while (object->used) {
        object++;
    }
    *object = (struct tasks_object){.used = true, .refs = 1, .value = value};
    tasks_creates(self, op, kind, &object->handle);
}

static void ref(struct tasks_task *self, const struct model_op *op, enum tasks_kind kind)
{
    struct tasks_object *object = tasks_object_named(self, op, kind);
    if (tasks_answers(self, object != NULL ? tasks_ref_status(object->refs) : KEEL_E_BAD_HANDLE)) {
        object->refs++;
    }
}

static void release(struct tasks_task *self, const struct model_op *op, enum tasks_kind kind)
{
    struct tasks_object *object = tasks_object_named(self, op, kind);
    if (object != NULL && object->refs == 1 && (object->holder == tasks.tasks || (object->shared & 1) != 0)) {
        self->call.open = false; /* the first task does not exit, and could not unlock it any more */
    } else if (tasks_answers(self, object != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        object->refs--;
        tasks_forget(object);
    }
}

#define REFERENCES(name, kind)                                                                               \
    void tasks_##name##_ref(struct tasks_task *self, const struct model_op *op)                              \
    {                                                                                                        \
        ref(self, op, kind);                                                                                 \
    }                                                                                                        \
    void tasks_##name##_release(struct tasks_task *self, const struct model_op *op)                          \
    {                                                                                                        \
        release(self, op, kind);                                                                             \
    }

REFERENCES(event, TASKS_EVENT)
REFERENCES(semaphore, TASKS_SEMAPHORE)
REFERENCES(mutex, TASKS_MUTEX)

void tasks_event_create(struct tasks_task *self, const struct model_op *op)
{
    create(self, op, TASKS_EVENT, 0, KEEL_OK);
}

void tasks_mutex_create(struct tasks_task *self, const struct model_op *op)
{
    create(self, op, TASKS_MUTEX, 0, KEEL_OK);
}

static uint32_t tokens_of(uint8_t byte)
{
    static const uint32_t extremes[] = {KEEL_SEMAPHORE_MAX, KEEL_SEMAPHORE_MAX - 1, KEEL_SEMAPHORE_MAX + 1,
                                        UINT32_MAX};
    return byte < 0xe0 ? byte % 4 : extremes[byte % 4];
}

void tasks_semaphore_create(struct tasks_task *self, const struct model_op *op)
{
    uint32_t tokens = tokens_of(op->numbers[0]);
    self->call.values[0].number = tokens;
    create(self, op, TASKS_SEMAPHORE, tokens, tokens <= KEEL_SEMAPHORE_MAX ? KEEL_OK : KEEL_E_INVALID);
}

/* --- Events --- */

void tasks_event_sequence(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_object *event = tasks_object_named(self, op, TASKS_EVENT);
    if (tasks_answers(self, event != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        tasks_results(self, event->value);
    }
}

void tasks_event_wait(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_object *event = tasks_object_named(self, op, TASKS_EVENT);
    uint64_t timeout = tasks_timeout(op->numbers[0]);
    uint64_t now = event != NULL ? event->value : 0;
    uint64_t sequence = op->numbers[1] < 0xc0 ? now : now + op->numbers[1] - 0xe0; /* mostly the right one */
    self->call.values[1].number = sequence;
    self->call.values[2].number = timeout < TASKS_FOREVER ? timeout * TASKS_UNIT : timeout;
    if (tasks_answers(self, event != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE) && sequence == now &&
        !tasks_wait(self, &event->queue, false, timeout)) {
        self->call.open = false;
    }
}

void tasks_event_signal(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_object *event = tasks_object_named(self, op, TASKS_EVENT);
    uint32_t limit = op->numbers[0] < 0xe0 ? op->numbers[0] % 4 : UINT32_MAX;
    self->call.values[1].number = limit;
    if (tasks_answers(self, event != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        event->value++;
        tasks_results(self, tasks_wake_first(&event->queue, limit));
    }
}

/* --- Semaphores --- */

void tasks_semaphore_down(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_object *semaphore = tasks_object_named(self, op, TASKS_SEMAPHORE);
    uint64_t timeout = tasks_timeout(op->numbers[0]);
    self->call.values[1].number = timeout < TASKS_FOREVER ? timeout * TASKS_UNIT : timeout;
    if (!tasks_answers(self, semaphore != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE)) {
        return;
    }
    if (semaphore->value > 0) {
        semaphore->value--;
    } else if (!tasks_wait(self, &semaphore->queue, false, timeout)) {
        self->call.open = false;
    }
}

void tasks_semaphore_up(struct tasks_task *self, const struct model_op *op)
{
    struct tasks_object *semaphore = tasks_object_named(self, op, TASKS_SEMAPHORE);
    uint32_t tokens = tokens_of(op->numbers[0]);
    self->call.values[1].number = tokens;
    keel_status_t status = semaphore != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
    if (status == KEEL_OK && (tokens == 0 || tokens > KEEL_SEMAPHORE_MAX)) {
        status = KEEL_E_INVALID;
    } else if (status == KEEL_OK && semaphore->value + tokens > KEEL_SEMAPHORE_MAX) {
        status = KEEL_E_LIMIT;
    }
    if (tasks_answers(self, status)) {
        semaphore->value += tokens - tasks_wake_first(&semaphore->queue, tokens);
    }
}

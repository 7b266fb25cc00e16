/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Handles in the model of fuzz_model_tasks: of guards, of what is gone or something else, and in the end.
 */
#include "model_tasks.h"

#define GUARDS 4u

/* Guards of both kinds, released in any order, each once (T5): in atomic mode nothing waits, until the last
 * is gone. */
void tasks_guards(const struct model_op *op)
{
    keel_guard_t guards[GUARDS] = {0};
    unsigned held = 0;
    model_call("guards(0x%x, 0x%x, 0x%x)", op->numbers[0], op->numbers[1], op->numbers[2]);
    for (unsigned i = 0; i < GUARDS; i++) {
        bool masks = (op->numbers[0] >> i & 1) != 0;
        model_answer(masks ? keel_irq_disable(&guards[i]) : keel_preempt_disable(&guards[i]), KEEL_OK);
        model_is_new(guards[i].value);
        held |= 1u << i;
    }
    for (unsigned i = 0; i < 2 * GUARDS; i++) {
        unsigned which = (op->numbers[1] | (unsigned)op->numbers[2] << 8) >> 2 * i & 3;
        bool holds = (held >> which & 1) != 0;
        model_answer(keel_task_yield(), held != 0 ? KEEL_E_CONTEXT : KEEL_OK);
        model_answer(keel_guard_release(guards[which]), holds ? KEEL_OK : KEEL_E_BAD_HANDLE);
        held &= ~(1u << which);
    }
    for (unsigned i = 0; i < GUARDS; i++) {
        bool holds = (held >> i & 1) != 0;
        model_answer(keel_guard_release(guards[i]), holds ? KEEL_OK : KEEL_E_BAD_HANDLE);
    }
    model_answer(keel_task_yield(), KEEL_OK);
}

static const enum object_kind object_kinds[TASKS_KINDS] = {OBJECT_TASK, OBJECT_EVENT, OBJECT_SEMAPHORE,
                                                           OBJECT_MUTEX};

void tasks_handle_offer(const struct model_op *op)
{
    uint64_t live[OBJECT_KIND_COUNT] = {0};
    uint64_t handle = model_pick(tasks.names, TASKS_KINDS, op->numbers[0] % TASKS_KINDS, op->names[0]);
    enum object_kind is = OBJECT_NONE;
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        const struct tasks_task *task = &tasks.tasks[i];
        bool named = task->used && task->refs > 0;
        is = named && task->handle == handle ? OBJECT_TASK : is;
        live[OBJECT_TASK] = named ? task->handle : live[OBJECT_TASK];
    }
    for (unsigned i = TASKS_OBJECTS; i < TASKS_KINDS * TASKS_OBJECTS; i++) {
        const struct tasks_object *object = &tasks.objects[i / TASKS_OBJECTS][i % TASKS_OBJECTS];
        enum object_kind kind = object_kinds[i / TASKS_OBJECTS];
        bool named = object->used && object->refs > 0;
        is = named && object->handle == handle ? kind : is;
        live[kind] = named ? object->handle : live[kind];
    }
    model_call("handle_offer(0x%llx)", (unsigned long long)handle);
    model_offer(handle, is, live);
}

void tasks_release_objects(struct tasks_task *self)
{
    for (unsigned i = TASKS_OBJECTS; i < TASKS_KINDS * TASKS_OBJECTS; i++) {
        struct tasks_object *object = &tasks.objects[i / TASKS_OBJECTS][i % TASKS_OBJECTS];
        bool holds = object->holder == self || (object->shared & 1u << tasks_number(self)) != 0;
        for (; object->used && object->refs > 0; object->refs--) {
            uint64_t handle = object->handle;
            if (holds) {
                model_answer(keel_mutex_unlock((keel_mutex_t){handle}), KEEL_OK);
                holds = false;
            }
            switch (i / TASKS_OBJECTS) {
            case TASKS_EVENT:
                model_answer(keel_event_release((keel_event_t){handle}), KEEL_OK);
                break;
            case TASKS_SEMAPHORE:
                model_answer(keel_semaphore_release((keel_semaphore_t){handle}), KEEL_OK);
                break;
            default:
                model_answer(keel_mutex_release((keel_mutex_t){handle}), KEEL_OK);
                break;
            }
        }
    }
}

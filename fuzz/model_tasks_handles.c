/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Handles in the model of fuzz_model_tasks: guards, many references of an object, values that name something
 * else or nothing, and what is left in the end.
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

/* As if somebody had made so many calls more that add one, or drop one. */
static void add_references(unsigned kind, uint64_t handle, uint64_t *refs, uint64_t wanted)
{
    struct object *object = object_slot_of(tasks_object_kinds[kind], handle);
    atomic_u64_fetch_add(&object->ref.word, wanted - *refs);
    atomic_u32_fetch_add(&object->ref.handles, (uint32_t)(wanted - *refs));
    *refs = wanted;
}

static uint64_t *references_of(unsigned kind, uint64_t handle)
{
    for (unsigned i = 0; kind == TASKS_TASK && i < TASKS_MAX; i++) {
        struct tasks_task *task = &tasks.tasks[i];
        if (task->used && task->refs > 0 && task->handle == handle) {
            return &task->refs;
        }
    }
    for (unsigned i = 0; kind != TASKS_TASK && i < TASKS_OBJECTS; i++) {
        struct tasks_object *object = &tasks.objects[kind][i];
        if (object->used && object->refs > 0 && object->handle == handle) {
            return &object->refs;
        }
    }
    return NULL;
}

/* Nearly as many references as there can be, or one again (M6). */
void tasks_references(const struct model_op *op)
{
    unsigned kind = op->numbers[0] % TASKS_KINDS;
    uint64_t handle = model_pick(tasks.names, TASKS_KINDS, kind, op->names[0]),
             *refs = references_of(kind, handle);
    if (refs != NULL) {
        uint64_t wanted = *refs < TASKS_REFS_MAX / 2 ? TASKS_REFS_MAX - op->numbers[1] % 3u : 1;
        model_call("references(0x%llx, 0x%llx)", (unsigned long long)handle, (unsigned long long)wanted);
        add_references(kind, handle, refs, wanted);
    }
}

void tasks_drop_references(void)
{
    for (unsigned i = 0; i < TASKS_KINDS * TASKS_OBJECTS; i++) {
        unsigned kind = i / TASKS_OBJECTS, slot = i % TASKS_OBJECTS;
        struct tasks_object *object = &tasks.objects[kind][slot];
        struct tasks_task *task = kind == TASKS_TASK && slot < TASKS_MAX ? &tasks.tasks[slot] : NULL;
        if (task != NULL && task->refs > TASKS_REFS_MAX / 2) {
            add_references(kind, task->handle, &task->refs, 1);
        } else if (kind != TASKS_TASK && object->refs > TASKS_REFS_MAX / 2) {
            add_references(kind, object->handle, &object->refs, 1);
        }
    }
}

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
        enum object_kind kind = tasks_object_kinds[i / TASKS_OBJECTS];
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

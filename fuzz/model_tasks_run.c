/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How fuzz_model_tasks has tasks make calls, and compares what they answer.
 */
#include <stdio.h>

#include "core/frame.h"
#include "core/task.h"
#include "model_tasks.h"

/* Rounds in which every task runs: until what is expected has happened at the latest, and then to see whether
 * something else does. */
#define ROUNDS_MAX   1000u
#define ROUNDS_AFTER 2u
#define SETTLE_TIME  UINT64_C(1000) /* of a round */
#define TEXT_SIZE    200u
#define FREE_ENOUGH  (TASKS_RAM / KEEL_PAGE_SIZE / 2) /* frames among which there must be such a row */

unsigned tasks_number(const struct tasks_task *task)
{
    return (unsigned)(task - tasks.tasks);
}

bool tasks_is_idle(const struct tasks_task *task)
{
    return task->used && !task->dead && !task->waits;
}

struct tasks_task *tasks_next_idle(void)
{
    for (unsigned i = 1; i < TASKS_MAX; i++) {
        if (tasks_is_idle(&tasks.tasks[i])) {
            return &tasks.tasks[i];
        }
    }
    return NULL;
}

/* --- Making calls --- */

/* Lets others run, those on another CPU as well. */
static void give_way(void)
{
    model_answer(keel_task_yield(), KEEL_OK);
    if (tasks.cpu_count > 1) {
        model_answer(keel_cpu_relax(), KEEL_OK);
    }
}

static void perform(struct tasks_call *call)
{
    keel_guard_t guard = {0};
    call->guard_status = KEEL_OK;
    if (call->guarded) {
        call->guard_status = call->masks ? keel_irq_disable(&guard) : keel_preempt_disable(&guard);
    }
    call->status = call_invoke(call->id, call->values);
    if (call->guarded && call->guard_status == KEEL_OK) {
        call->guard_status = keel_guard_release(guard);
    }
    call->answered = true;
}

void tasks_run(uint64_t number)
{
    struct tasks_call *call = &tasks.tasks[number].call;
    for (uint32_t i = 0; i < KEEL_TASK_WORDS; i++) {
        uint64_t value = 1;
        model_answer(keel_task_word_load(i, &value), KEEL_OK);
        model_equal(value, 0, "a word of a new task");
    }
    for (;;) {
        while (!call->given) {
            give_way();
        }
        call->given = false;
        if (call->id == CALL_ID_TASK_EXIT && call->expected == KEEL_OK) {
            call->status = call->guard_status = KEEL_OK; /* nobody comes back to say so */
            call->answered = true;
            if (call->returns) {
                return;
            }
        }
        perform(call);
    }
}

/* The call in words. */
static void describe(const struct tasks_task *self)
{
    const struct tasks_call *call = &self->call;
    const struct call_descriptor *descriptor = &call_descriptors[call->id];
    char text[TEXT_SIZE];
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < descriptor->argument_count && used < sizeof(text); i++) {
        enum call_argument_kind kind = descriptor->arguments[i].kind;
        if (kind == CALL_HANDLE || kind == CALL_NUMBER) {
            used +=
                (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=0x%llx", i > 0 ? ", " : "",
                                 descriptor->arguments[i].name, (unsigned long long)call->values[i].number);
        }
    }
    model_call("task %u: %s(%s)%s%s", tasks_number(self), descriptor->name, text,
               call->guarded ? ", in atomic mode" : "", call->ends ? "" : ", and waits");
}

void tasks_start(struct tasks_task *self)
{
    struct tasks_call *call = &self->call;
    describe(self);
    call->answered = false;
    if (self == &tasks.tasks[0]) {
        perform(call);
    } else {
        call->given = true;
    }
}

/* --- Comparing --- */

static void compare_info(const struct tasks_call *call)
{
    const struct tasks_task *task = call->informs;
    const struct keel_task_info *info = &call->info;
    /* On two CPUs others run, and the first task sleeps while they settle. */
    bool elsewhere =
        call->state == KEEL_TASK_RUNNABLE && tasks.cpu_count > 1 &&
        (info->state == KEEL_TASK_RUNNING || (info->state == KEEL_TASK_BLOCKED && task == &tasks.tasks[0]));
    model_equal(elsewhere ? KEEL_TASK_RUNNABLE : info->state, call->state, "a task's state");
    model_equal_bytes(info->name, task->name, sizeof(info->name), "a task's name");
    model_equal(info->priority, task->priority, "a task's priority");
    model_equal(info->affinity, task->affinity, "a task's affinity");
    model_equal((uint64_t)info->exit_status, call->state == KEEL_TASK_DEAD ? (uint64_t)task->exit_status : 0,
                "a task's exit status");
    model_equal(info->reserved, 0, "what is reserved");
    if (info->switches < task->switches) {
        model_fail("a task was switched to %llu times, and then fewer", (unsigned long long)task->switches);
    }
}

static void adopt(const struct tasks_call *call, uint64_t handle)
{
    model_is_new(handle);
    *call->created = handle;
    tasks.names[call->created_kind][call->slot] = handle;
    model_note("#%u: 0x%llx", call->slot, (unsigned long long)handle);
}

/* A large stack needs frames in a row. Then there is no new task. */
static bool lacks_memory(const struct tasks_call *call)
{
    bool lacks = call->id == CALL_ID_TASK_SPAWN && call->expected == KEEL_OK &&
                 call->status == KEEL_E_NO_MEMORY && call->options.stack_size == KEEL_TASK_STACK_SIZE_MAX &&
                 frame_free_count() < FREE_ENOUGH;
    if (lacks) {
        tasks.tasks[call->options.argument].used = false;
    }
    return lacks;
}

static void compare_answer(struct tasks_task *task)
{
    struct tasks_call *call = &task->call;
    unsigned last = call_descriptors[call->id].argument_count - 1;
    call->open = false;
    model_note("task %u, %s: %s", tasks_number(task), call_descriptors[call->id].name,
               keel_status_text(call->status));
    if (lacks_memory(call)) {
        return;
    }
    if (call->status != call->expected) {
        model_fail("task %u, %s: answers \"%s\", the model says \"%s\"", tasks_number(task),
                   call_descriptors[call->id].name, keel_status_text(call->status),
                   keel_status_text(call->expected));
    }
    model_answer(call->guard_status, KEEL_OK);
    if (call->status != KEEL_OK) {
        return;
    }
    if (call->compares) {
        model_equal(call->values[last].number, call->result, call_descriptors[call->id].arguments[last].name);
    }
    if (call->informs != NULL) {
        compare_info(call);
        call->informs->switches = call->info.switches;
    }
    if (call->created != NULL) {
        adopt(call, call->values[last].number);
    }
}

/* Has the task come to its wait, or its end, and off its CPU? */
static bool is_off(const struct tasks_task *task, enum task_state state)
{
    const struct task *there = (const struct task *)object_slot_of(OBJECT_TASK, task->handle);
    return atomic_u32_peek(&there->state) == (uint32_t)state;
}

/* Also about which tasks there are: one that ends is gone when it is off its CPU. */
static bool agrees(void)
{
    bool same = true;
    unsigned used = 0;
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        const struct tasks_call *call = &tasks.tasks[i].call;
        same = same && (!call->open || (call->answered == call->ends &&
                                        (call->ends || is_off(&tasks.tasks[i], TASK_BLOCKED))));
        same = same && (!tasks.tasks[i].used || !tasks.tasks[i].dead || is_off(&tasks.tasks[i], TASK_DEAD));
        bool in_vain = call->open && call->answered && call->created != NULL && call->status != KEEL_OK;
        used += tasks.tasks[i].used;
        used -= in_vain && call->created_kind == TASKS_TASK;
    }
    return same && used == model_objects(OBJECT_TASK);
}

void tasks_settle(void)
{
    unsigned after = 0;
    for (unsigned round = 0; round < ROUNDS_MAX && after < ROUNDS_AFTER; round++) {
        model_answer(keel_task_yield(), KEEL_OK);
        /* Another CPU runs meanwhile. If all others wait, spinning would let time pass until the first wait
         * is over. */
        if (tasks.cpu_count > 1) {
            model_answer(keel_task_sleep(SETTLE_TIME), KEEL_OK);
        }
        after += agrees();
    }
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        struct tasks_call *call = &tasks.tasks[i].call;
        if (call->open && call->answered != call->ends) {
            model_fail("task %u, %s: %s, the model says that it %s", i, call_descriptors[call->id].name,
                       call->answered ? keel_status_text(call->status) : "waits",
                       call->ends ? keel_status_text(call->expected) : "waits");
        } else if (call->open && call->ends) {
            compare_answer(&tasks.tasks[i]);
        }
    }
    if (after < ROUNDS_AFTER) {
        model_fail(
            "a task runs that waits or has ended, or there are more or fewer than the model has; now %u",
            model_objects(OBJECT_TASK));
    }
}

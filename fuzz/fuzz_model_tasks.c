/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_model_tasks: several tasks that spawn, join, cancel and kill each other and wait for events,
 * semaphores and mutexes, beside a model of who waits for what (model_tasks.h). Each status and each result
 * is what the model says; a wait ends when it says so, and not before. In the end all tasks end, and nothing
 * may be missing (M8).
 *
 * KEEL_PRINT=1 in the environment prints the calls and the console.
 */
#include <string.h>

#include "benign.h"
#include "core/frame.h"
#include "core/slab.h"
#include "model_tasks.h"
#include "services/buddy.h"
#include "services/fifo.h"

#define STEP_LIMIT                                                                                           \
    UINT64_C(400000000) /* a thousand seconds take some ten million points, where tasks spin                 \
                         */
#define FRAMES (TASKS_RAM / KEEL_PAGE_SIZE)

struct model_tasks tasks;

/* The default policies with books of their own, new for each execution. */
static struct services_buddy buddy;
static uint64_t buddy_words[SERVICES_BUDDY_WORDS(FRAMES)];
static struct services_fifo fifo;

static struct tasks_task *const first = &tasks.tasks[0];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- What happens --- */

static enum call_id id_of(const char *name)
{
    unsigned id = 0;
    while (strcmp(call_descriptors[id].name, name) != 0) {
        id++;
    }
    return (enum call_id)id;
}

static void begin(struct tasks_call *call, enum call_id id, uint8_t size)
{
    *call = (struct tasks_call){.id = id, .open = true, .guarded = size >= 0xc0, .masks = size >= 0xe0};
    for (unsigned i = 0; i < CALL_ARGUMENTS_MAX; i++) {
        call->values[i].memory = call; /* results that are numbers are stored in the values */
    }
}

/* The task that is named, or the next one that does not wait: the first one never does. */
static struct tasks_task *idle_from(unsigned number)
{
    while (!tasks_is_idle(&tasks.tasks[number % TASKS_MAX])) {
        number++;
    }
    return &tasks.tasks[number % TASKS_MAX];
}

static const struct {
    const char *name;
    void (*call)(struct tasks_task *self, const struct model_op *op);
    void (*event)(const struct model_op *op);
} operations[] = {
#define CALL(name)  {#name, tasks_##name, NULL},
#define EVENT(name) {#name, NULL, tasks_##name},
    TASKS_CALLS(CALL) TASKS_EVENTS(EVENT)
#undef CALL
#undef EVENT
};

static void execute(const struct model_op *op)
{
    unsigned operation = op->op % (sizeof(operations) / sizeof(operations[0]));
    if (operations[operation].event != NULL) {
        operations[operation].event(op);
        return;
    }
    struct tasks_task *self = idle_from(op->names[1]);
    begin(&self->call, id_of(operations[operation].name), op->size);
    operations[operation].call(self, op);
    if (self->call.open) {
        tasks_start(self);
        tasks_settle();
    }
}

/* One call of a task that is not the input's; a status for task_exit, nanoseconds for task_sleep. Nobody is
 * in its way, so tasks need not settle after each. */
static void order(struct tasks_task *task, enum call_id id, uint64_t number)
{
    begin(&task->call, id, 0);
    task->call.values[0].number = number;
    tasks_answers(task, KEEL_OK);
    if (id == CALL_ID_TASK_EXIT) {
        tasks_exits(task, (int32_t)(uint32_t)number);
    } else {
        tasks_wait(task, NULL, false, 1);
    }
    tasks_start(task);
}

/* Whoever waits for no longer than until now, one after the other. */
static void expire(void)
{
    for (;;) {
        struct tasks_task *next = NULL;
        for (unsigned i = 0; i < TASKS_MAX; i++) {
            struct tasks_task *task = &tasks.tasks[i];
            bool due = task->used && task->waits && task->deadline <= tasks.now;
            bool sooner = next == NULL || task->deadline < next->deadline ||
                          (task->deadline == next->deadline && task->since < next->since);
            next = due && sooner ? task : next;
        }
        if (next == NULL) {
            return;
        }
        tasks_wake(next, next->queue == NULL ? KEEL_OK : KEEL_E_TIMEOUT);
    }
}

/* All others wait as well, or time would pass too slowly. Who has to end cannot wait. */
static void unit_passes(void)
{
    for (struct tasks_task *idle = tasks_next_idle(); idle != NULL; idle = tasks_next_idle()) {
        order(idle, idle->killed ? CALL_ID_TASK_EXIT : CALL_ID_TASK_SLEEP, idle->killed ? 7 : TASKS_UNIT);
        if (!idle->waits) {
            tasks_settle();
        }
    }
    tasks_settle();
    model_call("time passes");
    if (first->canceled) {
        first->canceled = false;
        model_answer(keel_task_sleep(1), KEEL_E_CANCELED);
    }
    model_answer(keel_task_sleep(TASKS_UNIT), KEEL_OK);
    tasks.now++;
    expire();
    tasks_settle();
}

void tasks_time_passes(const struct model_op *op)
{
    for (unsigned i = 0; i <= op->numbers[0] % 3u; i++) {
        unit_passes();
    }
}

static void inject(void)
{
    if ((model_report.flags & TASKS_DEFAULT_POLICIES) == 0) {
        return;
    }
    memset(&buddy, 0, sizeof(buddy));
    memset(buddy_words, 0, sizeof(buddy_words));
    memset(&fifo, 0, sizeof(fifo));
    struct keel_frame_allocator allocator = services_buddy_policy(&buddy, buddy_words, FRAMES);
    struct keel_scheduler scheduler = services_fifo_policy(&fifo);
    model_call("inject");
    model_answer(keel_frame_allocator_inject(&allocator), KEEL_OK);
    model_answer(keel_scheduler_inject(&scheduler), KEEL_OK);
}

static bool anyone_waits(void)
{
    bool waits = false;
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        waits = waits || (tasks.tasks[i].used && tasks.tasks[i].waits);
    }
    return waits;
}

/* Whoever waits is told to end, or waits until its time is up; then all do, and what they had is released. */
static void end(void)
{
    model_call("all tasks end");
    tasks_drop_references();
    for (unsigned i = 1; i < TASKS_MAX; i++) {
        if (tasks.tasks[i].used && tasks.tasks[i].waits && tasks.tasks[i].refs > 0) {
            model_answer(keel_task_kill((keel_task_t){tasks.tasks[i].handle}), KEEL_OK);
            tasks_kills(&tasks.tasks[i]);
        }
    }
    tasks_settle();
    while (anyone_waits()) {
        unit_passes();
    }
    for (struct tasks_task *idle = tasks_next_idle(); idle != NULL; idle = tasks_next_idle()) {
        order(idle, CALL_ID_TASK_EXIT, tasks_number(idle));
    }
    tasks_settle();
    for (unsigned i = 1; i < TASKS_MAX; i++) {
        struct tasks_task *task = &tasks.tasks[i];
        for (; task->used && task->refs > 0; task->refs--) {
            model_answer(keel_task_release((keel_task_t){task->handle}), KEEL_OK);
        }
        tasks_forget_task(task);
    }
    for (; first->refs > 0; first->refs--) {
        model_answer(keel_task_release((keel_task_t){first->handle}), KEEL_OK);
    }
    tasks_release_objects(first);
    tasks_settle();
}

int32_t keel_main(void)
{
    keel_task_t self = {0};
    uint64_t taken_before = frame_total() - frame_free_count();
    model_equal(object_slots(OBJECT_TASK), TASKS_MAX, "slots for tasks in this memory");
    inject();
    model_answer(keel_task_self(&self), KEEL_OK);
    *first = (struct tasks_task){
        .used = true, .refs = 1, .handle = self.value, .affinity = UINT64_MAX, .name = "main"};
    model_is_new(self.value);
    tasks.names[TASKS_TASK][MODEL_SLOTS - 1] = self.value;
    for (; model_report.op_index < model_report.op_count; model_report.op_index++) {
        struct model_op op = model_op_now();
        execute(&op);
        if (model_period_ends()) {
            model_audit();
        }
    }
    end();
    model_call("the end");
    model_audit();
    model_equal(model_objects(OBJECT_TASK), 1, "tasks that there are in the end");
    model_equal(model_objects(OBJECT_EVENT), 0, "events that there are in the end");
    model_equal(model_objects(OBJECT_SEMAPHORE), 0, "semaphores that there are in the end");
    model_equal(model_objects(OBJECT_MUTEX), 0, "mutexes that there are in the end");
    model_equal(frame_total() - frame_free_count(), taken_before, "frames in use in the end (M8)");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!model_input("model_tasks", data, size)) {
        return 0;
    }
    benign_race(&tasks, sizeof(tasks)); /* one makes a call that another has written down */
    memset(&tasks, 0, sizeof(tasks));
    tasks.cpu_count = (data[0] & TASKS_TWO_CPUS) != 0 ? 2 : 1;
    model_run((struct hosted_config){
        .ram_size = TASKS_RAM,
        .cpu_count = tasks.cpu_count,
        .strategy = tasks.cpu_count > 1 && (data[0] & TASKS_RANDOM) != 0 ? HOSTED_RANDOM : HOSTED_SEQUENTIAL,
        .seed = data[0],
        .iommu = HOSTED_IOMMU_NONE,
        .no_pci = true,
        .step_limit = STEP_LIMIT,
    });
    return 0;
}

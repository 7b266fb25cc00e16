/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One execution of fuzz_calls or fuzz_world: the kernel that makes the input's calls, and what must hold
 * afterwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls_world.h"
#include "core/audit.h"
#include "core/frame.h"
#include "core/iommu.h"
#include "core/slab.h"
#include "core/task.h"
#include "core/wait.h"
#include "hal/machine.h"

#define WAIT_TURNS   8u
#define WAIT_TURN_NS UINT64_C(6000000)
/* Turns that a call may take to end: one that sees a remapping unit stop looks at it thousands of times, and
 * where nobody else runs a turn may pass with each look. A scheduler that lies may never let it end. */
#define END_TURNS      25000u
#define END_TURNS_LIED 2000u
#define SECOND_NS      UINT64_C(1000000000)

struct calls_world calls_world;

static void audit(void)
{
    if (audit_run() != 0) {
        hal_panic("the audit found violations; run with KEEL_PRINT=1 to see them");
    }
}

bool calls_next(struct calls_op *op)
{
    if (calls_world.next_op >= calls_world.input.op_count) {
        return false;
    }
    *op = calls_input_op(&calls_world.input, calls_world.next_op++);
    return true;
}

void calls_worker(uint64_t argument)
{
    struct calls_op op;
    while (calls_next(&op)) {
        if (calls_world.print) {
            fprintf(stderr, "worker %llu: ", (unsigned long long)argument);
            calls_print(&op);
        }
        calls_execute(&op);
        if ((calls_world.input.flags & CALLS_DEVICES) != 0) {
            calls_devices();
        }
        audit();
    }
}

static void inject(void)
{
    if ((calls_world.input.flags & CALLS_INJECT_ALLOCATOR) != 0) {
        struct keel_frame_allocator allocator = calls_allocator();
        keel_frame_allocator_inject(&allocator);
    }
    if ((calls_world.input.flags & CALLS_INJECT_SLAB_ALLOCATOR) != 0) {
        struct keel_slab_allocator allocator = calls_slab_allocator();
        keel_slab_allocator_inject(&allocator);
    }
    if ((calls_world.input.flags & CALLS_INJECT_SCHEDULER) != 0) {
        struct keel_scheduler scheduler = calls_scheduler();
        keel_scheduler_inject(&scheduler);
    }
    if ((calls_world.input.flags & CALLS_INJECT_FAULT_HANDLER) != 0) {
        struct keel_fault_handler handler = calls_fault_handler();
        keel_fault_handler_inject(&handler);
    }
}

static void start_workers(void)
{
    for (uint64_t i = 0; i < 1u + calls_world.input.workers % 3; i++) {
        struct keel_task_options options = {.entry = calls_worker, .argument = i, .name = "worker"};
        keel_task_t task;
        if (keel_task_spawn(&options, &task) == KEEL_OK) {
            keel_task_release(task);
        }
    }
}

/* Tasks besides the calling one whose slot is in use; of `living` ones those that may still do something. */
static unsigned other_tasks(bool living)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < object_slots(OBJECT_TASK); i++) {
        const struct task *task = (const struct task *)object_at(OBJECT_TASK, i);
        bool in_use = ref_word_state(atomic_u64_peek(&task->object.ref.word)) != REF_FREE;
        count += in_use && !(living && atomic_u32_peek(&task->state) == TASK_DEAD);
    }
    return count - 1;
}

/* Not a client's: it empties the ring of what was retired (core/retire.c). Nobody can ask it to end, and one
 * that was asked would not sleep until a grace period is over, but be runnable. */
static bool is_keels(const struct task *task)
{
    return strcmp(task->name, "retire") == 0;
}

/* As keel_task_kill, also those of whom nobody has a handle. One that waits cannot go before this wakes it.
 */
static void kill_others(void)
{
    for (uint32_t i = 0; i < object_slots(OBJECT_TASK); i++) {
        struct task *task = (struct task *)object_at(OBJECT_TASK, i);
        bool lives = ref_word_state(atomic_u64_peek(&task->object.ref.word)) == REF_LIVE;
        if (lives && task != task_current() && !is_keels(task)) {
            wait_cancel(task, WAIT_CANCEL_ALL);
        }
    }
}

/* What a client may wait for comes, whatever the calls before have left (T7, T9): otherwise the machine ends
 * this run as a deadlock or a livelock, or a time-out is told here. Of CPUs that only a scheduler that lies
 * could be asked for nothing is expected. */
static void must_come(keel_status_t status, const char *what)
{
    if (status != KEEL_OK) {
        fprintf(stderr, "%s: %s\n", what, keel_status_text(status));
        hal_panic("something that had to come in the end did not (T7, T9)");
    }
}

static void ignore(void *context)
{
    (void)context;
}

static void expect_progress(void)
{
    const struct keel_cpu_call_options options = {.handler = ignore};
    uint64_t online = 0;
    must_come(keel_cpu_online(&online), "cpu_online");
    must_come(keel_cpu_call(online, &options), "cpu_call");
    must_come(keel_rcu_synchronize(0, SECOND_NS), "rcu_synchronize");
    must_come(keel_rcu_synchronize(KEEL_RCU_EXPEDITED, SECOND_NS), "rcu_synchronize, expedited");
}

static bool scheduler_lies(void)
{
    return (calls_world.input.flags & CALLS_INJECT_SCHEDULER) != 0 && calls_world.input.scheduler_lies != 0;
}

/* All operations are made, or nobody goes on making them. Who waits for ever is asked to end, and has to: a
 * scheduler that loses tasks may keep them, and no other. */
static bool end_tasks(void)
{
    bool done = false;
    size_t seen = 0;
    for (unsigned turn = 0; turn < WAIT_TURNS && !done; turn++) {
        keel_task_sleep(WAIT_TURN_NS);
        turn = calls_world.next_op != seen ? 0 : turn;
        seen = calls_world.next_op;
        done = seen >= calls_world.input.op_count && other_tasks(true) == 0;
    }
    calls_world.next_op = calls_world.input.op_count;
    unsigned turns = scheduler_lies() ? END_TURNS_LIED : END_TURNS;
    for (unsigned turn = 0; turn < turns && other_tasks(true) != 0; turn++) {
        kill_others();
        keel_task_sleep(WAIT_TURN_NS);
    }
    return other_tasks(true) == 0;
}

int32_t keel_main(void)
{
    uint64_t taken_before = frame_total() - frame_free_count();
    inject();
    start_workers();
    bool done = end_tasks();
    if (!done && !scheduler_lies()) {
        hal_panic("a task that was asked to end goes on waiting (T9)");
    }
    if (done) {
        expect_progress();
    }
    calls_release_all();
    /* The last task may still be on its way off its CPU. */
    for (unsigned turn = 0; turn < WAIT_TURNS && done && other_tasks(false) != 0; turn++) {
        keel_task_sleep(WAIT_TURN_NS);
    }
    audit();
    /* Memory stays with a device that hardware which has stopped may let through. */
    done = done && (calls_world.input.stalls == 0 || iommu_works());
    /* An allocator may keep slabs that are empty. */
    uint64_t taken = frame_total() - frame_free_count() - slab_counts().slab_frames;
    if (done && (other_tasks(false) != 0 || taken != taken_before || slab_used_count() != 0)) {
        hal_panic("tasks, frames or memory are left although everything was released (M8)");
    }
    return 0;
}

static void print_console(void *context, const char *bytes, size_t size)
{
    (void)context;
    if (calls_world.print) {
        fwrite(bytes, 1, size, stderr);
    }
}

void calls_begin(void)
{
    calls_world.random = calls_world.input.seed;
    calls_world.print = getenv("KEEL_PRINT") != NULL;
    calls_policies_reset();
    calls_buffers_share();
}

void calls_run(const char *target, struct hosted_config *config)
{
    bool from_input = (calls_world.input.flags & CALLS_CHOICES_FROM_INPUT) != 0;
    bool liars = (calls_world.input.flags & CALLS_LIARS) != 0;
    bool by_priority = (calls_world.input.strategy & 1) != 0;
    config->strategy = from_input ? HOSTED_BYTES : by_priority ? HOSTED_PCT : HOSTED_RANDOM;
    config->change_points = calls_world.input.strategy / 2u % 8;
    config->pct_steps = 10000;
    config->store_buffer = calls_world.input.strategy / 16u % (HOSTED_STORES_MAX + 1);
    config->seed = calls_world.input.seed;
    config->switch_period = 1u + calls_world.input.switch_period % 64;
    config->choices = calls_world.input.ops;
    config->choice_count = calls_world.input.ops_size;
    config->pci = liars ? hosted_pci_liars : hosted_pci_bus;
    config->pci_count = liars ? HOSTED_PCI_LIARS : HOSTED_PCI_COUNT;
    config->console = print_console;
    config->lazy_window = true;
    struct hosted_result result = hosted_run(config);
    if (result.end != HOSTED_POWER_OFF && result.end != HOSTED_RESTART) {
        fprintf(stderr, "%s: %s: %s\n", target, hosted_end_text(result.end), result.message);
        abort();
    }
}

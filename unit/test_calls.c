/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The misuse matrix, made from the table of calls: every call with every wrong handle and every NULL, and in
 * every context. A new call is in it on the day it is born.
 */
#include "calls.h"

#include <string.h>

#include "calls_handles.h"
#include "core/cpu.h"
#include "core/frame.h"
#include "core/hold.h"
#include "support.h"

#define MEMORY_SIZE 1024u

static _Alignas(16) unsigned char memory[CALL_ARGUMENTS_MAX][MEMORY_SIZE];

/* Makes the call, in atomic mode if it is only for that, and none that it leaves there goes on there. */
static keel_status_t invoke(unsigned id, struct call_value *values)
{
    keel_guard_t guard = {0};
    if ((call_descriptors[id].contexts & CONTEXT_TASK) == 0) {
        CHECK_OK(keel_preempt_disable(&guard));
    }
    keel_status_t status = call_invoke((enum call_id)id, values);
    if (cpu_context() == CONTEXT_ATOMIC) {
        CHECK(holds_release_atomic());
        CHECK_EQUAL(cpu_context(), CONTEXT_TASK);
    }
    return status;
}

static bool is_handle(const struct call_argument *argument)
{
    return argument->kind == CALL_HANDLE || argument->kind == CALL_HANDLE_OPTIONAL;
}

static bool is_pointer(const struct call_argument *argument)
{
    return !is_handle(argument) && argument->kind != CALL_NUMBER && argument->kind != CALL_POINTER;
}

/* Arguments that pass the checks of the entry point; zeroes beyond, which most bodies refuse. */
static void good_values(enum call_id id, struct call_value *values)
{
    memset(memory, 0, sizeof memory);
    for (unsigned i = 0; i < call_descriptors[id].argument_count; i++) {
        const struct call_argument *argument = &call_descriptors[id].arguments[i];
        CHECK(argument->size <= MEMORY_SIZE);
        values[i] = (struct call_value){.memory = memory[i], .size = 8};
        if (is_handle(argument)) {
            values[i].number = valid[argument->object];
        }
    }
}

/* The call does not come back, or not soon, when its arguments pass. */
static bool goes_away(enum call_id id)
{
    return id == CALL_ID_POWER_OFF || id == CALL_ID_RESTART || id == CALL_ID_TASK_EXIT ||
           id == CALL_ID_TASK_JOIN;
}

static void try_handle(enum call_id id, unsigned index, uint64_t handle)
{
    struct call_value values[CALL_ARGUMENTS_MAX];
    good_values(id, values);
    values[index].number = handle;
    keel_status_t status = invoke(id, values);
    unit_check_status(status, KEEL_E_BAD_HANDLE, call_descriptors[id].name, __FILE__, __LINE__);
}

static void H1_every_call_refuses_every_wrong_handle(void)
{
    make_handles();
    for (unsigned id = 0; id < CALL_COUNT; id++) {
        const struct call_descriptor *call = &call_descriptors[id];
        for (unsigned i = 0; i < call->argument_count; i++) {
            if (!is_handle(&call->arguments[i])) {
                continue;
            }
            enum object_kind kind = call->arguments[i].object;
            for (unsigned other = OBJECT_FRAME; other < OBJECT_KIND_COUNT; other++) {
                if (other != kind) {
                    try_handle(id, i, valid[other]);
                }
            }
            if (call->arguments[i].kind == CALL_HANDLE) {
                try_handle(id, i, 0);
            }
            try_handle(id, i, closed[kind]);
            try_handle(id, i, closed[kind] + 1);
            try_handle(id, i, valid[kind] + 1);
            try_handle(id, i, valid[kind] - 1);
            try_handle(id, i, valid[kind] | UINT64_C(0x00ffffff00000000));
            try_handle(id, i, valid[kind] ^ UINT64_C(1) << 63);
            try_handle(id, i, UINT64_MAX);
        }
    }
    CHECK_AUDIT();
}

static void H1_every_call_refuses_every_null(void)
{
    make_handles();
    uint64_t before = frame_free_count();
    for (unsigned id = 0; id < CALL_COUNT; id++) {
        const struct call_descriptor *call = &call_descriptors[id];
        for (unsigned i = 0; i < call->argument_count; i++) {
            struct call_value values[CALL_ARGUMENTS_MAX];
            if (is_pointer(&call->arguments[i])) {
                good_values((enum call_id)id, values);
                values[i].memory = NULL;
                unit_check_status(invoke(id, values), KEEL_E_INVALID, call->name, __FILE__, __LINE__);
            }
        }
    }
    CHECK_EQUAL(frame_free_count(), before);
    CHECK_AUDIT();
}

/* Numbers at every border, with everything else in order: an answer, whatever it is, and a clean machine. */
static void M8_every_call_survives_every_border_number(void)
{
    static const uint64_t borders[] = {0,
                                       1,
                                       4095,
                                       4096,
                                       4097,
                                       0x7fffffff,
                                       0x80000000,
                                       UINT32_MAX,
                                       UINT64_C(1) << 47,
                                       KEEL_USER_END,
                                       UINT64_C(1) << 63,
                                       UINT64_MAX - 1,
                                       UINT64_MAX};
    make_handles();
    for (unsigned id = 0; id < CALL_COUNT; id++) {
        const struct call_descriptor *call = &call_descriptors[id];
        if (goes_away((enum call_id)id) || id == CALL_ID_TASK_SLEEP || id == CALL_ID_EVENT_WAIT ||
            id == CALL_ID_SEMAPHORE_DOWN || id == CALL_ID_SEGMENT_RELEASE || id == CALL_ID_SPACE_RELEASE ||
            id == CALL_ID_TASK_RELEASE || id == CALL_ID_FRAME_RELEASE || id == CALL_ID_MEMORY_RELEASE) {
            continue;
        }
        for (unsigned i = 0; i < call->argument_count; i++) {
            for (size_t j = 0;
                 (call->arguments[i].kind == CALL_NUMBER || call->arguments[i].kind == CALL_POINTER) &&
                 j < sizeof borders / sizeof borders[0];
                 j++) {
                struct call_value values[CALL_ARGUMENTS_MAX];
                good_values((enum call_id)id, values);
                values[i].number = borders[j];
                keel_status_t status = invoke(id, values);
                CHECK(status >= KEEL_OK && status < KEEL_STATUS_COUNT);
            }
        }
    }
    CHECK_AUDIT();
}

static void invoke_everywhere(unsigned context)
{
    for (unsigned id = 0; id < CALL_COUNT; id++) {
        struct call_value values[CALL_ARGUMENTS_MAX];
        good_values((enum call_id)id, values);
        bool allowed = (call_descriptors[id].contexts & context) != 0;
        keel_status_t status = call_invoke((enum call_id)id, values);
        if ((status == KEEL_E_CONTEXT) == allowed) {
            unit_check(false, call_descriptors[id].name, __FILE__, __LINE__);
        }
    }
}

static void make_calls_early(void)
{
    invoke_everywhere(CONTEXT_EARLY);
}

static void H4_every_call_errs_before_there_are_tasks(void)
{
    CHECK(unit_console_contains("keel: starting"));
}

static unsigned inside, inside_context = CONTEXT_POLICY;

static void policy_run(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)context;
    (void)cpu;
    (void)first;
    (void)count;
    inside++;
    invoke_everywhere(inside_context);
}

static uint64_t policy_alloc(void *context, uint32_t cpu, uint64_t count, uint64_t alignment)
{
    policy_run(context, cpu, count, alignment);
    return 0;
}

static void P2_every_call_works_or_errs_inside_an_allocator(void)
{
    const struct keel_frame_allocator allocator = {NULL, policy_run, policy_alloc, policy_run};
    make_handles();
    inside = 0;
    CHECK_OK(keel_frame_allocator_inject(&allocator));
    CHECK_OK(keel_frame_release(unit_frame()));
    CHECK(inside >= 3);
    CHECK_AUDIT();
}

static uint32_t slab_add(void *context, uint32_t cpu, uint32_t size_class, uint64_t first, uint32_t count)
{
    (void)first;
    (void)count;
    policy_run(context, cpu, size_class, 1);
    return 1;
}

static uint64_t slab_alloc_one(void *context, uint32_t cpu, uint32_t size_class)
{
    policy_run(context, cpu, size_class, 1);
    return KEEL_SLAB_NONE;
}

static uint64_t slab_free_one(void *context, uint32_t cpu, uint32_t size_class, uint64_t token)
{
    policy_run(context, cpu, size_class, 1);
    return token;
}

static void P2_every_call_works_or_errs_inside_a_slab_allocator(void)
{
    const struct keel_slab_allocator allocator = {NULL, slab_add, slab_alloc_one, slab_free_one};
    void *block = NULL;
    make_handles();
    inside = 0;
    CHECK_OK(keel_slab_allocator_inject(&allocator));
    CHECK_OK(keel_heap_alloc(64, 1, &block));
    CHECK_OK(keel_heap_free(block));
    CHECK_EQUAL(inside, 3);
    CHECK_AUDIT();
}

static uint32_t sched_enqueue(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                              uint64_t affinity, uint32_t reason)
{
    (void)task;
    (void)priority;
    (void)affinity;
    policy_run(context, cpu, reason, 0);
    return KEEL_CPU_ANY;
}

static keel_task_t sched_pick(void *context, uint32_t cpu)
{
    policy_run(context, cpu, 0, 0);
    return (keel_task_t){UINT64_MAX};
}

static void sched_dequeue(void *context, keel_task_t task)
{
    policy_run(context, 0, task.value, 0);
}

static uint32_t sched_tick(void *context, keel_task_t task, uint32_t cpu)
{
    policy_run(context, cpu, task.value, 0);
    return 1;
}

static uint32_t sched_update(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                             uint64_t affinity)
{
    (void)priority;
    policy_run(context, cpu, task.value, affinity);
    return cpu;
}

static void P2_every_call_works_or_errs_inside_a_scheduler(void)
{
    const struct keel_scheduler scheduler = {NULL,          sched_enqueue, sched_pick,
                                             sched_dequeue, sched_tick,    sched_update};
    keel_task_t self = {0};
    make_handles();
    inside = 0;
    CHECK_OK(keel_scheduler_inject(&scheduler));
    CHECK_OK(keel_task_sleep(30000000));
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_set_priority(self, 1));
    CHECK(inside >= 4);
    CHECK_AUDIT();
}

static void interrupt_run(void *context)
{
    policy_run(context, 0, 0, 0);
}

/* What is left out ends an object that the test goes on with. */
static void P2_every_call_works_or_errs_inside_an_interrupt_handler(void)
{
    const struct keel_timer_options options = {.handler = interrupt_run};
    keel_timer_t timer = {0};
    uint64_t value = 0;
    keel_guard_t guard = {0};
    make_handles();
    inside = 0;
    inside_context = CONTEXT_INTERRUPT;
    CHECK_OK(keel_timer_create(&options, &timer));
    CHECK_OK(keel_timer_arm(timer, 0));
    CHECK_OK(keel_task_sleep(1000000));
    CHECK_OK(keel_preempt_disable(&guard)); /* and in the midst of atomic mode */
    CHECK_OK(keel_timer_arm(timer, 0));
    for (uint64_t now = 0, start = 0; inside < 2 && now < start + 100000000;) {
        CHECK_OK(keel_time_now(&now));
        start = start == 0 ? now : start;
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_STATUS(keel_task_yield(), KEEL_E_CONTEXT);
    CHECK_OK(keel_guard_release(guard));
    CHECK_EQUAL(inside, 2);
    inside_context = CONTEXT_POLICY;
    CHECK_OK(keel_time_now(&value));
    CHECK_AUDIT();
}

/* Queued in plain code and in atomic mode. */
static void P2_every_call_works_or_errs_inside_a_work(void)
{
    const struct keel_work_options options = {.handler = interrupt_run};
    keel_work_t work = {0};
    keel_guard_t guard = {0};
    make_handles();
    inside = 0;
    inside_context = CONTEXT_SOFT;
    CHECK_OK(keel_work_create(&options, &work));
    CHECK_OK(keel_work_schedule(work));
    CHECK_EQUAL(inside, 1);
    CHECK_OK(keel_preempt_disable(&guard));
    CHECK_OK(keel_work_schedule(work));
    CHECK_EQUAL(inside, 1);
    CHECK_OK(keel_guard_release(guard));
    CHECK_EQUAL(inside, 2);
    inside_context = CONTEXT_POLICY;
    CHECK_EQUAL(cpu_context(), CONTEXT_TASK);
    CHECK_OK(keel_task_yield());
    CHECK_AUDIT();
}

/* A page-fault handler runs as the task itself: nothing is out of its reach. */
static uint32_t handle_fault(void *context, uint64_t va, uint32_t access)
{
    (void)context;
    (void)va;
    (void)access;
    inside++;
    for (unsigned id = 0; id < CALL_COUNT; id++) {
        struct call_value values[CALL_ARGUMENTS_MAX];
        if (!goes_away((enum call_id)id)) {
            good_values((enum call_id)id, values);
            CHECK(invoke(id, values) != KEEL_E_CONTEXT);
        }
    }
    return 1;
}

static void P2_every_call_works_or_errs_inside_a_fault_handler(void)
{
    const struct keel_fault_handler handler = {NULL, handle_fault};
    uint64_t value = 0;
    make_handles();
    inside = 0;
    CHECK_OK(keel_space_activate((keel_space_t){valid[OBJECT_SPACE]}));
    CHECK_OK(keel_fault_handler_inject(&handler));
    CHECK_STATUS(keel_user_load(KEEL_USER_START, 8, &value), KEEL_E_FAULT);
    CHECK(inside >= 1);
    CHECK_AUDIT();
}

/* In atomic mode of either kind every call answers what the table says, and those that may wait refuse to
 * whether or not they would have had to: the semaphore has a token, the mutex is free. */
static void every_call_in_atomic_mode(keel_status_t (*enter)(keel_guard_t *))
{
    keel_guard_t guard = {0};
    for (unsigned id = 0; id < CALL_COUNT; id++) {
        struct call_value values[CALL_ARGUMENTS_MAX];
        if (goes_away((enum call_id)id) && id != CALL_ID_TASK_JOIN) {
            continue;
        }
        good_values((enum call_id)id, values);
        CHECK_OK(enter(&guard));
        bool allowed = (call_descriptors[id].contexts & CONTEXT_ATOMIC) != 0;
        keel_status_t status = call_invoke((enum call_id)id, values);
        if ((status == KEEL_E_CONTEXT) == allowed) {
            unit_check(false, call_descriptors[id].name, __FILE__, __LINE__);
        }
        CHECK(holds_release_atomic());
    }
}

static void T2_every_call_that_may_wait_errs_in_atomic_mode(void)
{
    static const enum call_id may_wait[] = {
        CALL_ID_TASK_SLEEP,     CALL_ID_TASK_YIELD, CALL_ID_TASK_JOIN,         CALL_ID_EVENT_WAIT,
        CALL_ID_SEMAPHORE_DOWN, CALL_ID_MUTEX_LOCK, CALL_ID_MUTEX_LOCK_SHARED, CALL_ID_MUTEX_UPGRADE,
        CALL_ID_USER_RUN,       CALL_ID_USER_LOAD,  CALL_ID_CURSOR_OPEN,       CALL_ID_SPACE_MAP};
    make_handles();
    every_call_in_atomic_mode(keel_preempt_disable);
    make_handles();
    every_call_in_atomic_mode(keel_irq_disable);
    for (unsigned i = 0; i < sizeof may_wait / sizeof may_wait[0]; i++) {
        CHECK_EQUAL(call_descriptors[may_wait[i]].contexts, CONTEXT_TASK);
    }
    CHECK_AUDIT();
}

static void P2_calls_that_do_not_come_back_are_task_calls_only(void)
{
    const unsigned contexts = CONTEXT_TASK | CONTEXT_ATOMIC;
    CHECK_EQUAL(call_descriptors[CALL_ID_POWER_OFF].contexts, contexts);
    CHECK_EQUAL(call_descriptors[CALL_ID_RESTART].contexts, contexts);
    CHECK_EQUAL(call_descriptors[CALL_ID_TASK_EXIT].contexts, contexts);
    struct call_value values[CALL_ARGUMENTS_MAX] = {{0}};
    CHECK_STATUS(call_invoke(CALL_COUNT, values), KEEL_E_INVALID);
}

static void H4_calls_are_traced_where_asked(void)
{
    CHECK_STATUS(keel_frame_release((keel_frame_t){0x77}), KEEL_E_BAD_HANDLE);
    CHECK(unit_console_contains("frame_release(frame=0x77) -> the handle is forged"));
    CHECK_STATUS(keel_io_memory_acquire(0x1001, 2, 77, &(keel_io_memory_t){0}), KEEL_E_INVALID);
    CHECK(unit_console_contains("io_memory_acquire(physical=0x1001, size=0x2, cache=0x4d, "));
}

static void call_early(void)
{
    CHECK_STATUS(keel_frame_release((keel_frame_t){0x77}), KEEL_E_CONTEXT);
}

/* There is no log yet. */
static void H4_calls_before_there_are_tasks_are_not_traced(void)
{
    CHECK(!unit_console_contains("frame_release("));
    CHECK_STATUS(keel_frame_release((keel_frame_t){0x77}), KEEL_E_BAD_HANDLE);
    CHECK(unit_console_contains("frame_release("));
}

static void H4_every_status_has_words_of_its_own(void)
{
    for (keel_status_t i = 0; i < (keel_status_t)KEEL_STATUS_COUNT; i++) {
        CHECK(strcmp(keel_status_text(i), keel_status_text(KEEL_STATUS_COUNT)) != 0);
        for (keel_status_t j = 0; j < i; j++) {
            CHECK(strcmp(keel_status_text(i), keel_status_text(j)) != 0);
        }
    }
    CHECK(strcmp(keel_status_text(-1), "unknown status") == 0);
}

int main(int argc, char **argv)
{
    static const char trace[] = "keel.trace";
    const struct CMUnitTest tests[] = {
        UNIT(H1_every_call_refuses_every_wrong_handle, .leaves_things = true),
        UNIT(H1_every_call_refuses_every_null, .leaves_things = true),
        UNIT(M8_every_call_survives_every_border_number, .leaves_things = true),
        UNIT(H4_every_call_errs_before_there_are_tasks, .early = make_calls_early),
        UNIT(P2_every_call_works_or_errs_inside_an_allocator, .leaves_things = true),
        UNIT(P2_every_call_works_or_errs_inside_a_slab_allocator, .leaves_things = true),
        UNIT(P2_every_call_works_or_errs_inside_a_scheduler, .leaves_things = true),
        UNIT(P2_every_call_works_or_errs_inside_a_fault_handler, .leaves_things = true),
        UNIT(P2_every_call_works_or_errs_inside_an_interrupt_handler, .leaves_things = true),
        UNIT(P2_every_call_works_or_errs_inside_a_work, .leaves_things = true),
        UNIT(T2_every_call_that_may_wait_errs_in_atomic_mode, .leaves_things = true),
        UNIT(P2_calls_that_do_not_come_back_are_task_calls_only),
        UNIT(H4_every_status_has_words_of_its_own),
        UNIT(H4_calls_before_there_are_tasks_are_not_traced, .early = call_early,
             .config.command_line = trace, .config.command_line_size = sizeof trace - 1),
        UNIT(H4_calls_are_traced_where_asked, .config.command_line = trace,
             .config.command_line_size = sizeof trace - 1),
    };
    return unit_main(tests, argc, argv);
}

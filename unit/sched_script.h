/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A task scheduler that does as the test says: one list, newest first. It notes when Keel surprises it. For a
 * machine of two CPUs.
 */
#ifndef UNIT_SCHED_SCRIPT_H
#define UNIT_SCHED_SCRIPT_H

#include "core/sched.h"
#include "support.h"

#define CPU0 UINT64_C(1)
#define CPU1 UINT64_C(2)

/* For `answer`: a CPU of the task's, 0 if it may run there. */
#define SCRIPT_IN_MASK UINT32_C(0x7fffffee)
#define SCRIPT_NOBODY  UINT32_MAX

static struct {
    struct {
        keel_task_t task;
        uint64_t cpus;
    } queue[16];
    unsigned queued;
    uint32_t answer; /* to enqueue and update; a task that is placed on a CPU is given to that one only */
    uint32_t tick;
    bool lets_go;    /* pick answers what is queued, not nothing */
    bool is_careful; /* and only to whom it is for */
    uint64_t picks, updates, last_affinity;
    uint32_t last_priority;
} script;

/* Changes what the scheduler goes by, once it is injected: under the lock that its functions run under. */
#define SCRIPT_SET(field, value)                                                                             \
    do {                                                                                                     \
        bool script_irq = sched_lock();                                                                      \
        script.field = (value);                                                                              \
        sched_unlock(script_irq);                                                                            \
    } while (0)

static uint32_t script_answer(uint64_t affinity)
{
    if (script.answer != SCRIPT_IN_MASK) {
        return script.answer;
    }
    return (affinity & CPU0) != 0 ? 0 : 1;
}

/* Where it is in the list; `queued`: nowhere. */
static unsigned script_find(keel_task_t task)
{
    unsigned i = 0;
    while (i < script.queued && script.queue[i].task.value != task.value) {
        i++;
    }
    return i;
}

static uint32_t script_enqueue(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                               uint64_t affinity, uint32_t reason)
{
    (void)context;
    (void)cpu;
    (void)priority;
    (void)reason;
    uint32_t answer = script_answer(affinity), target = answer & ~KEEL_CPU_PREEMPT;
    CHECK(script.queued < 16);
    CHECK_EQUAL(script_find(task), script.queued); /* nobody twice */
    script.queue[script.queued].task = task;
    script.queue[script.queued++].cpus = target < 2 ? UINT64_C(1) << target : affinity;
    return answer;
}

static keel_task_t script_pick(void *context, uint32_t cpu)
{
    (void)context;
    script.picks++;
    for (unsigned i = script.queued; script.lets_go && i-- > 0;) {
        if (!script.is_careful || (script.queue[i].cpus >> cpu & 1) != 0) {
            keel_task_t task = script.queue[i].task;
            script.queue[i] = script.queue[--script.queued];
            return task;
        }
    }
    return (keel_task_t){0};
}

static void script_dequeue(void *context, keel_task_t task)
{
    (void)context;
    unsigned i = script_find(task);
    if (i < script.queued) {
        script.queue[i] = script.queue[--script.queued];
    }
}

static uint32_t script_tick(void *context, keel_task_t task, uint32_t cpu)
{
    (void)context;
    (void)task;
    (void)cpu;
    return script.tick;
}

static uint32_t script_update(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                              uint64_t affinity)
{
    (void)context;
    (void)cpu;
    unsigned i = script_find(task);
    script.updates++;
    script.last_priority = priority;
    script.last_affinity = affinity;
    if (i < script.queued) {
        script.queue[i].cpus = affinity;
    }
    return script_answer(affinity);
}

static void script_inject(uint32_t answer)
{
    const struct keel_scheduler scheduler = {NULL,           script_enqueue, script_pick,
                                             script_dequeue, script_tick,    script_update};
    script.queued = 0;
    script.answer = answer;
    script.tick = 0;
    script.lets_go = true;
    script.is_careful = true;
    script.picks = script.updates = 0;
    CHECK_OK(keel_scheduler_inject(&scheduler));
}

/* Answers that Keel refused. */
static uint64_t script_wrong(void)
{
    struct keel_policy_report report = {0};
    CHECK_OK(keel_policy_report(&report));
    return report.scheduler_wrong;
}

static uint64_t script_now(void)
{
    uint64_t time = 0;
    CHECK_OK(keel_time_now(&time));
    return time;
}

static uint32_t script_cpu(void)
{
    uint32_t cpu = SCRIPT_NOBODY;
    CHECK_OK(keel_cpu_current(&cpu));
    return cpu;
}

/* The calling task goes to CPU 0 and stays there. */
static void script_stay_on_cpu0(void)
{
    keel_task_t self = {0};
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_set_affinity(self, CPU0));
    CHECK_EQUAL(script_cpu(), 0);
    CHECK_OK(keel_task_release(self));
}

static keel_task_t script_spawn(void (*entry)(uint64_t), uint64_t argument, uint64_t affinity)
{
    const struct keel_task_options options = {
        .entry = entry, .argument = argument, .name = "pinned", .affinity = affinity};
    keel_task_t task = {0};
    CHECK_OK(keel_task_spawn(&options, &task));
    return task;
}

/* Spins until the task is in that state. */
static void script_await(keel_task_t task, uint32_t state)
{
    struct keel_task_info info = {0};
    while (info.state != state) {
        CHECK_OK(keel_task_info(task, &info));
        hal_cpu_relax();
    }
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/sched.c: the built-in choice, preemption, and whatever a scheduler policy answers (T1, P1).
 */
#include "core/sched.h"

#include "support.h"

/* What the hostile policy answers to pick. */
enum answer {
    ANSWER_NOTHING,
    ANSWER_FORGED,
    ANSWER_LAST_GIVEN, /* the same again: then running, blocked or dead */
    ANSWER_SELF,
    ANSWER_DEAD,
    ANSWER_FRAME,
    ANSWER_HONEST, /* last in, first out */
};

/* What it answers to enqueue and update: this CPU, or the calling one with this added. */
#define PLACE_OWN UINT32_C(0x7ffffff0)

static struct {
    enum answer answer;
    uint32_t tick, place;
    keel_task_t queue[64];
    unsigned queued;
    keel_task_t last, dead, first;
    uint64_t enqueued, dequeued, ticks, updated;
} policy;

static atomic_u32_t done;

static uint32_t placed(uint32_t cpu)
{
    bool own = (policy.place & ~KEEL_CPU_PREEMPT) == PLACE_OWN;
    return own ? policy.place - PLACE_OWN + cpu : policy.place;
}

static uint32_t policy_enqueue(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                               uint64_t affinity, uint32_t reason)
{
    (void)context;
    (void)priority;
    CHECK_EQUAL(affinity, UINT64_MAX);
    CHECK(cpu < 8 && reason >= KEEL_ENQUEUE_NEW && reason <= KEEL_ENQUEUE_PREEMPTED);
    for (unsigned i = 0; i < policy.queued; i++) {
        CHECK(policy.queue[i].value != task.value); /* never told twice */
    }
    policy.enqueued++;
    policy.queue[policy.queued++ % 64] = task;
    policy.last = task;
    policy.dead = policy.dead.value != 0 ? policy.dead : task; /* the first of all: soon finished */
    return placed(cpu);
}

/* Forgets a task; false: it was not queued. */
static bool forget(keel_task_t task)
{
    for (unsigned i = 0; i < policy.queued; i++) {
        if (policy.queue[i].value == task.value) {
            policy.queue[i] = policy.queue[--policy.queued];
            return true;
        }
    }
    return false;
}

static keel_task_t choose(void)
{
    switch (policy.answer) {
    case ANSWER_FORGED:
        return (keel_task_t){UINT64_C(0x4fffffffffffffff)};
    case ANSWER_LAST_GIVEN:
        return policy.last;
    case ANSWER_SELF:
        return policy.first;
    case ANSWER_DEAD:
        return policy.dead;
    case ANSWER_FRAME:
        return (keel_task_t){UINT64_C(0x1000000100000001)};
    case ANSWER_HONEST:
        return policy.queued > 0 ? policy.queue[policy.queued - 1] : (keel_task_t){0};
    case ANSWER_NOTHING:
        break;
    }
    return (keel_task_t){0};
}

static keel_task_t policy_pick(void *context, uint32_t cpu)
{
    (void)context;
    (void)cpu;
    keel_task_t task = choose();
    forget(task);
    return task;
}

static void policy_dequeue(void *context, keel_task_t task)
{
    (void)context;
    policy.dequeued++;
    CHECK(forget(task)); /* whoever is dequeued was queued */
}

static uint32_t policy_tick(void *context, keel_task_t task, uint32_t cpu)
{
    (void)context;
    CHECK(task.value != 0 && cpu < 8);
    policy.ticks++;
    return policy.tick;
}

static uint32_t policy_update(void *context, keel_task_t task, uint32_t cpu, uint32_t priority,
                              uint64_t affinity)
{
    (void)context;
    CHECK(task.value != 0 && cpu < 8 && priority == 5 && affinity == UINT64_MAX);
    policy.updated++;
    return placed(cpu);
}

static void inject_with_place(enum answer answer, uint32_t place)
{
    const struct keel_scheduler scheduler = {NULL,           policy_enqueue, policy_pick,
                                             policy_dequeue, policy_tick,    policy_update};
    policy.place = place;
    policy.answer = answer;
    policy.tick = 1;
    policy.queued = 0;
    policy.enqueued = policy.dequeued = policy.ticks = policy.updated = 0;
    policy.last = policy.dead = policy.first = (keel_task_t){0};
    atomic_u32_init(&done, 0);
    CHECK_OK(keel_task_self(&policy.first));
    CHECK_OK(keel_scheduler_inject(&scheduler));
    CHECK_STATUS(keel_scheduler_inject(&scheduler), KEEL_E_EXISTS);
}

static void inject(enum answer answer)
{
    inject_with_place(answer, KEEL_CPU_ANY);
}

static void worker(uint64_t turns)
{
    keel_task_t self = {0};
    CHECK_OK(keel_task_self(&self));
    for (uint64_t i = 0; i < turns; i++) {
        CHECK_OK(keel_task_yield());
        CHECK_OK(keel_task_set_priority(self, 5));
    }
    CHECK_OK(keel_task_release(self));
    CHECK_OK(keel_task_sleep(1000));
    atomic_u32_fetch_add(&done, 1);
}

/* All tasks come to their end whatever the policy answers. */
static struct keel_policy_report work(enum answer answer, uint32_t place)
{
    keel_task_t tasks[4];
    struct keel_policy_report report = {0};
    inject_with_place(answer, place);
    for (unsigned i = 0; i < 4; i++) {
        tasks[i] = unit_spawn(worker, 5);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    CHECK_EQUAL(atomic_u32_load_acquire(&done), 4);
    CHECK_OK(keel_policy_report(&report));
    CHECK_AUDIT();
    CHECK_OK(keel_task_release(policy.first));
    return report;
}

static struct keel_policy_report work_under(enum answer answer)
{
    return work(answer, KEEL_CPU_ANY);
}

static void P1_scheduler_that_answers_nothing_is_outlived(void)
{
    CHECK(work_under(ANSWER_NOTHING).scheduler_fallbacks > 0);
}

static void P1_scheduler_that_answers_forged_handles(void)
{
    CHECK(work_under(ANSWER_FORGED).scheduler_wrong > 0);
}

static void P1_scheduler_that_answers_another_kind(void)
{
    CHECK(work_under(ANSWER_FRAME).scheduler_wrong > 0);
}

static void T1_scheduler_that_answers_the_same_task_always(void)
{
    CHECK(work_under(ANSWER_LAST_GIVEN).scheduler_wrong > 0);
}

static void T1_scheduler_that_answers_the_running_task(void)
{
    CHECK(work_under(ANSWER_SELF).scheduler_wrong > 0);
}

static void T1_scheduler_that_answers_a_finished_task(void)
{
    CHECK(work_under(ANSWER_DEAD).scheduler_wrong > 0);
}

/* A request to stop waiting makes the task RUNNABLE while it still runs: nobody may pick it, nor may itself.
 */
static void T1_scheduler_that_answers_who_is_on_its_way_off(void)
{
    struct keel_policy_report report = {0};
    inject(ANSWER_SELF);
    CHECK_OK(keel_task_cancel(policy.first));
    CHECK_STATUS(keel_task_sleep(1000), KEEL_E_CANCELED);
    CHECK_AUDIT();
    CHECK_OK(keel_policy_report(&report));
    CHECK_EQUAL(report.scheduler_wrong, 1);
    CHECK_OK(keel_task_release(policy.first));
}

static void P1_honest_scheduler_is_never_called_wrong(void)
{
    struct keel_policy_report report = work_under(ANSWER_HONEST);
    CHECK_EQUAL(report.scheduler_wrong, 0);
    CHECK_EQUAL(report.scheduler_fallbacks, 0);
}

static void P1_scheduler_that_places_tasks_honestly(void)
{
    struct keel_policy_report report = work(ANSWER_HONEST, PLACE_OWN);
    CHECK_EQUAL(report.scheduler_wrong, 0);
    CHECK(policy.updated > 0);
}

/* Every answer is refused, and every task runs. */
static void work_with_wrong_place(uint32_t place)
{
    struct keel_policy_report report = work(ANSWER_HONEST, place);
    CHECK(policy.enqueued + policy.updated > 0);
    CHECK_EQUAL(report.scheduler_wrong, policy.enqueued + policy.updated);
}

static void P1_scheduler_that_names_the_cpu_after_the_last(void)
{
    work_with_wrong_place(2);
}

static void P1_scheduler_that_names_cpu_63_and_preempts(void)
{
    work_with_wrong_place(63 | KEEL_CPU_PREEMPT);
}

static void P1_scheduler_that_names_a_cpu_beyond_all(void)
{
    work_with_wrong_place(64);
}

static void P1_scheduler_that_answers_insane_flags(void)
{
    work_with_wrong_place(UINT32_C(0x40000001));
}

static void P1_scheduler_that_preempts_any_cpu(void)
{
    work_with_wrong_place(KEEL_CPU_ANY | KEEL_CPU_PREEMPT);
}

/* Whoever is enqueued chases away what runs there: work goes on all the same. */
static void P1_scheduler_that_always_preempts(void)
{
    struct keel_policy_report report = work(ANSWER_HONEST, PLACE_OWN | KEEL_CPU_PREEMPT);
    CHECK_EQUAL(report.scheduler_wrong, 0);
}

static void T1_scheduler_that_preempts_for_the_running_task(void)
{
    CHECK(work(ANSWER_SELF, 1 | KEEL_CPU_PREEMPT).scheduler_wrong > 0);
}

static void P1_scheduler_is_injected_whole(void)
{
    for (unsigned missing = 0; missing < 5; missing++) {
        const struct keel_scheduler scheduler = {NULL,
                                                 missing == 0 ? NULL : policy_enqueue,
                                                 missing == 1 ? NULL : policy_pick,
                                                 missing == 2 ? NULL : policy_dequeue,
                                                 missing == 3 ? NULL : policy_tick,
                                                 missing == 4 ? NULL : policy_update};
        CHECK_STATUS(keel_scheduler_inject(&scheduler), KEEL_E_INVALID);
    }
    CHECK_STATUS(keel_scheduler_inject(NULL), KEEL_E_INVALID);
}

static void P1_tick_answers_out_of_range_are_counted(void)
{
    struct keel_policy_report report = {0};
    inject(ANSWER_HONEST);
    policy.tick = 77;
    CHECK_OK(keel_task_sleep(1));
    uint64_t start = 0, time = 0;
    CHECK_OK(keel_time_now(&start));
    do {
        CHECK_OK(keel_time_now(&time));
    } while (time < start + 3 * SCHED_TICK_NS);
    CHECK_OK(keel_policy_report(&report));
    CHECK(policy.ticks > 0);
    CHECK_EQUAL(report.scheduler_wrong, policy.ticks);
    CHECK_OK(keel_task_release(policy.first));
}

static void spinner(uint64_t argument)
{
    (void)argument;
    unit_await(&done);
}

static void T9_spinning_task_is_preempted(void)
{
    atomic_u32_init(&done, 0);
    keel_task_t task = unit_spawn(spinner, 0);
    CHECK_OK(keel_task_yield()); /* one CPU: only the timer brings this task back */
    atomic_u32_store_release(&done, 1);
    CHECK(unit_join(task) == 0);
}

static void T1_many_tasks_switch_on_many_cpus(void)
{
    keel_task_t tasks[6];
    atomic_u32_init(&done, 0);
    for (unsigned i = 0; i < 6; i++) {
        tasks[i] = unit_spawn(worker, 10);
    }
    for (unsigned i = 0; i < 6; i++) {
        CHECK(unit_join(tasks[i]) == 0);
        CHECK_AUDIT();
    }
    CHECK_EQUAL(atomic_u32_load_acquire(&done), 6);
}

/* Who waits for a CPU already is the policy's from now on. */
static void T9_scheduler_is_told_of_who_is_queued(void)
{
    keel_task_t tasks[3];
    for (unsigned i = 0; i < 3; i++) {
        tasks[i] = unit_spawn(worker, 0);
    }
    inject(ANSWER_HONEST);
    CHECK_EQUAL(policy.enqueued, 3);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(P1_scheduler_that_answers_nothing_is_outlived, .seeds = 3),
        UNIT(P1_scheduler_that_answers_forged_handles, .seeds = 15),
        UNIT(P1_scheduler_that_answers_another_kind, .seeds = 5),
        UNIT(T1_scheduler_that_answers_the_same_task_always, .seeds = 30),
        UNIT(T1_scheduler_that_answers_the_running_task, .seeds = 30),
        UNIT(T1_scheduler_that_answers_a_finished_task, .seeds = 15),
        UNIT(T1_scheduler_that_answers_who_is_on_its_way_off, .config.cpu_count = 1),
        UNIT(P1_honest_scheduler_is_never_called_wrong, .seeds = 40),
        UNIT(P1_scheduler_that_places_tasks_honestly, .seeds = 20),
        UNIT(P1_scheduler_that_names_the_cpu_after_the_last, .seeds = 5),
        UNIT(P1_scheduler_that_names_cpu_63_and_preempts, .seeds = 3),
        UNIT(P1_scheduler_that_names_a_cpu_beyond_all, .seeds = 3),
        UNIT(P1_scheduler_that_answers_insane_flags, .seeds = 3),
        UNIT(P1_scheduler_that_preempts_any_cpu, .seeds = 3),
        UNIT(P1_scheduler_that_always_preempts, .seeds = 20),
        UNIT(T1_scheduler_that_preempts_for_the_running_task, .seeds = 20),
        UNIT(P1_scheduler_is_injected_whole),
        UNIT(T9_scheduler_is_told_of_who_is_queued, .config.cpu_count = 1),
        UNIT(P1_tick_answers_out_of_range_are_counted, .config.cpu_count = 1),
        UNIT(T9_spinning_task_is_preempted, .config.cpu_count = 1),
        UNIT(T1_many_tasks_switch_on_many_cpus, .seeds = 40, .config.cpu_count = 4),
    };
    return unit_main(tests, argc, argv);
}

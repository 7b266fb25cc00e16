/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Injected policies: core asks here, the policy's function is called in policy context, and its answer is
 * checked before core sees it (P1). What core then cannot claim comes back as wrong, too. The slab allocator
 * (slab_policy.c) is different: its tokens are core's to prove.
 */
#include "calls.h"
#include "core/cpu.h"
#include "core/frame_choose.h"
#include "core/log.h"
#include "core/policy.h"
#include "core/sched.h"
#include "faults.h"
#include "policies.h"

/* Written once, at injection: the allocator before it is seen to be there, the scheduler under the lock that
 * every use holds. */
static struct keel_frame_allocator allocator;
static struct keel_scheduler scheduler;
static atomic_u32_t allocator_present;
static bool scheduler_injected;
static atomic_u32_t allocator_claimed, scheduler_claimed; /* who injects first */

static atomic_u64_t allocator_wrong, allocator_fallbacks, scheduler_wrong, scheduler_fallbacks;

void policy_init(void)
{
    atomic_u32_init(&allocator_present, 0);
    scheduler_injected = false;
    atomic_u32_init(&allocator_claimed, 0);
    atomic_u32_init(&scheduler_claimed, 0);
    atomic_u64_init(&allocator_wrong, 0);
    atomic_u64_init(&allocator_fallbacks, 0);
    atomic_u64_init(&scheduler_wrong, 0);
    atomic_u64_init(&scheduler_fallbacks, 0);
    policy_slab_init();
    faults_init();
}

_Static_assert(KEEL_CPU_MAX == HAL_CPU_MAX, "the documented limit is the real one");

KEEL_COLD void policy_count_wrong(atomic_u64_t *counter, const char *what)
{
    uint64_t count = atomic_u64_fetch_add(counter, 1) + 1;
    if ((count & (count - 1)) == 0) {
        struct text line;
        text_clear(&line);
        text_string(&line, what);
        text_string(&line, ": refused answers: ");
        text_u64(&line, count);
        log_text(LOG_WARNING, &line);
    }
}

bool policy_frame_present(void)
{
    return atomic_u32_load_acquire(&allocator_present) != 0;
}

enum policy_answer policy_frame_choose(unsigned cpu, uint64_t count, uint64_t alignment, uint64_t *first)
{
    uint32_t outer = cpu_policy_enter();
    uint64_t answer = allocator.alloc(allocator.context, cpu, count, alignment);
    cpu_policy_leave(outer);
    bool inside = answer < frame_end() && count <= frame_end() - answer;
    if (inside && (answer & (alignment - 1)) == 0) {
        *first = answer;
        return POLICY_CHOSE;
    }
    if (answer == KEEL_FRAME_NONE) {
        return POLICY_NONE;
    }
    policy_frame_wrong();
    return POLICY_WRONG;
}

_Static_assert(KEEL_FRAME_NONE == UINT64_MAX, "no frame's number");

void policy_frame_wrong(void)
{
    policy_count_wrong(&allocator_wrong, "frame allocator");
}

void policy_frame_fallback(void)
{
    atomic_u64_fetch_add(&allocator_fallbacks, 1);
}

void policy_frame_freed(unsigned cpu, uint64_t first, uint64_t count)
{
    uint32_t outer = cpu_policy_enter();
    allocator.free(allocator.context, cpu, first, count);
    cpu_policy_leave(outer);
}

static keel_task_t handle_of(const struct task *task)
{
    return (keel_task_t){object_handle(OBJECT_TASK, &task->object)};
}

/* The task that a policy named, without a reference: the scheduler's lock is held, so a RUNNABLE task stays
 * what it is. */
static struct task *named_task(keel_task_t handle)
{
    if (!object_in_range(OBJECT_TASK, handle.value)) {
        return NULL;
    }
    struct task *task = object_slot(OBJECT_TASK, OBJECT_STRIDE(struct task), handle.value);
    uint64_t word = atomic_u64_load_acquire(&task->object.ref.word);
    bool live =
        ref_word_state(word) == REF_LIVE && ref_word_generation(word) == handle_generation(handle.value);
    return live ? task : NULL;
}

enum policy_answer policy_task_pick(unsigned cpu, struct task **task)
{
    if (!scheduler_injected) {
        return POLICY_ABSENT;
    }
    uint32_t outer = cpu_policy_enter();
    keel_task_t answer = scheduler.pick(scheduler.context, cpu);
    cpu_policy_leave(outer);
    if (answer.value == 0) {
        return POLICY_NONE;
    }
    *task = named_task(answer);
    if (*task == NULL) {
        policy_task_wrong();
        return POLICY_WRONG;
    }
    return POLICY_CHOSE;
}

void policy_task_wrong(void)
{
    policy_count_wrong(&scheduler_wrong, "scheduler");
}

void policy_task_fallback(struct task *task)
{
    atomic_u64_fetch_add(&scheduler_fallbacks, 1);
    uint32_t outer = cpu_policy_enter();
    scheduler.dequeue(scheduler.context, handle_of(task));
    cpu_policy_leave(outer);
}

/* The scheduler's word for where a task is to run, believed only if the task may run there. */
static struct policy_place checked_place(const struct task *task, uint32_t answer)
{
    struct policy_place place = {.answer = POLICY_CHOSE, .cpu = answer & ~KEEL_CPU_PREEMPT};
    place.preempt = (answer & KEEL_CPU_PREEMPT) != 0;
    if (answer == KEEL_CPU_ANY) {
        place.answer = POLICY_NONE;
    } else if (!cpu_is_online(place.cpu) || !task_may_run(task, place.cpu)) {
        policy_task_wrong();
        place.answer = POLICY_WRONG;
    }
    return place;
}

struct policy_place policy_task_enqueue(struct task *task, unsigned cpu, uint32_t reason)
{
    if (!scheduler_injected) {
        return (struct policy_place){.answer = POLICY_ABSENT};
    }
    uint32_t outer = cpu_policy_enter();
    uint32_t answer =
        scheduler.enqueue(scheduler.context, handle_of(task), cpu, atomic_u32_load_relaxed(&task->priority),
                          atomic_u64_load_relaxed(&task->affinity), reason);
    cpu_policy_leave(outer);
    return checked_place(task, answer);
}

struct policy_place policy_task_update(struct task *task, unsigned cpu)
{
    if (!scheduler_injected) {
        return (struct policy_place){.answer = POLICY_ABSENT};
    }
    uint32_t outer = cpu_policy_enter();
    uint32_t answer =
        scheduler.update(scheduler.context, handle_of(task), cpu, atomic_u32_load_relaxed(&task->priority),
                         atomic_u64_load_relaxed(&task->affinity));
    cpu_policy_leave(outer);
    return checked_place(task, answer);
}

bool policy_task_tick(struct task *task, unsigned cpu)
{
    if (!scheduler_injected) {
        return true;
    }
    uint32_t outer = cpu_policy_enter();
    uint32_t answer = scheduler.tick(scheduler.context, handle_of(task), cpu);
    cpu_policy_leave(outer);
    if (answer > 1) {
        policy_task_wrong();
    }
    return answer != 0;
}

static void announce_free(unsigned cpu, uint64_t first, uint64_t count)
{
    uint32_t outer = cpu_policy_enter();
    allocator.add(allocator.context, cpu, first, count);
    cpu_policy_leave(outer);
}

void policy_frame_added(unsigned cpu, uint64_t first, uint64_t count)
{
    announce_free(cpu, first, count);
}

static void publish_allocator(void)
{
    atomic_u32_store_release(&allocator_present, 1);
}

keel_status_t call_frame_allocator_inject(const struct keel_frame_allocator *given)
{
    if (given->add == NULL || given->alloc == NULL || given->free == NULL) {
        return KEEL_E_INVALID;
    }
    if (atomic_u32_exchange(&allocator_claimed, 1) != 0) {
        return KEEL_E_EXISTS;
    }
    allocator = *given;
    frame_choose_inject(announce_free, publish_allocator);
    return KEEL_OK;
}

static void announce_queued(struct task *task)
{
    (void)policy_task_enqueue(task, task->last_cpu, KEEL_ENQUEUE_NEW); /* all idle CPUs will ask */
}

keel_status_t call_scheduler_inject(const struct keel_scheduler *given)
{
    if (given->enqueue == NULL || given->pick == NULL || given->dequeue == NULL || given->tick == NULL ||
        given->update == NULL) {
        return KEEL_E_INVALID;
    }
    if (atomic_u32_exchange(&scheduler_claimed, 1) != 0) {
        return KEEL_E_EXISTS;
    }
    bool interrupts = sched_lock();
    scheduler = *given;
    scheduler_injected = true;
    sched_for_each_queued(announce_queued);
    sched_unlock(interrupts);
    sched_kick_all_idle();
    return KEEL_OK;
}

keel_status_t call_policy_report(struct keel_policy_report *report)
{
    report->allocator_wrong = atomic_u64_load_relaxed(&allocator_wrong);
    report->allocator_fallbacks = atomic_u64_load_relaxed(&allocator_fallbacks);
    report->scheduler_wrong = atomic_u64_load_relaxed(&scheduler_wrong);
    report->scheduler_fallbacks = atomic_u64_load_relaxed(&scheduler_fallbacks);
    policy_slab_report(report);
    return KEEL_OK;
}

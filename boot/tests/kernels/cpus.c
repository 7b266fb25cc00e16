/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tasks on all CPUs at once: each CPU runs some (T1), a page that is replaced is seen as replaced on every
 * CPU (A2), a storm of calls on one address space leaves a clean audit, also while it goes on (M1, A3), and
 * locks exclude (T5), also handlers of timers, of calls on other CPUs, and both halves below them (T8).
 * What the explorer proves on small cases is tried here on many: in QEMU with a TLB for each CPU, on the
 * native machine with real CPUs and under ThreadSanitizer. The order is the host's there, so those are no
 * replayable runs.
 *
 * Options on the command line: rounds=N (default 200); builtin: no policies are injected; fair: the fair
 * scheduler is, not the FIFO one.
 */
#include <stdatomic.h>

#include "check.h"
#include "services/defaults.h"
#include "services/work_queue.h"

#define TASKS_MAX   16u
#define FRAMES      16u
#define PAGES       64u
#define REPLACED_VA UINT64_C(0x10000000)
#define SHARED_VA   UINT64_C(0x400000)
#define OWN_VA      UINT64_C(0x40000000)

static keel_space_t space;
static keel_frame_t frames[FRAMES];
static uint64_t rounds;
static uint32_t cpu_count;
static _Atomic uint64_t newest; /* what the page at REPLACED_VA holds at least */
static _Atomic uint32_t seen_cpus, ready;

/* Two for each CPU. */
static uint32_t task_count(void)
{
    uint32_t count = 2 * cpu_count;
    return count < TASKS_MAX ? count : TASKS_MAX;
}

static void run_tasks(void (*entry)(uint64_t argument))
{
    keel_task_t tasks[TASKS_MAX];
    uint32_t violations = 0;
    ready = 0;
    for (uint32_t i = 0; i < task_count(); i++) {
        tasks[i] = task_start("worker", entry, i);
    }
    CHECK_OK(keel_audit(&violations)); /* while they run */
    CHECK_VALUE(violations == 0, violations);
    for (uint32_t i = 0; i < task_count(); i++) {
        (void)task_finish(tasks[i]);
    }
}

/* --- Every CPU --- */

/* Holds its CPU until every CPU has one. */
static void occupy(uint64_t argument)
{
    uint32_t all = (UINT32_C(1) << cpu_count) - 1;
    (void)argument;
    while (seen_cpus != all) {
        uint32_t cpu = 0;
        CHECK_OK(keel_cpu_current(&cpu));
        CHECK_VALUE(cpu < cpu_count, cpu);
        seen_cpus |= UINT32_C(1) << cpu;
        CHECK_OK(keel_cpu_relax());
    }
}

static void T1_every_cpu_runs_tasks(void)
{
    seen_cpus = 0;
    run_tasks(occupy);
    CHECK_VALUE(seen_cpus == (UINT32_C(1) << cpu_count) - 1, seen_cpus);
}

/* --- A page that is replaced --- */

/* The page that holds `value`, in the place of the one before. */
static void replace(uint64_t value)
{
    keel_frame_t frame = {0};
    uint64_t count = 0;
    CHECK_OK(keel_frame_alloc(&frame));
    CHECK_OK(keel_frame_write(frame, 0, &value, sizeof(value)));
    CHECK_OK(keel_space_unmap(space, REPLACED_VA, 1, &count));
    CHECK_OK(keel_space_map(space, REPLACED_VA, frame, KEEL_READ | KEEL_WRITE));
    CHECK_OK(keel_frame_release(frame));
    newest = value;
}

/* What is read after `newest` was n is n or newer: anything older came by a translation that some CPU kept.
 */
static void look(void)
{
    uint64_t least = newest, value = 0;
    keel_status_t status = keel_user_read(REPLACED_VA, &value, sizeof(value));
    CHECK_VALUE(status == KEEL_OK || status == KEEL_E_FAULT, (uint64_t)status);
    CHECK_VALUE(status != KEEL_OK || value >= least, value);
}

static void replace_and_look(uint64_t id)
{
    CHECK_OK(keel_space_activate(space));
    ready++;
    while (id != 0 && newest != rounds) {
        look();
        CHECK_OK(keel_task_yield()); /* to the one who replaces, where no timer does that */
    }
    while (id == 0 && newest < rounds) {
        replace(newest + 1);
        if (newest % 16 == 0) {
            (void)keel_task_yield();
        }
    }
    CHECK_OK(keel_space_activate((keel_space_t){0}));
}

static void A2_replaced_pages(void)
{
    uint64_t count;
    CHECK_OK(keel_space_create(&space));
    newest = 0;
    run_tasks(replace_and_look);
    CHECK_OK(keel_space_unmap(space, REPLACED_VA, 1, &count));
    CHECK_OK(keel_space_release(space));
}

/* --- A storm of calls --- */

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* Any answer that the documentation allows is fine: all tasks work on the same pages. */
static void hammer_shared(uint64_t *random)
{
    uint64_t va = SHARED_VA + next_random(random) % PAGES * KEEL_PAGE_SIZE, count;
    char byte = 1;
    switch (next_random(random) % 6) {
    case 0:
        (void)keel_space_map(space, va, frames[next_random(random) % FRAMES], KEEL_READ | KEEL_WRITE);
        break;
    case 1:
        (void)keel_space_unmap(space, va, 1 + next_random(random) % 8, &count);
        break;
    case 2:
        (void)keel_space_protect(space, va, 1 + next_random(random) % 8, KEEL_READ, &count);
        break;
    case 3:
        (void)keel_user_write(va, &byte, 1);
        break;
    case 4:
        (void)keel_user_read(va, &byte, 1);
        break;
    default:
        (void)keel_task_yield();
        break;
    }
}

/* Nobody else knows this frame and these pages: here every answer is certain. */
static void use_own(uint64_t id, uint64_t round)
{
    uint64_t va = OWN_VA * (id + 1) + round % PAGES * KEEL_PAGE_SIZE, count = 0, back = 1;
    keel_frame_t frame = {0};
    CHECK_OK(keel_frame_alloc(&frame));
    CHECK_OK(keel_frame_read(frame, 0, &back, sizeof(back)));
    CHECK_VALUE(back == 0, back);
    CHECK_OK(keel_space_map(space, va, frame, KEEL_READ | KEEL_WRITE));
    CHECK_OK(keel_user_write(va + 8, &round, sizeof(round)));
    CHECK_OK(keel_frame_read(frame, 8, &back, sizeof(back)));
    CHECK_VALUE(back == round, back);
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_unmap(space, va, 1, &count));
    CHECK_VALUE(count == 1, count);
    CHECK_STATUS(KEEL_E_FAULT, keel_user_read(va, &back, sizeof(back)));
}

static void hammer(uint64_t id)
{
    uint64_t random = id + 1;
    CHECK_OK(keel_space_activate(space));
    for (uint64_t round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < 8; i++) {
            hammer_shared(&random);
        }
        use_own(id, round);
    }
    CHECK_OK(keel_space_activate((keel_space_t){0}));
}

static void M1_storm_of_calls(void)
{
    uint64_t count;
    CHECK_OK(keel_space_create(&space));
    for (unsigned i = 0; i < FRAMES; i++) {
        CHECK_OK(keel_frame_alloc(&frames[i]));
    }
    run_tasks(hammer);
    CHECK_OK(keel_space_unmap(space, SHARED_VA, PAGES + 8, &count));
    for (unsigned i = 0; i < FRAMES; i++) {
        CHECK_OK(keel_frame_release(frames[i]));
    }
    CHECK_OK(keel_space_release(space));
}

/* --- Locks --- */

static keel_spinlock_t spinlocks[2]; /* one of them keeps interrupts off */
static keel_mutex_t mutex;
static uint64_t counts[3]; /* plain: each is under its lock */
static _Atomic uint32_t circles;

static uint64_t lock_rounds(void)
{
    return rounds / 4 + 1;
}

static void count_under_spinlock(unsigned which, uint64_t round)
{
    if (round % 4 == 0) {
        CHECK_OK(keel_spinlock_lock_shared(spinlocks[which]));
        CHECK_VALUE(counts[which] <= lock_rounds() * TASKS_MAX, counts[which]);
    } else {
        CHECK_OK(keel_spinlock_lock(spinlocks[which]));
        counts[which]++;
    }
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_yield());
    CHECK_OK(keel_spinlock_unlock(spinlocks[which]));
}

static void count_under_mutex(uint64_t round)
{
    CHECK_OK(round % 3 == 0 ? keel_mutex_lock_shared(mutex, KEEL_FOREVER)
                            : keel_mutex_lock(mutex, KEEL_FOREVER));
    bool alone = round % 3 != 0 || keel_mutex_upgrade(mutex, 0) == KEEL_OK;
    if (alone) {
        counts[2]++;
    }
    CHECK_OK(keel_mutex_unlock(mutex));
}

/* Half of the tasks take the locks in the other order. */
static void take_in_a_circle(uint64_t id)
{
    CHECK_OK(keel_spinlock_lock(spinlocks[id % 2]));
    keel_status_t status = keel_spinlock_lock(spinlocks[1 - id % 2]);
    if (status == KEEL_OK) {
        CHECK_OK(keel_spinlock_unlock(spinlocks[1 - id % 2]));
    } else {
        CHECK_STATUS(KEEL_E_BUSY, status);
        circles++;
    }
    CHECK_OK(keel_spinlock_unlock(spinlocks[id % 2]));
}

static void lock_and_count(uint64_t id)
{
    for (uint64_t round = 0; round < lock_rounds(); round++) {
        count_under_spinlock((id + round) % 2, round);
        count_under_mutex(round);
        take_in_a_circle(id);
        if (round % 8 == 0) {
            CHECK_OK(keel_task_yield());
        }
    }
}

static void T5_locks_under_load(void)
{
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_create(i == 0 ? 0 : KEEL_SPINLOCK_IRQ_OFF, &spinlocks[i]));
        counts[i] = 0;
    }
    CHECK_OK(keel_mutex_create(&mutex));
    counts[2] = 0;
    circles = 0;
    run_tasks(lock_and_count);
    uint64_t all = lock_rounds(), expected = (all - (all + 3) / 4) * task_count();
    CHECK_VALUE(counts[0] + counts[1] == expected, counts[0] + counts[1]);
    CHECK_VALUE(counts[2] >= (all - (all + 2) / 3) * task_count(), counts[2]);
    note("circles that came apart", circles);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_release(spinlocks[i]));
    }
    CHECK_OK(keel_mutex_release(mutex));
}

/* A task with a guard keeps its CPU through ticks, and shootdowns, audits and the ends of other tasks get
 * through to it. */
static void short_task(uint64_t argument)
{
    (void)argument;
}

static void keep_cpu(uint64_t id)
{
    for (uint64_t round = 0; round < rounds / 8; round++) {
        keel_guard_t guard = {0};
        uint32_t before = 0, after = 0;
        CHECK_OK(id % 2 == 0 ? keel_preempt_disable(&guard) : keel_irq_disable(&guard));
        CHECK_OK(keel_cpu_current(&before));
        for (unsigned i = 0; i < 64; i++) {
            CHECK_OK(keel_cpu_relax());
        }
        CHECK_OK(keel_cpu_current(&after));
        CHECK_VALUE(before == after, after);
        CHECK_OK(keel_guard_release(guard));
        int32_t status = task_finish(task_start("short", short_task, round));
        CHECK_VALUE(status == 0, (uint64_t)status);
    }
}

static void T2_atomic_mode_under_load(void)
{
    run_tasks(keep_cpu);
}

/* --- Timers --- */

static _Atomic uint32_t rings;
static uint64_t counted_by_handlers; /* plain: under spinlocks[1] */
static keel_semaphore_t rung;

struct ringer {
    keel_timer_t timer;
    uint64_t left;
};
static struct ringer ringers[TASKS_MAX];

static void ring(void *context)
{
    struct ringer *ringer = context;
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_yield());
    CHECK_STATUS(KEEL_E_CONTEXT, keel_spinlock_lock(spinlocks[0]));
    CHECK_OK(keel_spinlock_lock(spinlocks[1]));
    counted_by_handlers++;
    CHECK_OK(keel_spinlock_unlock(spinlocks[1]));
    rings++;
    if (--ringer->left > 0) {
        CHECK_OK(keel_timer_arm(ringer->timer, ringer->left % 3 * 100000));
    } else {
        CHECK_OK(keel_semaphore_up(rung, 1));
    }
}

/* Each task has a timer that rings again and again, while the task takes the same lock. */
static void ring_and_lock(uint64_t id)
{
    struct ringer *ringer = &ringers[id];
    const struct keel_timer_options options = {.handler = ring, .context = ringer};
    ringer->left = rounds / 4 + 1;
    CHECK_OK(keel_timer_create(&options, &ringer->timer));
    CHECK_OK(keel_timer_arm(ringer->timer, 0));
    for (uint64_t round = 0; round < rounds / 4; round++) {
        CHECK_OK(keel_spinlock_lock(spinlocks[1]));
        counted_by_handlers++;
        CHECK_OK(keel_spinlock_unlock(spinlocks[1]));
    }
    CHECK_OK(keel_semaphore_down(rung, KEEL_FOREVER));
}

static void T8_timers_under_load(void)
{
    CHECK_OK(keel_spinlock_create(0, &spinlocks[0]));
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &spinlocks[1]));
    CHECK_OK(keel_semaphore_create(0, &rung));
    rings = 0;
    counted_by_handlers = 0;
    run_tasks(ring_and_lock);
    uint64_t expected = (rounds / 4 + 1) * task_count();
    CHECK_VALUE(rings == expected, rings);
    CHECK_VALUE(counted_by_handlers == expected + rounds / 4 * task_count(), counted_by_handlers);
    for (uint32_t i = 0; i < task_count(); i++) {
        CHECK_OK(keel_timer_release(ringers[i].timer));
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_release(spinlocks[i]));
    }
    CHECK_OK(keel_semaphore_release(rung));
}

/* --- Calls on other CPUs --- */

static uint64_t online;

static void count_call(void *context)
{
    const struct keel_cpu_call_options options = {.handler = count_call, .context = context};
    CHECK_STATUS(KEEL_E_CONTEXT, keel_cpu_call(1, &options));
    CHECK_OK(keel_spinlock_lock(spinlocks[1]));
    counted_by_handlers++;
    ++*(uint64_t *)context;
    CHECK_OK(keel_spinlock_unlock(spinlocks[1]));
}

/* Each task calls all CPUs and keeps interrupts off, in turns. */
static void call_and_lock(uint64_t id)
{
    uint64_t called = 0, all = rounds / 8 + 1;
    const struct keel_cpu_call_options options = {.handler = count_call, .context = &called};
    for (uint64_t round = 0; round < all; round++) {
        CHECK_OK(keel_cpu_call(online, &options));
        CHECK_VALUE(called == (round + 1) * cpu_count, called);
        CHECK_OK(keel_spinlock_lock(spinlocks[1]));
        counted_by_handlers++;
        for (uint64_t i = 0; i < 8 * (id % 4); i++) {
            CHECK_OK(keel_cpu_relax());
        }
        CHECK_OK(keel_spinlock_unlock(spinlocks[1]));
    }
}

static void T8_calls_under_load(void)
{
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &spinlocks[1]));
    CHECK_OK(keel_cpu_online(&online));
    CHECK_VALUE(online == UINT64_MAX >> (64 - cpu_count), online);
    counted_by_handlers = 0;
    run_tasks(call_and_lock);
    uint64_t expected = (rounds / 8 + 1) * task_count() * (cpu_count + 1);
    CHECK_VALUE(counted_by_handlers == expected, counted_by_handlers);
    CHECK_OK(keel_spinlock_release(spinlocks[1]));
}

/* --- Bottom halves --- */

static struct services_work_queue queue;
static struct services_work_item items[TASKS_MAX];

/* Each stage queues the next: an interrupt handler a work, that an item, which waits, and arms the timer. */
struct chain {
    keel_timer_t timer;
    keel_work_t work;
    uint64_t left, works; /* plain: its stages follow each other */
};
static struct chain chains[TASKS_MAX];

static void chain_rings(void *context)
{
    struct chain *chain = context;
    CHECK_STATUS(KEEL_E_CONTEXT, keel_spinlock_lock(spinlocks[0]));
    CHECK_OK(keel_work_schedule(chain->work));
}

static void chain_waits(void *context)
{
    struct chain *chain = context;
    CHECK_OK(keel_mutex_lock(mutex, KEEL_FOREVER));
    counts[2]++;
    CHECK_OK(keel_task_yield());
    CHECK_OK(keel_mutex_unlock(mutex));
    if (--chain->left > 0) {
        CHECK_OK(keel_timer_arm(chain->timer, chain->left % 3 * 100000));
    } else {
        CHECK_OK(keel_semaphore_up(rung, 1));
    }
}

static void chain_works(void *context)
{
    struct chain *chain = context;
    CHECK_STATUS(KEEL_E_CONTEXT, keel_task_yield());
    CHECK_OK(keel_spinlock_lock(spinlocks[0]));
    counts[0]++;
    CHECK_OK(keel_spinlock_unlock(spinlocks[0]));
    /* Twice a turn: queued again while it runs. */
    if (++chain->works % 2 != 0) {
        CHECK_OK(keel_work_schedule(chain->work));
    } else {
        CHECK_OK(services_work_queue_submit(&queue, chain_waits, chain));
    }
}

static void chain_and_lock(uint64_t id)
{
    struct chain *chain = &chains[id];
    const struct keel_timer_options timer_options = {.handler = chain_rings, .context = chain};
    const struct keel_work_options work_options = {.handler = chain_works, .context = chain};
    chain->left = rounds / 8 + 1;
    chain->works = 0;
    CHECK_OK(keel_timer_create(&timer_options, &chain->timer));
    CHECK_OK(keel_work_create(&work_options, &chain->work));
    CHECK_OK(keel_timer_arm(chain->timer, 0));
    for (uint64_t round = 0; round < rounds / 4; round++) {
        CHECK_OK(keel_spinlock_lock(spinlocks[0]));
        counts[0]++;
        CHECK_OK(keel_spinlock_unlock(spinlocks[0]));
    }
    CHECK_OK(keel_semaphore_down(rung, KEEL_FOREVER));
}

static void T8_bottom_halves_under_load(void)
{
    const struct services_work_queue_options options = {.items = items, .capacity = TASKS_MAX, .workers = 2};
    counts[0] = 0;
    counts[2] = 0;
    CHECK_OK(keel_spinlock_create(0, &spinlocks[0]));
    CHECK_OK(keel_mutex_create(&mutex));
    CHECK_OK(keel_semaphore_create(0, &rung));
    CHECK_OK(services_work_queue_start(&queue, &options));
    run_tasks(chain_and_lock);
    CHECK_OK(services_work_queue_stop(&queue));
    uint64_t turns = (rounds / 8 + 1) * task_count();
    CHECK_VALUE(counts[0] == 2 * turns + rounds / 4 * task_count(), counts[0]);
    CHECK_VALUE(counts[2] == turns, counts[2]);
    for (uint32_t i = 0; i < task_count(); i++) {
        CHECK_OK(keel_timer_release(chains[i].timer));
        CHECK_OK(keel_work_release(chains[i].work));
    }
    CHECK_OK(keel_semaphore_release(rung));
    CHECK_OK(keel_mutex_release(mutex));
    CHECK_OK(keel_spinlock_release(spinlocks[0]));
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(T1_every_cpu_runs_tasks),       TEST(A2_replaced_pages),           TEST(M1_storm_of_calls),
        TEST_ANY_ORDER(T5_locks_under_load), TEST(T2_atomic_mode_under_load),   TEST(T8_timers_under_load),
        TEST(T8_calls_under_load),           TEST(T8_bottom_halves_under_load),
    };
    struct keel_boot_info info = {0};
    CHECK_OK(keel_boot_info(&info));
    cpu_count = info.cpus_online;
    rounds = option_number("rounds=", 200);
    if (!option_given("builtin")) {
        CHECK_OK(option_given("fair") ? services_inject_fair_defaults() : services_inject_defaults());
    }
    note("CPUs", cpu_count);
    return tests_run("cpus", tests, COUNT_OF(tests));
}

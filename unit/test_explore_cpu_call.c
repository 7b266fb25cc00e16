/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls on other CPUs against each other and against all else that CPUs wait for: every schedule within the
 * stated number of preemptions.
 */
#include "race.h"
#include "support.h"

#define PAGE UINT64_C(0x1000)

static uint32_t counts[2]; /* plain: of each CPU's handlers; the caller looks when its call has returned */
static keel_spinlock_t lock;
static keel_space_t space;
static keel_semaphore_t semaphore;
static uint32_t inside;

static void count(void *context)
{
    uint32_t cpu = 0;
    CHECK_OK(keel_cpu_relax()); /* a caller that does not wait goes on here */
    CHECK_OK(keel_cpu_current(&cpu));
    *(uint32_t *)context += 1; /* one target alone has it */
    counts[cpu]++;
}

/* On one CPU. */
static void call(uint64_t cpu)
{
    uint32_t called = 0;
    const struct keel_cpu_call_options options = {.handler = count, .context = &called};
    CHECK_OK(keel_cpu_call(UINT64_C(1) << cpu, &options));
    CHECK_EQUAL(called, 1);
}

static void call_in_race(uint64_t cpu)
{
    race_wait();
    call(cpu);
    race_done();
}

static keel_task_t start(void (*entry)(uint64_t), uint64_t argument)
{
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        counts[cpu] = 0;
    }
    return race_start(entry, argument);
}

static void T8_explore_call_both_ways(void)
{
    keel_task_t other = start(call_in_race, 0);
    call(1);
    race_finish(other);
    CHECK_EQUAL(counts[0], 1);
    CHECK_EQUAL(counts[1], 1);
}

static void count_here(void *context)
{
    uint32_t cpu = 0;
    (void)context;
    CHECK_OK(keel_cpu_current(&cpu));
    counts[cpu]++;
}

static void call_both(void)
{
    const struct keel_cpu_call_options options = {.handler = count_here};
    CHECK_OK(keel_cpu_call(3, &options));
}

static void call_both_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    call_both();
    race_done();
}

static void T8_explore_two_call_both(void)
{
    keel_task_t other = start(call_both_in_race, 0);
    call_both();
    race_finish(other);
    CHECK_EQUAL(counts[0], 2);
    CHECK_EQUAL(counts[1], 2);
}

static void unmap_in_race(uint64_t argument)
{
    uint64_t unmapped = 0;
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    race_wait();
    CHECK_OK(keel_space_unmap(space, PAGE, 1, &unmapped)); /* both CPUs have it loaded */
    CHECK_EQUAL(unmapped, 1);
    race_done();
}

static void A2_explore_call_against_shootdown(void)
{
    keel_frame_t frame = unit_frame();
    space = unit_space();
    CHECK_OK(keel_space_map(space, PAGE, frame, KEEL_READ));
    CHECK_OK(keel_space_map(space, 2 * PAGE, frame, KEEL_READ)); /* the table stays: one shootdown */
    CHECK_OK(keel_frame_release(frame));
    CHECK_OK(keel_space_activate(space));
    keel_task_t other = start(unmap_in_race, 0);
    call(1);
    race_finish(other);
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
}

static void lock_alone(void)
{
    CHECK_OK(keel_spinlock_lock(lock));
    CHECK_EQUAL(inside++, 0);
    inside--;
    CHECK_OK(keel_spinlock_unlock(lock));
}

static void lock_in_handler(void *context)
{
    lock_alone();
    count_here(context);
}

static void lock_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    lock_alone();
    race_done();
}

/* Never inside the target's own use of the lock: that would be refused (E_BUSY), or never end. */
static void T5_explore_call_against_spinlock(void)
{
    const struct keel_cpu_call_options options = {.handler = lock_in_handler};
    inside = 0;
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &lock));
    keel_task_t other = start(lock_in_race, 0);
    CHECK_OK(keel_cpu_call(3, &options));
    race_finish(other);
    CHECK_EQUAL(counts[0] + counts[1], 2);
    CHECK_OK(keel_spinlock_release(lock));
}

static void audit_in_race(uint64_t argument)
{
    keel_guard_t guard = {0};
    (void)argument;
    race_wait();
    CHECK_OK(keel_irq_disable(&guard));
    uint32_t before = counts[1];
    CHECK_AUDIT();
    CHECK_EQUAL(counts[1], before); /* not while interrupts are off */
    CHECK_OK(keel_guard_release(guard));
    race_done();
}

static void T8_explore_call_against_audit(void)
{
    keel_task_t other = start(audit_in_race, 0);
    call(1);
    race_finish(other);
    CHECK_EQUAL(counts[1], 1);
}

static void idle_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_semaphore_down(semaphore, KEEL_FOREVER));
    race_done();
}

static void T9_explore_call_against_going_idle(void)
{
    CHECK_OK(keel_semaphore_create(0, &semaphore));
    keel_task_t other = start(idle_in_race, 0);
    call(1);
    CHECK_OK(keel_semaphore_up(semaphore, 1));
    race_finish(other);
    CHECK_EQUAL(counts[1], 1);
    CHECK_OK(keel_semaphore_release(semaphore));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(T8_explore_call_both_ways, RACE_BOUND),
        EXPLORE(T8_explore_two_call_both, RACE_BOUND),
        EXPLORE(A2_explore_call_against_shootdown, RACE_BOUND),
        EXPLORE(T5_explore_call_against_spinlock, RACE_BOUND),
        EXPLORE(T8_explore_call_against_audit, RACE_BOUND),
        EXPLORE(T9_explore_call_against_going_idle, RACE_BOUND),
    };
    return unit_main(tests, argc, argv);
}

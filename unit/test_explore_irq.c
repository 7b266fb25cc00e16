/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An interrupt against who disables, releases, moves or resumes its line: every schedule within the stated
 * number of preemptions. The line goes to CPU 1, where the other task runs; devices are the first task's.
 */
#include "hal/ioapic.h"
#include "race.h"
#include "support.h"

#define EDGE     5u
#define LEVEL    17u
#define ON_CPU_0 UINT64_C(1)
#define ON_CPU_1 UINT64_C(2)

static keel_irq_handler_t handler;
static uint32_t touched; /* plain: who is told that the handler is over may use what it uses */
static atomic_u32_t calls, inside, pending;

static void start(uint32_t (*function)(void *), uint32_t source, uint32_t flags)
{
    const struct keel_irq_handler_options options = {
        .handler = function, .source = source, .flags = flags, .affinity = ON_CPU_1};
    touched = 0;
    atomic_u32_init(&calls, 0);
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&pending, 0);
    CHECK_OK(keel_irq_handler_create(&options, &handler));
    CHECK_OK(keel_irq_handler_enable(handler));
}

static uint32_t touch(void *context)
{
    (void)context;
    CHECK_EQUAL(atomic_u32_fetch_add(&inside, 1), 0); /* never two at once */
    touched++;
    atomic_u32_store_relaxed(&pending, 0); /* asks its device */
    atomic_u32_fetch_add(&calls, 1);
    atomic_u32_fetch_sub(&inside, 1);
    return KEEL_IRQ_HANDLED;
}

static void interrupt(void)
{
    atomic_u32_store_relaxed(&pending, 1);
    hosted_irq_assert(EDGE, true);
    hosted_irq_assert(EDGE, false);
}

static void disable_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    while (keel_irq_handler_disable(handler) == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
    }
    touched++; /* it is over */
    race_done();
}

static void release_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_irq_handler_release(handler));
    race_done();
}

static void idle_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_cpu_relax());
    race_done();
}

/* On the CPU that takes the interrupts, and on another one. */
static void T9_explore_disable_against_interrupt(void)
{
    for (uint64_t cpu = ON_CPU_0; cpu <= ON_CPU_1; cpu++) {
        start(touch, EDGE, 0);
        CHECK_OK(keel_irq_handler_set_affinity(handler, cpu));
        keel_task_t other = race_start(disable_in_race, 0);
        interrupt();
        race_finish(other);
        CHECK_EQUAL(touched, atomic_u32_load_relaxed(&calls) + 1);
        CHECK_OK(keel_irq_handler_release(handler));
    }
}

static void T8_explore_release_against_interrupt(void)
{
    start(touch, EDGE, 0);
    keel_task_t other = race_start(release_in_race, 0);
    interrupt();
    race_finish(other);
    uint32_t before = atomic_u32_load_relaxed(&calls);
    interrupt();
    CHECK_EQUAL(atomic_u32_load_relaxed(&calls), before);
    CHECK_STATUS(keel_irq_handler_release(handler), KEEL_E_BAD_HANDLE);
}

static uint32_t release_itself(void *context)
{
    (void)context;
    atomic_u32_fetch_add(&calls, 1);
    (void)keel_irq_handler_release(handler);
    return KEEL_IRQ_HOLD;
}

/* The handler releases itself while the line interrupts again, and somebody takes it. */
static void T8_explore_release_inside_the_handler(void)
{
    const struct keel_irq_handler_options options = {.handler = touch, .source = EDGE, .affinity = ON_CPU_0};
    start(release_itself, EDGE, 0);
    keel_task_t other = race_start(idle_in_race, 0);
    interrupt();
    keel_irq_handler_t next = {0};
    keel_status_t status = keel_irq_handler_create(&options, &next);
    CHECK(status == KEEL_OK || status == KEEL_E_BUSY);
    race_finish(other);
    uint32_t before = atomic_u32_load_relaxed(&calls);
    CHECK(before <= 1);
    if (status == KEEL_OK) {
        CHECK_OK(keel_irq_handler_enable(next));
        interrupt();
        CHECK_OK(keel_task_sleep(1000000)); /* perhaps on the other CPU */
        CHECK(atomic_u32_load_relaxed(&calls) > before);
        CHECK_OK(keel_irq_handler_release(next));
    }
    (void)keel_irq_handler_release(handler); /* if it was not called, or was stale */
}

static void move_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_irq_handler_set_affinity(handler, ON_CPU_0));
    race_done();
}

/* The line moves while it interrupts: the device is asked after it interrupted for the last time. */
static void T9_explore_affinity_against_interrupt(void)
{
    start(touch, EDGE, 0);
    CHECK_OK(keel_task_sleep(1000000)); /* what is done once when the line opens is over */
    keel_task_t other = race_start(move_in_race, 0);
    CHECK_OK(keel_cpu_relax()); /* the one preemption is for the other */
    interrupt();
    race_finish(other);
    CHECK_OK(keel_task_sleep(1000000));
    CHECK_EQUAL(atomic_u32_load_relaxed(&pending), 0);
    CHECK_OK(keel_irq_handler_release(handler));
}

/* An interrupt that was on its way to one CPU when the line went to another one. */
static void T9_explore_interrupt_arrives_elsewhere(void)
{
    start(touch, EDGE, 0);
    CHECK_OK(keel_task_sleep(1000000));
    keel_task_t other = race_start(idle_in_race, 0);
    interrupt();
    CHECK_OK(keel_cpu_relax()); /* as above */
    atomic_u32_store_relaxed(&pending, 1);
    hosted_irq_message(0, IOAPIC_VECTOR_FIRST + EDGE);
    race_finish(other);
    CHECK_OK(keel_task_sleep(1000000));
    CHECK_EQUAL(atomic_u32_load_relaxed(&pending), 0);
    CHECK_OK(keel_irq_handler_release(handler));
}

static uint32_t leave_to_task(void *context)
{
    (void)context;
    atomic_u32_fetch_add(&calls, 1);
    return KEEL_IRQ_HOLD;
}

/* The task that serves the device may be done before the handler that left that to it. */
static void T9_explore_resume_against_hold(void)
{
    start(leave_to_task, LEVEL, (uint32_t)(KEEL_IRQ_LEVEL | KEEL_IRQ_LOW));
    keel_task_t other = race_start(idle_in_race, 0);
    hosted_irq_assert(LEVEL, true);
    unit_await(&calls);
    hosted_irq_assert(LEVEL, false);
    CHECK_OK(keel_irq_handler_resume(handler));
    race_finish(other);
    uint32_t before = atomic_u32_load_relaxed(&calls);
    hosted_irq_assert(LEVEL, true); /* the line is not held */
    CHECK_OK(keel_task_sleep(1000000));
    CHECK_EQUAL(atomic_u32_load_relaxed(&calls), before + 1);
    hosted_irq_assert(LEVEL, false);
    CHECK_OK(keel_irq_handler_release(handler));
}

/* The last release against an interrupt, with remapping: its entry goes, and nothing passes any more. */
static void D4_explore_release_against_remapped_interrupt(void)
{
    start(touch, EDGE, 0);
    keel_task_t other = race_start(release_in_race, 0);
    interrupt();
    race_finish(other);
    CHECK(!hosted_message(UINT16_C(0xf0f8), UINT64_C(0xfee00010) | EDGE << 5, 0)); /* the I/O APIC's */
    CHECK(!hosted_message(UINT16_C(0xf0f8), UINT64_C(0xfee00000), 0x40 + EDGE)); /* likewise, to AMD's unit */
}

static void D4_explore_release_against_remapped_interrupt_by_amd(void)
{
    D4_explore_release_against_remapped_interrupt();
}

/* Whose entries take many more points. */
#define WITHOUT_REMAPPING .config.iommu = HOSTED_IOMMU_OLD_INTERRUPTS

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE_DEVICES(T9_explore_disable_against_interrupt, 1, WITHOUT_REMAPPING),
        EXPLORE_DEVICES(T8_explore_release_against_interrupt, RACE_BOUND, WITHOUT_REMAPPING),
        EXPLORE_DEVICES(D4_explore_release_against_remapped_interrupt, 1),
        EXPLORE_DEVICES(D4_explore_release_against_remapped_interrupt_by_amd, 1,
                        .config.iommu = HOSTED_IOMMU_AMD),
        EXPLORE_DEVICES(T8_explore_release_inside_the_handler, RACE_BOUND, WITHOUT_REMAPPING),
        EXPLORE_DEVICES(T9_explore_affinity_against_interrupt, 1, WITHOUT_REMAPPING),
        EXPLORE_DEVICES(T9_explore_interrupt_arrives_elsewhere, 1, WITHOUT_REMAPPING),
        EXPLORE_DEVICES(T9_explore_resume_against_hold, RACE_BOUND, WITHOUT_REMAPPING),
    };
    return unit_main(tests, argc, argv);
}

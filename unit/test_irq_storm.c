/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Storms of interrupts (core/irq_storm.c, core/irq.c).
 */
#include "irq_script.h"

/* The wire is stuck, and nobody knows why. The one CPU has time for tasks all the same. */
static void D8_stuck_wire_is_cut_off(void)
{
    start(one, PCI, PCI_FLAGS);
    one->answer = KEEL_IRQ_NOT_MINE;
    one->asks = 0;
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(info_of(one).state, KEEL_IRQ_THROTTLED);
    CHECK_EQUAL(calls_of(one), IRQ_STORM_UNCLAIMED);
    CHECK(unit_console_contains("source 17 storms"));
    CHECK_AUDIT();
    CHECK_OK(keel_task_sleep(25 * MS));
    CHECK_EQUAL(calls_of(one), 2 * IRQ_STORM_UNCLAIMED);
    CHECK_OK(keel_task_sleep(3000 * MS));
    struct keel_irq_handler_info info = info_of(one);
    CHECK_EQUAL(info.state, KEEL_IRQ_CUT_OFF);
    CHECK_EQUAL(info.storms, IRQ_STORM_PAUSES + 1);
    CHECK_EQUAL(info.unclaimed, info.interrupts);
    CHECK_EQUAL(calls_of(one), (IRQ_STORM_PAUSES + 1) * IRQ_STORM_UNCLAIMED);
    CHECK(unit_console_contains("is cut off"));
    CHECK(unit_console_contains("storm 8") && !unit_console_contains("storm 3"));
    CHECK_OK(keel_irq_handler_disable(one->handler));
    CHECK_OK(keel_irq_handler_enable(one->handler)); /* does not help */
    CHECK_OK(keel_task_sleep(3000 * MS));
    CHECK_EQUAL(calls_of(one), (IRQ_STORM_PAUSES + 1) * IRQ_STORM_UNCLAIMED);
    CHECK_OK(keel_irq_handler_release(one->handler));
    hosted_irq_assert(PCI, false);
    start(one, PCI, PCI_FLAGS);
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(calls_of(one), 1);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

/* Somebody claims them all, and cannot stop them. */
static void D8_claimed_storm_is_throttled(void)
{
    start(one, PCI, PCI_FLAGS);
    one->asks = 0;
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(calls_of(one), IRQ_STORM_COUNT + 1);
    CHECK_EQUAL(info_of(one).state, KEEL_IRQ_THROTTLED);
    hosted_irq_assert(PCI, false); /* it was a moment's */
    CHECK_OK(keel_task_sleep(40 * MS));
    CHECK_EQUAL(info_of(one).state, KEEL_IRQ_OPEN);
    one->asks = calls_of(one) + 1;
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(info_of(one).storms, 1);
    /* Edges: those that come in the pause make for one call. */
    start(&devices[1], EDGE, 0);
    for (uint32_t i = 0; i < 2 * IRQ_STORM_COUNT; i++) {
        pulse(EDGE);
    }
    CHECK_EQUAL(info_of(&devices[1]).state, KEEL_IRQ_THROTTLED);
    uint32_t before = calls_of(&devices[1]);
    CHECK_OK(keel_task_sleep(25 * MS));
    CHECK_EQUAL(calls_of(&devices[1]), before + 1);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_irq_handler_release(devices[i].handler));
    }
}

/* A throttled line can be closed, and opens as new. */
static void D8_throttled_line_is_released(void)
{
    start(one, PCI, PCI_FLAGS);
    one->answer = KEEL_IRQ_NOT_MINE;
    one->asks = 0;
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(info_of(one).state, KEEL_IRQ_THROTTLED);
    CHECK_OK(keel_irq_handler_release(one->handler));
    CHECK_OK(keel_task_sleep(50 * MS));
    CHECK_AUDIT();
    hosted_irq_assert(PCI, false);
    start(one, PCI, PCI_FLAGS);
    CHECK_EQUAL(info_of(one).state, KEEL_IRQ_OPEN);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

/* Handlers that take long, few enough of them in a window. */
static uint32_t take_long(void *context)
{
    wait_for(3 * MS);
    return handle(context);
}

static void D8_slow_handlers_are_a_storm(void)
{
    start_with(one, take_long, PCI, PCI_FLAGS);
    one->asks = 0;
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(info_of(one).state, KEEL_IRQ_THROTTLED);
    CHECK(calls_of(one) < 20);
    CHECK_OK(keel_irq_handler_release(one->handler));
    hosted_irq_assert(PCI, false);
}

/* No interrupt, but calls for those that may have been lost, over and over. */
static uint32_t take_and_hold(void *context)
{
    struct device *device = context;
    wait_for(MS / 10);
    atomic_u32_fetch_add(&device->calls, 1);
    return KEEL_IRQ_HOLD;
}

static void D8_calls_without_interrupts_are_a_storm(void)
{
    start_with(one, take_and_hold, EDGE, 0);
    for (unsigned i = 0; i < 1000 && info_of(one).storms == 0; i++) {
        CHECK_OK(keel_task_sleep(20000));
        (void)keel_irq_handler_resume(one->handler);
    }
    CHECK_EQUAL(info_of(one).storms, 1);
    CHECK_EQUAL(info_of(one).interrupts, 0);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

static void D8_what_is_a_storm(void)
{
    struct irq_storm storm;
    uint64_t now = 0;
    irq_storm_init(&storm, 0);
    /* As many as may be in a window, over and over, some of them unclaimed. */
    for (uint32_t i = 0; i < 5 * IRQ_STORM_COUNT; i++, now += IRQ_STORM_WINDOW_NS / IRQ_STORM_COUNT) {
        CHECK(!irq_storm_note(&storm, now, now + 1, i % IRQ_STORM_UNCLAIMED == 0));
    }
    irq_storm_init(&storm, now);
    for (uint32_t i = 1; i < IRQ_STORM_BUSY_COUNT; i++) { /* few, and slow */
        CHECK(!irq_storm_note(&storm, now, now + IRQ_STORM_WINDOW_NS, true));
    }
    CHECK(irq_storm_note(&storm, now, now, true));
    /* Pauses grow, and begin anew after a window without a storm. */
    for (uint32_t i = 0; i < IRQ_STORM_PAUSES; i++) {
        CHECK_EQUAL(irq_storm_pause(&storm), IRQ_STORM_WINDOW_NS << i);
        irq_storm_resume(&storm, now);
        CHECK(!irq_storm_note(&storm, now + IRQ_STORM_WINDOW_NS - 1, now + IRQ_STORM_WINDOW_NS, true));
    }
    CHECK(!irq_storm_note(&storm, now - 1, now, true)); /* by a clock that is behind */
    CHECK_EQUAL(irq_storm_pause(&storm), 0);
    CHECK(!irq_storm_note(&storm, now + IRQ_STORM_WINDOW_NS, now + IRQ_STORM_WINDOW_NS, true));
    CHECK_EQUAL(irq_storm_pause(&storm), IRQ_STORM_WINDOW_NS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D8_slow_handlers_are_a_storm, .config.cpu_count = 1),
        UNIT(D8_calls_without_interrupts_are_a_storm, .config.cpu_count = 1),
        UNIT(D8_stuck_wire_is_cut_off, .by_amd = true, .config.cpu_count = 1),
        UNIT(D8_claimed_storm_is_throttled, .config.cpu_count = 1),
        UNIT(D8_throttled_line_is_released, .config.cpu_count = 1),
        UNIT(D8_what_is_a_storm),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt lines (core/irq.c) under devices that the tests play.
 */
#include "irq_script.h"

/* --- Sources --- */

static void D4_sources_are_those_of_the_machine(void)
{
    struct keel_irq_source_info info = {0};
    CHECK_OK(keel_irq_source_info(1, &info));
    CHECK(info.flags == 0 && info.legacy == 1);
    CHECK_OK(keel_irq_source_info(2, &info)); /* where the timer is wired to, and not the cascade */
    CHECK_EQUAL(info.legacy, 0);
    CHECK_OK(keel_irq_source_info(9, &info));
    CHECK(info.flags == KEEL_IRQ_LEVEL && info.legacy == 9);
    CHECK_OK(keel_irq_source_info(PCI, &info));
    CHECK(info.flags == PCI_FLAGS && info.legacy == KEEL_IRQ_NOT_LEGACY);
    CHECK_OK(keel_irq_source_info(HOSTED_IRQ_FAR + HOSTED_IRQ_FAR_COUNT - 1, &info));
    static const uint32_t none[] = {HOSTED_IRQ_NMI,      HOSTED_IRQ_COUNT,
                                    HOSTED_IRQ_FAR - 1,  HOSTED_IRQ_FAR + HOSTED_IRQ_FAR_COUNT,
                                    HAL_IRQ_SOURCES_MAX, UINT32_MAX};
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK_STATUS(keel_irq_source_info(none[i], &info), KEEL_E_NOT_FOUND);
        CHECK_STATUS(create(one, none[i], 0, 0), KEEL_E_NOT_FOUND);
    }
    CHECK_STATUS(create(one, EDGE, 8, 0), KEEL_E_INVALID);
    CHECK_STATUS(create(one, EDGE, 0, UINT64_C(1) << 40), KEEL_E_INVALID);
    const struct keel_irq_handler_options nobody = {.handler = NULL, .source = EDGE};
    CHECK_STATUS(keel_irq_handler_create(&nobody, &one->handler), KEEL_E_INVALID);
}

/* --- Handlers --- */

static void T9_edge_calls_once(void)
{
    CHECK_OK(create(one, EDGE, 0, 0));
    pulse(EDGE);
    CHECK_EQUAL(calls_of(one), 0); /* not enabled */
    CHECK_OK(keel_irq_handler_enable(one->handler));
    CHECK_OK(keel_task_sleep(MS));
    CHECK_EQUAL(calls_of(one), 1); /* in case that one was lost, as it was */
    for (uint32_t i = 2; i < 6; i++) {
        pulse(EDGE);
        CHECK_EQUAL(calls_of(one), i);
    }
    CHECK_OK(keel_irq_handler_disable(one->handler));
    pulse(EDGE);
    CHECK_OK(keel_task_sleep(MS));
    CHECK_EQUAL(calls_of(one), 5);
    CHECK_EQUAL(info_of(one).interrupts, 4);
    CHECK_EQUAL(info_of(one).unclaimed, 0);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

static void T9_level_calls_until_it_is_quiet(void)
{
    start(one, PCI, PCI_FLAGS);
    one->asks = 3;
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(calls_of(one), 3);
    CHECK_OK(keel_irq_handler_disable(one->handler));
    hosted_irq_assert(PCI, true);
    CHECK_OK(keel_task_sleep(MS));
    CHECK_EQUAL(calls_of(one), 3);
    one->asks = 5;
    CHECK_OK(keel_irq_handler_enable(one->handler)); /* it still is active */
    CHECK_EQUAL(calls_of(one), 5);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

static void T9_held_line_waits_to_be_resumed(void)
{
    start(one, PCI, PCI_FLAGS);
    one->answer = KEEL_IRQ_HOLD;
    CHECK_STATUS(keel_irq_handler_resume(one->handler), KEEL_E_NOT_FOUND);
    one->asks = 3;
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(calls_of(one), 1);
    CHECK_OK(keel_irq_handler_resume(one->handler));
    CHECK_EQUAL(calls_of(one), 2);
    CHECK_OK(keel_irq_handler_disable(one->handler)); /* which lets it go */
    CHECK_STATUS(keel_irq_handler_resume(one->handler), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_irq_handler_enable(one->handler));
    CHECK_EQUAL(calls_of(one), 3);
    CHECK_EQUAL(info_of(one).unclaimed, 0);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

static void T9_edge_while_the_line_is_held_is_not_lost(void)
{
    start(one, EDGE, 0);
    CHECK_OK(keel_task_sleep(MS));
    uint32_t before = calls_of(one);
    one->answer = KEEL_IRQ_HOLD;
    pulse(EDGE);
    pulse(EDGE);
    CHECK_EQUAL(calls_of(one), before + 1);
    CHECK_OK(keel_irq_handler_resume(one->handler));
    CHECK_OK(keel_task_sleep(MS));
    CHECK_EQUAL(calls_of(one), before + 2);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

/* --- Several on a line --- */

static void T8_handlers_share_a_line(void)
{
    const uint32_t flags = PCI_FLAGS | KEEL_IRQ_SHARED;
    for (unsigned i = 0; i < KEEL_IRQ_SHARERS_MAX; i++) {
        start(&devices[i], PCI, flags);
        devices[i].answer = KEEL_IRQ_NOT_MINE;
    }
    CHECK_STATUS(create(&devices[KEEL_IRQ_SHARERS_MAX], PCI, flags, 0), KEEL_E_LIMIT);
    CHECK_STATUS(create(&devices[KEEL_IRQ_SHARERS_MAX], PCI, PCI_FLAGS, 0), KEEL_E_BUSY);
    CHECK_STATUS(create(&devices[KEEL_IRQ_SHARERS_MAX], PCI, KEEL_IRQ_SHARED, 0), KEEL_E_BUSY);
    CHECK_STATUS(create(&devices[KEEL_IRQ_SHARERS_MAX], PCI, KEEL_IRQ_SHARED | KEEL_IRQ_LOW, 0), KEEL_E_BUSY);
    CHECK_STATUS(create(&devices[KEEL_IRQ_SHARERS_MAX], PCI, KEEL_IRQ_SHARED | KEEL_IRQ_LEVEL, 0),
                 KEEL_E_BUSY);
    devices[3].answer = KEEL_IRQ_HANDLED;
    CHECK_OK(keel_irq_handler_disable(devices[6].handler));
    pulse(PCI);
    for (unsigned i = 0; i < KEEL_IRQ_SHARERS_MAX; i++) {
        CHECK_EQUAL(calls_of(&devices[i]), i != 6);
    }
    CHECK_EQUAL(info_of(one).unclaimed, 0);
    devices[3].answer = 77; /* is no answer */
    one->asks = 2;
    pulse(PCI);
    CHECK_EQUAL(info_of(one).unclaimed, 1);
    for (unsigned i = 0; i < KEEL_IRQ_SHARERS_MAX; i++) {
        CHECK_OK(keel_irq_handler_release(devices[i].handler));
    }
    start(one, PCI, PCI_FLAGS); /* alone, now that nobody is left */
    CHECK_STATUS(create(&devices[1], PCI, flags, 0), KEEL_E_BUSY);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

/* Handlers have names of their own, even with the same function and context. */
static void H3_one_of_two_equal_handlers_goes(void)
{
    const struct keel_irq_handler_options options = {
        .handler = handle, .context = one, .source = EDGE, .flags = KEEL_IRQ_SHARED};
    keel_irq_handler_t other = {0};
    start(one, EDGE, KEEL_IRQ_SHARED);
    CHECK_OK(keel_irq_handler_create(&options, &other));
    CHECK_OK(keel_irq_handler_enable(other));
    pulse(EDGE);
    CHECK_EQUAL(calls_of(one), 2);
    CHECK_OK(keel_irq_handler_release(one->handler));
    CHECK_STATUS(keel_irq_handler_enable(one->handler), KEEL_E_BAD_HANDLE);
    pulse(EDGE);
    CHECK_EQUAL(calls_of(one), 3);
    CHECK_OK(keel_irq_handler_release(other));
    pulse(EDGE);
    CHECK_EQUAL(calls_of(one), 3);
}

/* What came for one handler while only others were enabled. */
static void T9_edge_for_a_disabled_sharer_is_not_lost(void)
{
    start(one, EDGE, KEEL_IRQ_SHARED);
    start(&devices[1], EDGE, KEEL_IRQ_SHARED);
    one->answer = KEEL_IRQ_NOT_MINE;
    CHECK_OK(keel_task_sleep(MS));
    CHECK_OK(keel_irq_handler_disable(devices[1].handler));
    uint32_t before = calls_of(&devices[1]);
    pulse(EDGE);
    CHECK_OK(keel_irq_handler_enable(devices[1].handler));
    CHECK_OK(keel_task_sleep(MS));
    CHECK_EQUAL(calls_of(&devices[1]), before + 1);
    CHECK_OK(keel_irq_handler_release(one->handler));
    CHECK_OK(keel_irq_handler_release(devices[1].handler));
}

/* One holds the line each time: those after it are called all the same. */
static void T9_who_holds_the_line_starves_nobody(void)
{
    static const uint32_t sources[] = {EDGE, PCI};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t flags = KEEL_IRQ_SHARED | (sources[i] == PCI ? PCI_FLAGS : 0);
        start(one, sources[i], flags);
        start(&devices[1], sources[i], flags);
        one->answer = KEEL_IRQ_HOLD;
        CHECK_OK(keel_task_sleep(MS));
        for (unsigned round = 0; round < 10; round++) {
            uint32_t before = calls_of(&devices[1]);
            hosted_irq_assert(sources[i], true);
            hosted_irq_assert(sources[i], false);
            (void)keel_irq_handler_resume(one->handler);
            CHECK_OK(keel_task_sleep(MS));
            CHECK(calls_of(&devices[1]) > before);
            (void)keel_irq_handler_resume(one->handler);
        }
        CHECK_OK(keel_irq_handler_release(one->handler));
        CHECK_OK(keel_irq_handler_release(devices[1].handler));
    }
}

/* The line is masked again, each time, before its handlers could be called. */
static void T9_toggling_puts_nothing_off(void)
{
    start(one, EDGE, 0);
    CHECK_OK(keel_task_sleep(MS));
    CHECK_OK(keel_irq_handler_disable(one->handler));
    uint32_t before = calls_of(one);
    pulse(EDGE);
    for (unsigned i = 0; i < 10 && calls_of(one) == before; i++) {
        CHECK_OK(keel_irq_handler_enable(one->handler));
        wait_for(6000);
        (void)keel_irq_handler_disable(one->handler);
        wait_for(6000);
    }
    CHECK(calls_of(one) > before);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

/* While a slow handler runs, another CPU asks again and again for edges that it may have lost: the CPU that
 * serves the line goes on with its task all the same, and what was asked for last is done. */
static atomic_u32_t over, calls_in_a_row;
static uint32_t calls_before;

static uint32_t dawdle(void *context)
{
    (void)context;
    atomic_u32_fetch_add(&calls_in_a_row, 1);
    wait_for(30000);
    return KEEL_IRQ_NOT_MINE;
}

static void toggle(uint64_t argument)
{
    for (uint64_t i = 0; i < argument; i++) {
        (void)keel_irq_handler_disable(one->handler);
        calls_before = calls_of(one);
        CHECK_OK(keel_irq_handler_enable(one->handler));
        CHECK_OK(keel_cpu_relax());
    }
    atomic_u32_store_release(&over, 1);
}

static void T9_toggling_keeps_nobody_in_the_handler(void)
{
    keel_task_t self = {0};
    uint32_t most = 0;
    atomic_u32_init(&over, 0);
    CHECK_OK(create(one, EDGE, KEEL_IRQ_SHARED, 1));
    CHECK_OK(create_with(&devices[1], dawdle, EDGE, KEEL_IRQ_SHARED, 1));
    CHECK_OK(keel_irq_handler_enable(devices[1].handler));
    one->answer = KEEL_IRQ_NOT_MINE;
    CHECK_OK(keel_task_self(&self));
    CHECK_OK(keel_task_set_affinity(self, 1));
    keel_task_t other = unit_spawn(toggle, 200);
    CHECK_OK(keel_task_set_affinity(other, 2));
    while (atomic_u32_load_acquire(&over) == 0) {
        atomic_u32_store_relaxed(&calls_in_a_row, 0);
        pulse(EDGE);
        uint32_t calls = atomic_u32_load_relaxed(&calls_in_a_row);
        most = calls > most ? calls : most;
        CHECK_OK(keel_task_sleep(MS / 5)); /* or it storms all the time */
    }
    CHECK(most > 0 && most < 5);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_task_sleep(20 * MS)); /* perhaps it has stormed */
    CHECK(calls_of(one) > calls_before);
    CHECK_OK(keel_irq_handler_release(one->handler));
    CHECK_OK(keel_irq_handler_release(devices[1].handler));
    CHECK_OK(keel_task_release(self));
}

/* Who holds the line takes the hold along: by its release, or disabled while it runs. */
static uint32_t disable_and_hold(void *context)
{
    struct device *device = context;
    atomic_u32_fetch_add(&device->calls, 1);
    CHECK_STATUS(keel_irq_handler_disable(device->handler), KEEL_E_BUSY);
    return KEEL_IRQ_HOLD;
}

static void T9_hold_goes_with_its_handler(void)
{
    for (unsigned disables = 0; disables < 2; disables++) {
        start(&devices[1], EDGE, KEEL_IRQ_SHARED);
        start_with(one, disables != 0 ? disable_and_hold : handle, EDGE, KEEL_IRQ_SHARED);
        one->answer = KEEL_IRQ_HOLD;
        pulse(EDGE);
        CHECK(calls_of(one) > 0);
        if (disables == 0) {
            CHECK_OK(keel_irq_handler_release(one->handler));
        }
        CHECK_OK(keel_task_sleep(MS));
        uint32_t before = calls_of(&devices[1]);
        pulse(EDGE);
        CHECK_EQUAL(calls_of(&devices[1]), before + 1);
        if (disables != 0) {
            CHECK_OK(keel_irq_handler_release(one->handler));
        }
        CHECK_OK(keel_irq_handler_release(devices[1].handler));
    }
}

/* --- What handlers do --- */

static uint32_t release_itself(void *context)
{
    struct device *device = context;
    atomic_u32_fetch_add(&device->calls, 1);
    CHECK_OK(keel_irq_handler_release(device->handler));
    CHECK_STATUS(keel_irq_handler_release(device->handler), KEEL_E_BAD_HANDLE);
    return KEEL_IRQ_HOLD;
}

static void T8_handler_releases_its_own_line(void)
{
    start_with(one, release_itself, PCI, PCI_FLAGS);
    hosted_irq_assert(PCI, true);
    CHECK_EQUAL(calls_of(one), 1);
    CHECK_AUDIT();
    start(one, PCI, PCI_FLAGS); /* the line is free, and still active */
    CHECK_EQUAL(calls_of(one), 1);
    CHECK_EQUAL(info_of(one).interrupts, 1);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

/* Each time it puts another one in its own place. */
static uint32_t replace_itself(void *context)
{
    struct device *device = context;
    const struct keel_irq_handler_options options = {
        .handler = replace_itself, .context = context, .source = EDGE, .flags = KEEL_IRQ_SHARED};
    keel_irq_handler_t next = {0};
    keel_guard_t guard = {0};
    atomic_u32_fetch_add(&device->calls, 1);
    CHECK_OK(keel_irq_handler_create(&options, &next));
    CHECK_OK(keel_irq_handler_enable(next));
    CHECK_OK(keel_irq_handler_release(device->handler));
    CHECK_OK(keel_preempt_disable(&guard)); /* and leaves something behind */
    device->handler = next;
    return KEEL_IRQ_HANDLED;
}

static void T8_handlers_come_and_go_in_a_handler(void)
{
    start_with(one, replace_itself, EDGE, KEEL_IRQ_SHARED);
    for (unsigned i = 0; i < 20; i++) {
        pulse(EDGE);
        CHECK_AUDIT();
    }
    CHECK(calls_of(one) >= 20);
    CHECK_OK(keel_task_yield()); /* not in atomic mode by what the handlers left */
    CHECK_OK(keel_irq_handler_release(one->handler));
}

static atomic_u32_t inside, leave;

static uint32_t stay(void *context)
{
    (void)context;
    atomic_u32_store_release(&inside, 1);
    unit_await(&leave);
    return KEEL_IRQ_HANDLED;
}

static void stay_on_cpu_1(uint64_t argument)
{
    (void)argument;
    pulse(EDGE);
}

static void T9_disable_says_that_the_handler_runs(void)
{
    const struct keel_irq_handler_options options = {.handler = stay, .source = EDGE, .affinity = 2};
    const struct keel_task_options there = {.entry = stay_on_cpu_1, .name = "other", .affinity = 2};
    keel_irq_handler_t handler = {0};
    keel_task_t other = {0};
    atomic_u32_init(&inside, 0);
    atomic_u32_init(&leave, 0);
    CHECK_OK(keel_irq_handler_create(&options, &handler));
    CHECK_OK(keel_irq_handler_enable(handler));
    CHECK_OK(keel_task_spawn(&there, &other));
    unit_await(&inside);
    CHECK_AUDIT();
    CHECK_STATUS(keel_irq_handler_disable(handler), KEEL_E_BUSY);
    CHECK_STATUS(keel_irq_handler_disable(handler), KEEL_E_BUSY);
    atomic_u32_store_release(&leave, 1);
    keel_status_t status = KEEL_E_BUSY;
    while (status == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
        status = keel_irq_handler_disable(handler);
    }
    CHECK_OK(status);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_irq_handler_release(handler));
}

/* --- Where --- */

static atomic_u32_t called_on[4];

static uint32_t note_cpu(void *context)
{
    uint32_t cpu = 0;
    (void)context;
    CHECK_OK(keel_cpu_current(&cpu));
    atomic_u32_fetch_add(&called_on[cpu], 1);
    return KEEL_IRQ_HANDLED;
}

static void T8_lines_go_where_they_may(void)
{
    keel_irq_handler_t handlers[4] = {0};
    struct keel_irq_handler_info info = {0};
    uint64_t cpus = 0;
    for (uint32_t i = 0; i < 4; i++) {
        struct keel_irq_handler_options options = {.handler = note_cpu, .source = i + 3};
        atomic_u32_init(&called_on[i], 0);
        CHECK_OK(keel_irq_handler_create(&options, &handlers[i]));
        CHECK_OK(keel_irq_handler_info(handlers[i], &info));
        cpus |= UINT64_C(1) << info.cpu;
    }
    CHECK_EQUAL(cpus, 15); /* one each */
    CHECK_OK(keel_irq_handler_enable(handlers[0]));
    CHECK_OK(keel_task_sleep(MS));
    for (uint32_t cpu = 0; cpu < 4; cpu++) {
        CHECK_OK(keel_irq_handler_set_affinity(handlers[0], UINT64_C(1) << cpu | UINT64_C(1) << 50));
        CHECK_OK(keel_irq_handler_info(handlers[0], &info));
        CHECK_EQUAL(info.cpu, cpu);
        CHECK_OK(keel_task_sleep(MS));
        uint32_t before = atomic_u32_load_acquire(&called_on[cpu]);
        pulse(3);
        CHECK_OK(keel_task_sleep(MS));
        CHECK_EQUAL(atomic_u32_load_acquire(&called_on[cpu]), before + 1);
    }
    CHECK_STATUS(keel_irq_handler_set_affinity(handlers[0], UINT64_C(1) << 50), KEEL_E_INVALID);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK_OK(keel_irq_handler_release(handlers[i]));
    }
}

/* --- What nobody asked for --- */

static void D4_forged_messages_call_nobody(void)
{
    struct keel_irq_counts before = {0}, after = {0};
    CHECK_OK(create(one, EDGE, 0, 1)); /* not enabled */
    CHECK_OK(keel_irq_counts(0, &before));
    for (unsigned vector = 0; vector < 256; vector++) {
        hosted_irq_message(0, vector);
    }
    CHECK_OK(keel_irq_counts(0, &after));
    CHECK_EQUAL(after.stray - before.stray, 256);
    CHECK_EQUAL(after.line, before.line);
    CHECK_EQUAL(calls_of(one), 0);
    CHECK_OK(keel_irq_handler_enable(one->handler));
    pulse(EDGE);
    CHECK_OK(keel_irq_counts(0, &after));
    CHECK_EQUAL(after.line, before.line + 1);
    CHECK_STATUS(keel_irq_counts(1, &after), KEEL_E_INVALID);
    CHECK_STATUS(keel_irq_counts(UINT32_MAX, &after), KEEL_E_INVALID);
    CHECK_OK(keel_irq_handler_release(one->handler));
}

static void T9_cpu_counts_its_interrupts(void)
{
    struct keel_irq_counts before[2] = {0}, after[2] = {0};
    for (uint32_t cpu = 0; cpu < 2; cpu++) {
        CHECK_OK(keel_irq_counts(cpu, &before[cpu]));
    }
    CHECK_OK(keel_task_sleep(50 * MS));
    keel_task_t other = unit_spawn(stay_on_cpu_1, 0); /* kicks the idle CPU */
    CHECK(unit_join(other) == 0);
    for (uint32_t cpu = 0; cpu < 2; cpu++) {
        CHECK_OK(keel_irq_counts(cpu, &after[cpu]));
    }
    CHECK(after[0].timer + after[1].timer > before[0].timer + before[1].timer);
    CHECK(after[0].ipi + after[1].ipi > before[0].ipi + before[1].ipi);
    CHECK_EQUAL(after[0].nmi + after[1].nmi, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D4_sources_are_those_of_the_machine),
        UNIT(T9_edge_calls_once, .by_amd = true, .config.cpu_count = 1),
        UNIT(T9_level_calls_until_it_is_quiet, .by_amd = true, .config.cpu_count = 1),
        UNIT(T9_held_line_waits_to_be_resumed, .by_amd = true, .config.cpu_count = 1),
        UNIT(T9_edge_while_the_line_is_held_is_not_lost, .config.cpu_count = 1),
        UNIT(T8_handlers_share_a_line, .config.cpu_count = 1),
        UNIT(H3_one_of_two_equal_handlers_goes, .config.cpu_count = 1),
        UNIT(T9_edge_for_a_disabled_sharer_is_not_lost, .config.cpu_count = 1),
        UNIT(T9_who_holds_the_line_starves_nobody, .config.cpu_count = 1),
        UNIT(T9_toggling_puts_nothing_off, .config.cpu_count = 1),
        UNIT(T9_hold_goes_with_its_handler, .config.cpu_count = 1),
        UNIT(T8_handler_releases_its_own_line, .by_amd = true, .config.cpu_count = 1),
        UNIT(T8_handlers_come_and_go_in_a_handler, .config.cpu_count = 1),
        UNIT(T9_disable_says_that_the_handler_runs, .config.cpu_count = 2),
        UNIT(T8_lines_go_where_they_may, .by_amd = true, .config.cpu_count = 4, .seeds = 3),
        UNIT(T9_toggling_keeps_nobody_in_the_handler, .config.cpu_count = 2, .seeds = 20),
        UNIT(D4_forged_messages_call_nobody, .config.cpu_count = 1),
        UNIT(T9_cpu_counts_its_interrupts),
    };
    return unit_main(tests, argc, argv);
}

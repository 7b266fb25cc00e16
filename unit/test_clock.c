/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/clock.h on the hosted machine: conversion at its ends, counters that wrap, stand still and lie, read by
 * two CPUs at once, measurements that do not agree, and two clocks side by side.
 */
#include "hosted_kernel.h"

#include <string.h>

#include "acpi_image.h"
#include "hal/clock.h"
#include "hal/cpu.h"
#include "hosted/explore.h"

#define NS_PER_TICK_1 (UINT64_C(1) << 32) /* the factor of a clock of 1 GHz */

static void HAL_ticks_become_nanoseconds(void **unused)
{
    (void)unused;
    assert_int_equal(clock_ns(0, NS_PER_TICK_1), 0);
    assert_int_equal(clock_ns(12345, NS_PER_TICK_1), 12345);
    assert_int_equal(clock_factor(CLOCK_NS_PER_S), NS_PER_TICK_1);
    assert_int_equal(clock_factor(1), CLOCK_NS_PER_S << 32);
    assert_int_equal(clock_ns(1, clock_factor(1)), CLOCK_NS_PER_S);
    /* A year at 3 GHz, to a thousandth of a second. */
    const uint64_t year = UINT64_C(31536000);
    const uint64_t ns = clock_ns(year * 3 * CLOCK_NS_PER_S, clock_factor(3 * CLOCK_NS_PER_S));
    assert_true(ns <= year * CLOCK_NS_PER_S &&
                year * CLOCK_NS_PER_S - ns < year * CLOCK_NS_PER_S / 1000000000);
}

static void HAL_conversion_never_wraps(void **unused)
{
    (void)unused;
    assert_int_equal(clock_ns(UINT64_MAX, NS_PER_TICK_1), UINT64_MAX);
    assert_int_equal(clock_ns(UINT64_MAX, NS_PER_TICK_1 + 1), UINT64_MAX);
    assert_int_equal(clock_ns(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    assert_int_equal(clock_ns(UINT64_MAX, NS_PER_TICK_1 - 1), UINT64_MAX - NS_PER_TICK_1);
    /* The next tick never makes less of the time, up to the end. */
    const uint64_t factor = clock_factor(1);
    const uint64_t last = UINT64_MAX / CLOCK_NS_PER_S;
    assert_int_equal(clock_ns(last, factor), last * CLOCK_NS_PER_S);
    assert_int_equal(clock_ns(last + 1, factor), UINT64_MAX);
}

/* ---- a counter, as the tests turn it ---- */

static atomic_u64_t hardware; /* what it would show with 64 bits */
static uint64_t step;         /* by which each look moves it on */

static uint64_t read_hardware(void)
{
    return atomic_u64_fetch_add(&hardware, step) + step;
}

static struct clock_counter counter;

static void begin_counter(unsigned bits, uint64_t shown, uint64_t base)
{
    counter = (struct clock_counter){
        .read = read_hardware, .mask = UINT64_MAX >> (64 - bits), .factor = NS_PER_TICK_1};
    step = 0;
    atomic_u64_init(&hardware, shown);
    clock_counter_begin(&counter, base);
}

static uint64_t show(uint64_t shown)
{
    atomic_u64_init(&hardware, shown);
    return clock_counter_ns(&counter);
}

static void T9_counter_goes_on_where_it_wraps(void **unused)
{
    static const unsigned widths[] = {16, 24, 32, 63, 64};
    (void)unused;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const uint64_t mask = UINT64_MAX >> (64 - widths[i]);
        begin_counter(widths[i], mask - 2, 1000);
        assert_int_equal(show(mask), 1002);
        assert_int_equal(show(0), 1003);
        assert_int_equal(show(mask / 4), 1003 + mask / 4);
        assert_int_equal(show(mask / 2), 1003 + mask / 2);
        if (widths[i] < 63) { /* many turns */
            uint64_t expected = 1003 + mask / 2;
            for (unsigned turn = 0; turn < 12; turn++) {
                expected += mask / 3;
                assert_int_equal(show((expected - 1003) & mask), expected);
            }
        }
    }
}

static void D7_counter_that_shows_anything_never_goes_back(void **unused)
{
    static const uint64_t shown[] = {UINT64_MAX, 0, UINT64_MAX, 5, 4, 0x80000000, 0x7fffffff, 0xffffffff,
                                     0,          1, UINT64_MAX, 2, 0, 0xffffffff, 0x80000000, 0};
    (void)unused;
    for (unsigned bits = 16; bits <= 64; bits += 16) {
        uint64_t before = 0;
        begin_counter(bits, 3, 0);
        for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
            const uint64_t now = show(shown[i]);
            assert_true(now >= before);
            assert_true(now - before <= counter.mask - counter.mask / CLOCK_COUNTER_BACK);
            before = now;
        }
        assert_int_equal(show(UINT64_MAX), clock_counter_ns(&counter)); /* stuck: time stands */
        for (uint64_t jump = 0; jump < 40; jump++) {
            const uint64_t now = show(jump * (counter.mask / 4 * 3));
            assert_true(now >= before);
            before = now;
        }
    }
}

static void HAL_counter_is_not_left_alone_for_half_a_turn(void **unused)
{
    (void)unused;
    begin_counter(16, 0, 0);
    assert_true(clock_counter_patience(&counter) < 0x8000);
    assert_true(clock_counter_patience(&counter) > 0x4000);
    begin_counter(64, 0, 0);
    assert_true(clock_counter_patience(&counter) < UINT64_MAX / 2);
    begin_counter(16, 100, 0);
    assert_int_equal(show(100 + 0xdfff), 0xdfff); /* late, but not too late */
    assert_int_equal(show(100 + 0xdffe), 0xdfff); /* back */
}

static void HAL_counter_time_never_wraps(void **unused)
{
    (void)unused;
    begin_counter(64, 0, UINT64_MAX - 5);
    assert_int_equal(show(4), UINT64_MAX - 1);
    assert_int_equal(show(400), UINT64_MAX);
}

#define BEGIN 250u

/* Every answer is a time between the call and its end, on either CPU, whoever publishes first. */
static void read_often(void)
{
    uint64_t last = 0;
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t before = atomic_u64_peek(&hardware);
        const uint64_t now = clock_counter_ns(&counter) + BEGIN;
        mini_expect(before <= now && now <= atomic_u64_peek(&hardware));
        mini_expect(last <= now);
        last = now;
    }
}

static void read_on_boot_cpu(void)
{
    begin_counter(8, BEGIN, 0);
    step = 60; /* four readings are too far apart: what one CPU publishes late must not count */
    atomic_u32_store_release(&mini_word, 1);
    hosted_explore_begin();
    read_often();
    hosted_explore_end();
    while (atomic_u32_load_acquire(&mini_finished) == 0) {
        hal_cpu_relax();
    }
    /* Nothing was lost with the wraps. */
    mini_expect(clock_counter_ns(&counter) + BEGIN == atomic_u64_peek(&hardware));
}

static void read_on_second_cpu(void)
{
    while (atomic_u32_load_acquire(&mini_word) == 0) {
        hal_cpu_relax();
    }
    read_often();
    atomic_u32_store_release(&mini_finished, 1);
}

static void T9_explore_two_cpus_read_a_counter(void **unused)
{
    static struct hosted_explored found;
    const struct hosted_explore explore = {.config = mini_small, .bound = 3};
    (void)unused;
    mini_boot_body = read_on_boot_cpu;
    mini_second_body = read_on_second_cpu;
    hosted_explore(&explore, &found);
    print_message("%llu schedules\n", (unsigned long long)found.schedules);
    assert_false(found.failed);
    assert_true(found.complete);
    assert_true(found.schedules > 100);
}

/* ---- HPET ---- */

#define HPET_GOOD UINT64_C(0x009896808086a201) /* 10 ns, 64 bits, 3 timers, revision 1 */

static void D7_hpet_capabilities_are_bounded(void **unused)
{
    struct hpet hpet;
    (void)unused;
    assert_true(hpet_decode(HPET_GOOD, &hpet));
    assert_int_equal(hpet.mask, UINT64_MAX);
    assert_int_equal(hpet.timer_count, 3);
    assert_int_equal(clock_ns(100, hpet.factor), 1000);
    assert_true(hpet_decode(HPET_GOOD & ~UINT64_C(0x2000), &hpet));
    assert_int_equal(hpet.mask, UINT32_MAX);
    assert_true(hpet_decode((uint64_t)HPET_PERIOD_MAX << 32 | 1, &hpet));
    assert_int_equal(clock_ns(UINT64_C(1) << 40, hpet.factor), UINT64_C(100) << 40);
    assert_false(hpet_decode((uint64_t)(HPET_PERIOD_MAX + 1) << 32 | 1, &hpet));
    assert_true(hpet_decode((uint64_t)HPET_PERIOD_MIN << 32 | 1, &hpet));
    assert_int_equal(clock_ns(10000, hpet.factor), 999); /* rounded down, as every factor is */
    assert_false(hpet_decode((uint64_t)(HPET_PERIOD_MIN - 1) << 32 | 1, &hpet));
    assert_false(hpet_decode(HPET_GOOD & ~UINT64_C(0xff), &hpet)); /* revision 0 */
    assert_false(hpet_decode(0, &hpet));
    assert_false(hpet_decode(UINT64_MAX, &hpet)); /* nobody answers */
}

#define TABLE_SIZE 56u

static bool parse(uint8_t *bytes, uint32_t length, uint64_t *address)
{
    struct acpi_image image = {bytes, length};
    const struct acpi_memory memory = {acpi_image_read, &image};
    const struct acpi_table table = {.address = 0, .length = length};
    return acpi_parse_hpet(&memory, &table, address);
}

static void D7_hpet_table_is_bounded(void **unused)
{
    uint8_t bytes[TABLE_SIZE] = {[45] = 0x04, [46] = 0xd0, [47] = 0xfe}; /* 0xfed00400 */
    uint64_t address = 0;
    (void)unused;
    assert_true(parse(bytes, TABLE_SIZE, &address));
    assert_int_equal(address, 0xfed00400);
    assert_false(parse(bytes, TABLE_SIZE - 1, &address));
    bytes[40] = ACPI_SPACE_IO;
    assert_false(parse(bytes, TABLE_SIZE, &address));
    bytes[40] = ACPI_SPACE_MEMORY;
    bytes[44] = 0x80; /* the block would leave its page */
    assert_false(parse(bytes, TABLE_SIZE, &address));
    memset(bytes, 0, sizeof bytes);
    assert_false(parse(bytes, TABLE_SIZE, &address));
}

/* ---- how fast ---- */

#define MS UINT64_C(1000000)

static struct clock_rates measure(const uint64_t tsc_hz[CLOCK_ROUNDS])
{
    struct clock_round rounds[CLOCK_ROUNDS];
    for (unsigned i = 0; i < CLOCK_ROUNDS; i++) {
        rounds[i] = (struct clock_round){
            .tsc = tsc_hz[i] / 50, .apic = 2000000 + i, .nanoseconds = tsc_hz[i] != 0 ? 20 * MS : 0};
    }
    return clock_rates(rounds);
}

#define GHZ UINT64_C(1000000000)

static void T9_rate_is_what_most_measurements_say(void **unused)
{
    (void)unused;
    const uint64_t same[] = {2 * GHZ, 2 * GHZ, 2 * GHZ, 2 * GHZ, 2 * GHZ};
    struct clock_rates rates = measure(same);
    assert_true(rates.tsc_agrees);
    assert_int_equal(rates.tsc_hz, 2 * GHZ);
    assert_int_equal(rates.apic_hz, 100000100);
    /* Two may be spoilt, whichever way. */
    const uint64_t spoilt[] = {3 * GHZ, 2 * GHZ, 2 * GHZ + 1000000, 40 * GHZ, 2 * GHZ - 1000000};
    rates = measure(spoilt);
    assert_true(rates.tsc_agrees);
    assert_int_equal(rates.tsc_hz, 2 * GHZ + 1000000);
    const uint64_t dead[] = {0, 2 * GHZ, 0, 2 * GHZ, 2 * GHZ};
    assert_true(measure(dead).tsc_agrees);
    assert_int_equal(measure(dead).tsc_hz, 2 * GHZ);
}

static void T9_measurements_that_differ_are_no_rate(void **unused)
{
    (void)unused;
    const uint64_t differ[] = {2 * GHZ, 2 * GHZ + 3000000, 2 * GHZ - 3000000, 2 * GHZ + 6000000, 2 * GHZ};
    assert_false(measure(differ).tsc_agrees);
    const uint64_t changing[] = {1 * GHZ, 2 * GHZ, 3 * GHZ, 4 * GHZ, 5 * GHZ};
    assert_false(measure(changing).tsc_agrees);
    assert_int_equal(measure(changing).tsc_hz, 3 * GHZ);
    const uint64_t dead[] = {0, 0, 0, 2 * GHZ, 2 * GHZ};
    assert_false(measure(dead).tsc_agrees);
    assert_int_equal(measure(dead).tsc_hz, 0);
    assert_int_equal(measure(dead).apic_hz, 0);
}

static void HAL_absurd_measurements_are_no_rate(void **unused)
{
    struct clock_round rounds[CLOCK_ROUNDS];
    (void)unused;
    for (unsigned i = 0; i < CLOCK_ROUNDS; i++) {
        rounds[i] = (struct clock_round){.tsc = UINT64_MAX, .apic = 0, .nanoseconds = 1};
    }
    struct clock_rates rates = clock_rates(rounds);
    assert_false(rates.tsc_agrees);
    assert_int_equal(rates.tsc_hz, 0);
    assert_int_equal(rates.apic_hz, 0);
    for (unsigned i = 0; i < CLOCK_ROUNDS; i++) { /* 100 years */
        rounds[i] =
            (struct clock_round){.tsc = 9 * GHZ * GHZ, .apic = UINT32_MAX, .nanoseconds = 3 * GHZ * GHZ};
    }
    rates = clock_rates(rounds);
    assert_true(rates.tsc_agrees);
    assert_int_equal(rates.tsc_hz, 3 * GHZ);
}

/* ---- side by side ---- */

#define PATIENCE (10 * GHZ)

static struct clock_watch watch;

static enum clock_verdict look(uint64_t clock, uint64_t reference, uint64_t took)
{
    return clock_watch(&watch, clock, reference, clock + took, PATIENCE);
}

static void T9_clock_that_runs_away_is_seen(void **unused)
{
    (void)unused;
    watch = (struct clock_watch){5 * GHZ, 7 * GHZ};
    assert_int_equal(look(6 * GHZ, 8 * GHZ, 1000), CLOCK_AGREES);
    assert_int_equal(look(7 * GHZ, 9 * GHZ + 5 * MS, 1000), CLOCK_AGREES);
    assert_int_equal(watch.reference, 9 * GHZ + 5 * MS);
    assert_int_equal(look(8 * GHZ, 10 * GHZ + 15 * MS, 1000), CLOCK_DIFFERS); /* 1 % too slow */
    assert_int_equal(look(8 * GHZ, 10 * GHZ - 5 * MS, 1000), CLOCK_DIFFERS);  /* 1 % too fast */
    assert_int_equal(look(8 * GHZ, 9 * GHZ + 5 * MS, 1000), CLOCK_DIFFERS);   /* the reference stands */
    assert_int_equal(look(8 * GHZ, UINT64_MAX, 1000), CLOCK_DIFFERS);
    /* What differed is not forgotten by looking again. */
    assert_int_equal(watch.clock, 7 * GHZ);
}

static void T9_look_that_tells_nothing_is_no_verdict(void **unused)
{
    (void)unused;
    watch = (struct clock_watch){0, 0};
    assert_int_equal(look(GHZ, 2 * GHZ, CLOCK_WATCH_LOOK + 1), CLOCK_UNDECIDED); /* preempted between */
    assert_int_equal(look(GHZ / 4, 2 * GHZ, 1000), CLOCK_UNDECIDED);             /* too soon */
    assert_int_equal(watch.clock, 0);
    /* The reference may have wrapped meanwhile: begin again. */
    assert_int_equal(look(PATIENCE + 1, GHZ, 1000), CLOCK_UNDECIDED);
    assert_int_equal(watch.clock, PATIENCE + 1);
    assert_int_equal(look(PATIENCE + 1 + GHZ, 2 * GHZ, 1000), CLOCK_AGREES);
}

/* ---- the command line ---- */

static enum clock_wish wish(const char *line, enum clock_kind *kind)
{
    return clock_wish(line, strlen(line), kind);
}

static void HAL_command_line_names_a_clock(void **unused)
{
    enum clock_kind kind = CLOCK_PIT;
    (void)unused;
    assert_int_equal(wish("", &kind), CLOCK_ANY);
    assert_int_equal(clock_wish(NULL, 0, &kind), CLOCK_ANY);
    assert_int_equal(wish("keel.clock keel.clocks=hpet xkeel.clock=hpet", &kind), CLOCK_ANY);
    assert_int_equal(kind, CLOCK_PIT);
    assert_int_equal(wish("a=1  keel.clock=tsc\tb", &kind), CLOCK_FORCED);
    assert_int_equal(kind, CLOCK_TSC);
    assert_int_equal(wish("keel.clock=pit keel.clock=hpet", &kind), CLOCK_FORCED);
    assert_int_equal(kind, CLOCK_HPET);
    assert_int_equal(wish("keel.clock=acpi\n", &kind), CLOCK_FORCED);
    assert_int_equal(kind, CLOCK_ACPI);
    assert_int_equal(wish("keel.clock=pit", &kind), CLOCK_FORCED);
    assert_int_equal(kind, CLOCK_PIT);
    assert_int_equal(wish("keel.clock=", &kind), CLOCK_UNKNOWN);
    assert_int_equal(wish("keel.clock=pits", &kind), CLOCK_UNKNOWN);
    assert_int_equal(wish("keel.clock=pi", &kind), CLOCK_UNKNOWN);
    assert_int_equal(clock_wish("keel.clock=pit", 11, &kind), CLOCK_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(HAL_ticks_become_nanoseconds),
        cmocka_unit_test(HAL_conversion_never_wraps),
        cmocka_unit_test(T9_counter_goes_on_where_it_wraps),
        cmocka_unit_test(D7_counter_that_shows_anything_never_goes_back),
        cmocka_unit_test(HAL_counter_is_not_left_alone_for_half_a_turn),
        cmocka_unit_test(HAL_counter_time_never_wraps),
        cmocka_unit_test(T9_explore_two_cpus_read_a_counter),
        cmocka_unit_test(D7_hpet_capabilities_are_bounded),
        cmocka_unit_test(D7_hpet_table_is_bounded),
        cmocka_unit_test(T9_rate_is_what_most_measurements_say),
        cmocka_unit_test(T9_measurements_that_differ_are_no_rate),
        cmocka_unit_test(HAL_absurd_measurements_are_no_rate),
        cmocka_unit_test(T9_clock_that_runs_away_is_seen),
        cmocka_unit_test(T9_look_that_tells_nothing_is_no_verdict),
        cmocka_unit_test(HAL_command_line_names_a_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

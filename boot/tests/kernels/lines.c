/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt lines of real devices: the real-time clock, whose edges are served wherever the line goes (T9),
 * and a timer that stands still with its wire active, which is a storm (D8). For a PC only: it drives the two
 * by their ports, which no client is given.
 */
#include "by_hand.h"
#include "check.h"

#define MS UINT64_C(1000000)

/* --- The real-time clock (MC146818): old line 8 --- */

enum {
    RTC_INDEX = 0x70,
    RTC_DATA = 0x71,
    REGISTER_A = 0x0a, /* bits 0..3: 6 is 1024 Hz */
    REGISTER_B = 0x0b,
    REGISTER_C = 0x0c, /* reading it acknowledges */
    PERIODIC = 1 << 6, /* in B and C */
    RTC_LINE = 8,
};

static keel_spinlock_t rtc_lock; /* a register's number and its value go by two ports */

static uint8_t rtc_read(uint8_t index)
{
    CHECK_OK(keel_spinlock_lock(rtc_lock));
    port_write8(RTC_INDEX, index);
    uint8_t value = port_read8(RTC_DATA);
    CHECK_OK(keel_spinlock_unlock(rtc_lock));
    return value;
}

static void rtc_write(uint8_t index, uint8_t value)
{
    CHECK_OK(keel_spinlock_lock(rtc_lock));
    port_write8(RTC_INDEX, index);
    port_write8(RTC_DATA, value);
    CHECK_OK(keel_spinlock_unlock(rtc_lock));
}

static void rtc_start(void)
{
    rtc_write(REGISTER_A, (uint8_t)((rtc_read(REGISTER_A) & 0xf0) | 6));
    rtc_write(REGISTER_B, (uint8_t)(rtc_read(REGISTER_B) | PERIODIC));
    (void)rtc_read(REGISTER_C);
}

static void rtc_stop(void)
{
    rtc_write(REGISTER_B, (uint8_t)(rtc_read(REGISTER_B) & ~PERIODIC));
    (void)rtc_read(REGISTER_C);
}

static _Atomic uint32_t periods, inside, served_on[64];
static keel_irq_handler_t handler;

static uint32_t serve_rtc(void *context)
{
    uint32_t cpu = 0;
    (void)context;
    CHECK(inside++ == 0);
    uint8_t flags = rtc_read(REGISTER_C);
    CHECK_OK(keel_cpu_current(&cpu));
    served_on[cpu]++;
    periods += (flags & PERIODIC) != 0;
    inside--;
    return (flags & PERIODIC) != 0 ? KEEL_IRQ_HANDLED : KEEL_IRQ_NOT_MINE;
}

/* Until `count` periods were served after the first `before`. Each waits for the one before: one that is lost
 * is the last. */
static bool served_since(uint32_t before, uint32_t count)
{
    for (unsigned turn = 0; periods - before < count && turn < 1000; turn++) {
        CHECK_OK(keel_task_sleep(10 * MS));
    }
    return periods - before >= count;
}

static bool serves(uint32_t count)
{
    return served_since(periods, count);
}

static void attach(uint32_t (*function)(void *))
{
    const struct keel_irq_handler_options options = {.handler = function, .source = source_of_line(RTC_LINE)};
    CHECK_OK(keel_irq_handler_create(&options, &handler));
    CHECK_OK(keel_irq_handler_enable(handler));
    rtc_start();
}

static void T9_edges_are_served_where_the_line_goes(void)
{
    struct keel_boot_info boot = {0};
    struct keel_irq_handler_info info = {0};
    CHECK_OK(keel_boot_info(&boot));
    attach(serve_rtc);
    for (uint32_t i = 0; i < 2 * boot.cpus_online; i++) {
        uint32_t cpu = i % boot.cpus_online, before = served_on[cpu];
        CHECK_OK(keel_irq_handler_set_affinity(handler, UINT64_C(1) << cpu));
        CHECK_VALUE(serves(20), i);
        CHECK_VALUE(served_on[cpu] > before, i);
    }
    for (uint32_t i = 0; i < 200; i++) { /* and while it moves about */
        CHECK_OK(keel_irq_handler_set_affinity(handler, UINT64_C(1) << i % boot.cpus_online));
        CHECK_OK(keel_task_yield());
    }
    CHECK(serves(20));
    CHECK_OK(keel_irq_handler_info(handler, &info));
    note("interrupts of the clock", info.interrupts);
    rtc_stop();
    CHECK_OK(keel_irq_handler_release(handler));
}

/* It may be called before its device has interrupted. */
static uint32_t serve_once(void *context)
{
    uint32_t answer = serve_rtc(context);
    if (answer == KEEL_IRQ_HANDLED) {
        CHECK_OK(keel_irq_handler_release(handler));
    }
    return answer;
}

static void T8_handler_releases_its_own_line(void)
{
    for (unsigned round = 0; round < 10; round++) {
        uint32_t before = periods; /* it may be served before this task goes on */
        attach(serve_once);
        CHECK_VALUE(served_since(before, 1), round);
        rtc_stop();
        CHECK_STATUS(KEEL_E_BAD_HANDLE, keel_irq_handler_disable(handler));
    }
}

/* --- The timer (8254): old line 0 --- */

enum { PIT_CHANNEL_0 = 0x40, PIT_COMMAND = 0x43, COUNT_ONCE = 0x30, PIT_LINE = 0 };

static _Atomic uint32_t calls;

static uint32_t claim_nothing(void *context)
{
    (void)context;
    calls++;
    return KEEL_IRQ_NOT_MINE;
}

/* Having counted down once, its output stays high: a level, for who takes it for one. */
static void D8_stuck_wire_is_cut_off(void)
{
    const struct keel_irq_handler_options options = {
        .handler = claim_nothing, .source = source_of_line(PIT_LINE), .flags = KEEL_IRQ_LEVEL};
    struct keel_irq_handler_info info = {0};
    keel_irq_handler_t stuck = {0};
    CHECK_OK(keel_irq_handler_create(&options, &stuck));
    CHECK_OK(keel_irq_handler_enable(stuck));
    port_write8(PIT_COMMAND, COUNT_ONCE);
    port_write8(PIT_CHANNEL_0, 0xff);
    port_write8(PIT_CHANNEL_0, 0);
    for (unsigned turn = 0; info.state != KEEL_IRQ_CUT_OFF && turn < 1000; turn++) {
        CHECK_OK(keel_task_sleep(10 * MS)); /* there is time for tasks meanwhile */
        CHECK_OK(keel_irq_handler_info(stuck, &info));
    }
    CHECK_VALUE(info.state == KEEL_IRQ_CUT_OFF, info.state);
    CHECK_VALUE(info.unclaimed == info.interrupts && info.interrupts >= 100, info.interrupts);
    note("storms before the line was cut off", info.storms);
    uint32_t before = calls;
    CHECK_OK(keel_task_sleep(100 * MS));
    CHECK_VALUE(calls == before, calls);
    CHECK_OK(keel_irq_handler_release(stuck));
    port_write8(PIT_COMMAND, COUNT_ONCE); /* its output is low until it is given a count */
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(T9_edges_are_served_where_the_line_goes),
        TEST(T8_handler_releases_its_own_line),
        TEST(D8_stuck_wire_is_cut_off),
    };
    CHECK_OK(keel_spinlock_create(KEEL_SPINLOCK_IRQ_OFF, &rtc_lock));
    int32_t status = tests_run("lines", tests, COUNT_OF(tests));
    CHECK_OK(keel_spinlock_release(rtc_lock));
    return status;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Time, whichever clock the machine has: it goes back on no CPU, is the same on all of them, goes on while
 * nobody looks, and the date goes with it (T9).
 *
 * Options on the command line: wall=N: the machine came up within ten minutes after N seconds since 1970.
 * by-tsc: the TSC counts with the time, and exactly so (QEMU's -icount).
 */
#include <stdatomic.h>

#include "check.h"

#define READERS_MAX 16u
#define READS       2000u
#define MS          UINT64_C(1000000)
#define APART_NS    MS /* of the clocks of two CPUs */

static _Atomic uint64_t latest; /* that any task has seen */
static _Atomic uint32_t seen_cpus;

static uint64_t time_now(void)
{
    uint64_t now = 0;
    CHECK_OK(keel_time_now(&now));
    return now;
}

static void note_latest(uint64_t now)
{
    uint64_t seen = latest;
    while (seen < now && !atomic_compare_exchange_weak(&latest, &seen, now)) {
    }
}

static void reader(uint64_t argument)
{
    uint64_t last = 0;
    (void)argument;
    for (uint32_t i = 0; i < READS; i++) {
        uint32_t cpu = 0;
        uint64_t others = latest, now = time_now();
        CHECK_VALUE(now >= last, last - now);
        CHECK_VALUE(now + APART_NS >= others, others - now);
        note_latest(now);
        last = now;
        CHECK_OK(keel_cpu_current(&cpu));
        seen_cpus |= UINT32_C(1) << cpu;
        if (i % 16 == 0) {
            CHECK_OK(keel_task_yield());
        }
    }
}

static void T9_time_is_the_same_everywhere(void)
{
    keel_task_t tasks[READERS_MAX];
    struct keel_boot_info info = {0};
    CHECK_OK(keel_boot_info(&info));
    uint32_t count = 2 * info.cpus_online < READERS_MAX ? 2 * info.cpus_online : READERS_MAX;
    latest = seen_cpus = 0;
    for (uint32_t i = 0; i < count; i++) {
        tasks[i] = task_start("reader", reader, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        (void)task_finish(tasks[i]);
    }
    note("CPUs that read the time, as a set", seen_cpus);
}

/* In the first calls nobody asks for the time; in the last one the CPU has nothing to do at all. */
static void T9_sleepers_wake_in_time(void)
{
    for (uint64_t ms = 1; ms <= 256; ms *= 4) {
        uint64_t before = time_now();
        CHECK_OK(keel_task_sleep(ms * MS));
        uint64_t passed = time_now() - before;
        CHECK_VALUE(passed >= ms * MS, passed);
    }
}

static uint64_t tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* TSC ticks while the clock shows that `ns` pass, in thousandths of a tick for each nanosecond. */
static uint64_t rate_while(keel_status_t (*pass)(uint64_t ns), uint64_t ns)
{
    uint64_t before = time_now(), ticks = tsc();
    CHECK_OK(pass(ns));
    ticks = tsc() - ticks;
    return ticks * 1000 / (time_now() - before);
}

static keel_status_t look_at_clock(uint64_t ns)
{
    uint64_t start = time_now();
    while (time_now() - start < ns) {
    }
    return KEEL_OK;
}

/* A clock that wraps unseen while all CPUs sleep would show less than passed. */
static void T9_nothing_is_lost_while_nobody_looks(void)
{
    if (!option_given("by-tsc")) {
        return;
    }
    uint64_t busy = rate_while(look_at_clock, 100 * MS);
    uint64_t idle = rate_while(keel_task_sleep, 500 * MS);
    note("TSC ticks by the microsecond, busy", busy);
    note("TSC ticks by the microsecond, idle", idle);
    CHECK_VALUE(idle < busy + busy / 50 && busy < idle + idle / 50, idle);
}

/* Between which values the date lay when the time was 0. */
static void find_start(uint64_t *low, uint64_t *high)
{
    uint64_t before = time_now(), wall = 0;
    CHECK_OK(keel_time_wall(&wall));
    uint64_t after = time_now();
    *low = wall - after;
    *high = wall - before;
}

static void H4_date_goes_with_the_time(void)
{
    uint64_t low, high, low_later, high_later;
    uint64_t expected = option_number("wall=", 0);
    find_start(&low, &high);
    CHECK_OK(keel_task_sleep(20 * MS));
    find_start(&low_later, &high_later);
    CHECK_VALUE(low <= high_later && low_later <= high, low_later - low);
    note("seconds since 1970 at boot", low / (1000 * MS));
    CHECK_VALUE(high / (1000 * MS) >= expected && low / (1000 * MS) < expected + 600, low / (1000 * MS));
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(T9_time_is_the_same_everywhere),
        TEST(T9_sleepers_wake_in_time),
        TEST(T9_nothing_is_lost_while_nobody_looks),
        TEST(H4_date_goes_with_the_time),
    };
    return tests_run("clock", tests, COUNT_OF(tests));
}

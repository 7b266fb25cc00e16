/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal_time_now: which clock there is, how fast it runs, and whether it goes on to. The time stamp counter
 * where several measurements by a counter of the chipset agree on its rate, otherwise that counter itself. A
 * TSC that later runs away from the counter gives way to it.
 */
#include "hal/clock.h"
#include "hal/cpu.h"
#include "hal/cpu_start.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"

#define NS_PER_MS    UINT64_C(1000000)
#define ROUND_NS     (20 * NS_PER_MS)
#define READS_MAX    10000000u
#define ATTEMPTS     3u
#define HZ_PER_MHZ   UINT64_C(1000000)
#define CPUID_AGREES 100u /* within so small a part of the measured rate */

/* What is written here is written before other CPUs run, or while they stand still. */
static atomic_u32_t chosen; /* enum clock_kind; once it is not the TSC it never is again */
static uint64_t tsc_start, tsc_hz;
uint64_t x86_tsc_factor;             /* boot/tests/kernels/planted.c puts it out of tune */
static struct clock_counter counter; /* the clock, or what watches it */
static enum clock_kind counter_kind;
static struct clock_watch watch;
static atomic_u32_t watching; /* 1: some CPU looks; the watch is its */

uint64_t hal_time_now(void)
{
    if (atomic_u32_load_acquire(&chosen) == CLOCK_TSC) {
        const uint64_t now = clock_ns(x86_rdtsc() - tsc_start, x86_tsc_factor);

        /* A CPU that stood still here meanwhile would answer what the clock has left behind. */
        if (atomic_u32_peek(&chosen) == CLOCK_TSC) {
            return now;
        }
    }
    return clock_counter_ns(&counter);
}

bool x86_clock_is_tsc(void)
{
    return atomic_u32_load_acquire(&chosen) == CLOCK_TSC;
}

uint64_t x86_clock_patience(void)
{
    return x86_clock_is_tsc() ? UINT64_MAX : clock_counter_patience(&counter);
}

/* ---- choosing ---- */

static struct clock_round measure_once(void)
{
    struct clock_round round = {0};
    uint64_t tsc;

    clock_counter_begin(&counter, 0);
    x86_apic_timer_start(UINT32_MAX);
    tsc = x86_rdtsc();
    for (unsigned reads = 0; reads < READS_MAX && round.nanoseconds < ROUND_NS; reads++) {
        round.nanoseconds = clock_counter_ns(&counter);
    }
    round.apic = UINT32_MAX - x86_apic_timer_left();
    round.tsc = x86_rdtsc() - tsc;
    x86_apic_timer_start(0);
    if (round.nanoseconds < ROUND_NS) {
        round.nanoseconds = 0;
    }
    return round;
}

/* A virtual CPU may lose its host CPU between two reads, and so several rounds may be spoilt. */
static struct clock_rates measure(void)
{
    struct clock_rates rates = {0};

    for (unsigned attempt = 0; attempt < ATTEMPTS && !rates.tsc_agrees; attempt++) {
        struct clock_round rounds[CLOCK_ROUNDS];

        for (unsigned i = 0; i < CLOCK_ROUNDS; i++) {
            rounds[i] = measure_once();
        }
        rates = clock_rates(rounds);
    }
    return rates;
}

/* Opens the best counter that there is, or, for the sake of the TSC, the best by which its rate is steady.
 * The APIC timer's rate comes with it. */
static struct clock_rates open_counter(void)
{
    static const enum clock_kind order[] = {CLOCK_HPET, CLOCK_ACPI, CLOCK_PIT};
    struct clock_rates best = {0};
    struct clock_counter best_counter = {0};

    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]) && !best.tsc_agrees; i++) {
        struct clock_rates rates;

        if (!x86_counter_open(order[i], &counter)) {
            continue;
        }
        rates = measure();
        if (rates.apic_hz != 0 && rates.apic_hz <= UINT32_MAX && (best.apic_hz == 0 || rates.tsc_agrees)) {
            best = rates;
            best_counter = counter;
            counter_kind = order[i];
        }
    }
    counter = best_counter;
    return best;
}

/* What CPUID says of the rate (SDM vol. 2A, leaves 15H and 16H); 0: nothing. */
static uint64_t rate_by_cpuid(void)
{
    const uint32_t leaves = x86_cpuid(0, 0).eax;

    if (leaves >= 0x15) {
        const struct x86_cpuid leaf = x86_cpuid(0x15, 0);

        if (leaf.eax != 0 && leaf.ebx != 0 && leaf.ecx != 0) {
            return (uint64_t)leaf.ecx * leaf.ebx / leaf.eax;
        }
    }
    return leaves >= 0x16 ? (x86_cpuid(0x16, 0).eax & 0xffff) * HZ_PER_MHZ : 0;
}

static void cross_check(uint64_t hz)
{
    const uint64_t told = rate_by_cpuid();
    const uint64_t apart = told > hz ? told - hz : hz - told;

    if (told != 0 && apart > hz / CPUID_AGREES) {
        x86_print("keel: clock: CPUID says %u MHz of the TSC, measured are %u\n", told / HZ_PER_MHZ,
                  hz / HZ_PER_MHZ);
    }
}

uint64_t x86_clock_tsc_hz(void)
{
    return x86_clock_is_tsc() && x86_features.tsc_invariant ? tsc_hz : 0;
}

/* A counter that wraps sooner tells nothing from one look to the next. */
static bool can_watch(void)
{
    return clock_counter_patience(&counter) >= CLOCK_WATCH_PERIOD;
}

static void use_tsc(const struct clock_rates *rates)
{
    tsc_hz = rates->tsc_hz;
    x86_tsc_factor = clock_factor(tsc_hz);
    tsc_start = x86_rdtsc();
    clock_counter_begin(&counter, 0);
    cross_check(rates->tsc_hz);
    x86_print("keel: clock: tsc, %u MHz by %s, %sinvariant%s\n", rates->tsc_hz / HZ_PER_MHZ,
              clock_names[counter_kind], x86_features.tsc_invariant ? "" : "not said to be ",
              can_watch() ? ", watched" : "");
}

static void use_counter(const char *why)
{
    clock_counter_begin(&counter, 0);
    atomic_u32_store_release(&chosen, counter_kind);
    x86_print("keel: clock: %s, %s\n", clock_names[counter_kind], why);
}

/* What the command line asks for, if there is such a clock. */
static enum clock_wish ask(const char *line, size_t size, const struct clock_rates *rates,
                           enum clock_kind *kind)
{
    const enum clock_wish wish = clock_wish(line, size, kind);
    struct clock_counter other = {0};

    if (wish == CLOCK_UNKNOWN) {
        x86_print("keel: clock: keel.clock= names no clock; it may be tsc, hpet, acpi or pit\n");
    } else if (wish == CLOCK_FORCED && *kind == CLOCK_TSC && rates->tsc_hz != 0) {
        return wish;
    } else if (wish == CLOCK_FORCED && x86_counter_open(*kind, &other)) {
        counter = other;
        counter_kind = *kind;
        return wish;
    } else if (wish == CLOCK_FORCED) {
        x86_print("keel: clock: this machine has no %s that runs\n", clock_names[*kind]);
    }
    return CLOCK_ANY;
}

uint64_t x86_clock_init(const char *line, size_t size)
{
    const struct clock_rates rates = open_counter();
    enum clock_kind kind = CLOCK_TSC;
    enum clock_wish wish;

    if (rates.apic_hz == 0) {
        hal_panic("neither HPET, ACPI timer nor 8254 tells how fast the APIC's timer runs: no time");
    }
    wish = ask(line, size, &rates, &kind);
    if (wish == CLOCK_FORCED && kind != CLOCK_TSC) {
        use_counter("as the command line asks");
    } else if (wish == CLOCK_FORCED || rates.tsc_agrees) {
        use_tsc(&rates);
    } else {
        use_counter("since the measurements of the TSC's rate disagree");
    }
    return rates.apic_hz;
}

/* ---- watching ---- */

/* No CPU has seen a later time than this one's but by as much as their TSCs may be apart. */
static void leave_tsc(void)
{
    hal_freeze();
    clock_counter_begin(&counter, hal_time_now() + CPU_START_CLOCKS_APART_NS);
    atomic_u32_store_release(&chosen, counter_kind);
    hal_thaw();
    x86_print("keel: clock: %s from now on, since the TSC runs away from it\n", clock_names[counter_kind]);
}

static void look(void)
{
    const uint64_t before = hal_time_now();
    uint64_t reference;

    if (before - watch.clock < CLOCK_WATCH_PERIOD) {
        return;
    }
    reference = clock_counter_ns(&counter);
    if (clock_watch(&watch, before, reference, hal_time_now(), clock_counter_patience(&counter)) ==
        CLOCK_DIFFERS) {
        leave_tsc();
    }
}

void x86_clock_watch(void)
{
    if (atomic_u32_peek(&chosen) == CLOCK_TSC && can_watch() && atomic_u32_exchange(&watching, 1) == 0) {
        look();
        atomic_u32_store_release(&watching, 0);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The arithmetic of clocks, see hal/clock.h.
 */
#include "hal/clock.h"

#include <string.h>

#define FS_PER_NS UINT64_C(1000000)
#define RATE_MAX  (CLOCK_NS_PER_S << 8) /* Hz: no clock runs so fast */

__extension__ typedef unsigned __int128 wide_t;

static uint64_t saturate(wide_t value)
{
    return value <= UINT64_MAX ? (uint64_t)value : UINT64_MAX;
}

uint64_t clock_factor(uint64_t hz)
{
    return (CLOCK_NS_PER_S << 32) / hz;
}

uint64_t clock_ns(uint64_t ticks, uint64_t factor)
{
    return saturate((wide_t)ticks * factor >> 32);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return saturate((wide_t)a + b);
}

/* A counter that seems to go back a little, which is on by most of a turn, is taken to stand still. One that
 * jumps on and on comes to the end of time, and stays there. */
static uint64_t counter_ticks(struct clock_counter *counter)
{
    uint64_t last, passed;

    do {
        last = atomic_u64_load_acquire(&counter->ticks);
        passed = (counter->read() - counter->start - last) & counter->mask;
        if (passed > counter->mask - counter->mask / CLOCK_COUNTER_BACK) {
            passed = 0;
        }
    } while (!atomic_u64_cas(&counter->ticks, &last, sum(last, passed)));
    return sum(last, passed);
}

void clock_counter_begin(struct clock_counter *counter, uint64_t base)
{
    counter->start = counter->read();
    counter->base = base;
    atomic_u64_store_release(&counter->ticks, 0);
}

uint64_t clock_counter_ns(struct clock_counter *counter)
{
    return sum(counter->base, clock_ns(counter_ticks(counter), counter->factor));
}

uint64_t clock_counter_patience(const struct clock_counter *counter)
{
    return clock_ns(counter->mask / 3, counter->factor);
}

bool hpet_decode(uint64_t capabilities, struct hpet *hpet)
{
    const uint32_t period = (uint32_t)(capabilities >> 32);

    if (period < HPET_PERIOD_MIN || period > HPET_PERIOD_MAX || (capabilities & 0xff) == 0) {
        return false;
    }
    hpet->mask = (capabilities >> 13 & 1) != 0 ? UINT64_MAX : UINT32_MAX;
    hpet->factor = ((uint64_t)period << 32) / FS_PER_NS;
    hpet->timer_count = (unsigned)(capabilities >> 8 & 0x1f) + 1;
    return true;
}

/* In Hz; 0: nothing that a factor could be made of. A division of 128 bits would need a library. */
static uint64_t rate(uint64_t ticks, uint64_t nanoseconds)
{
    uint64_t hz;

    for (; nanoseconds > UINT32_MAX; nanoseconds /= 2) {
        ticks /= 2;
    }
    if (nanoseconds == 0) {
        return 0;
    }
    hz = saturate((wide_t)(ticks / nanoseconds) * CLOCK_NS_PER_S +
                  ticks % nanoseconds * CLOCK_NS_PER_S / nanoseconds);
    return hz <= RATE_MAX ? hz : 0;
}

static void sort(uint64_t values[CLOCK_ROUNDS])
{
    for (unsigned i = 1; i < CLOCK_ROUNDS; i++) {
        const uint64_t value = values[i];
        unsigned at = i;

        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

static bool agree(const uint64_t sorted[CLOCK_ROUNDS])
{
    const uint64_t middle = sorted[CLOCK_ROUNDS / 2];
    unsigned count = 0;

    for (unsigned i = 0; i < CLOCK_ROUNDS; i++) {
        const uint64_t apart = sorted[i] > middle ? sorted[i] - middle : middle - sorted[i];

        count += apart <= middle / CLOCK_AGREE;
    }
    return count >= CLOCK_ROUNDS_AGREE;
}

struct clock_rates clock_rates(const struct clock_round rounds[CLOCK_ROUNDS])
{
    uint64_t tsc[CLOCK_ROUNDS], apic[CLOCK_ROUNDS];
    struct clock_rates rates;

    for (unsigned i = 0; i < CLOCK_ROUNDS; i++) {
        tsc[i] = rate(rounds[i].tsc, rounds[i].nanoseconds);
        apic[i] = rate(rounds[i].apic, rounds[i].nanoseconds);
    }
    sort(tsc);
    sort(apic);
    rates.tsc_hz = tsc[CLOCK_ROUNDS / 2];
    rates.apic_hz = apic[CLOCK_ROUNDS / 2];
    rates.tsc_agrees = rates.tsc_hz != 0 && agree(tsc);
    return rates;
}

enum clock_verdict clock_watch(struct clock_watch *watch, uint64_t before, uint64_t reference, uint64_t after,
                               uint64_t patience)
{
    const uint64_t passed = before - watch->clock, by_reference = reference - watch->reference;
    const uint64_t apart = passed > by_reference ? passed - by_reference : by_reference - passed;

    if (after - before > CLOCK_WATCH_LOOK || passed < CLOCK_WATCH_PERIOD / 2) {
        return CLOCK_UNDECIDED;
    }
    if (passed <= patience && apart > passed / CLOCK_WATCH_AGREE + CLOCK_WATCH_LOOK) {
        return CLOCK_DIFFERS;
    }
    *watch = (struct clock_watch){before, reference};
    return passed <= patience ? CLOCK_AGREES : CLOCK_UNDECIDED;
}

const char *const clock_names[CLOCK_KIND_COUNT] = {
    [CLOCK_TSC] = "tsc",
    [CLOCK_HPET] = "hpet",
    [CLOCK_ACPI] = "acpi",
    [CLOCK_PIT] = "pit",
};

static enum clock_wish wish_of(const char *name, size_t size, enum clock_kind *kind)
{
    for (unsigned i = 0; i < CLOCK_KIND_COUNT; i++) {
        if (size == strlen(clock_names[i]) && memcmp(name, clock_names[i], size) == 0) {
            *kind = (enum clock_kind)i;
            return CLOCK_FORCED;
        }
    }
    return CLOCK_UNKNOWN;
}

enum clock_wish clock_wish(const char *line, size_t size, enum clock_kind *kind)
{
    static const char key[] = "keel.clock=";
    const size_t key_size = sizeof(key) - 1;
    enum clock_wish wish = CLOCK_ANY;
    size_t at = 0, end;

    /* White space is every byte up to the space, as the loader has it. */
    while (at < size) {
        for (end = at; end < size && (unsigned char)line[end] > ' '; end++) {
        }
        if (end - at >= key_size && memcmp(line + at, key, key_size) == 0) {
            wish = wish_of(line + at + key_size, end - at - key_size, kind);
        }
        at = end + 1;
    }
    return wish;
}

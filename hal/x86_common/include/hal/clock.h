/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a PC's clocks need of arithmetic, and no instruction: ticks as nanoseconds, counters that wrap, how
 * fast a clock runs by another one, whether two clocks go on to agree. So it is tested and fuzzed on the
 * hosted machine. Whatever a counter shows, every answer is bounded and no clock goes back (D7).
 */
#ifndef HAL_CLOCK_H
#define HAL_CLOCK_H

#include "hal/atomic.h"
#include "hal/types.h"

#define CLOCK_NS_PER_S UINT64_C(1000000000)

/* A factor is nanoseconds per tick, times 2^32. `hz` is not 0. */
uint64_t clock_factor(uint64_t hz);
/* UINT64_MAX where the time is longer than that. */
uint64_t clock_ns(uint64_t ticks, uint64_t factor);

/* ---- counters that wrap ---- */

/* A counter that everybody reads, made 64 bits wide. Whoever reads it publishes what it saw by
 * compare-and-swap, so that no CPU ever sees less than any CPU saw before. Two readings must not lie further
 * apart than a turn of the counter less the part below: what lies between is then lost, and time is late but
 * goes on. */
#define CLOCK_COUNTER_BACK 8u
struct clock_counter {
    uint64_t (*read)(void); /* what it shows: bits outside `mask` do not count */
    uint64_t mask;          /* 2^bits - 1: it counts up, modulo that plus one */
    uint64_t factor;
    uint64_t start, base; /* it has shown `start` when it was `base` nanoseconds since boot */
    atomic_u64_t ticks;   /* since then, the most that anybody saw */
};

/* It shows `base` nanoseconds now. Before anybody else reads it, or while nobody does. */
void clock_counter_begin(struct clock_counter *counter, uint64_t base);
uint64_t clock_counter_ns(struct clock_counter *counter);
/* How long it may stay unread, with as much again in reserve. */
uint64_t clock_counter_patience(const struct clock_counter *counter);

/* ---- HPET registers (IA-PC HPET specification 1.0a, 2.3) ---- */

#define HPET_PERIOD_MAX UINT32_C(100000000) /* femtoseconds (2.3.4) */
#define HPET_PERIOD_MIN UINT32_C(100000)    /* faster than any bus */

struct hpet {
    uint64_t mask;        /* of the main counter */
    uint64_t factor;      /* of the main counter */
    unsigned timer_count; /* 1..32 */
};

/* What the capability register says. False: no HPET would say so, all ones included. */
bool hpet_decode(uint64_t capabilities, struct hpet *hpet);

/* ---- How fast? ---- */

#define CLOCK_ROUNDS       5u
#define CLOCK_ROUNDS_AGREE 3u    /* so many must agree ... */
#define CLOCK_AGREE        1000u /* ... within a thousandth of the middle one */

/* One measurement: what passed on three clocks between the same two moments. */
struct clock_round {
    uint64_t tsc, apic;   /* ticks */
    uint64_t nanoseconds; /* by the reference; 0: it does not run */
};

struct clock_rates {
    uint64_t tsc_hz, apic_hz; /* 0: nothing that could be */
    bool tsc_agrees;          /* enough rounds agree on tsc_hz */
};

struct clock_rates clock_rates(const struct clock_round rounds[CLOCK_ROUNDS]);

/* ---- Do two clocks go on to agree? ---- */

#define CLOCK_WATCH_PERIOD CLOCK_NS_PER_S
#define CLOCK_WATCH_AGREE  128u     /* part of the time that passed, beyond what looking takes */
#define CLOCK_WATCH_LOOK   1000000u /* longer looks tell nothing: the CPU was elsewhere meanwhile */

struct clock_watch {
    uint64_t clock, reference; /* nanoseconds at the last look that counted */
};

enum clock_verdict {
    CLOCK_UNDECIDED,
    CLOCK_AGREES,
    CLOCK_DIFFERS,
};

/* One look: the clock before and after the reference was read, all in nanoseconds. After more than `patience`
 * since the last look the reference may have wrapped unseen: the look is then the first one. */
enum clock_verdict clock_watch(struct clock_watch *watch, uint64_t before, uint64_t reference, uint64_t after,
                               uint64_t patience);

/* ---- Which one? ---- */

enum clock_kind {
    CLOCK_TSC,
    CLOCK_HPET,
    CLOCK_ACPI, /* the PM timer */
    CLOCK_PIT,
    CLOCK_KIND_COUNT
};

/* As the command line and the log call them. */
extern const char *const clock_names[CLOCK_KIND_COUNT];

enum clock_wish { CLOCK_ANY, CLOCK_FORCED, CLOCK_UNKNOWN };

/* What the last word `keel.clock=NAME` of a command line asks for. */
enum clock_wish clock_wish(const char *line, size_t size, enum clock_kind *kind);

#endif

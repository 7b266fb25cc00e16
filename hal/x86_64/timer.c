/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Time: hal_time_now from the time stamp counter, the one-shot timer from the local APIC. Both are measured
 * once against a clock of known rate: the ACPI PM timer (ACPI 6.4, 4.8.3.3), or channel 2 of the 8254 where
 * there is none.
 */
#include "hal/cpu.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"

#define NS_PER_S            UINT64_C(1000000000)
#define PM_TIMER_HZ         3579545u
#define PIT_HZ              1193182u
#define MEASURE_PER_S       50u /* measured for a second's 50th: 20 ms */
#define REFERENCE_READS_MAX 10000000u
#define ATTEMPTS            5u
#define READING_GOOD_PER_S  50000u /* reading took at most 20 us: an error below 0.1 % */

static uint64_t tsc_start;
static uint64_t ns_per_tick;       /* of the TSC, times 2^32 */
static uint64_t apic_ticks_per_ns; /* times 2^32 */

struct sample {
    uint64_t tsc, apic; /* ticks that passed */
    uint32_t reference; /* ticks of the reference clock that passed; 0: it does not run */
    uint32_t reading;   /* of them, while the three clocks were read: the measurement's error */
};

static void sample_start(struct sample *sample)
{
    x86_apic_timer_start(UINT32_MAX);
    sample->tsc = x86_rdtsc();
}

static void sample_end(struct sample *sample)
{
    sample->apic = UINT32_MAX - x86_apic_timer_left();
    sample->tsc = x86_rdtsc() - sample->tsc;
    x86_apic_timer_start(0);
}

static struct sample measure_by_pm_timer(void)
{
    const uint32_t mask = x86_power.pm_timer_is_32_bit ? UINT32_MAX : 0xffffff;
    const uint16_t port = x86_power.pm_timer;
    const uint32_t start = x86_inl(port);
    struct sample sample = {0};
    uint32_t started, passed = 0;

    sample_start(&sample);
    started = (x86_inl(port) - start) & mask;
    for (unsigned reads = 0; reads < REFERENCE_READS_MAX && passed < PM_TIMER_HZ / MEASURE_PER_S; reads++) {
        passed = (x86_inl(port) - start) & mask;
    }
    sample_end(&sample);
    if (passed < PM_TIMER_HZ / MEASURE_PER_S) {
        return (struct sample){0};
    }
    sample.reference = passed;
    sample.reading = started + ((x86_inl(port) - start - passed) & mask);
    return sample;
}

/* A virtual CPU may lose its host CPU between two reads: the best of a few attempts counts. */
static struct sample measure_often_by_pm_timer(void)
{
    struct sample best = {0};

    for (unsigned attempt = 0; attempt < ATTEMPTS && x86_power.pm_timer != 0; attempt++) {
        const struct sample sample = measure_by_pm_timer();

        if (sample.reference == 0) {
            break;
        }
        if (best.reference == 0 || sample.reading < best.reading) {
            best = sample;
        }
        if (best.reading <= PM_TIMER_HZ / READING_GOOD_PER_S) {
            break;
        }
    }
    return best;
}

/* Channel 2, mode 0: OUT rises after the count (Intel 8254 data sheet). Port 0x61: bit 0 gates it, bit 1
 * would make it heard, bit 5 shows OUT. */
static struct sample measure_by_pit(void)
{
    enum {
        PIT_CHANNEL_2 = 0x42,
        PIT_COMMAND = 0x43,
        COMMAND = 0xb0,
        GATE = 0x61,
        GATE_ON = 1,
        SPEAKER = 2,
        OUT = 0x20,
    };
    const uint32_t count = PIT_HZ / MEASURE_PER_S;
    const uint8_t gate = x86_inb(GATE) & (uint8_t)~(SPEAKER | GATE_ON);
    struct sample sample = {0};
    unsigned reads = 0;

    x86_outb(GATE, gate);
    x86_outb(PIT_COMMAND, COMMAND);
    x86_outb(PIT_CHANNEL_2, (uint8_t)count);
    x86_outb(PIT_CHANNEL_2, (uint8_t)(count >> 8));
    sample_start(&sample);
    x86_outb(GATE, gate | GATE_ON);
    while ((x86_inb(GATE) & OUT) == 0 && reads < REFERENCE_READS_MAX) {
        reads++;
    }
    sample_end(&sample);
    x86_outb(GATE, gate);
    sample.reference = reads < REFERENCE_READS_MAX ? count : 0;
    return sample;
}

void x86_clock_init(void)
{
    struct sample sample = measure_often_by_pm_timer();
    uint64_t hz = PM_TIMER_HZ, tsc_hz, apic_hz;

    if (sample.reference == 0) {
        hz = PIT_HZ;
        sample = measure_by_pit();
    }
    if (sample.reference == 0) {
        hal_panic("neither the ACPI timer nor the 8254 runs: no clock to measure time by");
    }
    tsc_hz = sample.tsc * hz / sample.reference;
    apic_hz = sample.apic * hz / sample.reference;
    /* What the fixed-point factors below can hold. */
    if (tsc_hz == 0 || apic_hz == 0 || apic_hz > UINT32_MAX) {
        hal_panic("the measured clock rates make no sense");
    }
    ns_per_tick = (NS_PER_S << 32) / tsc_hz;
    apic_ticks_per_ns = (apic_hz << 32) / NS_PER_S;
    tsc_start = x86_rdtsc();
}

uint64_t hal_time_now(void)
{
    const uint64_t ticks = x86_rdtsc() - tsc_start;

    return (uint64_t)((unsigned __int128)ticks * ns_per_tick >> 32);
}

/* APIC ticks until `deadline`, 1..2^32-1. A deadline further away than the counter reaches takes several
 * rounds. */
static uint32_t ticks_until(uint64_t deadline)
{
    const uint64_t now = hal_time_now();
    const uint64_t left = deadline > now ? deadline - now : 0;
    const unsigned __int128 ticks = ((unsigned __int128)left * apic_ticks_per_ns >> 32) + 1;

    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

void hal_timer_arm(uint64_t deadline)
{
    x86_this_cpu()->deadline = deadline;
    x86_apic_timer_start(deadline == UINT64_MAX ? 0 : ticks_until(deadline));
}

/* The APIC's counter and the TSC were measured apart and drift: early is not yet, and goes round again. */
void x86_timer_interrupt(void)
{
    struct x86_cpu *cpu = x86_this_cpu();

    if (cpu->deadline == UINT64_MAX) {
        return;
    }
    if (hal_time_now() < cpu->deadline) {
        x86_apic_timer_start(ticks_until(cpu->deadline));
        return;
    }
    cpu->deadline = UINT64_MAX;
    hal_upcall_timer();
}

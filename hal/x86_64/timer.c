/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The one-shot timer, from the local APIC: at a value of the TSC where CPUs can do that and the TSC is the
 * clock, otherwise by the APIC's counter. What time it is, clock.c says.
 */
#include "hal/clock.h"
#include "hal/cpu.h"
#include "insn.h"
#include "parts.h"
#include "percpu.h"

#define TSC_SHIFT 24 /* so that the rate of the fastest TSC has room */

static uint64_t apic_ticks_per_ns; /* times 2^32 */
static uint64_t tsc_ticks_per_ns;  /* times 2^TSC_SHIFT; 0: not by the TSC */

/* APIC ticks for so long, 1..2^32-1. Longer than the counter reaches takes several rounds. */
static uint32_t ticks_for(uint64_t nanoseconds)
{
    const unsigned __int128 ticks = ((unsigned __int128)nanoseconds * apic_ticks_per_ns >> 32) + 1;

    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

/* What the TSC shows then. */
static uint64_t tsc_in(uint64_t nanoseconds)
{
    const unsigned __int128 ticks = ((unsigned __int128)nanoseconds * tsc_ticks_per_ns >> TSC_SHIFT) + 1;
    const uint64_t now = x86_rdtsc();

    return ticks < UINT64_MAX - now ? now + (uint64_t)ticks : UINT64_MAX;
}

/* How this CPU's timer runs from now on: a TSC that ceased to be the clock is not what it was taken for. */
static bool by_tsc(void)
{
    struct x86_cpu *cpu = x86_this_cpu();
    const bool wanted = tsc_ticks_per_ns != 0 && x86_clock_is_tsc();

    if (cpu->timer_by_tsc != wanted) {
        cpu->timer_by_tsc = wanted;
        x86_apic_timer_by_tsc(wanted);
    }
    return wanted;
}

/* A clock that wraps is read in time, also where nobody waits for anything. */
static void start(uint64_t deadline)
{
    const uint64_t now = hal_time_now(), patience = x86_clock_patience();
    const uint64_t left = deadline > now ? deadline - now : 0;
    const bool never = deadline == UINT64_MAX && patience == UINT64_MAX;

    if (by_tsc()) {
        x86_apic_timer_ring_at(never ? 0 : tsc_in(left));
    } else {
        x86_apic_timer_start(never ? 0 : ticks_for(left < patience ? left : patience));
    }
}

void x86_timer_init(uint64_t apic_hz)
{
    apic_ticks_per_ns = (apic_hz << 32) / CLOCK_NS_PER_S;
    if (x86_features.tsc_deadline) {
        tsc_ticks_per_ns = (x86_clock_tsc_hz() << TSC_SHIFT) / CLOCK_NS_PER_S;
    }
    if (tsc_ticks_per_ns != 0) {
        x86_print("keel: timer: by the TSC\n");
    }
    hal_timer_arm(UINT64_MAX);
}

void hal_timer_arm(uint64_t deadline)
{
    x86_this_cpu()->deadline = deadline;
    start(deadline);
}

/* The APIC's counter and the clock were measured apart and drift, and rates are rounded: early is not yet,
 * and goes round again. */
void x86_timer_interrupt(void)
{
    struct x86_cpu *cpu = x86_this_cpu();

    x86_clock_watch();
    x86_iommu_watch();
    if (hal_time_now() < cpu->deadline) {
        start(cpu->deadline);
        return;
    }
    cpu->deadline = UINT64_MAX;
    if (x86_clock_patience() != UINT64_MAX) {
        start(UINT64_MAX);
    }
    hal_upcall_timer();
}

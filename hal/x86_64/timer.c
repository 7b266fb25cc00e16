/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The one-shot timer, from the local APIC; what time it is, clock.c says.
 */
#include "hal/clock.h"
#include "hal/cpu.h"
#include "parts.h"
#include "percpu.h"

static uint64_t apic_ticks_per_ns; /* times 2^32 */

/* APIC ticks for so long, 1..2^32-1. Longer than the counter reaches takes several rounds. */
static uint32_t ticks_for(uint64_t nanoseconds)
{
    const unsigned __int128 ticks = ((unsigned __int128)nanoseconds * apic_ticks_per_ns >> 32) + 1;

    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

/* A clock that wraps is read in time, also where nobody waits for anything. */
static void start(uint64_t deadline)
{
    const uint64_t now = hal_time_now(), patience = x86_clock_patience();
    const uint64_t left = deadline > now ? deadline - now : 0;

    if (deadline == UINT64_MAX && patience == UINT64_MAX) {
        x86_apic_timer_start(0);
    } else {
        x86_apic_timer_start(ticks_for(left < patience ? left : patience));
    }
}

void x86_timer_init(uint64_t apic_hz)
{
    apic_ticks_per_ns = (apic_hz << 32) / CLOCK_NS_PER_S;
    hal_timer_arm(UINT64_MAX);
}

void hal_timer_arm(uint64_t deadline)
{
    x86_this_cpu()->deadline = deadline;
    start(deadline);
}

/* The APIC's counter and the clock were measured apart and drift: early is not yet, and goes round again. */
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

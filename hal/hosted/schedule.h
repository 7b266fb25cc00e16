/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtual time and the interleaving of CPUs.
 */
#ifndef HOSTED_SCHEDULE_H
#define HOSTED_SCHEDULE_H

#include "state.h"

/* Time 0, CPU 0 alone, the strategy at its beginning. */
void schedule_prepare(void);

/* Every decision between several possibilities, whoever makes it: 0..count-1. */
unsigned schedule_choose(unsigned count);

/* Something changed that the next point must look at (an interrupt came, a timer was armed). */
void schedule_hurry(void);

uint64_t schedule_now(void);

/* Counts what passed cheaply since the last settlement, and rings the timers that are due. */
void schedule_settle(void);

/* The current CPU waits until an interrupt is pending for it. Ends the run if none can come. */
void schedule_wait(void);

/* The current CPU executed user code for `time` ns: others get their turn. */
void schedule_user_time(uint64_t time);

/* Nanoseconds until the current CPU must look up from user code. */
uint64_t schedule_user_slice(void);

static inline bool cpu_interrupted(const struct cpu *cpu)
{
    const uint64_t *vectors = cpu->vectors_pending;
    return cpu->timer_pending || cpu->ipi_pending || (vectors[0] | vectors[1] | vectors[2] | vectors[3]) != 0;
}

/* cpu.c: runs the upcalls of what is pending for the current CPU, whose interrupts are off. */
void cpu_take_interrupts(void);
/* cpu.c: delivers interrupts if they are on. */
void cpu_deliver(void);

#endif

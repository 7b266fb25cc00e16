/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of a client's handler on other CPUs, in interrupt context there.
 *
 * Each CPU has a queue of calls, linked through the calls themselves, which lie on their callers' stacks: so
 * there is nothing to run out of. The caller puts its call into the queue of each CPU, sends the interrupt,
 * and waits until the last of them has taken its bit out of the call.
 *
 * A handler never runs where interrupts are off, so a CPU with interrupts off is waited for. That no two wait
 * for each other rests on who may call: task context only, hence with interrupts on, so that the caller's CPU
 * goes on serving calls, flushes and freezes, and without a guard or spinlock that somebody with interrupts
 * off could be spinning for. A caller that waits may be preempted, and go on elsewhere.
 */
#ifndef CORE_CPU_CALL_H
#define CORE_CPU_CALL_H

#include <stdint.h>

void cpu_call_init(void);

/* Calls the handler once on each of `cpus`, which are online, and returns when all have returned from it.
 * Task context. */
void cpu_call(uint64_t cpus, void (*handler)(void *context), void *context);

/* Serves what this CPU's queue holds. From an interrupt that came while interrupts were on, or waited for. */
void cpu_call_serve(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waking one CPU (Intel SDM vol. 3A, 8.4.4.1): INIT, a pause, start-up IPIs. Who may go on when a CPU comes
 * late is settled by one word that it and the boot CPU share, one for each CPU that there is:
 *
 *             offer               take                  answer
 *   UNASKED --------> OFFERED ------------> TAKEN ------------------> READY or UNFIT
 *                        |    (the new CPU)   |    (the new CPU)
 *                        +--------------------+---> WITHDRAWN: the boot CPU did not wait any longer
 *
 * Every step is a compare-and-swap. Before it has taken the offer a CPU uses no memory at all, and after it
 * was withdrawn it sleeps for ever: a CPU that comes late disturbs nobody. Nothing is given to another CPU
 * again.
 *
 * No instruction in here needs privilege; what does is asked of the functions at the end.
 */
#ifndef HAL_CPU_START_H
#define HAL_CPU_START_H

#include "hal/atomic.h"

/* Values for assembly as well: trampoline.S takes the offer. */
#define CPU_START_UNASKED   0u
#define CPU_START_OFFERED   1u
#define CPU_START_TAKEN     2u
#define CPU_START_READY     3u
#define CPU_START_UNFIT     4u
#define CPU_START_WITHDRAWN 5u

enum cpu_start_result {
    CPU_START_RUNS,
    CPU_START_SILENT,  /* it never came */
    CPU_START_STUCK,   /* it came, and went no further */
    CPU_START_REFUSED, /* it says of itself that it is of no use */
};

/* Boot CPU: starts the CPU at the physical page `page` (below 1 MiB), and waits for its answer. */
enum cpu_start_result cpu_start(atomic_u32_t *state, uint32_t apic_id, uint8_t page);

/* The new CPU's answer to the offer that it took. False: too late, it must sleep. */
bool cpu_start_answer(atomic_u32_t *state, bool fit);

/* So far apart the clocks of two CPUs may be at most, where both run while they are compared. */
#define CPU_START_CLOCKS_APART_NS UINT64_C(1000000)

/* New CPU, between taking the offer and answering: does its clock run with the boot CPU's? The boot CPU tells
 * the time over and over while it waits; this CPU's lies between two times that it was told, or their clocks
 * differ. It looks until two such times are no further apart than CPU_START_CLOCKS_APART_NS, but not for
 * ever. False as well where nobody waits any more. */
bool cpu_start_clock_agrees(const atomic_u32_t *state);

/* Supplied by the machine. The page is that of the first instruction. */
void cpu_start_send_init(uint32_t apic_id);
void cpu_start_send_startup(uint32_t apic_id, uint8_t page);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Shootdown: making every CPU forget translations (A2).
 *
 * Each CPU has an inbox with one place for every other CPU. The initiator, interrupts off, puts a pointer to
 * its request there, sends the interrupt and waits until the place is empty; the target flushes and then
 * empties it. So there is no lock and nothing to run out of. While it waits, the initiator serves its own
 * inbox: two CPUs shooting at each other both go on, and interrupts may be off on either side. The one rule:
 * nobody waits here while holding a lock (core/spinlock.h), so whoever spins on a lock with interrupts off
 * gets it in the end and then answers.
 */
#ifndef CORE_TLB_H
#define CORE_TLB_H

#include "hal/mmu.h"

void tlb_init(void);

struct space;

/* Returns when no CPU of `cpus` (bit mask; the calling one may be in it) holds translations of the range that
 * are not in the tables of the space (NULL: of the kernel window) any more. */
void tlb_shootdown(uint64_t cpus, struct space *space, uint64_t va, uint64_t page_count);

/* Serves this CPU's inbox. Interrupts off. */
void tlb_serve(void);

#endif

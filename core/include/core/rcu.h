/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Read-copy-update: grace periods. A CPU says in a word of its own in which epoch its read section began, 0
 * outside of any. Whoever waits for a grace period begins a new epoch and looks at every CPU once: those in a
 * section of an older epoch have to come out. A CPU that idles, or runs a user program, is in none and holds
 * nobody up (T7).
 *
 * What was unpublished before the new epoch began is not found by sections that begin later: the reader's
 * word and the look at it are sequentially consistent, so either the look sees the section, or the section
 * sees what was unpublished.
 */
#ifndef CORE_RCU_H
#define CORE_RCU_H

#include "core/cpu.h"
#include "keel/status.h"

void rcu_init(void);

/* On the calling CPU, interrupts off. Sections nest; who is in one stays on its CPU (core/hold.h). */
void rcu_enter(struct cpu *cpu);
void rcu_leave(struct cpu *cpu);

/* The calling task waits until every section that has begun has ended; with `expedited` it looks again as
 * soon as others have had their turn, otherwise after a tick. E_TIMEOUT; E_CANCELED, but not with
 * `expedited`. */
keel_status_t rcu_synchronize(bool expedited, uint64_t timeout);

#endif

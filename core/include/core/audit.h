/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The audit: one walk over everything core believes, against the invariants of docs/soundness.md. It holds at
 * every scheduling point, not only when the machine is quiet: other CPUs may be in the middle of anything.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include <stdint.h>

/* Logs each violation and answers how many there are. Any context that may log. */
uint32_t audit_run(void);

/* Called by the checks: counts and logs one. */
void audit_report(const char *invariant, const char *what, uint64_t where);

/* The parts, in the order that they run. */
void audit_spaces(void);  /* tables, leaves; counts their holds */
void audit_objects(void); /* segments' holds, tasks, CPUs */
void audit_frames(void);  /* states legal, counts cover the holds; clears audit_holds for the next time */

#endif

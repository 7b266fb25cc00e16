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

/* A part of it. */
typedef void audit_report_t(const char *invariant, const char *what, uint64_t where);
void audit_holds(audit_report_t *report);

#endif

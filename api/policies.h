/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the policies' files share.
 */
#ifndef API_POLICIES_H
#define API_POLICIES_H

#include "hal/atomic.h"
#include "keel/cold.h"
#include "keel/policy.h"

/* Counts a refused answer, and logs the 1st, 2nd, 4th, 8th, ... */
KEEL_COLD void policy_count_wrong(atomic_u64_t *counter, const char *what);

/* The slab allocator's part of policy_init and of keel_policy_report. */
void policy_slab_init(void);
void policy_slab_report(struct keel_policy_report *report);

#endif

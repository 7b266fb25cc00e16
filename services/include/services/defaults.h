/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The policies that a kernel takes when it has no reason to bring its own.
 */
#ifndef SERVICES_DEFAULTS_H
#define SERVICES_DEFAULTS_H

#include "services/buddy.h"

/* Injects the buddy frame allocator, the slab allocator and the FIFO scheduler of this folder, once. Errors:
 * E_EXISTS (a policy was injected before), and what else the keel_*_inject calls answer; those before it are
 * injected then. */
keel_status_t services_inject_defaults(void);

/* The same with the fair scheduler (services/fair.h) in the place of the FIFO one. */
keel_status_t services_inject_fair_defaults(void);

/* What the injected buddy frame allocator says of itself; see services/buddy.h. */
void services_default_buddy_stats(struct services_buddy_stats *stats);

#endif

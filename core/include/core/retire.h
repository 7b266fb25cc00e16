/* SPDX-License-Identifier: BSD-2-Clause
 *
 * References that are dropped after a grace period (core/rcu.h). They wait in a ring; a task of Keel's, which
 * the first of them starts and which ends with the last, waits for grace periods and drops them in batches.
 * Where the ring is full, or no task can be had, the caller waits itself, for its own reference and those
 * before it: nothing is ever left behind.
 */
#ifndef CORE_RETIRE_H
#define CORE_RETIRE_H

#include "hal/types.h"

#define RETIRED_MAX 512u

/* Boot CPU, once. */
void retire_init(void);
/* The calling task, not in a read section. */
void retire(uint64_t handle);

#endif

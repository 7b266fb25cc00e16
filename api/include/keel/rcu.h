/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Read-copy-update: readers of shared data take no lock, and who replaces a part of it waits until no reader
 * can have the old part any more (T7).
 *
 * A reader takes a guard (keel/guard.h), finds and uses what is published, and releases the guard; meanwhile
 * it is in atomic mode. An updater publishes the new part in place of the old one, by an atomic store, and
 * then waits for a grace period, or retires its handles to the old part. A CPU that idles or runs a user
 * program holds up nobody.
 */
#ifndef KEEL_RCU_H
#define KEEL_RCU_H

#include "keel/guard.h"

#define KEEL_RCU_EXPEDITED 1u

/* Begins a read section; keel_guard_release ends it. Sections nest. Context: task, atomic, irq. Errors: those
 * of keel_preempt_disable. */
keel_status_t keel_rcu_read_begin(keel_guard_t *guard);

/* Waits until every read section that has begun has ended. With KEEL_RCU_EXPEDITED it looks again and again,
 * and lets others run in between, otherwise once a tick. `timeout` as in keel/sync.h. Context: task. Errors:
 * E_INVALID (flags), E_TIMEOUT; E_CANCELED, not with KEEL_RCU_EXPEDITED. */
keel_status_t keel_rcu_synchronize(uint32_t flags, uint64_t timeout);

/* Releases a handle, named by its value, when every read section that has begun has ended. Until then it is
 * the caller's no more, and readers who find it may use it. Any kind that has a release with a count: not
 * guards, cursors, unique frames. It comes to that however much waits: the call waits for the grace period
 * itself then. (Only if the object's count is full at that moment the reference stays for good.) Context:
 * task. Errors: E_BAD_HANDLE, E_LIMIT (the object's count is full). */
keel_status_t keel_rcu_retire(uint64_t handle);

#endif

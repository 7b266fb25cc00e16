/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Mutexes (keel/sync.h), held by one task or, shared, by several. A mutex is handed over: who unlocks it
 * makes the longest waiter its holder, and with a shared one all that wait behind it for the same. Nobody
 * overtakes a waiter, so writers and readers both get their turn.
 *
 * What a task holds stands in its list (core/hold.h), with a reference on the mutex each: the one that its
 * call came with. A waiter has room in its list before it waits: handing over cannot fail.
 *
 * `timeout` is in nanoseconds; 0 does not wait. Blocking calls: a task, no lock held. E_TIMEOUT, E_CANCELED.
 */
#ifndef CORE_MUTEX_H
#define CORE_MUTEX_H

#include "core/object.h"
#include "core/wait.h"

struct hold;
struct task;

/* All under the queue's lock. */
struct mutex {
    struct object object; /* first */
    struct wait_queue queue;
    struct task *holder;  /* NULL: nobody holds it alone */
    uint32_t shared;      /* how many share it; 0 while somebody holds it alone */
    uint32_t audit_holds; /* scratch of the audit: how many hold it; 0 between audits */
};

/* E_LIMIT. */
keel_status_t mutex_create(uint64_t *handle);
void mutex_put(struct mutex *mutex);
/* On success the caller's reference is the hold's, until it is unlocked. E_BUSY: the caller holds it;
 * E_LIMIT: HOLDS_MAX. */
keel_status_t mutex_lock(struct mutex *mutex, bool shared, uint64_t timeout);
/* From shared to alone, before all who wait, as soon as nobody else shares it. E_DENIED: the caller does not
 * share it; E_BUSY: another one waits for the same, which would never come. */
keel_status_t mutex_upgrade(struct mutex *mutex, uint64_t timeout);
/* From alone to shared. E_DENIED: the caller does not hold it alone. */
keel_status_t mutex_downgrade(struct mutex *mutex);
/* `hold` is the caller's own. */
void mutex_unlock(struct hold *hold);

#endif

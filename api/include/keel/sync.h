/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What tasks wait for: events, semaphores, mutexes. Waiters are served first come, first served, and no
 * wake-up is lost, wherever it falls (T9).
 *
 * A `timeout` is in nanoseconds from the call: 0 does not wait, KEEL_FOREVER has no end. E_TIMEOUT: the time
 * is up, E_CANCELED: the task was asked to stop waiting (keel/task.h); nothing was taken. A wake-up that
 * reaches a task in time is never spent on one that has ceased to wait.
 *
 * E_BAD_HANDLE and E_LIMIT (the object's count is full) of each call's handle are not repeated below. An
 * object stays while a task waits for it, also when its last handle is released: who waits without end for
 * what nobody can name any more waits for ever. Context of all calls below: task; of those without a
 * `timeout` also atomic, and irq but for those that unlock or downgrade. Elsewhere each answers E_CONTEXT,
 * whether or not it would have had to wait (T2).
 */
#ifndef KEEL_SYNC_H
#define KEEL_SYNC_H

#include "keel/handle.h"

#define KEEL_FOREVER UINT64_MAX
/* Tokens that a semaphore can hold. */
#define KEEL_SEMAPHORE_MAX UINT32_C(0x7fffffff)

/* --- Events --- */

/* An event counts its signals. Who waits for a condition of his own reads the number, looks at the condition,
 * and waits only if the number is still the same:
 *
 *     for (;;) {
 *         keel_event_sequence(event, &sequence);
 *         if (condition) break;
 *         keel_event_wait(event, sequence, KEEL_FOREVER);
 *     }
 *
 * and who changes the condition signals afterwards. */

/* No signals so far. Errors: E_LIMIT (no free slot), E_INVALID. */
keel_status_t keel_event_create(keel_event_t *event);
keel_status_t keel_event_ref(keel_event_t event);
keel_status_t keel_event_release(keel_event_t event);
/* Signals so far, modulo 2^64. Errors: E_INVALID. */
keel_status_t keel_event_sequence(keel_event_t event, uint64_t *sequence);
/* Returns at once if the number is another one than `sequence`, otherwise at a signal that wakes it. Errors:
 * E_TIMEOUT, E_CANCELED. */
keel_status_t keel_event_wait(keel_event_t event, uint64_t sequence, uint64_t timeout);
/* Counts one signal and wakes at most `limit` of those who wait; `woken` gets how many. Errors: E_INVALID. */
keel_status_t keel_event_signal(keel_event_t event, uint32_t limit, uint32_t *woken);

/* --- Semaphores --- */

/* Begins with `tokens` (0..KEEL_SEMAPHORE_MAX). Errors: E_INVALID, E_LIMIT (no free slot). */
keel_status_t keel_semaphore_create(uint32_t tokens, keel_semaphore_t *semaphore);
keel_status_t keel_semaphore_ref(keel_semaphore_t semaphore);
keel_status_t keel_semaphore_release(keel_semaphore_t semaphore);
/* Takes one token, waiting for it. Errors: E_TIMEOUT, E_CANCELED. */
keel_status_t keel_semaphore_down(keel_semaphore_t semaphore, uint64_t timeout);
/* Puts `tokens` in (1..KEEL_SEMAPHORE_MAX): first into the hands of those who wait. Errors: E_INVALID,
 * E_LIMIT (it would hold more than KEEL_SEMAPHORE_MAX; none was put in). */
keel_status_t keel_semaphore_up(keel_semaphore_t semaphore, uint32_t tokens);

/* --- Mutexes --- */

/* A mutex is held by one task, or shared by several (a reader-writer lock), and handed over: who unlocks it
 * makes the longest waiter its holder, and nobody overtakes a waiter. A task that exits unlocks what it
 * holds. A locked mutex whose last handle is released stays, and stays locked until its holder exits: a
 * handle that is closed unlocks nothing. A task can hold KEEL_HOLDS_MAX mutexes, guards and spinlocks
 * together (keel/guard.h). */

/* Nobody holds it. Errors: E_LIMIT (no free slot), E_INVALID. */
keel_status_t keel_mutex_create(keel_mutex_t *mutex);
keel_status_t keel_mutex_ref(keel_mutex_t mutex);
keel_status_t keel_mutex_release(keel_mutex_t mutex);
/* Alone. Errors: E_BUSY (the caller holds it, alone or shared), E_TIMEOUT, E_CANCELED, E_LIMIT
 * (KEEL_HOLDS_MAX). */
keel_status_t keel_mutex_lock(keel_mutex_t mutex, uint64_t timeout);
/* Shared with others who take it so. Errors: the same. */
keel_status_t keel_mutex_lock_shared(keel_mutex_t mutex, uint64_t timeout);
/* From shared to alone, before all who wait, as soon as the others that share it have unlocked it. On an
 * error it is held as before. Errors: E_DENIED (the caller does not share it), E_BUSY (another task that
 * shares it waits for the same: one of the two must unlock), E_TIMEOUT, E_CANCELED. */
keel_status_t keel_mutex_upgrade(keel_mutex_t mutex, uint64_t timeout);
/* From alone to shared; those who wait to share it come in. Errors: E_DENIED (the caller does not hold it
 * alone). */
keel_status_t keel_mutex_downgrade(keel_mutex_t mutex);
/* Errors: E_DENIED (the caller does not hold it). */
keel_status_t keel_mutex_unlock(keel_mutex_t mutex);

#endif

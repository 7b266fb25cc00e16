/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/sync.h: ranges checked here, the rest is core's.
 */
#include "core/sync.h"

#include "calls.h"
#include "core/mutex.h"
#include "reference.h"

keel_status_t call_event_create(uint64_t *event)
{
    return event_create(event);
}

REFERENCE_CALLS(event, object.ref)

keel_status_t call_event_sequence(struct event *event, uint64_t *sequence)
{
    *sequence = event_sequence(event);
    return KEEL_OK;
}

keel_status_t call_event_wait(struct event *event, uint64_t sequence, uint64_t timeout)
{
    return event_wait(event, sequence, timeout);
}

keel_status_t call_event_signal(struct event *event, uint32_t limit, uint32_t *woken)
{
    *woken = event_signal(event, limit);
    return KEEL_OK;
}

keel_status_t call_semaphore_create(uint32_t tokens, uint64_t *semaphore)
{
    return tokens <= KEEL_SEMAPHORE_MAX ? semaphore_create(tokens, semaphore) : KEEL_E_INVALID;
}

REFERENCE_CALLS(semaphore, object.ref)

keel_status_t call_semaphore_down(struct semaphore *semaphore, uint64_t timeout)
{
    return semaphore_down(semaphore, timeout);
}

keel_status_t call_semaphore_up(struct semaphore *semaphore, uint32_t tokens)
{
    if (tokens == 0 || tokens > KEEL_SEMAPHORE_MAX) {
        return KEEL_E_INVALID;
    }
    return semaphore_up(semaphore, tokens, KEEL_SEMAPHORE_MAX);
}

keel_status_t call_mutex_create(uint64_t *mutex)
{
    return mutex_create(mutex);
}

REFERENCE_CALLS(mutex, object.ref)

keel_status_t call_mutex_lock(struct mutex *mutex, uint64_t timeout)
{
    return mutex_lock(mutex, false, timeout);
}

keel_status_t call_mutex_lock_shared(struct mutex *mutex, uint64_t timeout)
{
    return mutex_lock(mutex, true, timeout);
}

keel_status_t call_mutex_upgrade(struct mutex *mutex, uint64_t timeout)
{
    return mutex_upgrade(mutex, timeout);
}

keel_status_t call_mutex_downgrade(struct mutex *mutex)
{
    return mutex_downgrade(mutex);
}

keel_status_t call_mutex_unlock(struct hold *mutex)
{
    mutex_unlock(mutex);
    return KEEL_OK;
}

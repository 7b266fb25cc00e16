/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/guard.h and keel/spinlock.h.
 */
#include "calls.h"
#include "core/hold.h"
#include "core/queued_spinlock.h"
#include "reference.h"

_Static_assert(KEEL_HOLDS_MAX == HOLDS_MAX, "the documented limit is the real one");

keel_status_t call_preempt_disable(uint64_t *guard)
{
    return guard_take(guard);
}

keel_status_t call_irq_disable(uint64_t *guard)
{
    return guard_take_irq_off(guard);
}

keel_status_t call_guard_release(struct hold *guard)
{
    guard_release(guard);
    return KEEL_OK;
}

keel_status_t call_spinlock_create(uint32_t flags, uint64_t *spinlock)
{
    bool known = (flags & ~KEEL_SPINLOCK_IRQ_OFF) == 0;
    return known ? queued_spinlock_create(flags != 0, spinlock) : KEEL_E_INVALID;
}

REFERENCE_CALLS_OF(spinlock, queued_spinlock, object.ref)

keel_status_t call_spinlock_lock(struct queued_spinlock *spinlock)
{
    return queued_spinlock_lock(spinlock, false, false);
}

keel_status_t call_spinlock_try_lock(struct queued_spinlock *spinlock)
{
    return queued_spinlock_lock(spinlock, false, true);
}

keel_status_t call_spinlock_lock_shared(struct queued_spinlock *spinlock)
{
    return queued_spinlock_lock(spinlock, true, false);
}

keel_status_t call_spinlock_try_lock_shared(struct queued_spinlock *spinlock)
{
    return queued_spinlock_lock(spinlock, true, true);
}

keel_status_t call_spinlock_unlock(struct hold *spinlock)
{
    queued_spinlock_unlock(spinlock);
    return KEEL_OK;
}

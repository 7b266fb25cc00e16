/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/timer.h.
 */
#include "core/timer.h"

#include "calls.h"
#include "reference.h"

_Static_assert(KEEL_TIMER_DELAY_MIN == TIMER_DELAY_MIN, "the documented limit is the real one");

keel_status_t call_timer_create(const struct keel_timer_options *options, uint64_t *timer)
{
    return options->handler != NULL ? timer_make(options->handler, options->context, timer) : KEEL_E_INVALID;
}

REFERENCE_CALLS(timer, object.ref)

keel_status_t call_timer_arm(struct timer *timer, uint64_t nanoseconds)
{
    return timer_arm(timer, nanoseconds);
}

keel_status_t call_timer_cancel(struct timer *timer)
{
    return timer_cancel(timer);
}

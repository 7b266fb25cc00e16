/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/work.h.
 */
#include "core/work.h"

#include "calls.h"
#include "reference.h"

_Static_assert(KEEL_WORK_PAUSE == WORK_PAUSE, "the documented limit is the real one");

keel_status_t call_work_create(const struct keel_work_options *options, uint64_t *work)
{
    return options->handler != NULL ? work_create(options->handler, options->context, work) : KEEL_E_INVALID;
}

REFERENCE_CALLS(work, object.ref)

keel_status_t call_work_schedule(struct work *work)
{
    return work_schedule(work);
}

keel_status_t call_work_cancel(struct work *work)
{
    return work_cancel(work);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Injects the default policies. Their state lives here, for ever, as the pointer rule asks.
 */
#include "services/defaults.h"

#include "services/buddy.h"
#include "services/fifo.h"

static struct services_buddy default_buddy;
static struct services_fifo default_fifo;

keel_status_t services_inject_defaults(void)
{
    struct keel_frame_allocator allocator = services_buddy_policy(&default_buddy);
    struct keel_scheduler scheduler = services_fifo_policy(&default_fifo);

    keel_status_t status = keel_frame_allocator_inject(&allocator);
    if (status != KEEL_OK) {
        return status;
    }
    return keel_scheduler_inject(&scheduler);
}

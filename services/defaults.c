/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Injects the default policies. Their state lives here, for ever, as the pointer rule asks.
 */
#include "services/defaults.h"

#include "services/buddy.h"
#include "services/fair.h"
#include "services/fifo.h"
#include "services/slab.h"

#define FRAME_NUMBERS (UINT64_C(1) << 24) /* 64 GiB of physical addresses */

static struct services_buddy default_buddy;
static uint64_t default_words[SERVICES_BUDDY_WORDS(FRAME_NUMBERS)];
static struct services_fifo default_fifo;
static struct services_fair default_fair;
static struct services_slab default_slab;

void services_default_buddy_stats(struct services_buddy_stats *stats)
{
    services_buddy_stats(&default_buddy, stats);
}

static keel_status_t inject_with(const struct keel_scheduler *scheduler)
{
    struct keel_frame_allocator allocator =
        services_buddy_policy(&default_buddy, default_words, FRAME_NUMBERS);
    struct keel_slab_allocator slab = services_slab_policy(&default_slab);

    keel_status_t status = keel_frame_allocator_inject(&allocator);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_slab_allocator_inject(&slab);
    if (status != KEEL_OK) {
        return status;
    }
    return keel_scheduler_inject(scheduler);
}

keel_status_t services_inject_defaults(void)
{
    const struct keel_scheduler scheduler = services_fifo_policy(&default_fifo);
    return inject_with(&scheduler);
}

keel_status_t services_inject_fair_defaults(void)
{
    const struct keel_scheduler scheduler = services_fair_policy(&default_fair);
    return inject_with(&scheduler);
}

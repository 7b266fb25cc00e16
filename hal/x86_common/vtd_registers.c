/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How a DMA remapping unit without a queue is told to forget (Intel VT-d specification 4.0, 6.5.1).
 */
#include "vtd_unit.h"

#define INVALIDATE        (UINT64_C(1) << 63) /* until it is done */
#define CONTEXT_ALL       (UINT64_C(1) << 61)
#define CONTEXT_ACTUAL    (UINT64_C(3) << 59) /* 0: the unit ignored it */
#define IOTLB_GRANULARITY 60
#define IOTLB_ACTUAL      (UINT64_C(3) << 57)
#define IOTLB_DRAINS      48
#define IOTLB_DOMAIN      32

/* Until no invalidation is under way in the register; answers what it shows then, all ones: never. */
static uint64_t wait_invalidated(unsigned unit, uint32_t offset)
{
    for (unsigned reads = 0; reads < remap_looks_max(); reads++) {
        const uint64_t value = vtd_read64(unit, offset);

        if ((value & INVALIDATE) == 0) {
            return value;
        }
    }
    return UINT64_MAX;
}

static bool invalidate(unsigned unit, uint32_t offset, uint64_t what, uint64_t actual)
{
    uint64_t value;

    if (wait_invalidated(unit, offset) == UINT64_MAX) {
        return false; /* firmware's never ended */
    }
    vtd_write64(unit, offset, INVALIDATE | what);
    value = wait_invalidated(unit, offset);
    return value != UINT64_MAX && (value & actual) != 0;
}

bool vtd_forget_now(unsigned unit, bool contexts, const struct vtd_iotlb *iotlb)
{
    const struct vtd_unit *const u = &vtd_units[unit];
    const uint64_t what = (uint64_t)iotlb->granularity << IOTLB_GRANULARITY |
                          VTD_CAPABILITY_DRAINS(u->capability) << IOTLB_DRAINS |
                          (uint64_t)iotlb->domain << IOTLB_DOMAIN;

    if (contexts && !invalidate(unit, VTD_CONTEXT, CONTEXT_ALL, CONTEXT_ACTUAL)) {
        return false;
    }
    if (iotlb->granularity == VTD_PAGES) {
        if (wait_invalidated(unit, u->iotlb_offset + 8) == UINT64_MAX) {
            return false;
        }
        vtd_write64(unit, u->iotlb_offset, iotlb->where);
    }
    return invalidate(unit, u->iotlb_offset + 8, what, IOTLB_ACTUAL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The fault records of one DMA remapping unit, see hal/vtd.h.
 */
#include "vtd_unit.h"

#define FAULT_STATUS_INDEX(value) ((value) >> 8 & 0xff)
/* The upper half of a fault record (11.4.14). */
#define RECORD_FAULT  (UINT64_C(1) << 63)
#define RECORD_READ   (UINT64_C(1) << 62)
#define RECORD_REASON 32

bool vtd_take_faults(unsigned unit, void (*take)(unsigned unit, const struct vtd_fault *fault))
{
    const struct vtd_unit *const u = &vtd_units[unit];
    const uint32_t status = vtd_read32(unit, VTD_FAULT_STATUS), count = u->fault_count;
    const uint32_t first = FAULT_STATUS_INDEX(status);

    if (vtd_is_gone(status) || (status & (VTD_FAULT_OVERFLOW | VTD_FAULT_PENDING)) == 0) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t record = u->fault_offset + (first + i) % count * VTD_RECORD_SIZE;
        const uint64_t high = vtd_read64(unit, record + 8);
        struct vtd_fault fault;

        if (high == UINT64_MAX) {
            return false; /* the unit has gone */
        }
        if ((high & RECORD_FAULT) == 0) {
            continue;
        }
        fault = (struct vtd_fault){.address = vtd_read64(unit, record) & ~(HAL_PAGE_SIZE - 1),
                                   .source = (uint16_t)high,
                                   .reason = (uint8_t)(high >> RECORD_REASON),
                                   .is_read = (high & RECORD_READ) != 0};
        vtd_write64(unit, record + 8, RECORD_FAULT);
        take(unit, &fault);
    }
    /* Only then: the unit records again from here on. */
    if ((status & VTD_FAULT_OVERFLOW) != 0) {
        vtd_write32(unit, VTD_FAULT_STATUS, VTD_FAULT_OVERFLOW);
    }
    return (status & VTD_FAULT_OVERFLOW) != 0;
}

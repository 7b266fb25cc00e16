/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Copies of an object's bytes out and in, for every call that does so. Ordinary accesses; what
 * races with them is said at the calls.
 */
#ifndef API_BYTES_H
#define API_BYTES_H

#include <stdbool.h>

#include "hal/bits.h"
#include "hal/phys.h"
#include "keel/status.h"

/* Compilers make four instructions of this, and thirty of the usual trick where a CPU may lack POPCNT. */
static inline bool is_power_of_two(uint64_t value)
{
    return value != 0 && value >> hal_bit_lowest(value) == 1;
}

static inline bool bytes_fit(uint64_t room, uint64_t offset, size_t size)
{
    return offset <= room && size <= room - offset;
}

/* Copies `size` bytes at `offset` in the `room` bytes from `base`; KEEL_E_INVALID if they do not lie in it.
 */
static inline keel_status_t bytes_read(hal_paddr_t base, uint64_t room, uint64_t offset, void *buffer,
                                       size_t size)
{
    if (!bytes_fit(room, offset, size)) {
        return KEEL_E_INVALID;
    }
    hal_phys_read(buffer, hal_paddr_add(base, offset), size);
    return KEEL_OK;
}

static inline keel_status_t bytes_write(hal_paddr_t base, uint64_t room, uint64_t offset, const void *buffer,
                                        size_t size)
{
    if (!bytes_fit(room, offset, size)) {
        return KEEL_E_INVALID;
    }
    hal_phys_write(hal_paddr_add(base, offset), buffer, size);
    return KEEL_OK;
}

#endif

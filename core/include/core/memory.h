/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory behind a handle: a block of the heap that is touched by the copy primitives only.
 */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include "core/object.h"
#include "hal/phys.h"

struct memory {
    struct object object; /* first */
    hal_paddr_t address;
    uint64_t size; /* bytes */
};

/* `size` bytes (1..HEAP_SIZE_MAX), zeroed (M9). E_NO_MEMORY, E_LIMIT. */
keel_status_t memory_create(uint64_t size, uint64_t *handle);
void memory_put(struct memory *memory);

#endif

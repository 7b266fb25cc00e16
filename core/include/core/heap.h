/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heap: memory of any size, from slabs or in whole frames, for a client's own C objects. Inline, for a
 * client may allocate often.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include "core/slab.h"

#define HEAP_SIZE_MAX (UINT64_C(16) << 20)

/* `size` bytes (1..HEAP_SIZE_MAX), zeroed (M9), at a multiple of `alignment` (a power of two, at most a
 * page). E_NO_MEMORY. */
static inline keel_status_t heap_alloc(uint64_t size, uint64_t alignment, void **memory)
{
    hal_paddr_t address;
    unsigned size_class = slab_class_of(size, alignment, SLAB_NATIVE);
    keel_status_t status = size_class < SLAB_CLASSES ? slab_alloc(size_class, size, &address)
                                                     : slab_alloc_large(size, SLAB_NATIVE, &address);
    if (status == KEEL_OK) {
        *memory = hal_phys_object(address);
    }
    return status;
}

/* `memory` may be any value. E_BAD_HANDLE: not what heap_alloc answered, or given back already. */
static inline keel_status_t heap_free(void *memory)
{
    hal_paddr_t address;
    if (!hal_phys_of_object(memory, &address)) {
        return KEEL_E_BAD_HANDLE;
    }
    return slab_free(address, SLAB_NATIVE);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Native memory, see core/heap.h.
 */
#include "core/heap.h"

keel_status_t heap_alloc(uint64_t size, uint64_t alignment, void **memory)
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

keel_status_t heap_free(void *memory)
{
    hal_paddr_t address;
    if (!hal_phys_of_object(memory, &address)) {
        return KEEL_E_BAD_HANDLE;
    }
    return slab_free(address, SLAB_NATIVE);
}

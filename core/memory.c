/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory behind a handle, see core/memory.h.
 */
#include "core/memory.h"

#include "core/assert.h"
#include "core/slab.h"

keel_status_t memory_create(uint64_t size, uint64_t *handle)
{
    struct object *object = object_claim(OBJECT_MEMORY);
    if (object == NULL) {
        return KEEL_E_LIMIT;
    }
    struct memory *created = (struct memory *)object;
    unsigned size_class = slab_class_of(size, 1, SLAB_HANDLE);
    keel_status_t status = size_class < SLAB_CLASSES ? slab_alloc(size_class, size, &created->address)
                                                     : slab_alloc_large(size, SLAB_HANDLE, &created->address);
    if (status != KEEL_OK) {
        ref_unclaim(&object->ref);
        return status;
    }
    created->size = size;
    *handle = object_handle(OBJECT_MEMORY, object);
    ref_publish(&object->ref, 1, true);
    return KEEL_OK;
}

void memory_put(struct memory *memory)
{
    if (!ref_put(&memory->object.ref)) {
        return;
    }
    keel_status_t status = slab_free(memory->address, SLAB_HANDLE);
    CORE_ASSERT(status == KEEL_OK); /* no client reaches a block of this use but through the handle */
    ref_finish(&memory->object.ref);
}

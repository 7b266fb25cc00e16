/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/heap.h: ranges checked here, the rest is core's.
 */
#include "core/heap.h"

#include "bytes.h"
#include "calls.h"
#include "core/memory.h"
#include "reference.h"
#include "resolve.h"

_Static_assert(KEEL_HEAP_SIZE_MAX == HEAP_SIZE_MAX && KEEL_HEAP_ALIGNMENT_MAX == HAL_PAGE_SIZE,
               "the documented limits are the real ones");

static bool size_fits(uint64_t size)
{
    return size != 0 && size <= KEEL_HEAP_SIZE_MAX;
}

keel_status_t call_memory_alloc(uint64_t size, uint64_t *memory)
{
    return size_fits(size) ? memory_create(size, memory) : KEEL_E_INVALID;
}

REFERENCE_CALLS(memory, object.ref)

keel_status_t call_memory_read(struct memory *memory, uint64_t offset, void *buffer, size_t buffer_size)
{
    return bytes_read(memory->address, memory->size, offset, buffer, buffer_size);
}

keel_status_t call_memory_write(struct memory *memory, uint64_t offset, const void *buffer,
                                size_t buffer_size)
{
    return bytes_write(memory->address, memory->size, offset, buffer, buffer_size);
}

keel_status_t call_memory_info(struct memory *memory, struct keel_memory_info *info)
{
    info->size = memory->size;
    return KEEL_OK;
}

keel_status_t call_heap_alloc(uint64_t size, uint64_t alignment, void **memory)
{
    if (!size_fits(size) || !is_power_of_two(alignment) || alignment > KEEL_HEAP_ALIGNMENT_MAX) {
        return KEEL_E_INVALID;
    }
    return heap_alloc(size, alignment, memory);
}

keel_status_t call_heap_free(void *memory)
{
    return heap_free(memory);
}

keel_status_t call_heap_stats(struct keel_heap_stats *stats)
{
    const struct slab_counts counts = slab_counts();
    stats->slab_frames = counts.slab_frames;
    stats->large_frames = counts.large_frames;
    return KEEL_OK;
}

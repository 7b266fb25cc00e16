/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heap: memory of any size for whoever needs a few bytes and not a frame. There are two ways to it, and
 * they never share a page:
 *
 * 1. By handle and copy (keel_memory_*). The client gets no address; bytes move by copy, within the size,
 * whoever else reads or writes at the same time. Use after release and ranges that do not fit are errors.
 * Every client may use this way.
 * 2. Natively, by pointer (keel_heap_*): malloc and free for a client's own C objects. Only native clients
 * can: these calls are not offered to contained ones. What a client writes through such a pointer, where and
 * when, is as with every pointer of its own the client's affair: Keel keeps nothing in that memory, not even
 * while it is free, and never follows an address in it, so no store there can mislead Keel. A wrong argument
 * to keel_heap_free is an error like any other. On the hosted machine AddressSanitizer reports accesses to
 * memory that was given back.
 *
 * New memory reads as zeroes (M9). Sizes are in bytes. Up to half a page comes in slots of size classes,
 * from 32 bytes on: a slot is at most 15 bytes or a third larger than asked, but above 1,344 bytes half a
 * page; an alignment above 16 may take a larger class. More comes in whole contiguous frames. Leans on M7: a
 * slot is handed out once, whatever the injected slab allocator answers (keel/slab_policy.h).
 *
 * Context of all calls below: task, atomic, irq. Exhaustion is E_NO_MEMORY (no frame) or E_LIMIT (no free
 * handle slot), with nothing changed.
 */
#ifndef KEEL_HEAP_H
#define KEEL_HEAP_H

#include "keel/handle.h"

#define KEEL_HEAP_SIZE_MAX      (UINT64_C(16) << 20)
#define KEEL_HEAP_ALIGNMENT_MAX UINT64_C(4096)

struct keel_memory_info {
    uint64_t size; /* bytes, as asked for */
};

struct keel_heap_stats {
    uint64_t slab_frames;  /* frames that are slabs, free slots included */
    uint64_t large_frames; /* frames of blocks larger than slots */
};

/* By handle and copy. */

/* `size` zeroed bytes, 1..KEEL_HEAP_SIZE_MAX, with one reference. Errors: E_INVALID, E_NO_MEMORY, E_LIMIT. */
keel_status_t keel_memory_alloc(uint64_t size, keel_memory_t *memory);

/* One more reference. Errors: E_BAD_HANDLE, E_LIMIT. */
keel_status_t keel_memory_ref(keel_memory_t memory);

/* Drops one reference; with the last one the handle is closed and the memory given back. Errors:
 * E_BAD_HANDLE. */
keel_status_t keel_memory_release(keel_memory_t memory);

/* Copies bytes out of or into the memory: offset + size <= its size. Each byte is moved once. Errors:
 * E_BAD_HANDLE, E_INVALID (range or NULL buffer). */
keel_status_t keel_memory_read(keel_memory_t memory, uint64_t offset, void *buffer, size_t size);
keel_status_t keel_memory_write(keel_memory_t memory, uint64_t offset, const void *buffer, size_t size);

/* Errors: E_BAD_HANDLE, E_INVALID. */
keel_status_t keel_memory_info(keel_memory_t memory, struct keel_memory_info *info);

/* Natively. */

/* `size` zeroed bytes, 1..KEEL_HEAP_SIZE_MAX, at a multiple of `alignment` bytes, a power of two from 1 to
 * KEEL_HEAP_ALIGNMENT_MAX; every answer is a multiple of 16 anyway. The memory stays the caller's until
 * keel_heap_free. Errors: E_INVALID, E_NO_MEMORY. */
keel_status_t keel_heap_alloc(uint64_t size, uint64_t alignment, void **memory);

/* Gives back what keel_heap_alloc answered, from any task, on any CPU. `memory` may be any value: one that is
 * not the start of such memory in use (NULL, the middle of a block, freed before, a stack address, anything)
 * is E_BAD_HANDLE. A value that was freed and handed out again since names the new memory. */
keel_status_t keel_heap_free(void *memory);

/* How many frames the heap has at this moment. Errors: E_INVALID. */
keel_status_t keel_heap_stats(struct keel_heap_stats *stats);

#endif

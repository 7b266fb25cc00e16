/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heap: memory of any size, from slabs or in whole frames, for a client's own C objects.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include "core/slab.h"

#define HEAP_SIZE_MAX (UINT64_C(16) << 20)

/* `size` bytes (1..HEAP_SIZE_MAX), zeroed (M9), at a multiple of `alignment` (a power of two, at most a
 * page). E_NO_MEMORY. */
keel_status_t heap_alloc(uint64_t size, uint64_t alignment, void **memory);
/* `memory` may be any value. E_BAD_HANDLE: not what heap_alloc answered, or given back already. */
keel_status_t heap_free(void *memory);

#endif

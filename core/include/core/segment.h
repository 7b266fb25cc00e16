/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Segments: contiguous untyped frames under one handle. A segment holds one reference on each of its frames.
 */
#ifndef CORE_SEGMENT_H
#define CORE_SEGMENT_H

#include "core/frame.h"
#include "core/object.h"

struct segment {
    struct object object; /* first */
    struct frame *first;
    uint64_t frame_count;
};

/* E_NO_MEMORY, E_LIMIT. */
keel_status_t segment_create(uint64_t frame_count, uint64_t alignment, uint64_t *handle);
void segment_put(struct segment *segment);

#endif

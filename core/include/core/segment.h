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
/* Segments over frames of `segment`, which the caller holds: they share them. [first, first + frame_count) is
 * not empty and inside. E_LIMIT. */
keel_status_t segment_slice(struct segment *segment, uint64_t first, uint64_t frame_count, uint64_t *handle);
/* Two segments: the frames before `index`, which is inside and not 0, and the rest. One client's reference to
 * `segment` is dropped for them. E_LIMIT; E_BAD_HANDLE: no client holds one any more. Nothing changed. */
keel_status_t segment_split(struct segment *segment, uint64_t index, uint64_t *low, uint64_t *high);
void segment_put(struct segment *segment);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Segments, see core/segment.h.
 */
#include "core/segment.h"

keel_status_t segment_create(uint64_t frame_count, uint64_t alignment, uint64_t *handle)
{
    struct object *object = object_claim(OBJECT_SEGMENT);
    if (object == NULL) {
        return KEEL_E_LIMIT;
    }
    struct segment *created = (struct segment *)object;
    keel_status_t status = frame_alloc(FRAME_UNTYPED, frame_count, alignment, &created->first);
    if (status != KEEL_OK) {
        ref_unclaim(&object->ref);
        return status;
    }
    created->frame_count = frame_count;
    *handle = object_handle(OBJECT_SEGMENT, object);
    ref_publish(&object->ref, 1, true);
    return KEEL_OK;
}

void segment_put(struct segment *segment)
{
    if (!ref_put(&segment->object.ref)) {
        return;
    }
    for (uint64_t i = 0; i < segment->frame_count; i++) {
        frame_put(segment->first + i);
    }
    ref_finish(&segment->object.ref);
}

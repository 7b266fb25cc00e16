/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Segments, see core/segment.h.
 */
#include "core/segment.h"

#include "core/assert.h"

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

/* Gives back what prepare_slice took; another segment holds the frames still. */
static void abandon_slice(struct segment *slice)
{
    for (uint64_t i = 0; i < slice->frame_count; i++) {
        bool last = ref_put(&slice->first[i].ref);
        CORE_ASSERT(!last);
    }
    ref_unclaim(&slice->object.ref);
}

/* A BUSY segment with a reference on each of its frames; NULL: out of slots or references. */
static struct segment *prepare_slice(const struct segment *segment, uint64_t first, uint64_t frame_count)
{
    struct segment *slice = (struct segment *)object_claim(OBJECT_SEGMENT);
    if (slice == NULL) {
        return NULL;
    }
    slice->first = segment->first + first;
    for (slice->frame_count = 0; slice->frame_count < frame_count; slice->frame_count++) {
        if (ref_get(&slice->first[slice->frame_count].ref) != KEEL_OK) {
            abandon_slice(slice);
            return NULL;
        }
    }
    return slice;
}

static void publish(struct segment *segment, uint64_t *handle)
{
    *handle = object_handle(OBJECT_SEGMENT, &segment->object);
    ref_publish(&segment->object.ref, 1, true);
}

keel_status_t segment_slice(struct segment *segment, uint64_t first, uint64_t frame_count, uint64_t *handle)
{
    CORE_ASSERT(frame_count > 0 && first < segment->frame_count);
    CORE_ASSERT(frame_count <= segment->frame_count - first);
    struct segment *slice = prepare_slice(segment, first, frame_count);
    if (slice == NULL) {
        return KEEL_E_LIMIT;
    }
    publish(slice, handle);
    return KEEL_OK;
}

keel_status_t segment_split(struct segment *segment, uint64_t index, uint64_t *low, uint64_t *high)
{
    CORE_ASSERT(index > 0 && index < segment->frame_count);
    struct segment *left = prepare_slice(segment, 0, index);
    if (left == NULL) {
        return KEEL_E_LIMIT;
    }
    struct segment *right = prepare_slice(segment, index, segment->frame_count - index);
    if (right == NULL) {
        abandon_slice(left);
        return KEEL_E_LIMIT;
    }
    keel_status_t status = ref_handle_drop(&segment->object.ref);
    if (status != KEEL_OK) {
        abandon_slice(right);
        abandon_slice(left);
        return status;
    }
    bool last = ref_put(&segment->object.ref);
    CORE_ASSERT(!last);
    publish(left, low);
    publish(right, high);
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

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/frame.h: ranges checked here, the rest is core's.
 */
#include "bytes.h"
#include "calls.h"
#include "core/frame.h"
#include "core/segment.h"
#include "reference.h"
#include "resolve.h"

#define SEGMENT_FRAMES_MAX    (UINT64_C(1) << 20)
#define SEGMENT_ALIGNMENT_MAX (UINT64_C(1) << 18)

_Static_assert(KEEL_PAGE_SIZE == HAL_PAGE_SIZE, "one page size");
_Static_assert(KEEL_REFERENCES_MAX == REF_HANDLES_MAX, "the documented limit is the real one");

keel_status_t call_frame_alloc(uint64_t *frame)
{
    return frame_create(frame);
}

keel_status_t call_frame_ref(struct frame *frame)
{
    return reference_add(&frame->ref);
}

keel_status_t call_frame_release(struct frame *frame)
{
    return frame_put_handle(frame);
}

keel_status_t call_frame_read(struct frame *frame, uint64_t offset, void *buffer, size_t buffer_size)
{
    return bytes_read(frame_address(frame), HAL_PAGE_SIZE, offset, buffer, buffer_size);
}

keel_status_t call_frame_write(struct frame *frame, uint64_t offset, const void *buffer, size_t buffer_size)
{
    return bytes_write(frame_address(frame), HAL_PAGE_SIZE, offset, buffer, buffer_size);
}

keel_status_t call_frame_info(struct frame *frame, struct keel_frame_info *info)
{
    uint32_t count = ref_word_count(atomic_u64_load_acquire(&frame->ref.word));
    info->address = frame_address(frame).value;
    info->references = count - 1; /* this call's own */
    info->tag = frame->client.tag;
    return KEEL_OK;
}

keel_status_t call_segment_alloc(uint64_t frame_count, uint64_t alignment, uint64_t *segment)
{
    if (frame_count == 0 || frame_count > SEGMENT_FRAMES_MAX || !is_power_of_two(alignment) ||
        alignment > SEGMENT_ALIGNMENT_MAX) {
        return KEEL_E_INVALID;
    }
    return segment_create(frame_count, alignment, segment);
}

REFERENCE_CALLS(segment, object.ref)

keel_status_t call_segment_read(struct segment *segment, uint64_t offset, void *buffer, size_t buffer_size)
{
    return bytes_read(frame_address(segment->first), segment->frame_count << HAL_PAGE_SHIFT, offset, buffer,
                      buffer_size);
}

keel_status_t call_segment_write(struct segment *segment, uint64_t offset, const void *buffer,
                                 size_t buffer_size)
{
    return bytes_write(frame_address(segment->first), segment->frame_count << HAL_PAGE_SHIFT, offset, buffer,
                       buffer_size);
}

keel_status_t call_segment_info(struct segment *segment, struct keel_segment_info *info)
{
    info->address = frame_address(segment->first).value;
    info->frame_count = segment->frame_count;
    return KEEL_OK;
}

keel_status_t call_segment_frame(struct segment *segment, uint64_t index, uint64_t *frame)
{
    if (index >= segment->frame_count) {
        return KEEL_E_INVALID;
    }
    struct frame *member = segment->first + index;
    keel_status_t status = reference_add(&member->ref);
    if (status == KEEL_OK) {
        *frame = frame_handle(member);
    }
    return status;
}

keel_status_t call_segment_slice(struct segment *segment, uint64_t index, uint64_t frame_count,
                                 uint64_t *slice)
{
    if (frame_count == 0 || index > segment->frame_count || frame_count > segment->frame_count - index) {
        return KEEL_E_INVALID;
    }
    return segment_slice(segment, index, frame_count, slice);
}

keel_status_t call_segment_split(struct segment *segment, uint64_t index, uint64_t *low, uint64_t *high)
{
    if (index == 0 || index >= segment->frame_count) {
        return KEEL_E_INVALID;
    }
    return segment_split(segment, index, low, high);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Segments in the model of fuzz_model.
 */
#include <string.h>

#include "core/object.h"
#include "model.h"

#define SHOW(handle) ((unsigned long long)(handle))

/* --- The model --- */

struct model_segment *model_segment_named(uint64_t handle)
{
    for (unsigned i = 0; i < MODEL_SEGMENTS; i++) {
        if (model.segments[i].refs > 0 && model.segments[i].handle == handle) {
            return &model.segments[i];
        }
    }
    return NULL;
}

bool model_segment_has(const struct model_segment *segment, uint64_t index, uint64_t count)
{
    return count > 0 && index < segment->count && count <= segment->count - index;
}

static unsigned used(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MODEL_SEGMENTS; i++) {
        count += model.segments[i].refs > 0;
    }
    return count;
}

/* Keel has fewer slots for segments than frames, and the model fewer again where there is much memory. */
static bool full(unsigned count)
{
    return used() + count > MODEL_SEGMENTS;
}

static keel_status_t slot_status(unsigned count)
{
    return used() + count > object_slots(OBJECT_SEGMENT) ? KEEL_E_LIMIT : KEEL_OK;
}

static void add(const struct model_op *op, unsigned slot, keel_segment_t made, uint64_t first, uint64_t count)
{
    unsigned i = 0;
    while (model.segments[i].refs > 0) {
        i++;
    }
    model.segments[i] =
        (struct model_segment){.handle = made.value, .refs = 1, .first = first, .count = count};
    struct model_op place = *op;
    place.slot = (uint8_t)(op->slot + slot);
    model_rename(MODEL_SEGMENT, &place, made.value);
}

static keel_status_t known(const struct model_segment *segment)
{
    return segment != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

/* --- Calls --- */

static keel_status_t alloc_status(uint64_t count, uint64_t alignment)
{
    bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
    bool sizes = count >= 1 && count <= (1u << 20) && power_of_two && alignment <= (1u << 18);
    return sizes ? slot_status(1) : KEEL_E_INVALID;
}

void model_segment_alloc(const struct model_op *op)
{
    uint64_t count = model_count(op->numbers[0]);
    uint64_t alignment = op->numbers[1] >= 0xf0   ? model_count(op->numbers[1])
                         : op->numbers[1] >= 0xd0 ? MODEL_LARGE
                                                  : UINT64_C(1) << op->numbers[1] % 5;
    keel_segment_t made;
    struct keel_segment_info info;
    if (full(1)) {
        return;
    }
    model_call("segment_alloc(%llu, %llu)", SHOW(count), SHOW(alignment));
    if (!model_answer_memory(keel_segment_alloc(count, alignment, &made), alloc_status(count, alignment),
                             count == 1 && alignment == 1 ? 1 : MODEL_CONTIGUOUS)) {
        return;
    }
    model_answer(keel_segment_info(made, &info), KEEL_OK);
    model_equal(info.address % (alignment * KEEL_PAGE_SIZE), 0, "a segment's address in its alignment");
    for (uint64_t i = 0; i < count; i++) {
        model_born(info.address + i * KEEL_PAGE_SIZE, MODEL_SHARED, 0);
    }
    add(op, 0, made, info.address / KEEL_PAGE_SIZE, count);
}

void model_segment_ref(const struct model_op *op)
{
    keel_segment_t name = {model_name(MODEL_SEGMENT, op->names[0])};
    struct model_segment *segment = model_segment_named(name.value);
    model_call("segment_ref(0x%llx)", SHOW(name.value));
    if (model_answer(keel_segment_ref(name), known(segment))) {
        segment->refs++;
    }
}

void model_segment_release(const struct model_op *op)
{
    keel_segment_t name = {model_name(MODEL_SEGMENT, op->names[0])};
    struct model_segment *segment = model_segment_named(name.value);
    model_call("segment_release(0x%llx)", SHOW(name.value));
    if (model_answer(keel_segment_release(name), known(segment))) {
        segment->refs--;
        model_settle();
    }
}

static keel_status_t copy_status(const struct model_segment *segment, uint64_t offset, size_t size)
{
    if (segment == NULL) {
        return KEEL_E_BAD_HANDLE;
    }
    return model_fits(offset, size, segment->count * KEEL_PAGE_SIZE) ? KEEL_OK : KEEL_E_INVALID;
}

/* The array of all frames' bytes is contiguous, as frames are. */
static unsigned char *bytes_at(const struct model_segment *segment, uint64_t offset)
{
    return (unsigned char *)model_bytes + segment->first * KEEL_PAGE_SIZE + offset;
}

static uint64_t offset_of(const struct model_op *op)
{
    return model_offset(op->numbers[0]) + op->numbers[1] % 4u * KEEL_PAGE_SIZE;
}

void model_segment_read(const struct model_op *op)
{
    keel_segment_t name = {model_name(MODEL_SEGMENT, op->names[0])};
    const struct model_segment *segment = model_segment_named(name.value);
    uint64_t offset = offset_of(op);
    size_t size = model_size(op->size);
    model_call("segment_read(0x%llx, %llu, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_segment_read(name, offset, model_buffer, size),
                     copy_status(segment, offset, size))) {
        model_equal_bytes(model_buffer, bytes_at(segment, offset), size, "the segment");
    }
}

void model_segment_write(const struct model_op *op)
{
    keel_segment_t name = {model_name(MODEL_SEGMENT, op->names[0])};
    const struct model_segment *segment = model_segment_named(name.value);
    uint64_t offset = offset_of(op);
    size_t size = model_size(op->size);
    const unsigned char *bytes = model_pattern(op->numbers[2], size);
    model_call("segment_write(0x%llx, %llu, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_segment_write(name, offset, bytes, size), copy_status(segment, offset, size))) {
        memcpy(bytes_at(segment, offset), bytes, size);
    }
}

static void compare_info(const struct model_segment *segment)
{
    struct keel_segment_info info;
    model_answer(keel_segment_info((keel_segment_t){segment->handle}, &info), KEEL_OK);
    model_equal(info.address, segment->first * KEEL_PAGE_SIZE, "a segment's address");
    model_equal(info.frame_count, segment->count, "a segment's frames");
}

void model_segment_info(const struct model_op *op)
{
    keel_segment_t name = {model_name(MODEL_SEGMENT, op->names[0])};
    const struct model_segment *segment = model_segment_named(name.value);
    struct keel_segment_info info;
    model_call("segment_info(0x%llx)", SHOW(name.value));
    if (model_answer(keel_segment_info(name, &info), known(segment))) {
        compare_info(segment);
    }
}

void model_segment_frame(const struct model_op *op)
{
    keel_segment_t name = {model_name(MODEL_SEGMENT, op->names[0])};
    const struct model_segment *segment = model_segment_named(name.value);
    uint64_t index = op->numbers[0] < 0xf0 ? op->numbers[0] % 8 : model_count(op->numbers[0]);
    keel_status_t expected = known(segment);
    keel_frame_t got;
    struct keel_frame_info info;
    if (segment != NULL && index >= segment->count) {
        expected = KEEL_E_INVALID;
    }
    model_call("segment_frame(0x%llx, %llu)", SHOW(name.value), SHOW(index));
    if (!model_answer(keel_segment_frame(name, index, &got), expected)) {
        return;
    }
    struct model_frame *frame = &model.frames[segment->first + index];
    if (frame->handle != 0) {
        model_equal(got.value, frame->handle, "the frame's handle");
    }
    frame->handle = got.value;
    frame->handles++;
    model_answer(keel_frame_info(got, &info), KEEL_OK);
    model_equal(info.address, model_number(frame) * KEEL_PAGE_SIZE, "the address of a segment's frame");
    model_rename(MODEL_FRAME, op, got.value);
}

void model_segment_slice(const struct model_op *op)
{
    keel_segment_t name = {model_name(MODEL_SEGMENT, op->names[0])};
    const struct model_segment *segment = model_segment_named(name.value);
    uint64_t index = op->numbers[0] < 0xf0 ? op->numbers[0] % 8 : model_count(op->numbers[0]);
    uint64_t count = model_count(op->numbers[1]);
    keel_status_t expected = known(segment);
    keel_segment_t made;
    if (segment != NULL) {
        expected = model_segment_has(segment, index, count) ? slot_status(1) : KEEL_E_INVALID;
    }
    if (full(1)) {
        return;
    }
    model_call("segment_slice(0x%llx, %llu, %llu)", SHOW(name.value), SHOW(index), SHOW(count));
    if (model_answer(keel_segment_slice(name, index, count, &made), expected)) {
        add(op, 0, made, segment->first + index, count);
    }
}

void model_segment_split(const struct model_op *op)
{
    keel_segment_t name = {model_name(MODEL_SEGMENT, op->names[0])};
    struct model_segment *segment = model_segment_named(name.value);
    uint64_t index = op->numbers[0] < 0xf0 ? op->numbers[0] % 8 : model_count(op->numbers[0]);
    keel_status_t expected = known(segment);
    keel_segment_t low, high;
    if (segment != NULL) {
        expected = index > 0 && index < segment->count ? slot_status(2) : KEEL_E_INVALID;
    }
    if (full(2)) {
        return;
    }
    model_call("segment_split(0x%llx, %llu)", SHOW(name.value), SHOW(index));
    if (model_answer(keel_segment_split(name, index, &low, &high), expected)) {
        struct model_segment whole = *segment;
        segment->refs--;
        add(op, 0, low, whole.first, index);
        add(op, 1, high, whole.first + index, whole.count - index);
    }
}

void model_compare_segments(void)
{
    for (unsigned i = 0; i < MODEL_SEGMENTS; i++) {
        if (model.segments[i].refs > 0) {
            compare_info(&model.segments[i]);
        }
    }
}

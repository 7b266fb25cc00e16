/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Segments in the model of fuzz_model_dma, and what is in them.
 */
#include <string.h>

#include "model_dma.h"

#define SHOW(value) ((unsigned long long)(value))

struct dma_segment *dma_segment_named(uint64_t handle)
{
    for (unsigned i = 0; i < DMA_SEGMENTS; i++) {
        if (dma_model.segments[i].refs > 0 && dma_model.segments[i].handle == handle) {
            return &dma_model.segments[i];
        }
    }
    return NULL;
}

bool dma_segment_has(const struct dma_segment *segment, uint64_t index, uint64_t count)
{
    return count > 0 && index < segment->count && count <= segment->count - index;
}

void dma_segment_settle(struct dma_segment *segment)
{
    for (uint64_t i = 0; segment->refs == 0 && segment->mappings == 0 && i < segment->count; i++) {
        dma_model.owners[segment->first + i] = NULL;
    }
}

static struct dma_segment *free_record(void)
{
    for (unsigned i = 0; i < DMA_SEGMENTS; i++) {
        if (dma_model.segments[i].refs == 0 && dma_model.segments[i].mappings == 0) {
            return &dma_model.segments[i];
        }
    }
    return NULL;
}

static uint64_t count_of(uint8_t byte)
{
    return byte < 0xd0   ? 1 + byte % 6u
           : byte < 0xf0 ? DMA_LARGE * (1 + byte % 2u) + byte / 2 % 3u
                         : 20u * (byte & 0xfu);
}

void dma_model_segment_alloc(const struct model_op *op)
{
    uint64_t count = count_of(op->numbers[0]), alignment = op->numbers[1] < 0xd0 ? 1 : DMA_LARGE;
    struct dma_segment *segment = free_record();
    keel_segment_t made = {0};
    struct keel_segment_info info = {0};
    if (segment == NULL) {
        return;
    }
    model_call("segment_alloc(%llu, %llu)", SHOW(count), SHOW(alignment));
    keel_status_t status = keel_segment_alloc(count, alignment, &made);
    keel_status_t expected = count == 0 ? KEEL_E_INVALID : KEEL_OK;
    if (dma_lacks_memory(status, expected, count > 1 || alignment > 1 ? UINT64_MAX : 1) ||
        !model_answer(status, expected)) {
        return;
    }
    model_answer(keel_segment_info(made, &info), KEEL_OK);
    *segment = (struct dma_segment){
        .handle = made.value, .refs = 1, .first = info.address / KEEL_PAGE_SIZE, .count = count};
    for (uint64_t i = segment->first; i < segment->first + count; i++) {
        if (dma_model.owners[i] != NULL) {
            model_fail("frame 0x%llx is given out, and a segment or a mapping has it (M5)", SHOW(i));
        }
        dma_model.owners[i] = segment;
        memset(dma_bytes + i * KEEL_PAGE_SIZE, 0, KEEL_PAGE_SIZE);
    }
    dma_made(DMA_SEGMENT, op, made.value);
}

void dma_model_segment_ref(const struct model_op *op)
{
    keel_segment_t name = {dma_name(DMA_SEGMENT, op->names[0])};
    struct dma_segment *segment = dma_segment_named(name.value);
    model_call("segment_ref(0x%llx)", SHOW(name.value));
    if (model_answer(keel_segment_ref(name), dma_known(segment))) {
        segment->refs++;
    }
}

void dma_model_segment_release(const struct model_op *op)
{
    keel_segment_t name = {dma_name(DMA_SEGMENT, op->names[0])};
    struct dma_segment *segment = dma_segment_named(name.value);
    model_call("segment_release(0x%llx)", SHOW(name.value));
    if (model_answer(keel_segment_release(name), dma_known(segment))) {
        segment->refs--;
        dma_segment_settle(segment);
    }
}

static keel_status_t copy_status(const struct dma_segment *segment, uint64_t offset, uint64_t size)
{
    return dma_copy_status(segment, segment != NULL ? segment->count * KEEL_PAGE_SIZE : 0, offset, size);
}

/* Frames of a segment are side by side, so are their bytes in the model. */
static unsigned char *bytes_of(const struct dma_segment *segment, uint64_t offset)
{
    return dma_bytes + segment->first * KEEL_PAGE_SIZE + offset;
}

void dma_model_segment_read(const struct model_op *op)
{
    keel_segment_t name = {dma_name(DMA_SEGMENT, op->names[0])};
    struct dma_segment *segment = dma_segment_named(name.value);
    uint64_t offset = dma_offset(op->numbers[0]);
    size_t size = dma_size(op->size);
    model_call("segment_read(0x%llx, 0x%llx, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_segment_read(name, offset, dma_buffer, size), copy_status(segment, offset, size))) {
        model_equal_bytes(dma_buffer, bytes_of(segment, offset), size, "a segment");
    }
}

void dma_model_segment_write(const struct model_op *op)
{
    keel_segment_t name = {dma_name(DMA_SEGMENT, op->names[0])};
    struct dma_segment *segment = dma_segment_named(name.value);
    uint64_t offset = dma_offset(op->numbers[0]);
    size_t size = dma_size(op->size);
    dma_fill(op->numbers[1], size);
    model_call("segment_write(0x%llx, 0x%llx, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_segment_write(name, offset, dma_buffer, size),
                     copy_status(segment, offset, size))) {
        memcpy(bytes_of(segment, offset), dma_buffer, size);
    }
}

void dma_compare_segments(void)
{
    for (unsigned i = 0; i < DMA_SEGMENTS; i++) {
        const struct dma_segment *segment = &dma_model.segments[i];
        for (uint64_t page = 0; segment->refs > 0 && page < segment->count; page++) {
            model_answer(keel_segment_read((keel_segment_t){segment->handle}, page * KEEL_PAGE_SIZE,
                                           dma_buffer, KEEL_PAGE_SIZE),
                         KEEL_OK);
            model_equal_bytes(dma_buffer, bytes_of(segment, page * KEEL_PAGE_SIZE), KEEL_PAGE_SIZE,
                              "a segment's page");
        }
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames, shared and unique, in the model of fuzz_model.
 */
#include <string.h>

#include "hal/phys.h"
#include "model.h"

#define SHOW(handle) ((unsigned long long)(handle))

/* --- The model --- */

struct model_frame *model_shared(uint64_t handle)
{
    for (uint64_t i = 0; i < model.frame_count; i++) {
        struct model_frame *frame = &model.frames[i];
        if (frame->form == MODEL_SHARED && frame->handles > 0 && frame->handle == handle) {
            return frame;
        }
    }
    return NULL;
}

struct model_frame *model_unique(uint64_t handle)
{
    for (uint64_t i = 0; i < model.frame_count; i++) {
        if (model.frames[i].form == MODEL_UNIQUE && model.frames[i].handle == handle) {
            return &model.frames[i];
        }
    }
    return NULL;
}

uint64_t model_number(const struct model_frame *frame)
{
    return (uint64_t)(frame - model.frames);
}

struct model_frame *model_born(uint64_t address, enum model_form form, uint64_t handle)
{
    uint64_t number = address / KEEL_PAGE_SIZE;
    if (address % KEEL_PAGE_SIZE != 0 || number >= model.frame_count) {
        model_fail("0x%llx is the address of no frame", SHOW(address));
    }
    if (model.frames[number].form != MODEL_NONE) {
        model_fail("the frame at 0x%llx is in use (M5)", SHOW(address));
    }
    struct model_frame *frame = &model.frames[number];
    *frame = (struct model_frame){.form = form, .handle = handle, .handles = form == MODEL_SHARED && handle};
    memset(model_bytes[number], 0, KEEL_PAGE_SIZE);
    unsigned char bytes[KEEL_PAGE_SIZE];
    hal_phys_read(bytes, hal_paddr(address), sizeof(bytes));
    model_equal_bytes(bytes, model_bytes[number], sizeof(bytes), "a new frame (M9)");
    return frame;
}

static void count_holders(uint64_t *counts)
{
    memset(counts, 0, MODEL_FRAMES * sizeof(counts[0]));
    for (unsigned i = 0; i < MODEL_SEGMENTS; i++) {
        const struct model_segment *segment = &model.segments[i];
        for (uint64_t j = 0; j < segment->count && segment->refs > 0; j++) {
            counts[segment->first + j]++;
        }
    }
    for (unsigned i = 0; i < MODEL_SPACES; i++) {
        for (unsigned j = 0; j < MODEL_PAGES; j++) {
            counts[model.spaces[i].pages[j].number] += model.spaces[i].pages[j].rights != 0;
        }
    }
}

static uint64_t holders[MODEL_FRAMES];

uint64_t model_holders(uint64_t number)
{
    count_holders(holders);
    return holders[number];
}

void model_settle(void)
{
    count_holders(holders);
    for (uint64_t i = 0; i < model.frame_count; i++) {
        struct model_frame *frame = &model.frames[i];
        if (frame->form == MODEL_SHARED && frame->handles == 0 && holders[i] == 0) {
            frame->form = MODEL_NONE;
        }
    }
}

/* --- Shared frames --- */

static keel_status_t known(const void *object)
{
    return object != NULL ? KEEL_OK : KEEL_E_BAD_HANDLE;
}

void model_frame_alloc(const struct model_op *op)
{
    keel_frame_t made;
    struct keel_frame_info info;
    model_call("frame_alloc()");
    if (model_answer_memory(keel_frame_alloc(&made), KEEL_OK, 1)) {
        model_answer(keel_frame_info(made, &info), KEEL_OK);
        model_born(info.address, MODEL_SHARED, made.value);
        model_rename(MODEL_FRAME, op, made.value);
    }
}

void model_frame_ref(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    struct model_frame *frame = model_shared(name.value);
    model_call("frame_ref(0x%llx)", SHOW(name.value));
    if (model_answer(keel_frame_ref(name), known(frame))) {
        frame->handles++;
    }
}

void model_frame_release(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    struct model_frame *frame = model_shared(name.value);
    model_call("frame_release(0x%llx)", SHOW(name.value));
    if (model_answer(keel_frame_release(name), known(frame))) {
        frame->handles--;
        model_settle();
    }
}

/* A copy's range in a frame, after the handle. */
static keel_status_t copy_status(const struct model_frame *frame, uint64_t offset, size_t size)
{
    if (frame == NULL) {
        return KEEL_E_BAD_HANDLE;
    }
    return model_fits(offset, size, KEEL_PAGE_SIZE) ? KEEL_OK : KEEL_E_INVALID;
}

void model_frame_read(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    const struct model_frame *frame = model_shared(name.value);
    uint64_t offset = model_offset(op->numbers[0]);
    size_t size = model_size(op->size);
    model_call("frame_read(0x%llx, %llu, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_frame_read(name, offset, model_buffer, size), copy_status(frame, offset, size))) {
        model_equal_bytes(model_buffer, &model_bytes[model_number(frame)][offset], size, "the frame");
    }
}

void model_frame_write(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    const struct model_frame *frame = model_shared(name.value);
    uint64_t offset = model_offset(op->numbers[0]);
    size_t size = model_size(op->size);
    const unsigned char *bytes = model_pattern(op->numbers[2], size);
    model_call("frame_write(0x%llx, %llu, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_frame_write(name, offset, bytes, size), copy_status(frame, offset, size))) {
        memcpy(&model_bytes[model_number(frame)][offset], bytes, size);
    }
}

static void compare_info(const struct model_frame *frame, uint64_t held)
{
    struct keel_frame_info info;
    model_answer(keel_frame_info((keel_frame_t){frame->handle}, &info), KEEL_OK);
    model_equal(info.address, model_number(frame) * KEEL_PAGE_SIZE, "a frame's address");
    model_equal(info.references, frame->handles + held, "a frame's references");
    model_equal(info.tag, frame->tag, "a frame's tag");
}

void model_frame_info(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    const struct model_frame *frame = model_shared(name.value);
    struct keel_frame_info info;
    model_call("frame_info(0x%llx)", SHOW(name.value));
    if (model_answer(keel_frame_info(name, &info), known(frame))) {
        compare_info(frame, model_holders(model_number(frame)));
    }
}

/* --- Tags and words --- */

static keel_status_t word_status(const struct model_frame *frame, uint32_t tag, uint32_t index)
{
    if (frame == NULL) {
        return KEEL_E_BAD_HANDLE;
    }
    if (index >= KEEL_FRAME_WORDS) {
        return KEEL_E_INVALID;
    }
    return frame->tag == tag ? KEEL_OK : KEEL_E_DENIED;
}

void model_frame_word_load(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    const struct model_frame *frame = model_shared(name.value);
    uint32_t tag = op->numbers[0] % 3, index = op->numbers[1] % 3;
    uint64_t value;
    model_call("frame_word_load(0x%llx, %u, %u)", SHOW(name.value), tag, index);
    if (model_answer(keel_frame_word_load(name, tag, index, &value), word_status(frame, tag, index))) {
        model_equal(value, frame->words[index], "the word");
    }
}

void model_frame_word_store(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    struct model_frame *frame = model_shared(name.value);
    uint32_t tag = op->numbers[0] % 3, index = op->numbers[1] % 3;
    model_call("frame_word_store(0x%llx, %u, %u, %u)", SHOW(name.value), tag, index, op->numbers[2]);
    if (model_answer(keel_frame_word_store(name, tag, index, op->numbers[2]),
                     word_status(frame, tag, index))) {
        frame->words[index] = op->numbers[2];
    }
}

void model_frame_word_exchange(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    struct model_frame *frame = model_shared(name.value);
    uint32_t tag = op->numbers[0] % 3, index = op->numbers[1] % 3;
    uint64_t expected = op->numbers[2], desired = op->size, previous;
    if (op->slot % 2 == 0 && frame != NULL && index < KEEL_FRAME_WORDS) {
        expected = frame->words[index];
    }
    model_call("frame_word_exchange(0x%llx, %u, %u, %llu, %llu)", SHOW(name.value), tag, index,
               SHOW(expected), SHOW(desired));
    if (model_answer(keel_frame_word_exchange(name, tag, index, expected, desired, &previous),
                     word_status(frame, tag, index))) {
        model_equal(previous, frame->words[index], "the word before");
        frame->words[index] = previous == expected ? desired : previous;
    }
}

/* --- Unique frames --- */

void model_unique_alloc(const struct model_op *op)
{
    keel_unique_t made;
    struct keel_unique_info info;
    model_call("unique_alloc()");
    if (model_answer_memory(keel_unique_alloc(&made), KEEL_OK, 1)) {
        model_answer(keel_unique_info(made, &info), KEEL_OK);
        model_born(info.address, MODEL_UNIQUE, made.value);
        model_rename(MODEL_UNIQUE_FRAME, op, made.value);
    }
}

void model_unique_from_frame(const struct model_op *op)
{
    keel_frame_t name = {model_name(MODEL_FRAME, op->names[0])};
    struct model_frame *frame = model_shared(name.value);
    keel_unique_t made;
    keel_status_t expected = known(frame);
    if (frame != NULL && (frame->handles > 1 || model_holders(model_number(frame)) > 0)) {
        expected = KEEL_E_BUSY;
    }
    model_call("unique_from_frame(0x%llx)", SHOW(name.value));
    if (model_answer(keel_unique_from_frame(name, &made), expected)) {
        frame->form = MODEL_UNIQUE;
        frame->handle = made.value;
        model_rename(MODEL_UNIQUE_FRAME, op, made.value);
    }
}

void model_unique_to_frame(const struct model_op *op)
{
    keel_unique_t name = {model_name(MODEL_UNIQUE_FRAME, op->names[0])};
    struct model_frame *frame = model_unique(name.value);
    keel_frame_t made;
    model_call("unique_to_frame(0x%llx)", SHOW(name.value));
    if (model_answer(keel_unique_to_frame(name, &made), known(frame))) {
        frame->form = MODEL_SHARED;
        frame->handle = made.value;
        frame->handles = 1;
        model_rename(MODEL_FRAME, op, made.value);
    }
}

void model_unique_release(const struct model_op *op)
{
    keel_unique_t name = {model_name(MODEL_UNIQUE_FRAME, op->names[0])};
    struct model_frame *frame = model_unique(name.value);
    model_call("unique_release(0x%llx)", SHOW(name.value));
    if (model_answer(keel_unique_release(name), known(frame))) {
        frame->form = MODEL_NONE;
    }
}

void model_unique_read(const struct model_op *op)
{
    keel_unique_t name = {model_name(MODEL_UNIQUE_FRAME, op->names[0])};
    const struct model_frame *frame = model_unique(name.value);
    uint64_t offset = model_offset(op->numbers[0]);
    size_t size = model_size(op->size);
    model_call("unique_read(0x%llx, %llu, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_unique_read(name, offset, model_buffer, size), copy_status(frame, offset, size))) {
        model_equal_bytes(model_buffer, &model_bytes[model_number(frame)][offset], size, "the frame");
    }
}

void model_unique_write(const struct model_op *op)
{
    keel_unique_t name = {model_name(MODEL_UNIQUE_FRAME, op->names[0])};
    const struct model_frame *frame = model_unique(name.value);
    uint64_t offset = model_offset(op->numbers[0]);
    size_t size = model_size(op->size);
    const unsigned char *bytes = model_pattern(op->numbers[2], size);
    model_call("unique_write(0x%llx, %llu, [%zu])", SHOW(name.value), SHOW(offset), size);
    if (model_answer(keel_unique_write(name, offset, bytes, size), copy_status(frame, offset, size))) {
        memcpy(&model_bytes[model_number(frame)][offset], bytes, size);
    }
}

static void compare_unique(const struct model_frame *frame)
{
    struct keel_unique_info info;
    model_answer(keel_unique_info((keel_unique_t){frame->handle}, &info), KEEL_OK);
    model_equal(info.address, model_number(frame) * KEEL_PAGE_SIZE, "a unique frame's address");
    model_equal(info.tag, frame->tag, "a unique frame's tag");
    for (unsigned i = 0; i < KEEL_FRAME_WORDS; i++) {
        model_equal(info.words[i], frame->words[i], "a unique frame's word");
    }
}

void model_unique_info(const struct model_op *op)
{
    keel_unique_t name = {model_name(MODEL_UNIQUE_FRAME, op->names[0])};
    const struct model_frame *frame = model_unique(name.value);
    struct keel_unique_info info;
    model_call("unique_info(0x%llx)", SHOW(name.value));
    if (model_answer(keel_unique_info(name, &info), known(frame))) {
        compare_unique(frame);
    }
}

void model_unique_set(const struct model_op *op)
{
    keel_unique_t name = {model_name(MODEL_UNIQUE_FRAME, op->names[0])};
    struct model_frame *frame = model_unique(name.value);
    uint32_t tag = op->numbers[0] % 3;
    model_call("unique_set(0x%llx, %u, %u, %u)", SHOW(name.value), tag, op->numbers[1], op->numbers[2]);
    if (model_answer(keel_unique_set(name, tag, op->numbers[1], op->numbers[2]), known(frame))) {
        frame->tag = tag;
        frame->words[0] = op->numbers[1];
        frame->words[1] = op->numbers[2];
    }
}

/* --- Comparing --- */

static void compare_words(const struct model_frame *frame)
{
    for (uint32_t i = 0; i < KEEL_FRAME_WORDS; i++) {
        uint64_t value;
        model_answer(keel_frame_word_load((keel_frame_t){frame->handle}, frame->tag, i, &value), KEEL_OK);
        model_equal(value, frame->words[i], "a shared frame's word");
    }
}

void model_compare_frames(void)
{
    count_holders(holders);
    for (uint64_t i = 0; i < model.frame_count; i++) {
        const struct model_frame *frame = &model.frames[i];
        if (frame->form == MODEL_NONE) {
            continue;
        }
        unsigned char bytes[KEEL_PAGE_SIZE];
        hal_phys_read(bytes, hal_paddr(i * KEEL_PAGE_SIZE), sizeof(bytes));
        model_equal_bytes(bytes, model_bytes[i], sizeof(bytes), "a frame's contents");
        if (frame->form == MODEL_UNIQUE) {
            compare_unique(frame);
        } else if (frame->form == MODEL_SHARED && frame->handles > 0) {
            compare_info(frame, holders[i]);
            compare_words(frame);
        }
    }
}

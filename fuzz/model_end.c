/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The end of an execution of fuzz_model: every reference that the model knows is dropped, by the calls
 * themselves; then the model knows nothing any more.
 */
#include "model.h"

static void release_spaces(void)
{
    for (unsigned i = 0; i < MODEL_CURSORS; i++) {
        if (model.cursors[i].handle != 0) {
            model_answer(keel_cursor_close((keel_cursor_t){model.cursors[i].handle}), KEEL_OK);
            model.cursors[i].handle = 0;
            model.cursors[i].space->cursors--;
        }
    }
    model_answer(keel_space_activate((keel_space_t){0}), KEEL_OK);
    for (unsigned i = 0; i < MODEL_SPACES; i++) {
        struct model_space *space = &model.spaces[i];
        space->active = false;
        for (; space->refs > 0; space->refs--) {
            model_answer(keel_space_release((keel_space_t){space->handle}), KEEL_OK);
        }
        model_space_settle(space);
    }
}

static void release_lists(void)
{
    for (unsigned i = 0; i < MODEL_LISTS; i++) {
        struct model_list *list = &model.lists[i];
        for (uint64_t j = 0; j < list->length && list->refs > 0; j++) {
            model.frames[list->order[j]].form = MODEL_NONE;
        }
        for (; list->refs > 0; list->refs--) {
            model_answer(keel_list_release((keel_list_t){list->handle}), KEEL_OK);
        }
    }
}

static void release_frames(void)
{
    for (unsigned i = 0; i < MODEL_SEGMENTS; i++) {
        struct model_segment *segment = &model.segments[i];
        for (; segment->refs > 0; segment->refs--) {
            model_answer(keel_segment_release((keel_segment_t){segment->handle}), KEEL_OK);
        }
    }
    for (uint64_t i = 0; i < model.frame_count; i++) {
        struct model_frame *frame = &model.frames[i];
        if (frame->form == MODEL_UNIQUE) {
            model_answer(keel_unique_release((keel_unique_t){frame->handle}), KEEL_OK);
            frame->form = MODEL_NONE;
        }
        for (; frame->form == MODEL_SHARED && frame->handles > 0; frame->handles--) {
            model_answer(keel_frame_release((keel_frame_t){frame->handle}), KEEL_OK);
        }
    }
    model_settle();
    for (uint64_t i = 0; i < model.frame_count; i++) {
        model_equal(model.frames[i].form, MODEL_NONE, "the model forgot a hold on a frame: form");
    }
}

static void release_heap(void)
{
    for (unsigned i = 0; i < MODEL_BLOCKS; i++) {
        for (; model.memories[i].refs > 0; model.memories[i].refs--) {
            model_answer(keel_memory_release((keel_memory_t){model.memories[i].name}), KEEL_OK);
        }
        if (model.pointers[i].refs > 0) {
            model_answer(keel_heap_free((void *)model.pointers[i].name), KEEL_OK);
            model.pointers[i].refs = 0;
        }
    }
}

void model_release_all(void)
{
    model_call("releasing everything");
    release_spaces();
    release_lists();
    release_frames();
    release_heap();
}

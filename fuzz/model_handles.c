/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Handles in the model of fuzz_model: which values name something now, and what (H1).
 */
#include "model.h"

/* One handle of each kind that is live, and the kind of the one that is looked for. */
struct live {
    uint64_t wanted, of[OBJECT_KIND_COUNT];
    enum object_kind is;
};

static void note(struct live *live, enum object_kind kind, uint64_t handle)
{
    live->of[kind] = handle;
    if (handle == live->wanted) {
        live->is = kind;
    }
}

static void note_frames(struct live *live)
{
    for (uint64_t i = 0; i < model.frame_count; i++) {
        const struct model_frame *frame = &model.frames[i];
        if (frame->form == MODEL_SHARED && frame->handles > 0) {
            note(live, OBJECT_FRAME, frame->handle);
        } else if (frame->form == MODEL_UNIQUE) {
            note(live, OBJECT_UNIQUE, frame->handle);
        }
    }
}

static void note_objects(struct live *live)
{
    for (unsigned i = 0; i < MODEL_SEGMENTS; i++) {
        if (model.segments[i].refs > 0) {
            note(live, OBJECT_SEGMENT, model.segments[i].handle);
        }
    }
    for (unsigned i = 0; i < MODEL_LISTS; i++) {
        if (model.lists[i].refs > 0) {
            note(live, OBJECT_LIST, model.lists[i].handle);
        }
    }
    for (unsigned i = 0; i < MODEL_SPACES; i++) {
        if (model.spaces[i].refs > 0) {
            note(live, OBJECT_SPACE, model.spaces[i].handle);
        }
    }
    for (unsigned i = 0; i < MODEL_CURSORS; i++) {
        if (model.cursors[i].handle != 0) {
            note(live, OBJECT_CURSOR, model.cursors[i].handle);
        }
    }
    for (unsigned i = 0; i < MODEL_BLOCKS; i++) {
        if (model.memories[i].refs > 0) {
            note(live, OBJECT_MEMORY, model.memories[i].name);
        }
    }
}

void model_handle_offer(const struct model_op *op)
{
    struct live live = {.wanted = model_name(op->numbers[0] % MODEL_KINDS, op->names[0])};
    note_frames(&live);
    note_objects(&live);
    model_call("handle_offer(0x%llx)", (unsigned long long)live.wanted);
    model_offer(live.wanted, live.is, live.of);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_model: sequences of calls on memory from one task, beside a model of frames, address spaces and heap
 * (model.h). Every status and every result is what the model says; every so often, and after each
 * E_NO_MEMORY, everything that can be seen is compared and the machine is audited. In the end everything is
 * released, and no frame may be missing (M8).
 *
 * KEEL_PRINT=1 in the environment prints the calls and the console.
 */
#include <string.h>

#include "core/frame.h"
#include "core/slab.h"
#include "model.h"
#include "services/buddy.h"
#include "services/slab.h"

#define STEP_LIMIT UINT64_C(40000000)

struct model model;
unsigned char model_bytes[MODEL_FRAMES][KEEL_PAGE_SIZE];
unsigned char model_buffer[MODEL_BUFFER];

static unsigned char pattern[MODEL_BUFFER];

/* The default policies with books of their own, new for each execution. */
static struct services_buddy buddy;
static uint64_t buddy_words[SERVICES_BUDDY_WORDS(MODEL_FRAMES)];
static struct services_slab slab;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(void)
{
    model_report.comparing = true;
    model_compare_frames();
    model_compare_segments();
    model_compare_lists();
    model_compare_spaces();
    model_compare_cursors();
    model_compare_heap();
    model_audit();
    model_report.comparing = false;
}

bool model_answer_memory(keel_status_t status, keel_status_t expected, uint64_t need)
{
    if (status != KEEL_E_NO_MEMORY || expected != KEEL_OK) {
        return model_answer(status, expected);
    }
    if (frame_free_count() >= need) {
        model_fail("finds no memory, but %llu frames are free", (unsigned long long)frame_free_count());
    }
    model_note("%s", keel_status_text(status));
    compare();
    return false;
}

uint64_t model_name(enum model_kind kind, uint8_t byte)
{
    return model_pick(model.names, MODEL_KINDS, kind, byte);
}

void model_rename(enum model_kind kind, const struct model_op *op, uint64_t handle)
{
    model.names[kind][op->slot % MODEL_SLOTS] = handle;
    model_note("#%u: 0x%llx", op->slot % MODEL_SLOTS, (unsigned long long)handle);
}

uint64_t model_offset(uint8_t byte)
{
    static const uint64_t extremes[] = {
        KEEL_PAGE_SIZE - 1,     KEEL_PAGE_SIZE,     KEEL_PAGE_SIZE + 1, KEEL_PAGE_SIZE * 2 - 5,
        UINT64_C(0x7fffffffff), UINT64_C(1) << 63u, UINT64_MAX - 7,     UINT64_MAX};
    return byte < 0xf0 ? byte * UINT64_C(20) : extremes[byte % 8];
}

size_t model_size(uint8_t byte)
{
    return byte < 0xe0 ? byte : (byte & 0xfu) * (MODEL_BUFFER / 15);
}

uint64_t model_count(uint8_t byte)
{
    static const uint64_t extremes[] = {0,
                                        UINT64_C(1) << 20,
                                        (UINT64_C(1) << 20) + 1,
                                        UINT64_C(1) << 36,
                                        UINT64_C(1) << 52,
                                        UINT64_C(1) << 63,
                                        UINT64_MAX - 1,
                                        UINT64_MAX};
    if (byte >= 0xf0) {
        return extremes[byte % 8];
    }
    return byte < 0xd0 ? 1 + byte % 8u : MODEL_LARGE * (1 + byte % 2u) + byte / 2 % 3u;
}

bool model_fits(uint64_t offset, uint64_t size, uint64_t room)
{
    return offset <= room && size <= room - offset;
}

const unsigned char *model_pattern(uint8_t byte, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        pattern[i] = byte % 8 == 7 ? 0 : (unsigned char)(byte + i * 7 + i / 256);
    }
    return pattern;
}

static void execute(const struct model_op *op)
{
#define OPERATION(name) model_##name,
    static void (*const operations[])(const struct model_op *) = {MODEL_OPERATIONS(OPERATION)};
#undef OPERATION
    operations[op->op % (sizeof(operations) / sizeof(operations[0]))](op);
}

static void inject(void)
{
    if ((model_report.flags & MODEL_DEFAULT_POLICIES) == 0) {
        return;
    }
    memset(&buddy, 0, sizeof(buddy));
    memset(buddy_words, 0, sizeof(buddy_words));
    memset(&slab, 0, sizeof(slab));
    struct keel_frame_allocator allocator = services_buddy_policy(&buddy, buddy_words, MODEL_FRAMES);
    struct keel_slab_allocator slab_allocator = services_slab_policy(&slab);
    model_call("inject");
    model_answer(keel_frame_allocator_inject(&allocator), KEEL_OK);
    model_answer(keel_slab_allocator_inject(&slab_allocator), KEEL_OK);
}

int32_t keel_main(void)
{
    uint64_t taken_before = frame_total() - frame_free_count();
    model.frame_count = frame_end();
    inject();
    for (model_report.op_index = 0; model_report.op_index < model_report.op_count; model_report.op_index++) {
        struct model_op op = model_op_now();
        execute(&op);
        if (model_period_ends()) {
            compare();
        }
    }
    compare();
    model_release_all();
    model_call("the end");
    compare();
    /* An allocator may keep slabs that are empty. */
    uint64_t taken = frame_total() - frame_free_count() - slab_counts().slab_frames;
    model_equal(taken, taken_before, "frames in use when everything was released (M8)");
    model_equal(slab_used_count(), 0, "slots in use when everything was released (M7)");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!model_input("model", data, size)) {
        return 0;
    }
    memset(&model, 0, sizeof(model));
    model_run((struct hosted_config){
        .ram_size = MODEL_MUCH_MEMORY(data[0]) ? MODEL_RAM_MUCH : MODEL_RAM,
        .cpu_count = (data[0] & MODEL_TWO_CPUS) != 0 ? 2 : 1,
        .strategy = HOSTED_SEQUENTIAL,
        .step_limit = STEP_LIMIT,
    });
    return 0;
}

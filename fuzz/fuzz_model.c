/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_model: sequences of calls on memory from one task, beside a model of frames, address spaces and heap
 * (model.h). Every status and every result is what the model says; every so often, and after each
 * E_NO_MEMORY, everything that can be seen is compared and the machine is audited. In the end everything is
 * released, and no frame may be missing (M8).
 *
 * KEEL_PRINT=1 in the environment prints the calls and the console.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/frame.h"
#include "core/slab.h"
#include "hosted/machine.h"
#include "model.h"
#include "services/buddy.h"
#include "services/slab.h"

#define STEP_LIMIT  UINT64_C(40000000)
#define PERIOD_BITS 6u

struct model model;
unsigned char model_bytes[MODEL_FRAMES][KEEL_PAGE_SIZE];
unsigned char model_buffer[MODEL_BUFFER];

static unsigned char pattern[MODEL_BUFFER];
static const uint8_t *input;
static size_t op_count, op_index;
static char call_text[200];
static bool comparing; /* calls are not the input's: they are not printed */

/* The default policies with books of their own, new for each execution. */
static struct services_buddy buddy;
static uint64_t buddy_words[SERVICES_BUDDY_WORDS(MODEL_FRAMES)];
static struct services_slab slab;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void model_call(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call_text, sizeof(call_text), format, arguments);
    va_end(arguments);
    if (model.print) {
        fprintf(stderr, "%4zu  %s\n", op_index, call_text);
    }
}

void model_fail(const char *format, ...)
{
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "fuzz_model: call %zu, %s: %s\n", op_index, call_text, text);
    abort();
}

bool model_answer(keel_status_t status, keel_status_t expected)
{
    if (model.print && !comparing && status != KEEL_OK) {
        fprintf(stderr, "      -> %s\n", keel_status_text(status));
    }
    if (status != expected) {
        model_fail("answers \"%s\", the model says \"%s\"", keel_status_text(status),
                   keel_status_text(expected));
    }
    return status == KEEL_OK;
}

static void compare(void)
{
    comparing = true;
    model_compare_frames();
    model_compare_segments();
    model_compare_lists();
    model_compare_spaces();
    model_compare_cursors();
    model_compare_heap();
    if (audit_run() != 0) {
        model_fail("the audit found violations; run with KEEL_PRINT=1 to see them");
    }
    comparing = false;
}

bool model_answer_memory(keel_status_t status, keel_status_t expected, uint64_t need)
{
    if (status != KEEL_E_NO_MEMORY || expected != KEEL_OK) {
        return model_answer(status, expected);
    }
    if (frame_free_count() >= need) {
        model_fail("finds no memory, but %llu frames are free", (unsigned long long)frame_free_count());
    }
    if (model.print) {
        fprintf(stderr, "      -> %s\n", keel_status_text(status));
    }
    compare();
    return false;
}

void model_equal(uint64_t value, uint64_t expected, const char *what)
{
    if (value != expected) {
        model_fail("%s: 0x%llx, the model says 0x%llx", what, (unsigned long long)value,
                   (unsigned long long)expected);
    }
}

void model_equal_bytes(const void *bytes, const void *expected, size_t size, const char *what)
{
    const unsigned char *left = bytes, *right = expected;
    if (memcmp(left, right, size) == 0) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i]) {
            model_fail("%s: byte %zu is %02x, the model says %02x", what, i, left[i], right[i]);
        }
    }
}

uint64_t model_name(enum model_kind kind, uint8_t byte)
{
    uint64_t handle = model.names[kind][byte % MODEL_SLOTS];
    if (byte < 0xc0) {
        return handle;
    }
    switch (byte >> 4) {
    case 0xc: /* of another kind */
        return model.names[(kind + 1) % MODEL_KINDS][byte % MODEL_SLOTS];
    case 0xd: /* of another life */
        return handle + (byte & 1 ? 1 : UINT64_MAX);
    default:
        return byte & 1 ? 0 : UINT64_MAX - byte;
    }
}

void model_rename(enum model_kind kind, const struct model_op *op, uint64_t handle)
{
    model.names[kind][op->slot % MODEL_SLOTS] = handle;
    if (model.print) {
        fprintf(stderr, "      -> #%u: 0x%llx\n", op->slot % MODEL_SLOTS, (unsigned long long)handle);
    }
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
    if ((input[0] & MODEL_DEFAULT_POLICIES) == 0) {
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
    size_t period = (size_t)1 << input[1] % PERIOD_BITS;
    uint64_t taken_before = frame_total() - frame_free_count();
    model.frame_count = frame_end();
    inject();
    for (op_index = 0; op_index < op_count; op_index++) {
        const uint8_t *bytes = input + MODEL_HEADER_SIZE + op_index * MODEL_OP_SIZE;
        struct model_op op = {.op = bytes[0],
                              .names = {bytes[1], bytes[2]},
                              .numbers = {bytes[3], bytes[4], bytes[5]},
                              .size = bytes[6],
                              .slot = bytes[7]};
        execute(&op);
        if (op_index % period == period - 1) {
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

static void print_console(void *context, const char *bytes, size_t size)
{
    (void)context;
    if (model.print) {
        fwrite(bytes, 1, size, stderr);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < MODEL_HEADER_SIZE + MODEL_OP_SIZE) {
        return 0;
    }
    memset(&model, 0, sizeof(model));
    model.print = getenv("KEEL_PRINT") != NULL;
    input = data;
    op_count = (size - MODEL_HEADER_SIZE) / MODEL_OP_SIZE;
    op_count = op_count < MODEL_OPS_MAX ? op_count : MODEL_OPS_MAX;
    struct hosted_config config = {
        .ram_size = MODEL_MUCH_MEMORY(data[0]) ? MODEL_RAM_MUCH : MODEL_RAM,
        .cpu_count = (data[0] & MODEL_TWO_CPUS) != 0 ? 2 : 1,
        .strategy = HOSTED_SEQUENTIAL,
        .user_engine = HOSTED_USER_SCRIPT,
        .console = print_console,
        .step_limit = STEP_LIMIT,
        .lazy_window = true,
    };
    struct hosted_result result = hosted_run(&config);
    if (result.end != HOSTED_POWER_OFF) {
        fprintf(stderr, "fuzz_model: call %zu, %s: %s: %s\n", op_index, call_text,
                hosted_end_text(result.end), result.message);
        abort();
    }
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the differential fuzzers have in common, see model_report.h.
 */
#include "model_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "core/audit.h"

#define PERIOD_BITS 6u
#define HANDLES_MAX (MODEL_OPS_MAX * 5u)
#define MEMORY_SIZE 1024u
#define TEXT_SIZE   300u

struct model_report model_report;

static const uint8_t *input;
static char call_text[TEXT_SIZE];

/* All that were given since the run began. */
static uint64_t given[HANDLES_MAX];
static size_t given_count;

/* --- The run --- */

bool model_input(const char *target, const uint8_t *data, size_t size)
{
    if (size < MODEL_HEADER_SIZE + MODEL_OP_SIZE) {
        return false;
    }
    size_t op_count = (size - MODEL_HEADER_SIZE) / MODEL_OP_SIZE;
    model_report = (struct model_report){.target = target,
                                         .print = getenv("KEEL_PRINT") != NULL,
                                         .flags = data[0],
                                         .period = (size_t)1 << data[1] % PERIOD_BITS,
                                         .op_count = op_count < MODEL_OPS_MAX ? op_count : MODEL_OPS_MAX};
    input = data + MODEL_HEADER_SIZE;
    given_count = 0;
    return true;
}

struct model_op model_op_now(void)
{
    const uint8_t *bytes = input + model_report.op_index * MODEL_OP_SIZE;
    return (struct model_op){.op = bytes[0],
                             .names = {bytes[1], bytes[2]},
                             .numbers = {bytes[3], bytes[4], bytes[5]},
                             .size = bytes[6],
                             .slot = bytes[7]};
}

bool model_period_ends(void)
{
    return model_report.op_index % model_report.period == model_report.period - 1;
}

static void print_console(void *context, const char *bytes, size_t size)
{
    (void)context;
    if (model_report.print) {
        fwrite(bytes, 1, size, stderr);
    }
}

void model_run(struct hosted_config config)
{
    config.console = print_console;
    config.user_engine = HOSTED_USER_SCRIPT;
    config.lazy_window = true;
    struct hosted_result result = hosted_run(&config);
    if (result.end != HOSTED_POWER_OFF) {
        model_fail("%s: %s", hosted_end_text(result.end), result.message);
    }
}

/* --- What Keel answers, and what the model says --- */

void model_call(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call_text, sizeof(call_text), format, arguments);
    va_end(arguments);
    if (model_report.print) {
        fprintf(stderr, "%4zu  %s\n", model_report.op_index, call_text);
    }
}

void model_note(const char *format, ...)
{
    if (model_report.print && !model_report.comparing) {
        va_list arguments;
        va_start(arguments, format);
        fprintf(stderr, "      -> ");
        vfprintf(stderr, format, arguments);
        fprintf(stderr, "\n");
        va_end(arguments);
    }
}

void model_fail(const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "fuzz_%s: call %zu, %s: %s\n", model_report.target, model_report.op_index, call_text,
            text);
    abort();
}

bool model_answer(keel_status_t status, keel_status_t expected)
{
    if (status != KEEL_OK) {
        model_note("%s", keel_status_text(status));
    }
    if (status != expected) {
        model_fail("answers \"%s\", the model says \"%s\"", keel_status_text(status),
                   keel_status_text(expected));
    }
    return status == KEEL_OK;
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

void model_audit(void)
{
    if (audit_run() != 0) {
        model_fail("the audit found violations; run with KEEL_PRINT=1 to see them");
    }
}

/* --- Handles --- */

uint64_t model_pick(uint64_t (*names)[MODEL_SLOTS], unsigned kinds, unsigned kind, uint8_t byte)
{
    uint64_t handle = names[kind][byte % MODEL_SLOTS];
    if (byte < 0xc0) {
        return handle;
    }
    switch (byte >> 4) {
    case 0xc: /* of another kind */
        return names[(kind + 1) % kinds][byte % MODEL_SLOTS];
    case 0xd: /* of another life */
        return handle + (byte & 1 ? 1 : UINT64_MAX);
    default:
        return byte & 1 ? 0 : UINT64_MAX - byte;
    }
}

void model_is_new(uint64_t handle)
{
    for (size_t i = 0; i < given_count; i++) {
        if (given[i] == handle) {
            model_fail("gives the handle 0x%llx, which named another object (H3)",
                       (unsigned long long)handle);
        }
    }
    if (handle == 0 || given_count == HANDLES_MAX) {
        model_fail("gives the handle 0, or more of them than there are calls");
    }
    given[given_count++] = handle;
}

static bool is_handle(const struct call_argument *argument)
{
    return argument->kind == CALL_HANDLE || argument->kind == CALL_HANDLE_OPTIONAL;
}

/* Is the value of argument `index` alone what can be wrong with the call's handles? */
static bool is_alone(const struct call_descriptor *call, unsigned index, const uint64_t *live)
{
    for (unsigned i = 0; i < call->argument_count; i++) {
        const struct call_argument *argument = &call->arguments[i];
        if (i != index && argument->kind == CALL_HANDLE && live[argument->object] == 0) {
            return false;
        }
    }
    return true;
}

static void offer(enum call_id id, unsigned index, uint64_t handle, const uint64_t *live)
{
    static _Alignas(16) unsigned char memory[CALL_ARGUMENTS_MAX][MEMORY_SIZE];
    const struct call_descriptor *call = &call_descriptors[id];
    struct call_value values[CALL_ARGUMENTS_MAX];
    memset(memory, 0, sizeof(memory));
    for (unsigned i = 0; i < call->argument_count; i++) {
        values[i] = (struct call_value){.memory = memory[i], .size = 8};
        values[i].number = is_handle(&call->arguments[i]) ? live[call->arguments[i].object] : 0;
    }
    values[index].number = handle;
    keel_status_t status = call_invoke(id, values);
    if (status != KEEL_E_BAD_HANDLE) {
        model_fail("%s with 0x%llx as its %s answers \"%s\" (H1)", call->name, (unsigned long long)handle,
                   call->arguments[index].name, keel_status_text(status));
    }
}

void model_offer(uint64_t handle, enum object_kind is, const uint64_t *live)
{
    for (unsigned id = 0; id < CALL_COUNT; id++) {
        const struct call_descriptor *call = &call_descriptors[id];
        for (unsigned i = 0; i < call->argument_count && (call->contexts & CONTEXT_TASK) != 0; i++) {
            const struct call_argument *argument = &call->arguments[i];
            bool none = argument->kind == CALL_HANDLE_OPTIONAL && handle == 0;
            if (is_handle(argument) && argument->object != is && !none && is_alone(call, i, live)) {
                offer((enum call_id)id, i, handle, live);
            }
        }
    }
}

uint32_t model_objects(enum object_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < object_slots(kind); i++) {
        enum ref_state state = ref_word_state(atomic_u64_peek(&object_at(kind, i)->ref.word));
        count += state != REF_FREE && state != REF_RETIRED;
    }
    return count;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Decoding the input of fuzz_calls and fuzz_world, see calls_input.h.
 */
#include "calls_input.h"

#include <string.h>

#include "core/object.h"
#include "hosted/machine.h"
#include "keel/user_regs.h"

/* Pages of 2 MiB. */
#define LARGE_PAGES UINT64_C(512)

bool calls_input_parse(const uint8_t *data, size_t size, struct calls_input *input)
{
    if (size < CALLS_HEADER_SIZE + CALLS_OP_SIZE) {
        return false;
    }
    size_t count = (size - CALLS_HEADER_SIZE) / CALLS_OP_SIZE;
    *input = (struct calls_input){
        .flags = data[0],
        .switch_period = data[1],
        .seed = (uint16_t)(data[2] | data[3] << 8),
        .allocator_lies = data[4],
        .scheduler_lies = data[5],
        .workers = data[6],
        .slab_lies = data[7],
        .ops = data + CALLS_HEADER_SIZE,
        .ops_size = size - CALLS_HEADER_SIZE,
        .op_count = count < CALLS_OPS_MAX ? count : CALLS_OPS_MAX,
    };
    return true;
}

bool world_input_parse(const uint8_t *data, size_t size, struct calls_input *input)
{
    if (size < WORLD_HEADER_SIZE || !calls_input_parse(data, size, input)) {
        return false;
    }
    size_t rest = (size - WORLD_HEADER_SIZE) / CALLS_OP_SIZE, program = data[12];
    program = program < rest ? program : 0;
    size_t count = rest - program;
    input->world = true;
    input->cpus = data[8];
    input->machine = data[9];
    input->left_out = data[10];
    input->stalls = data[11];
    input->strategy = data[13];
    input->more = data[14];
    input->ops = data + WORLD_HEADER_SIZE;
    input->ops_size = count * CALLS_OP_SIZE;
    input->op_count = count < CALLS_OPS_MAX ? count : CALLS_OPS_MAX;
    input->program = input->ops + input->ops_size;
    input->program_size = program * CALLS_OP_SIZE;
    return count > 0;
}

/* Calls whose names begin alike go together: leaving out some kinds lets the others get further (Groce and
 * others, "Swarm Testing", 2012). */
bool calls_input_leaves_out(const struct calls_input *input, enum call_id id)
{
    unsigned group = 0;
    for (const char *at = call_descriptors[id].name; *at != '_' && *at != '\0'; at++) {
        group = group * 5 + (unsigned char)*at;
    }
    return (input->left_out >> group % 8 & 1) != 0;
}

struct calls_op calls_input_op(const struct calls_input *input, size_t index)
{
    const uint8_t *bytes = input->ops + index * CALLS_OP_SIZE;
    return (struct calls_op){.call = bytes[0],
                             .handles = {bytes[1], bytes[2]},
                             .numbers = {bytes[3], bytes[4], bytes[5]},
                             .buffer = bytes[6],
                             .slot = bytes[7]};
}

uint64_t calls_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static uint64_t extreme(uint8_t byte)
{
    static const uint64_t values[] = {
        0,
        1,
        KEEL_PAGE_SIZE - 1,
        KEEL_PAGE_SIZE,
        KEEL_PAGE_SIZE + 1,
        KEEL_USER_START - 1,
        KEEL_USER_END - KEEL_PAGE_SIZE,
        KEEL_USER_END - 1,
        KEEL_USER_END,
        UINT64_C(0x00007fffffffffff),
        UINT64_C(0x0000800000000000),
        UINT64_C(0xffff7fffffffffff),
        UINT64_C(0xffff800000000000),
        UINT64_C(0xffffffff80000000),
        UINT64_C(0x8000000000000000),
        UINT64_MAX,
    };
    return values[byte % (sizeof(values) / sizeof(values[0]))];
}

/* Common small values for bytes below 0xf0, extreme ones above. */
uint64_t calls_number(const char *name, uint8_t byte)
{
    if (byte >= 0xf0) {
        return extreme(byte);
    }
    if (strcmp(name, "va") == 0) {
        /* Three neighbourhoods in different tables, a few pages each, one where a large page fits, and
         * offsets inside a page. */
        uint64_t high = (byte & 0x10) != 0 ? UINT64_C(0x7fffffc00000) : UINT64_C(0x7fffffe00000);
        uint64_t base = (byte & 0x20) != 0 ? high : KEEL_USER_START;
        return base + (byte & 0x0fu) * KEEL_PAGE_SIZE + ((byte & 0x40) != 0 ? 0xffc : 0);
    }
    if (strcmp(name, "offset") == 0) {
        return byte * UINT64_C(20);
    }
    if (strcmp(name, "page_count") == 0 || strcmp(name, "frame_count") == 0) {
        return byte < 0xe0 ? 1 + byte % 6u : LARGE_PAGES * (1 + byte % 2u) + byte % 3u;
    }
    if (strcmp(name, "address") == 0 || strcmp(name, "next") == 0) {
        return byte % 128 * (uint64_t)KEEL_PAGE_SIZE; /* of any frame that there is */
    }
    if (strcmp(name, "tag") == 0) {
        return byte % 3;
    }
    if (strcmp(name, "physical") == 0) {
        /* I/O memory: pages, inside of pages, and the end; or RAM. */
        uint64_t base = byte < 0xe0 ? HOSTED_IO_BASE : 0;
        return base + (byte & 0x0fu) * KEEL_PAGE_SIZE + ((byte & 0x10) != 0 ? 0x800 : 0);
    }
    if (strcmp(name, "handle") == 0) { /* one that was just made, or nearly */
        static const enum object_kind kinds[] = {OBJECT_SPACE, OBJECT_TASK, OBJECT_LIST, OBJECT_EVENT};
        return handle_make(kinds[byte % 4], byte / 4 % 8, 1 + byte / 32);
    }
    if (strcmp(name, "port") == 0) {
        return (byte < 0xc0 ? 0x2f8u : 0x378u) + byte % 8u;
    }
    if (strcmp(name, "bar") == 0) {
        return byte / 5 % 8; /* a cache policy may be told by the same byte */
    }
    if (strcmp(name, "cache") == 0) {
        return byte % 5;
    }
    if (strcmp(name, "alignment") == 0) {
        return byte < 0xe0 ? UINT64_C(1) << byte % 5 : LARGE_PAGES;
    }
    if (strcmp(name, "size") == 0) {
        return UINT64_C(1) + byte * byte / UINT64_C(8); /* more small ones than large ones */
    }
    if (strcmp(name, "rights") == 0) {
        return byte % 9;
    }
    if (strcmp(name, "width") == 0) {
        static const uint8_t widths[] = {4, 8, 1, 2, 4, 8, 4};
        return byte % 8 == 7 ? byte : widths[byte % 8];
    }
    if (strcmp(name, "at") == 0) {
        return byte; /* in configuration space */
    }
    if (strcmp(name, "cpus") == 0) {
        return byte % 18; /* there are four at most */
    }
    if (strcmp(name, "nanoseconds") == 0) {
        return byte * UINT64_C(5000);
    }
    return byte % 20;
}

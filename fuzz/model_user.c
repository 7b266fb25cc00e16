/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Access to user memory in the model of fuzz_model.
 */
#include <string.h>

#include "model.h"

#define SHOW(handle) ((unsigned long long)(handle))

/* Pages of a window and what lies around it; some addresses end a page. */
static uint64_t address_of(const struct model_op *op)
{
    return model_va(op->numbers[0]) + (op->numbers[1] < 0xc0 ? op->numbers[1] : 4000u + op->numbers[1] / 2u);
}

static bool inside(uint64_t va, uint64_t size)
{
    return va >= KEEL_USER_START && va <= KEEL_USER_END && size <= KEEL_USER_END - va;
}

/* How many bytes of [va, va + size) can be reached, in ascending order. Marks what is. With `to`: copies them
 * out; with `from`: in. */
static size_t copy(uint64_t va, size_t size, unsigned char *to, const unsigned char *from)
{
    size_t done = 0;
    for (; done < size; done++) {
        unsigned char *byte = model_pages_access(model_space_active(), va + done, from != NULL);
        if (byte == NULL) {
            break;
        }
        size_t in_page = KEEL_PAGE_SIZE - (va + done) % KEEL_PAGE_SIZE;
        size_t now = size - done < in_page ? size - done : in_page;
        if (from != NULL) {
            memcpy(byte, from + done, now);
        } else {
            memcpy(to + done, byte, now);
        }
        done += now - 1;
    }
    return done;
}

static unsigned char expected_bytes[MODEL_BUFFER];

static keel_status_t copy_status(uint64_t va, size_t size, unsigned char *to, const unsigned char *from)
{
    if (model_space_active() == NULL) {
        return KEEL_E_BUSY;
    }
    if (size > 0 && !inside(va, size)) {
        return KEEL_E_FAULT;
    }
    return copy(va, size, to, from) == size ? KEEL_OK : KEEL_E_FAULT;
}

void model_user_read(const struct model_op *op)
{
    uint64_t va = address_of(op);
    size_t size = model_size(op->size);
    model_call("user_read(0x%llx, [%zu])", SHOW(va), size);
    keel_status_t status = keel_user_read(va, model_buffer, size);
    if (model_answer(status, copy_status(va, size, expected_bytes, NULL))) {
        model_equal_bytes(model_buffer, expected_bytes, size, "user memory");
    }
}

/* What comes before a fault has been written, on the hosted machine all of it. */
void model_user_write(const struct model_op *op)
{
    uint64_t va = address_of(op);
    size_t size = model_size(op->size);
    const unsigned char *bytes = model_pattern(op->numbers[2], size);
    model_call("user_write(0x%llx, [%zu])", SHOW(va), size);
    model_answer(keel_user_write(va, bytes, size), copy_status(va, size, NULL, bytes));
}

/* Page by page, so that no page after the NUL is touched. */
static keel_status_t string_status(uint64_t va, size_t size, uint64_t *length)
{
    if (model_space_active() == NULL) {
        return KEEL_E_BUSY;
    }
    for (*length = 0; *length < size; (*length)++) {
        uint64_t at = va + *length;
        const unsigned char *byte =
            inside(at, 1) ? model_pages_access(model_space_active(), at, false) : NULL;
        if (byte == NULL) {
            return KEEL_E_FAULT;
        }
        expected_bytes[*length] = *byte;
        if (*byte == 0) {
            return KEEL_OK;
        }
    }
    return KEEL_E_LIMIT;
}

void model_user_read_string(const struct model_op *op)
{
    uint64_t va = address_of(op), length, expected_length;
    size_t size = op->size;
    model_call("user_read_string(0x%llx, [%zu])", SHOW(va), size);
    keel_status_t status = keel_user_read_string(va, model_buffer, size, &length);
    if (model_answer(status, string_status(va, size, &expected_length))) {
        model_equal(length, expected_length, "a string's length");
        model_equal_bytes(model_buffer, expected_bytes, length + 1, "a string");
    }
}

/* --- Single accesses --- */

static uint64_t single_address(const struct model_op *op, uint32_t width)
{
    uint64_t va = address_of(op);
    return op->size % 8 == 7 || width == 0 ? va : va - va % width;
}

static uint32_t width_of(const struct model_op *op)
{
    return op->size % 16 == 15 ? op->size / 16u : 4u + 4u * (op->size % 2u);
}

static keel_status_t single_status(uint64_t va, uint32_t width, bool write, unsigned char **bytes)
{
    if ((width != 4 && width != 8) || va % width != 0) {
        return KEEL_E_INVALID;
    }
    if (model_space_active() == NULL) {
        return KEEL_E_BUSY;
    }
    *bytes = inside(va, width) ? model_pages_access(model_space_active(), va, write) : NULL;
    return *bytes != NULL ? KEEL_OK : KEEL_E_FAULT;
}

static uint64_t value_at(const unsigned char *bytes, uint32_t width)
{
    uint64_t value = 0;
    for (uint32_t i = width; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

static void put_value(unsigned char *bytes, uint32_t width, uint64_t value)
{
    for (uint32_t i = 0; i < width; i++) {
        bytes[i] = (unsigned char)(value >> 8 * i);
    }
}

static uint64_t value_of(uint8_t byte)
{
    return byte < 0xf0 ? byte * UINT64_C(0x01020304) : byte * UINT64_C(0x0102030405060708);
}

static bool value_fits(uint64_t value, uint32_t width)
{
    return width == 8 || value <= UINT32_MAX;
}

void model_user_load(const struct model_op *op)
{
    uint32_t width = width_of(op);
    uint64_t va = single_address(op, width), value;
    unsigned char *bytes = NULL;
    model_call("user_load(0x%llx, %u)", SHOW(va), width);
    keel_status_t status = keel_user_load(va, width, &value);
    if (model_answer(status, single_status(va, width, false, &bytes))) {
        model_equal(value, value_at(bytes, width), "the value");
    }
}

void model_user_store(const struct model_op *op)
{
    uint32_t width = width_of(op);
    uint64_t va = single_address(op, width), value = value_of(op->numbers[2]);
    unsigned char *bytes = NULL;
    model_call("user_store(0x%llx, %u, 0x%llx)", SHOW(va), width, SHOW(value));
    keel_status_t status = keel_user_store(va, width, value);
    if (model_answer(status,
                     value_fits(value, width) ? single_status(va, width, true, &bytes) : KEEL_E_INVALID)) {
        put_value(bytes, width, value);
    }
}

void model_user_cas(const struct model_op *op)
{
    uint32_t width = width_of(op);
    uint64_t va = single_address(op, width), found;
    uint64_t expected = value_of(op->names[0]), desired = value_of(op->numbers[2]);
    unsigned char *bytes = NULL;
    model_call("user_cas(0x%llx, %u, 0x%llx, 0x%llx)", SHOW(va), width, SHOW(expected), SHOW(desired));
    keel_status_t status = keel_user_cas(va, width, expected, desired, &found);
    bool fits = value_fits(expected, width) && value_fits(desired, width);
    if (model_answer(status, fits ? single_status(va, width, true, &bytes) : KEEL_E_INVALID)) {
        model_equal(found, value_at(bytes, width), "the value found");
        if (found == expected) {
            put_value(bytes, width, desired);
        }
    }
}

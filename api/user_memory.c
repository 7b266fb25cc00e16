/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/user_memory.h: ranges and widths checked here, the rest is core's.
 */
#include "core/user_memory.h"

#include "calls.h"
#include "core/task.h"

/* Does [va, va + size) lie inside user space? */
static bool inside(uint64_t va, size_t size)
{
    return va >= KEEL_USER_START && va <= KEEL_USER_END && size <= KEEL_USER_END - va;
}

keel_status_t call_user_read(uint64_t va, void *buffer, size_t buffer_size)
{
    if (task_current()->space == NULL) {
        return KEEL_E_BUSY;
    }
    if (buffer_size == 0) {
        return KEEL_OK;
    }
    return inside(va, buffer_size) ? user_copy_in(buffer, va, buffer_size) : KEEL_E_FAULT;
}

keel_status_t call_user_write(uint64_t va, const void *buffer, size_t buffer_size)
{
    if (task_current()->space == NULL) {
        return KEEL_E_BUSY;
    }
    if (buffer_size == 0) {
        return KEEL_OK;
    }
    return inside(va, buffer_size) ? user_copy_out(va, buffer, buffer_size) : KEEL_E_FAULT;
}

/* A string may end well before the buffer does, so only the bytes that are looked at must be a user's. */
keel_status_t call_user_read_string(uint64_t va, void *buffer, size_t buffer_size, uint64_t *length)
{
    if (task_current()->space == NULL) {
        return KEEL_E_BUSY;
    }
    if (buffer_size == 0) {
        return KEEL_E_LIMIT;
    }
    if (!inside(va, 1)) {
        return KEEL_E_FAULT;
    }
    uint64_t room = KEEL_USER_END - va;
    keel_status_t status =
        user_copy_string(buffer, va, buffer_size < room ? buffer_size : (size_t)room, length);
    return status == KEEL_E_LIMIT && buffer_size > room ? KEEL_E_FAULT : status;
}

static bool fits(uint64_t value, uint32_t width)
{
    return width == 8 || value <= UINT32_MAX;
}

/* E_INVALID, E_BUSY, E_FAULT. */
static keel_status_t check_single(uint64_t va, uint32_t width)
{
    if ((width != 4 && width != 8) || va % width != 0) {
        return KEEL_E_INVALID;
    }
    if (task_current()->space == NULL) {
        return KEEL_E_BUSY;
    }
    return inside(va, width) ? KEEL_OK : KEEL_E_FAULT;
}

keel_status_t call_user_load(uint64_t va, uint32_t width, uint64_t *value)
{
    keel_status_t status = check_single(va, width);
    return status == KEEL_OK ? user_load(va, width, value) : status;
}

keel_status_t call_user_store(uint64_t va, uint32_t width, uint64_t value)
{
    keel_status_t status = fits(value, width) ? check_single(va, width) : KEEL_E_INVALID;
    return status == KEEL_OK ? user_store(va, width, value) : status;
}

keel_status_t call_user_cas(uint64_t va, uint32_t width, uint64_t expected, uint64_t desired, uint64_t *found)
{
    bool fit = fits(expected, width) && fits(desired, width);
    keel_status_t status = fit ? check_single(va, width) : KEEL_E_INVALID;
    return status == KEEL_OK ? user_cas(va, width, expected, desired, found) : status;
}

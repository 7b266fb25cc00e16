/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Byte-wise reading of ACPI tables. See acpi_bytes.h.
 */
#include "acpi_bytes.h"

void acpi_bytes_init(struct acpi_bytes *bytes, const struct acpi_memory *memory, uint64_t address,
                     uint32_t length)
{
    bytes->memory = memory;
    bytes->address = address;
    bytes->length = length;
    bytes->window_start = 0;
    bytes->window_size = 0;
}

static bool move_window(struct acpi_bytes *bytes, uint32_t offset)
{
    const uint32_t left = bytes->length - offset;
    const uint32_t size = left < ACPI_WINDOW_SIZE ? left : ACPI_WINDOW_SIZE;

    bytes->window_size = 0;
    if (bytes->address > UINT64_MAX - bytes->length) {
        return false;
    }
    if (!bytes->memory->read(bytes->memory->context, bytes->address + offset, bytes->window, size)) {
        return false;
    }
    bytes->window_start = offset;
    bytes->window_size = size;
    return true;
}

bool acpi_bytes_get(struct acpi_bytes *bytes, uint32_t offset, uint8_t *value)
{
    if (offset >= bytes->length) {
        return false;
    }
    if (offset < bytes->window_start || offset - bytes->window_start >= bytes->window_size) {
        if (!move_window(bytes, offset)) {
            return false;
        }
    }
    *value = bytes->window[offset - bytes->window_start];
    return true;
}

bool acpi_bytes_sum_is_zero(struct acpi_bytes *bytes)
{
    uint8_t sum = 0;

    for (uint32_t offset = 0; offset < bytes->length; offset++) {
        uint8_t value;
        if (!acpi_bytes_get(bytes, offset, &value)) {
            return false;
        }
        sum = (uint8_t)(sum + value);
    }
    return sum == 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Byte-wise reading of ACPI tables through a small window, and little-endian fields. Inside hal/x86_common
 * only.
 */
#ifndef ACPI_BYTES_H
#define ACPI_BYTES_H

#include "hal/acpi.h"

#define ACPI_WINDOW_SIZE 128u

/* [address, address + length) of physical memory, seen through a window that moves as needed. */
struct acpi_bytes {
    const struct acpi_memory *memory;
    uint64_t address;
    uint32_t length;
    uint32_t window_start, window_size;
    uint8_t window[ACPI_WINDOW_SIZE];
};

void acpi_bytes_init(struct acpi_bytes *bytes, const struct acpi_memory *memory, uint64_t address,
                     uint32_t length);
/* The byte at `offset`; false past the end or when it cannot be read. */
bool acpi_bytes_get(struct acpi_bytes *bytes, uint32_t offset, uint8_t *value);
/* Do all bytes sum up to zero modulo 256? */
bool acpi_bytes_sum_is_zero(struct acpi_bytes *bytes);

static inline uint16_t acpi_le16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | (unsigned)bytes[1] << 8);
}

static inline uint32_t acpi_le32(const uint8_t *bytes)
{
    return acpi_le16(bytes) | (uint32_t)acpi_le16(bytes + 2) << 16;
}

static inline uint64_t acpi_le64(const uint8_t *bytes)
{
    return acpi_le32(bytes) | (uint64_t)acpi_le32(bytes + 4) << 32;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory for tests of ACPI's parsers: a table in an array, at physical address 0. What lies outside cannot be
 * read.
 */
#ifndef UNIT_ACPI_IMAGE_H
#define UNIT_ACPI_IMAGE_H

#include <string.h>

#include "hal/acpi.h"

struct acpi_image {
    const uint8_t *bytes;
    uint32_t size;
};

static inline bool acpi_image_read(void *context, uint64_t physical, void *to, size_t size)
{
    const struct acpi_image *table = context;
    if (physical > table->size || size > table->size - physical) {
        return false;
    }
    memcpy(to, table->bytes + physical, size);
    return true;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI: the HPET description table (IA-PC HPET specification 1.0a, 3.2.4). See hal/acpi.h.
 */
#include "acpi_bytes.h"

enum {
    HPET_SPACE = 40, /* the register block, as a generic address structure */
    HPET_ADDRESS = 44,
    HPET_SIZE = 56,
};

bool acpi_parse_hpet(const struct acpi_memory *memory, const struct acpi_table *table, uint64_t *address)
{
    uint8_t fields[HPET_SIZE];

    if (!acpi_read(memory, table, 0, fields, sizeof(fields)) || fields[HPET_SPACE] != ACPI_SPACE_MEMORY) {
        return false;
    }
    *address = acpi_le64(fields + HPET_ADDRESS);
    return *address != 0 && *address % ACPI_HPET_BLOCK_SIZE == 0;
}

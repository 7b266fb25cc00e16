/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI: the table that says where configuration space of PCI is mapped (PCI Firmware Specification 3.0,
 * 4.1.2). See hal/acpi.h.
 */
#include "acpi_bytes.h"

enum {
    MCFG_FIRST = 44, /* after 8 reserved bytes */
    MCFG_SIZE = 16,  /* of an entry */
    MCFG_SEGMENT = 8,
    MCFG_BUS_FIRST = 10,
    MCFG_BUS_LAST = 11,
};

#define ADDRESS_END (UINT64_C(1) << 52)

bool acpi_parse_mcfg(const struct acpi_memory *memory, const struct acpi_table *table, struct acpi_ecam *ecam)
{
    uint8_t entry[MCFG_SIZE];

    for (uint32_t i = 0; i < ACPI_ECAM_WINDOWS_MAX; i++) {
        if (!acpi_read(memory, table, MCFG_FIRST + i * MCFG_SIZE, entry, sizeof(entry))) {
            return false;
        }
        if (acpi_le16(entry + MCFG_SEGMENT) == 0) {
            ecam->address = acpi_le64(entry);
            ecam->bus_first = entry[MCFG_BUS_FIRST];
            ecam->bus_last = entry[MCFG_BUS_LAST];
            return ecam->bus_first <= ecam->bus_last && ecam->address % ACPI_ECAM_BUS_SIZE == 0 &&
                   ecam->address != 0 && ecam->address < ADDRESS_END - 256 * ACPI_ECAM_BUS_SIZE;
        }
    }
    return false;
}

bool acpi_mcfg_window(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t index,
                      uint64_t *first, uint64_t *last)
{
    uint8_t entry[MCFG_SIZE];

    if (index >= ACPI_ECAM_WINDOWS_MAX ||
        !acpi_read(memory, table, MCFG_FIRST + index * MCFG_SIZE, entry, sizeof(entry))) {
        return false;
    }
    *first = acpi_le64(entry) % ADDRESS_END + entry[MCFG_BUS_FIRST] * ACPI_ECAM_BUS_SIZE;
    *last = acpi_le64(entry) % ADDRESS_END + (entry[MCFG_BUS_LAST] + UINT64_C(1)) * ACPI_ECAM_BUS_SIZE - 1;
    return true;
}

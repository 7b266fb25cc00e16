/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI: the multiple APIC description table (ACPI 6.4, 5.2.12). See hal/acpi.h.
 */
#include "acpi_bytes.h"

enum {
    MADT_LOCAL_APIC = 36,
    MADT_ENTRIES = 44,
};

/* Entry types and their sizes (table 5.21). */
enum {
    ENTRY_HEADER_SIZE = 2,
    ENTRY_LOCAL_APIC = 0,
    ENTRY_LOCAL_APIC_SIZE = 8,
    ENTRY_ADDRESS_OVERRIDE = 5,
    ENTRY_ADDRESS_OVERRIDE_SIZE = 12,
    ENTRY_X2APIC = 9,
    ENTRY_X2APIC_SIZE = 16,
    ENTRY_SIZE_MAX = 16, /* of what is read here */
};

#define FLAG_ENABLED UINT32_C(1)

static void add_cpu(struct acpi_cpus *cpus, uint32_t apic_id, uint32_t flags)
{
    if ((flags & FLAG_ENABLED) == 0) {
        return;
    }
    for (unsigned i = 0; i < cpus->listed_count; i++) {
        if (cpus->apic_id[i] == apic_id) {
            return;
        }
    }
    cpus->enabled_count++;
    if (cpus->listed_count < HAL_CPU_MAX) {
        cpus->apic_id[cpus->listed_count++] = apic_id;
    }
}

/* The bytes that an entry of this type must have; 0: a type of no interest. */
static uint32_t size_needed(uint8_t type)
{
    switch (type) {
    case ENTRY_LOCAL_APIC:
        return ENTRY_LOCAL_APIC_SIZE;
    case ENTRY_ADDRESS_OVERRIDE:
        return ENTRY_ADDRESS_OVERRIDE_SIZE;
    case ENTRY_X2APIC:
        return ENTRY_X2APIC_SIZE;
    default:
        return 0;
    }
}

static void take_entry(struct acpi_cpus *cpus, const uint8_t *entry)
{
    switch (entry[0]) {
    case ENTRY_LOCAL_APIC:
        add_cpu(cpus, entry[3], acpi_le32(entry + 4));
        break;
    case ENTRY_ADDRESS_OVERRIDE:
        cpus->local_apic = acpi_le64(entry + 4);
        break;
    case ENTRY_X2APIC:
        add_cpu(cpus, acpi_le32(entry + 4), acpi_le32(entry + 8));
        break;
    default:
        break;
    }
}

bool acpi_parse_madt(const struct acpi_memory *memory, const struct acpi_table *madt, struct acpi_cpus *cpus)
{
    uint8_t address[4];
    uint32_t offset = MADT_ENTRIES;

    cpus->local_apic = 0;
    cpus->enabled_count = 0;
    cpus->listed_count = 0;
    if (!acpi_read(memory, madt, MADT_LOCAL_APIC, address, sizeof(address)) || madt->length < MADT_ENTRIES) {
        return false;
    }
    cpus->local_apic = acpi_le32(address);

    /* Each turn moves on by at least the two header bytes, so a table of bounded length ends the loop. */
    while (offset < madt->length) {
        uint8_t entry[ENTRY_SIZE_MAX] = {0};
        uint32_t needed;

        if (!acpi_read(memory, madt, offset, entry, ENTRY_HEADER_SIZE)) {
            return false;
        }
        if (entry[1] < ENTRY_HEADER_SIZE || entry[1] > madt->length - offset) {
            return false;
        }
        needed = size_needed(entry[0]);
        if (entry[1] < needed || !acpi_read(memory, madt, offset, entry, needed)) {
            return false;
        }
        if (needed != 0) {
            take_entry(cpus, entry);
        }
        offset += entry[1];
    }
    return true;
}

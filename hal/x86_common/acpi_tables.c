/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI: from the root pointer to a checked table. See hal/acpi.h.
 */
#include "acpi_bytes.h"

#include <string.h>

/* Root system description pointer (ACPI 6.4, table 5.3). */
enum {
    RSDP_SIGNATURE_SIZE = 8,
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_SIZE_1_0 = 20,
    RSDP_XSDT = 24,
    RSDP_SIZE_2_0 = 36,
};

/* Table header (table 5.4). */
enum {
    HEADER_LENGTH = 4,
    HEADER_REVISION = 8,
};

static bool read_at(const struct acpi_memory *memory, uint64_t address, void *to, size_t size)
{
    return address <= UINT64_MAX - size && memory->read(memory->context, address, to, size);
}

static bool sums_to_zero(const struct acpi_memory *memory, uint64_t address, uint32_t length)
{
    struct acpi_bytes bytes;

    acpi_bytes_init(&bytes, memory, address, length);
    return acpi_bytes_sum_is_zero(&bytes);
}

bool acpi_check_table(const struct acpi_memory *memory, uint64_t address, const char *signature,
                      struct acpi_table *table)
{
    uint8_t header[ACPI_HEADER_SIZE];

    if (address == 0 || !read_at(memory, address, header, sizeof(header))) {
        return false;
    }
    if (memcmp(header, signature, 4) != 0) {
        return false;
    }
    table->address = address;
    table->length = acpi_le32(header + HEADER_LENGTH);
    table->revision = header[HEADER_REVISION];
    if (table->length < ACPI_HEADER_SIZE || table->length > ACPI_TABLE_SIZE_MAX) {
        return false;
    }
    return sums_to_zero(memory, address, table->length);
}

static bool root_from_table(const struct acpi_memory *memory, uint64_t address, const char *signature,
                            uint32_t entry_size, struct acpi_root *root)
{
    struct acpi_table table;

    if (!acpi_check_table(memory, address, signature, &table)) {
        return false;
    }
    root->address = address;
    root->entry_size = entry_size;
    root->entry_count = (table.length - ACPI_HEADER_SIZE) / entry_size;
    if (root->entry_count > ACPI_TABLE_COUNT_MAX) {
        root->entry_count = ACPI_TABLE_COUNT_MAX;
    }
    return true;
}

bool acpi_find_root(const struct acpi_memory *memory, uint64_t rsdp, struct acpi_root *root)
{
    uint8_t pointer[RSDP_SIZE_2_0];

    if (rsdp == 0 || !read_at(memory, rsdp, pointer, RSDP_SIZE_1_0)) {
        return false;
    }
    if (memcmp(pointer, "RSD PTR ", RSDP_SIGNATURE_SIZE) != 0 || !sums_to_zero(memory, rsdp, RSDP_SIZE_1_0)) {
        return false;
    }
    /* The length field of revision 2 adds nothing that is read here: the extended checksum covers 36 bytes in
     * every published revision (5.2.5.3). A bad extension still leaves the RSDT. */
    if (pointer[RSDP_REVISION] >= 2 && read_at(memory, rsdp, pointer, RSDP_SIZE_2_0) &&
        sums_to_zero(memory, rsdp, RSDP_SIZE_2_0) &&
        root_from_table(memory, acpi_le64(pointer + RSDP_XSDT), "XSDT", 8, root)) {
        return true;
    }
    return root_from_table(memory, acpi_le32(pointer + RSDP_RSDT), "RSDT", 4, root);
}

bool acpi_find_table(const struct acpi_memory *memory, const struct acpi_root *root, const char *signature,
                     unsigned nth, struct acpi_table *table)
{
    for (uint32_t index = 0; index < root->entry_count; index++) {
        const uint64_t at = root->address + ACPI_HEADER_SIZE + (uint64_t)index * root->entry_size;
        uint8_t entry[8] = {0};

        if (!read_at(memory, at, entry, root->entry_size)) {
            return false;
        }
        if (!acpi_check_table(memory, acpi_le64(entry), signature, table)) {
            continue;
        }
        if (nth == 0) {
            return true;
        }
        nth--;
    }
    return false;
}

bool acpi_read(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t offset, void *to,
               size_t size)
{
    if (offset > table->length || size > table->length - offset) {
        return false;
    }
    return read_at(memory, table->address + offset, to, size);
}

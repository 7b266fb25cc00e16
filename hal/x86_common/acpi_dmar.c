/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI: the DMA remapping table (Intel VT-d specification 4.0, 8). See hal/acpi.h.
 */
#include "acpi_bytes.h"

enum {
    DMAR_ADDRESS_WIDTH = 36, /* less one */
    DMAR_FLAGS = 37,
    DMAR_ENTRIES = 48,
};

/* Entries (8.2): type and length are 16 bits each. */
enum {
    ENTRY_HEADER_SIZE = 4,
    ENTRY_UNIT = 0,
    ENTRY_UNIT_SIZE = 16,
    ENTRY_RANGE = 1,
    ENTRY_RANGE_SIZE = 24,
    ENTRY_SIZE_MAX = 24, /* of what is read here */
};

/* Device scopes (8.3.1) follow the fixed part of an entry. */
enum {
    SCOPE_HEADER_SIZE = 6,
    SCOPE_HOP_SIZE = 2,
    SCOPE_SIZE_MIN = SCOPE_HEADER_SIZE + SCOPE_HOP_SIZE,
};

#define UNIT_INCLUDES_ALL 1u
#define SCOPE_ENDPOINT    1u
#define SCOPE_HIERARCHY   2u
#define SCOPE_IOAPIC      3u

#define SCOPES_MAX 16u /* that are told one by one */

struct scopes {
    uint16_t count;
    struct scope {
        uint8_t type, bus, depth, device, function; /* of the first hop */
    } first[SCOPES_MAX];
    unsigned ioapic_count;
    struct acpi_dmar_ioapic ioapics[ACPI_IOAPICS_MAX];
    uint8_t named[256]; /* of bus 0 */
};

/* One that is reached by a single hop. */
static void take_scope(struct scopes *scopes, const uint8_t *scope)
{
    const uint16_t source = (uint16_t)(scope[5] << 8 | (scope[6] & 31) << 3 | (scope[7] & 7));

    if (scope[1] != SCOPE_SIZE_MIN) {
        return;
    }
    if (scope[0] == SCOPE_IOAPIC && scopes->ioapic_count < ACPI_IOAPICS_MAX) {
        scopes->ioapics[scopes->ioapic_count++] = (struct acpi_dmar_ioapic){.source = source, .id = scope[4]};
    } else if (scope[0] == SCOPE_ENDPOINT && source < 256) {
        scopes->named[source] |= ACPI_DMAR_ENDPOINT;
    } else if (scope[0] == SCOPE_HIERARCHY && source < 256) {
        scopes->named[source] |= ACPI_DMAR_HIERARCHY;
    }
}

/* The scopes in bytes [offset, end) of the table. */
static bool read_scopes(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t offset,
                        uint32_t end, struct scopes *scopes)
{
    *scopes = (struct scopes){.count = 0};
    /* Each turn moves on by at least SCOPE_SIZE_MIN, and an entry has at most 65,535 bytes. */
    while (offset < end) {
        uint8_t scope[SCOPE_SIZE_MIN];

        if (end - offset < sizeof(scope) || !acpi_read(memory, table, offset, scope, sizeof(scope)) ||
            scope[1] < SCOPE_SIZE_MIN || scope[1] > end - offset) {
            return false;
        }
        if (scopes->count < SCOPES_MAX) {
            scopes->first[scopes->count] = (struct scope){
                .type = scope[0],
                .bus = scope[5],
                .depth = (uint8_t)((scope[1] - SCOPE_HEADER_SIZE) / SCOPE_HOP_SIZE),
                .device = scope[6],
                .function = scope[7],
            };
        }
        scopes->count++;
        take_scope(scopes, scope);
        offset += scope[1];
    }
    return true;
}

static bool overlaps(const struct acpi_dmar_unit *a, const struct acpi_dmar_unit *b)
{
    return a->address < b->address + b->size && b->address < a->address + a->size;
}

/* A unit that is listed already is covered; one that shares registers with another is not to be trusted. */
static void add_unit(struct acpi_dmar *dmar, const struct acpi_dmar_unit *unit)
{
    for (unsigned i = 0; i < dmar->unit_count; i++) {
        if (dmar->units[i].address == unit->address && dmar->units[i].segment == unit->segment) {
            return;
        }
    }
    if (unit->address == 0 || unit->address % HAL_PAGE_SIZE != 0 || unit->address > UINT64_MAX - unit->size ||
        dmar->unit_count == ACPI_DMAR_UNITS_MAX) {
        dmar->units_left_out++;
        return;
    }
    for (unsigned i = 0; i < dmar->unit_count; i++) {
        if (overlaps(&dmar->units[i], unit)) {
            dmar->units_left_out++;
            return;
        }
    }
    dmar->units[dmar->unit_count++] = *unit;
}

static void take_unit(struct acpi_dmar *dmar, const uint8_t *entry, const struct scopes *scopes)
{
    const struct acpi_dmar_unit unit = {
        .address = acpi_le64(entry + 8),
        .size = HAL_PAGE_SIZE << (entry[5] & 0xf),
        .segment = acpi_le16(entry + 6),
        .scope_count = scopes->count,
        .include_all = (entry[4] & UNIT_INCLUDES_ALL) != 0,
    };

    add_unit(dmar, &unit);
    for (unsigned i = 0; i < scopes->ioapic_count && dmar->ioapic_count < ACPI_IOAPICS_MAX; i++) {
        dmar->ioapics[dmar->ioapic_count] = scopes->ioapics[i];
        dmar->ioapics[dmar->ioapic_count++].segment = unit.segment;
    }
    for (unsigned i = 0; i < sizeof(dmar->named) && unit.segment == 0; i++) {
        dmar->named[i] |= scopes->named[i];
    }
}

/* One for each device that it names. */
static void take_range(struct acpi_dmar *dmar, const uint8_t *entry, const struct scopes *scopes)
{
    const uint64_t first = acpi_le64(entry + 8), last = acpi_le64(entry + 16);

    if (last < first || scopes->count == 0 || scopes->count > SCOPES_MAX ||
        scopes->count > ACPI_DMAR_RANGES_MAX - dmar->range_count) {
        dmar->ranges_left_out++;
        return;
    }
    for (unsigned i = 0; i < scopes->count; i++) {
        const struct scope *scope = &scopes->first[i];

        dmar->ranges[dmar->range_count++] = (struct acpi_dmar_range){
            .first = first,
            .last = last,
            .segment = acpi_le16(entry + 6),
            .bus = scope->bus,
            .depth = scope->depth,
            .device = scope->device,
            .function = scope->function,
            .is_endpoint = scope->type == SCOPE_ENDPOINT,
        };
    }
}

/* The bytes that an entry of this type must have before its scopes; 0: a type of no interest. */
static uint32_t size_needed(uint16_t type)
{
    switch (type) {
    case ENTRY_UNIT:
        return ENTRY_UNIT_SIZE;
    case ENTRY_RANGE:
        return ENTRY_RANGE_SIZE;
    default:
        return 0;
    }
}

/* The entry of so many bytes at `offset`, which are the table's. */
static bool take_entry(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t offset,
                       const uint8_t *header, struct acpi_dmar *dmar)
{
    const uint16_t type = acpi_le16(header), length = acpi_le16(header + 2);
    const uint32_t needed = size_needed(type);
    uint8_t entry[ENTRY_SIZE_MAX];
    struct scopes scopes;

    if (needed == 0) {
        return true;
    }
    if (length < needed || !acpi_read(memory, table, offset, entry, needed) ||
        !read_scopes(memory, table, offset + needed, offset + length, &scopes)) {
        return false;
    }
    if (type == ENTRY_UNIT) {
        take_unit(dmar, entry, &scopes);
    } else {
        take_range(dmar, entry, &scopes);
    }
    return true;
}

bool acpi_parse_dmar(const struct acpi_memory *memory, const struct acpi_table *table, struct acpi_dmar *dmar)
{
    uint8_t fields[2];
    uint32_t offset = DMAR_ENTRIES;

    *dmar = (struct acpi_dmar){.unit_count = 0};
    if (!acpi_read(memory, table, DMAR_ADDRESS_WIDTH, fields, sizeof(fields)) ||
        table->length < DMAR_ENTRIES) {
        return false;
    }
    dmar->address_bits = fields[0] + 1u;
    dmar->flags = fields[DMAR_FLAGS - DMAR_ADDRESS_WIDTH];
    /* Each turn moves on by at least the header, so a table of bounded length ends the loop. */
    while (offset < table->length) {
        uint8_t header[ENTRY_HEADER_SIZE];
        uint16_t length;

        if (!acpi_read(memory, table, offset, header, sizeof(header))) {
            return false;
        }
        length = acpi_le16(header + 2);
        if (length < ENTRY_HEADER_SIZE || length > table->length - offset ||
            !take_entry(memory, table, offset, header, dmar)) {
            return false;
        }
        offset += length;
    }
    return true;
}

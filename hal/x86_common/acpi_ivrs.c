/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI: the I/O virtualization reporting structure (AMD I/O Virtualization Technology specification 3.0,
 * 5.2). See hal/acpi.h.
 */
#include "acpi_bytes.h"

enum {
    IVRS_BLOCKS = 48,
    BLOCK_HEADER_SIZE = 4, /* type:8, flags:8, length:16 */
};

/* Blocks of hardware (IVHD): one unit may have one of each type, which say the same of it or more. */
enum {
    BLOCK_UNIT = 0x10,
    BLOCK_UNIT_SIZE = 24,
    BLOCK_UNIT_FEATURES = 0x11,
    BLOCK_UNIT_NAMES = 0x40,
    BLOCK_UNIT_LONG_SIZE = 40,
    BLOCK_SIZE_MAX = 40, /* of what is read here */
};

/* Blocks of memory (IVMD): for all sources, for one, for some in a row. */
enum {
    BLOCK_MEMORY_ALL = 0x20,
    BLOCK_MEMORY_ONE = 0x21,
    BLOCK_MEMORY_SOME = 0x22,
    BLOCK_MEMORY_SIZE = 32,
    MEMORY_UNITY = 1, /* flags */
    MEMORY_READ = 2,
    MEMORY_WRITE = 4,
    MEMORY_EXCLUDED = 8,
};

/* Device entries (5.2.2.1). The upper two bits of a type say how long it is, but for the last one's. */
enum {
    ENTRY_ALL = 1,
    ENTRY_ONE = 2,
    ENTRY_FIRST = 3,
    ENTRY_LAST = 4,
    ENTRY_ALIAS_ONE = 66,
    ENTRY_ALIAS_FIRST = 67,
    ENTRY_EXTENDED_ONE = 70,
    ENTRY_EXTENDED_FIRST = 71,
    ENTRY_SPECIAL = 72,
    ENTRY_NAMED = 240,
    ENTRY_NAMED_SIZE = 22, /* and as many as the last byte says */
    ENTRY_SIZE_MIN = 4,
    ENTRY_READ_MAX = 8,
};

#define LAST_SOURCE 0xffffu

/* What a special entry is of. The other kind is an HPET. */
#define SPECIAL_IOAPIC 1u

/* A row of sources that has begun. */
struct row {
    bool open, aliased;
    uint16_t first, stands_for;
};

static void mark(uint64_t *sources, uint32_t first, uint32_t last)
{
    while (first <= last) {
        const bool whole = first % 64 == 0 && last - first >= 63;

        sources[first / 64] |= whole ? UINT64_MAX : UINT64_C(1) << first % 64;
        first += whole ? 64 : 1;
    }
}

/* Requests of these sources come under `alias`: neither can be told from the other. */
static void alias(struct acpi_ivrs *ivrs, uint32_t first, uint32_t last, uint16_t alias)
{
    mark(ivrs->aliased, first, last);
    mark(ivrs->aliased, alias, alias);
}

/* Firmware says the same of a unit several times, in blocks of each type. */
static void add_ioapic(struct acpi_ivrs *ivrs, uint8_t id, uint16_t source)
{
    for (unsigned i = 0; i < ivrs->ioapic_count; i++) {
        if (ivrs->ioapics[i].id == id) {
            ivrs->ioapics[i].doubtful = ivrs->ioapics[i].doubtful || ivrs->ioapics[i].source != source;
            return;
        }
    }
    if (ivrs->ioapic_count < ACPI_IOAPICS_MAX) {
        ivrs->ioapics[ivrs->ioapic_count++] = (struct acpi_ivrs_ioapic){.source = source, .id = id};
    }
}

/* A function of PCI with the same source id could not be told from it. */
static void take_special(struct acpi_ivrs *ivrs, const uint8_t *entry)
{
    const uint16_t source = acpi_le16(entry + 5);

    alias(ivrs, source, source, source);
    if (entry[7] == SPECIAL_IOAPIC) {
        add_ioapic(ivrs, entry[4], source);
    }
}

/* A row that has no end counts for nothing. */
static void take_device(struct acpi_ivrs *ivrs, struct row *row, const uint8_t *entry)
{
    const uint16_t source = acpi_le16(entry + 1);

    switch (entry[0]) {
    case ENTRY_ALL:
        mark(ivrs->named, 0, LAST_SOURCE);
        break;
    case ENTRY_ALIAS_ONE:
        alias(ivrs, source, source, acpi_le16(entry + 5));
        mark(ivrs->named, source, source);
        break;
    case ENTRY_ONE:
    case ENTRY_EXTENDED_ONE:
        mark(ivrs->named, source, source);
        break;
    case ENTRY_FIRST:
    case ENTRY_EXTENDED_FIRST:
    case ENTRY_ALIAS_FIRST:
        *row = (struct row){.open = true, .aliased = entry[0] == ENTRY_ALIAS_FIRST, .first = source};
        row->stands_for = row->aliased ? acpi_le16(entry + 5) : 0;
        break;
    case ENTRY_LAST:
        if (row->open && row->first <= source) {
            mark(ivrs->named, row->first, source);
        }
        if (row->open && row->first <= source && row->aliased) {
            alias(ivrs, row->first, source, row->stands_for);
        }
        row->open = false;
        break;
    case ENTRY_SPECIAL:
        take_special(ivrs, entry);
        break;
    default: /* a pad */
        break;
    }
}

/* How long the entry at `offset` is; 0: it does not end before `end`. */
static uint32_t entry_size(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t offset,
                           uint32_t end)
{
    uint8_t type, more;
    uint32_t size;

    if (!acpi_read(memory, table, offset, &type, 1)) {
        return 0;
    }
    size = (uint32_t)ENTRY_SIZE_MIN << (type >> 6);
    if (type == ENTRY_NAMED) {
        if (end - offset < ENTRY_NAMED_SIZE ||
            !acpi_read(memory, table, offset + ENTRY_NAMED_SIZE - 1, &more, 1)) {
            return 0;
        }
        size = (uint32_t)ENTRY_NAMED_SIZE + more;
    }
    return size <= end - offset ? size : 0;
}

/* The device entries in bytes [offset, end) of the table. */
static bool take_devices(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t offset,
                         uint32_t end, struct acpi_ivrs *ivrs)
{
    struct row row = {.open = false};

    /* Each turn moves on by at least ENTRY_SIZE_MIN, and a block has at most 65,535 bytes. */
    while (offset < end) {
        const uint32_t size = entry_size(memory, table, offset, end);
        uint8_t entry[ENTRY_READ_MAX] = {0};

        if (size == 0 ||
            !acpi_read(memory, table, offset, entry, size < sizeof(entry) ? size : sizeof(entry))) {
            return false;
        }
        take_device(ivrs, &row, entry);
        offset += size;
    }
    return true;
}

static bool overlaps(uint64_t a, uint64_t b)
{
    return a < b + ACPI_IVRS_REGISTERS_SIZE && b < a + ACPI_IVRS_REGISTERS_SIZE;
}

/* A unit that is listed already is covered; one that shares registers with another is not to be trusted. */
static void add_unit(struct acpi_ivrs *ivrs, const struct acpi_ivrs_unit *unit)
{
    bool fits = unit->address != 0 && unit->address % ACPI_IVRS_REGISTERS_SIZE == 0 &&
                unit->address <= UINT64_MAX - ACPI_IVRS_REGISTERS_SIZE;

    for (unsigned i = 0; i < ivrs->unit_count; i++) {
        if (ivrs->units[i].address == unit->address && ivrs->units[i].segment == unit->segment) {
            return;
        }
        fits = fits && !overlaps(ivrs->units[i].address, unit->address);
    }
    if (!fits || ivrs->unit_count == ACPI_IVRS_UNITS_MAX) {
        ivrs->units_left_out++;
        return;
    }
    ivrs->units[ivrs->unit_count++] = *unit;
}

static void take_range(struct acpi_ivrs *ivrs, const uint8_t *block)
{
    /* Of a range that is not translated at all nothing else is said. */
    const bool both = (block[1] & (MEMORY_UNITY | MEMORY_EXCLUDED)) != MEMORY_UNITY;
    const uint64_t first = acpi_le64(block + 16), size = acpi_le64(block + 24);
    const struct acpi_ivrs_range range = {
        .first = first,
        .last = first + (size - 1),
        .first_source = block[0] == BLOCK_MEMORY_ALL ? 0 : acpi_le16(block + 4),
        .last_source = block[0] == BLOCK_MEMORY_ALL   ? LAST_SOURCE
                       : block[0] == BLOCK_MEMORY_ONE ? acpi_le16(block + 4)
                                                      : acpi_le16(block + 6),
        .may_read = both || (block[1] & MEMORY_READ) != 0,
        .may_write = both || (block[1] & MEMORY_WRITE) != 0,
    };

    if (acpi_le16(block + 8) != 0) {
        return; /* of another segment's sources; older firmware leaves it 0 */
    }
    if (size == 0 || range.last < range.first || range.last_source < range.first_source ||
        ivrs->range_count == ACPI_IVRS_RANGES_MAX) {
        ivrs->ranges_left_out++;
        return;
    }
    ivrs->ranges[ivrs->range_count++] = range;
}

/* The bytes that a block of this type must have before its device entries; 0: a type of no interest. */
static uint32_t size_needed(uint8_t type)
{
    switch (type) {
    case BLOCK_UNIT:
        return BLOCK_UNIT_SIZE;
    case BLOCK_UNIT_FEATURES:
    case BLOCK_UNIT_NAMES:
        return BLOCK_UNIT_LONG_SIZE;
    case BLOCK_MEMORY_ALL:
    case BLOCK_MEMORY_ONE:
    case BLOCK_MEMORY_SOME:
        return BLOCK_MEMORY_SIZE;
    default:
        return 0;
    }
}

/* The block of so many bytes at `offset`, which are the table's. */
static bool take_block(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t offset,
                       const uint8_t *header, struct acpi_ivrs *ivrs)
{
    const uint32_t length = acpi_le16(header + 2), needed = size_needed(header[0]);
    uint8_t block[BLOCK_SIZE_MAX];

    if (needed == 0) {
        return true;
    }
    if (length < needed || !acpi_read(memory, table, offset, block, needed)) {
        return false;
    }
    if (needed == BLOCK_MEMORY_SIZE) {
        take_range(ivrs, block);
        return true;
    }
    add_unit(ivrs, &(struct acpi_ivrs_unit){.address = acpi_le64(block + 8),
                                            .segment = acpi_le16(block + 16),
                                            .source = acpi_le16(block + 4)});
    /* Sources of other segments are other devices'. */
    return acpi_le16(block + 16) != 0 || take_devices(memory, table, offset + needed, offset + length, ivrs);
}

bool acpi_parse_ivrs(const struct acpi_memory *memory, const struct acpi_table *table, struct acpi_ivrs *ivrs)
{
    uint32_t offset = IVRS_BLOCKS;

    *ivrs = (struct acpi_ivrs){.unit_count = 0};
    if (table->length < IVRS_BLOCKS) {
        return false;
    }
    /* Each turn moves on by at least the header, so a table of bounded length ends the loop. */
    while (offset < table->length) {
        uint8_t header[BLOCK_HEADER_SIZE];
        uint32_t length;

        if (!acpi_read(memory, table, offset, header, sizeof(header))) {
            return false;
        }
        length = acpi_le16(header + 2);
        if (length < BLOCK_HEADER_SIZE || length > table->length - offset ||
            !take_block(memory, table, offset, header, ivrs)) {
            return false;
        }
        offset += length;
    }
    return true;
}

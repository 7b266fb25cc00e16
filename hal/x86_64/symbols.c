/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Function names from the kernel's own ELF file, which the loader left in memory. The file is checked with
 * the same suspicion as any other input: a panic must not end in a fault over its symbols.
 */
#include <string.h>

#include "parts.h"

/* System V gABI, chapter 4. */
struct section {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t alignment, entry_size;
};

struct symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};

enum {
    ELF_SECTION_OFFSET = 40,
    ELF_SECTION_ENTRY_SIZE = 58,
    ELF_SECTION_COUNT = 60,
    ELF_HEADER_SIZE = 64,
    SECTION_SYMBOLS = 2,
    SYMBOL_FUNCTION = 2,
};

static const unsigned char *symbols, *names; /* NULL: no symbols */
static uint64_t symbol_count, names_size;

static bool section_at(const unsigned char *file, uint64_t size, uint64_t table, unsigned index,
                       struct section *section)
{
    const uint64_t offset = table + index * sizeof(*section);

    if (table > size || offset > size || size - offset < sizeof(*section)) {
        return false;
    }
    memcpy(section, file + offset, sizeof(*section));
    return section->offset <= size && section->size <= size - section->offset;
}

void x86_symbols_init(const void *start, uint64_t size)
{
    const unsigned char *file = start;
    struct section table, strings;
    uint64_t sections;
    uint16_t entry_size, count;

    if (size < ELF_HEADER_SIZE) {
        return;
    }
    memcpy(&sections, file + ELF_SECTION_OFFSET, sizeof(sections));
    memcpy(&entry_size, file + ELF_SECTION_ENTRY_SIZE, sizeof(entry_size));
    memcpy(&count, file + ELF_SECTION_COUNT, sizeof(count));
    if (entry_size != sizeof(table)) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!section_at(file, size, sections, i, &table) || table.type != SECTION_SYMBOLS) {
            continue;
        }
        if (table.link >= count || !section_at(file, size, sections, table.link, &strings)) {
            return;
        }
        /* The names must end: no string runs out of its table. */
        if (strings.size == 0 || file[strings.offset + strings.size - 1] != '\0') {
            return;
        }
        symbols = file + table.offset;
        symbol_count = table.size / sizeof(struct symbol);
        names = file + strings.offset;
        names_size = strings.size;
        return;
    }
}

const char *x86_symbol(uint64_t address, uint64_t *offset)
{
    for (uint64_t i = 0; i < symbol_count; i++) {
        struct symbol symbol;

        memcpy(&symbol, symbols + i * sizeof(symbol), sizeof(symbol));
        if ((symbol.info & 15) != SYMBOL_FUNCTION || symbol.name >= names_size) {
            continue;
        }
        if (address < symbol.value || address - symbol.value >= symbol.size) {
            continue;
        }
        *offset = address - symbol.value;
        return (const char *)names + symbol.name;
    }
    return NULL;
}

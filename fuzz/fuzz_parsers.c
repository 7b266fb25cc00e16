/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzzes everything that takes outside bytes apart: ELF, cpio, ACPI tables, memory map, command line; clocks
 * and PCI in parsers_devices.c. The first byte picks the parser, the others are its input. Crashes are the
 * sanitizers' to find; the checks here find answers that are wrong: whatever a parser accepts must satisfy
 * what its header promises, said a second time in the plainest way.
 *
 * KEEL_PRINT=1 in the environment prints what an input was taken for.
 */
#include <string.h>

#include "core/cmdline.h"
#include "core/memmap.h"
#include "hal/acpi.h"
#include "keel/boot.h"
#include "keel/space.h"
#include "parsers.h"
#include "services/cpio.h"
#include "services/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

bool parsers_print;

/* --- Services: ELF and cpio --- */

/* A file that begins with the input and goes on with zeroes, so that segments need not stand in the input. */
struct file {
    struct input *input;
    uint64_t size;
};

static keel_status_t file_read(void *context, uint64_t offset, void *buffer, size_t size)
{
    const struct file *file = context;
    CHECK(++file->input->reads < READS_MAX);
    CHECK(offset <= file->size && size <= file->size - offset);
    memset(buffer, 0, size);
    if (offset < file->input->size) {
        size_t there = file->input->size - (size_t)offset;
        memcpy(buffer, file->input->data + offset, there < size ? there : size);
    }
    return KEEL_OK;
}

static void check_segment(const struct services_elf_segment *segment, uint64_t file_size)
{
    CHECK(segment->memory_size > 0);
    CHECK(segment->file_size <= segment->memory_size);
    CHECK(segment->offset <= file_size && segment->file_size <= file_size - segment->offset);
    CHECK(segment->va >= KEEL_USER_START && segment->va < KEEL_USER_END);
    CHECK(segment->memory_size <= KEEL_USER_END - segment->va);
    CHECK((segment->rights & KEEL_READ) != 0);
    CHECK((segment->rights & ~(uint32_t)(KEEL_READ | KEEL_WRITE | KEEL_EXEC)) == 0);
    CHECK((segment->rights & KEEL_WRITE) == 0 || (segment->rights & KEEL_EXEC) == 0);
    CHECK((segment->va ^ segment->offset) % KEEL_PAGE_SIZE == 0);
}

static void check_pair(const struct services_elf_segment *a, const struct services_elf_segment *b)
{
    uint64_t unit = a->rights == b->rights ? 1 : KEEL_PAGE_SIZE;
    CHECK((a->va + a->memory_size - 1) / unit < b->va / unit ||
          (b->va + b->memory_size - 1) / unit < a->va / unit);
}

static void fuzz_elf(struct input *input)
{
    struct file file = {input, take(input, 2)};
    struct services_source source = {file_read, &file, file.size};
    struct services_elf elf;
    enum services_elf_result result = services_elf_parse(&source, &elf);
    PRINT("ELF, %llu bytes: %s\n", (unsigned long long)file.size, services_elf_text(result));
    if (result != SERVICES_ELF_OK) {
        return;
    }

    uint64_t bytes = 0;
    bool entered = false;
    CHECK(elf.segment_count >= 1 && elf.segment_count <= SERVICES_ELF_SEGMENTS_MAX);
    for (uint32_t i = 0; i < elf.segment_count; i++) {
        const struct services_elf_segment *segment = &elf.segments[i];
        PRINT("  va 0x%llx + 0x%llx from 0x%llx + 0x%llx rights %u\n", (unsigned long long)segment->va,
              (unsigned long long)segment->memory_size, (unsigned long long)segment->offset,
              (unsigned long long)segment->file_size, (unsigned)segment->rights);
        check_segment(segment, file.size);
        for (uint32_t j = 0; j < i; j++) {
            check_pair(segment, &elf.segments[j]);
        }
        bytes += segment->memory_size;
        entered |= (segment->rights & KEEL_EXEC) != 0 && elf.entry >= segment->va &&
                   elf.entry < segment->va + segment->memory_size;
    }
    CHECK(entered);
    CHECK(bytes <= SERVICES_ELF_BYTES_MAX);
}

static void fuzz_cpio(struct input *input)
{
    struct file file = {input, input->size};
    struct services_source source = {file_read, &file, file.size};
    struct services_cpio_entry entry;
    enum services_cpio_result result;
    uint64_t position = 0, before = 0;
    while ((result = services_cpio_next(&source, &position, &entry)) == SERVICES_CPIO_OK) {
        PRINT("cpio: \"%s\", %llu bytes\n", entry.name, (unsigned long long)entry.size);
        CHECK(memchr(entry.name, '\0', sizeof(entry.name)) != NULL);
        CHECK(entry.name[0] != '\0');
        CHECK(entry.offset >= before + 110);
        CHECK(entry.offset <= input->size && entry.size <= input->size - entry.offset);
        CHECK(position >= entry.offset + entry.size);
        before = position;
    }
    CHECK(position == before);
    PRINT("cpio, %zu bytes: %s\n", input->size, services_cpio_text(result));
}

/* --- ACPI --- */

#define ACPI_BASE UINT64_C(0x1000) /* where the input lies in the machine's memory */

static bool acpi_memory_read(void *context, uint64_t physical, void *to, size_t size)
{
    struct input *input = context;
    CHECK(++input->reads < READS_MAX);
    if (physical < ACPI_BASE || physical - ACPI_BASE > input->size ||
        size > input->size - (physical - ACPI_BASE)) {
        return false;
    }
    memcpy(to, input->data + (physical - ACPI_BASE), size);
    return true;
}

static void check_cpus(const struct acpi_cpus *cpus)
{
    CHECK(cpus->listed_count <= HAL_CPU_MAX);
    CHECK(cpus->listed_count <= cpus->enabled_count);
    for (unsigned i = 0; i < cpus->listed_count; i++) {
        for (unsigned j = 0; j < i; j++) {
            CHECK(cpus->apic_id[i] != cpus->apic_id[j]);
        }
    }
    PRINT("  MADT: %u CPUs enabled\n", cpus->enabled_count);
}

static void parse_interrupts(const struct acpi_memory *memory, const struct acpi_table *table)
{
    struct acpi_interrupts interrupts;
    (void)acpi_parse_interrupts(memory, table, &interrupts);
    CHECK(interrupts.ioapic_count <= ACPI_IOAPICS_MAX);
    CHECK(interrupts.nmi_count <= ACPI_LEGACY_IRQ_COUNT);
    PRINT("  MADT: %u I/O APICs, line 0 goes to source %u\n", interrupts.ioapic_count,
          interrupts.legacy[0].source);
}

static void check_power(const struct acpi_power *power)
{
    CHECK(!power->has_reset || (power->reset_space <= ACPI_SPACE_PCI && power->reset_address != 0));
    PRINT("  FADT: PM1a 0x%x, reset register: %s\n", power->pm1a_control, power->has_reset ? "yes" : "no");
}

static void parse_hpet(const struct acpi_memory *memory, const struct acpi_table *table)
{
    uint64_t address;
    if (acpi_parse_hpet(memory, table, &address)) {
        CHECK(address != 0 && address % ACPI_HPET_BLOCK_SIZE == 0);
        PRINT("  HPET: at 0x%llx\n", (unsigned long long)address);
    }
}

static void parse_dmar(const struct acpi_memory *memory, const struct acpi_table *table)
{
    struct acpi_dmar dmar;
    (void)acpi_parse_dmar(memory, table, &dmar);
    CHECK(dmar.unit_count <= ACPI_DMAR_UNITS_MAX && dmar.range_count <= ACPI_DMAR_RANGES_MAX &&
          dmar.ioapic_count <= ACPI_IOAPICS_MAX);
    for (unsigned i = 0; i < dmar.unit_count; i++) {
        const struct acpi_dmar_unit *unit = &dmar.units[i];
        CHECK(unit->address != 0 && (unit->address | unit->size) % HAL_PAGE_SIZE == 0 && unit->size != 0);
        CHECK(unit->address + unit->size > unit->address);
        for (unsigned j = 0; j < i; j++) {
            const struct acpi_dmar_unit *other = &dmar.units[j];
            CHECK(unit->address >= other->address + other->size ||
                  other->address >= unit->address + unit->size);
        }
    }
    for (unsigned i = 0; i < dmar.range_count; i++) {
        CHECK(dmar.ranges[i].first <= dmar.ranges[i].last);
    }
    PRINT("  DMAR: %u units, %u ranges\n", dmar.unit_count, dmar.range_count);
}

static void parse_ivrs(const struct acpi_memory *memory, const struct acpi_table *table)
{
    static struct acpi_ivrs ivrs;
    (void)acpi_parse_ivrs(memory, table, &ivrs);
    CHECK(ivrs.unit_count <= ACPI_IVRS_UNITS_MAX && ivrs.range_count <= ACPI_IVRS_RANGES_MAX);
    for (unsigned i = 0; i < ivrs.unit_count; i++) {
        uint64_t address = ivrs.units[i].address;
        CHECK(address != 0 && address % ACPI_IVRS_REGISTERS_SIZE == 0);
        CHECK(address + ACPI_IVRS_REGISTERS_SIZE > address);
        for (unsigned j = 0; j < i; j++) {
            CHECK(address != ivrs.units[j].address);
        }
    }
    for (unsigned i = 0; i < ivrs.range_count; i++) {
        CHECK(ivrs.ranges[i].first <= ivrs.ranges[i].last);
        CHECK(ivrs.ranges[i].first_source <= ivrs.ranges[i].last_source);
    }
    PRINT("  IVRS: %u units, %u ranges\n", ivrs.unit_count, ivrs.range_count);
}

static void parse_mcfg(const struct acpi_memory *memory, const struct acpi_table *table)
{
    struct acpi_ecam ecam;
    if (acpi_parse_mcfg(memory, table, &ecam)) {
        CHECK(ecam.address != 0 && ecam.address % ACPI_ECAM_BUS_SIZE == 0);
        CHECK(ecam.address < (UINT64_C(1) << 52) - 256 * ACPI_ECAM_BUS_SIZE);
        CHECK(ecam.bus_first <= ecam.bus_last);
        PRINT("  MCFG: at 0x%llx, buses %u to %u\n", (unsigned long long)ecam.address, ecam.bus_first,
              ecam.bus_last);
    }
}

static void parse_dsdt(const struct acpi_memory *memory, const struct acpi_table *dsdt)
{
    uint8_t slp_typ[2] = {0xff, 0xff};
    if (acpi_find_s5(memory, dsdt, slp_typ)) {
        CHECK(slp_typ[0] < 8 && slp_typ[1] < 8);
        PRINT("  DSDT: S5 is %u, %u\n", slp_typ[0], slp_typ[1]);
    }
}

static void check_table(const struct acpi_memory *memory, const struct acpi_table *table,
                        const char *signature)
{
    struct acpi_table again;
    uint8_t bytes[4];
    CHECK(table->length >= ACPI_HEADER_SIZE && table->length <= ACPI_TABLE_SIZE_MAX);
    CHECK(acpi_check_table(memory, table->address, signature, &again));
    CHECK(again.length == table->length);
    CHECK(acpi_read(memory, table, table->length - 4, bytes, 4)); /* the checksum went over it */
    CHECK(!acpi_read(memory, table, table->length - 3, bytes, 4));
}

/* The whole way, as the kernel goes it; checksums stand between the fuzzer and most of it. */
static void fuzz_acpi_chain(struct input *input)
{
    struct acpi_memory memory = {acpi_memory_read, input};
    struct acpi_root root;
    struct acpi_table table;
    if (!acpi_find_root(&memory, ACPI_BASE, &root)) {
        PRINT("ACPI: no root table\n");
        return;
    }
    PRINT("ACPI: root table with %u entries\n", root.entry_count);
    CHECK(root.entry_size == 4 || root.entry_size == 8);
    CHECK(root.entry_count <= ACPI_TABLE_COUNT_MAX);
    if (acpi_find_table(&memory, &root, "APIC", 0, &table)) {
        struct acpi_cpus cpus;
        check_table(&memory, &table, "APIC");
        (void)acpi_parse_madt(&memory, &table, &cpus);
        check_cpus(&cpus);
        parse_interrupts(&memory, &table);
    }
    if (acpi_find_table(&memory, &root, "HPET", 0, &table)) {
        check_table(&memory, &table, "HPET");
        parse_hpet(&memory, &table);
    }
    if (acpi_find_table(&memory, &root, "DMAR", 0, &table)) {
        check_table(&memory, &table, "DMAR");
        parse_dmar(&memory, &table);
    }
    if (acpi_find_table(&memory, &root, "IVRS", 0, &table)) {
        check_table(&memory, &table, "IVRS");
        parse_ivrs(&memory, &table);
    }
    if (acpi_find_table(&memory, &root, "MCFG", 0, &table)) {
        check_table(&memory, &table, "MCFG");
        parse_mcfg(&memory, &table);
    }
    if (acpi_find_table(&memory, &root, "FACP", 0, &table)) {
        struct acpi_power power;
        check_table(&memory, &table, "FACP");
        if (acpi_parse_fadt(&memory, &table, &power)) {
            check_power(&power);
            if (acpi_check_table(&memory, power.dsdt, "DSDT", &table)) {
                parse_dsdt(&memory, &table);
            }
        }
    }
}

/* One table, taken as if its checksum were right. The first byte says which. */
static void fuzz_acpi_table(struct input *input)
{
    uint64_t kind = take(input, 1) % 7;
    struct acpi_memory memory = {acpi_memory_read, input};
    struct acpi_table table = {ACPI_BASE, (uint32_t)input->size, 1};
    struct acpi_cpus cpus;
    struct acpi_power power;
    if (input->size < ACPI_HEADER_SIZE) {
        return;
    }
    if (kind == 0) {
        (void)acpi_parse_madt(&memory, &table, &cpus);
        check_cpus(&cpus);
        parse_interrupts(&memory, &table);
    } else if (kind == 1) {
        if (acpi_parse_fadt(&memory, &table, &power)) {
            check_power(&power);
        }
    } else if (kind == 2) {
        parse_dsdt(&memory, &table);
    } else if (kind == 3) {
        parse_hpet(&memory, &table);
    } else if (kind == 4) {
        parse_dmar(&memory, &table);
    } else if (kind == 5) {
        parse_mcfg(&memory, &table);
    } else {
        parse_ivrs(&memory, &table);
    }
}

/* --- Core: memory map --- */

#define RAW_REGIONS_MAX 48u

/* Half of the regions come from a few small addresses, so that they meet; the others are arbitrary. */
static size_t take_regions(struct input *input, struct hal_region *regions)
{
    size_t count = 0;
    for (; count < RAW_REGIONS_MAX && input->size != 0; count++) {
        uint64_t kind = take(input, 1);
        bool raw = (kind & 0x80) != 0;
        uint64_t base = raw ? take(input, 8) : take(input, 1) * 0x400;
        uint64_t size = raw ? take(input, 8) : take(input, 1) * 0x400;
        regions[count] = (struct hal_region){base, size, (enum hal_region_kind)(kind & 7)};
        PRINT("  raw: 0x%llx + 0x%llx kind %u\n", (unsigned long long)base, (unsigned long long)size,
              (unsigned)(kind & 7));
    }
    return count;
}

/* What the page at `page` is, straight from the rules in core/memmap.h; -1: nothing. */
static int page_kind(const struct hal_region *regions, size_t count, uint64_t page)
{
    int winner = -1;
    bool boot_data = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t base = regions[i].base, end = base + regions[i].size;
        if (end < base || end > MEMMAP_ADDRESS_END) {
            end = MEMMAP_ADDRESS_END;
        }
        int kind = regions[i].kind < HAL_REGION_KIND_COUNT ? (int)regions[i].kind : (int)HAL_REGION_RESERVED;
        bool whole = kind == HAL_REGION_USABLE || kind == HAL_REGION_RECLAIMABLE;
        bool touches = base < end && base < page + HAL_PAGE_SIZE && end > page;
        bool covers = whole ? base <= page && page + HAL_PAGE_SIZE <= end : touches;
        boot_data = boot_data || (touches && kind == HAL_REGION_RECLAIMABLE);
        if (covers && kind > winner) {
            winner = kind;
        }
    }
    return winner == HAL_REGION_USABLE && boot_data ? HAL_REGION_RECLAIMABLE : winner;
}

static int map_kind(const struct memmap *map, uint64_t page)
{
    for (size_t i = 0; i < map->count; i++) {
        if (page >= map->regions[i].base && page - map->regions[i].base < map->regions[i].size) {
            return (int)map->regions[i].kind;
        }
    }
    return -1;
}

static void check_map_shape(const struct memmap *map)
{
    uint64_t totals[HAL_REGION_KIND_COUNT] = {0};
    CHECK(map->count <= MEMMAP_REGIONS_MAX);
    for (size_t i = 0; i < map->count; i++) {
        const struct hal_region *region = &map->regions[i];
        CHECK(region->kind < HAL_REGION_KIND_COUNT);
        CHECK(region->base % HAL_PAGE_SIZE == 0 && region->size % HAL_PAGE_SIZE == 0 && region->size != 0);
        CHECK(region->base <= MEMMAP_ADDRESS_END && region->size <= MEMMAP_ADDRESS_END - region->base);
        if (i != 0) {
            const struct hal_region *below = region - 1;
            CHECK(below->base + below->size <= region->base);
            CHECK(below->base + below->size < region->base || below->kind != region->kind);
        }
        totals[region->kind] += region->size;
    }
    for (int kind = 0; kind < HAL_REGION_KIND_COUNT; kind++) {
        CHECK(memmap_total(map, (enum hal_region_kind)kind) == totals[kind]);
    }
}

static void fuzz_memmap(struct input *input)
{
    static struct memmap map;
    struct hal_region regions[RAW_REGIONS_MAX];
    PRINT("memory map\n");
    size_t count = take_regions(input, regions);
    memset(&map, 0xa5, sizeof(map));
    memmap_normalise(regions, count, &map);
    check_map_shape(&map);
    CHECK(!map.truncated); /* 48 regions make at most 95 stretches */

    /* Kinds change at borders of raw regions only: look at the pages around each. */
    for (size_t i = 0; i < 2 * count; i++) {
        const struct hal_region *region = &regions[i / 2];
        uint64_t border = (region->base + (i % 2 != 0 ? region->size : 0)) & ~(HAL_PAGE_SIZE - 1);
        for (uint64_t near = 0; near < 3; near++) {
            uint64_t page = border + (near - 1) * HAL_PAGE_SIZE;
            if (page < MEMMAP_ADDRESS_END) {
                CHECK(map_kind(&map, page) == page_kind(regions, count, page));
            }
        }
    }
}

/* --- Core: command line --- */

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The last word that is `key` or begins with `key=`, found from the end. Answers its offset or `size`. */
size_t parsers_last_word(const char *line, size_t size, const char *key)
{
    size_t length = strlen(key);
    for (size_t at = size; at-- > 0;) {
        bool starts = !is_white(line[at]) && (at == 0 || is_white(line[at - 1]));
        if (!starts || size - at < length || memcmp(line + at, key, length) != 0) {
            continue;
        }
        if (at + length == size || is_white(line[at + length]) || line[at + length] == '=') {
            return at;
        }
    }
    return size;
}

static void check_number(const struct cmdline_value *value)
{
    char text[32] = {0};
    uint64_t number = 0;
    bool found = cmdline_number(value, &number);
    if (value->bytes == NULL || value->size == 0 || value->size >= sizeof(text)) {
        CHECK(!found || value->size >= sizeof(text));
        return;
    }
    memcpy(text, value->bytes, value->size);
    size_t digits = strspn(text, "0123456789");
    char suffix = text[digits];
    bool formed = digits != 0 && digits + (suffix != '\0') == value->size &&
                  (suffix == '\0' || suffix == 'K' || suffix == 'M' || suffix == 'G');
    if (digits > 18) { /* near 2^64: only that it does not lie about small ones */
        return;
    }
    uint64_t plain = strtoull(text, NULL, 10);
    unsigned shift = suffix == 'K' ? 10 : suffix == 'M' ? 20 : suffix == 'G' ? 30 : 0;
    bool fits = plain <= UINT64_MAX >> shift;
    CHECK(found == (formed && fits));
    CHECK(!found || number == plain << shift);
}

static void fuzz_cmdline(struct input *input)
{
    static const char *const keys[] = {"a", "keel.exit", "ab"};
    const char *key = keys[take(input, 1) % 3];
    const char *line = (const char *)input->data;
    struct cmdline_value value = {NULL, 0};
    bool found = cmdline_find(line, input->size, key, &value);
    size_t at = parsers_last_word(line, input->size, key);
    PRINT("command line, key \"%s\": %s\n", key, found ? "found" : "not found");
    if (*key == '\0') {
        return; /* no such key: that nothing is read out of bounds is all */
    }
    CHECK(found == (at < input->size));
    if (!found) {
        return;
    }
    const char *after = line + at + strlen(key);
    if (after == line + input->size || *after != '=') {
        CHECK(value.bytes == NULL && value.size == 0);
    } else {
        CHECK(value.bytes == after + 1);
        CHECK(value.size <= input->size - (size_t)(value.bytes - line));
        for (size_t i = 0; i < value.size; i++) {
            CHECK(!is_white(value.bytes[i]));
        }
        CHECK(value.bytes + value.size == line + input->size || is_white(value.bytes[value.size]));
    }
    check_number(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(struct input *) = {fuzz_elf,        fuzz_cpio,   fuzz_acpi_chain,
                                                      fuzz_acpi_table, fuzz_memmap, fuzz_cmdline,
                                                      fuzz_clock,      fuzz_pci};
    parsers_print = getenv("KEEL_PRINT") != NULL;
    if (size == 0) {
        return 0;
    }
    struct input input = {data + 1, size - 1, 0};
    parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](&input);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The ELF reader. Structures are read field by field from little-endian bytes, so neither the host's byte
 * order nor the alignment of the file matters. Offsets are those of Elf64_Ehdr and Elf64_Phdr in the gABI.
 */
#include "services/elf.h"

#include "keel/space.h"

#define EHDR_SIZE 64u
#define PHDR_SIZE 56u

#define ET_EXEC     2u
#define ET_DYN      3u
#define EM_X86_64   62u
#define PT_LOAD     1u
#define PT_DYNAMIC  2u
#define PT_INTERP   3u
#define PF_X        1u
#define PF_W        2u
#define EV_CURRENT  1u
#define ELFCLASS64  2u
#define ELFDATA2LSB 1u

static uint64_t get(const uint8_t *bytes, uint32_t offset, uint32_t size)
{
    uint64_t value = 0;
    for (uint32_t i = size; i != 0; i--) {
        value = value << 8 | bytes[offset + i - 1];
    }
    return value;
}

static uint64_t page_down(uint64_t address)
{
    return address & ~(uint64_t)(KEEL_PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + KEEL_PAGE_SIZE - 1);
}

static enum services_elf_result check_header(const uint8_t *header)
{
    if (header[0] != 0x7f || header[1] != 'E' || header[2] != 'L' || header[3] != 'F') {
        return SERVICES_ELF_MAGIC;
    }
    if (header[4] != ELFCLASS64) {
        return SERVICES_ELF_CLASS;
    }
    if (header[5] != ELFDATA2LSB) {
        return SERVICES_ELF_ORDER;
    }
    if (header[6] != EV_CURRENT || get(header, 20, 4) != EV_CURRENT) {
        return SERVICES_ELF_VERSION;
    }
    if (get(header, 18, 2) != EM_X86_64) {
        return SERVICES_ELF_MACHINE;
    }
    if (get(header, 16, 2) == ET_DYN) {
        return SERVICES_ELF_SHARED;
    }
    if (get(header, 16, 2) != ET_EXEC) {
        return SERVICES_ELF_TYPE;
    }
    if (get(header, 52, 2) != EHDR_SIZE) {
        return SERVICES_ELF_HEADER_SIZE;
    }
    if (get(header, 56, 2) == 0) {
        return SERVICES_ELF_NO_HEADERS;
    }
    if (get(header, 54, 2) != PHDR_SIZE) {
        return SERVICES_ELF_HEADER_SIZE;
    }
    if (get(header, 56, 2) > SERVICES_ELF_HEADERS_MAX) {
        return SERVICES_ELF_MANY_HEADERS;
    }
    return SERVICES_ELF_OK;
}

/* Can these two be mapped at once? */
static bool segments_agree(const struct services_elf_segment *a, const struct services_elf_segment *b)
{
    uint64_t a_end = a->va + a->memory_size;
    uint64_t b_end = b->va + b->memory_size;
    if (a->rights == b->rights) {
        return a_end <= b->va || b_end <= a->va;
    }
    return page_up(a_end) <= page_down(b->va) || page_up(b_end) <= page_down(a->va);
}

static enum services_elf_result check_segment(const struct services_source *source, const uint8_t *header,
                                              const struct services_elf_segment *segment)
{
    uint64_t alignment = get(header, 48, 8);
    if ((alignment & (alignment - 1)) != 0) {
        return SERVICES_ELF_ALIGNMENT; /* neither 0 nor a power of two */
    }
    if (alignment < KEEL_PAGE_SIZE) {
        alignment = KEEL_PAGE_SIZE;
    }
    if (segment->memory_size < segment->file_size) {
        return SERVICES_ELF_MEMORY_SIZE;
    }
    if (!services_source_holds(source, segment->offset, segment->file_size)) {
        return SERVICES_ELF_SEGMENT_OUTSIDE;
    }
    if (((segment->va - segment->offset) & (alignment - 1)) != 0) {
        return SERVICES_ELF_ALIGNMENT;
    }
    if (segment->va < KEEL_USER_START || segment->va >= KEEL_USER_END) {
        return SERVICES_ELF_RANGE;
    }
    if (segment->memory_size > SERVICES_ELF_BYTES_MAX) {
        return SERVICES_ELF_HUGE;
    }
    if (segment->memory_size > KEEL_USER_END - segment->va) {
        return SERVICES_ELF_RANGE;
    }
    if ((segment->rights & KEEL_WRITE) != 0 && (segment->rights & KEEL_EXEC) != 0) {
        return SERVICES_ELF_WRITE_EXECUTE;
    }
    return SERVICES_ELF_OK;
}

/* Takes one PT_LOAD header in. An empty segment is nothing to map. */
static enum services_elf_result add_segment(const struct services_source *source, const uint8_t *header,
                                            struct services_elf *elf)
{
    uint64_t flags = get(header, 4, 4);
    struct services_elf_segment segment = {
        .va = get(header, 16, 8),
        .memory_size = get(header, 40, 8),
        .offset = get(header, 8, 8),
        .file_size = get(header, 32, 8),
        /* READ whatever PF_R says: the hardware cannot withhold it. */
        .rights = KEEL_READ | ((flags & PF_W) != 0 ? (uint32_t)KEEL_WRITE : 0u) |
                  ((flags & PF_X) != 0 ? (uint32_t)KEEL_EXEC : 0u),
    };
    if (segment.memory_size == 0 && segment.file_size == 0) {
        return SERVICES_ELF_OK;
    }

    enum services_elf_result result = check_segment(source, header, &segment);
    if (result != SERVICES_ELF_OK) {
        return result;
    }
    if (elf->segment_count == SERVICES_ELF_SEGMENTS_MAX) {
        return SERVICES_ELF_MANY_SEGMENTS;
    }
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        if (!segments_agree(&elf->segments[i], &segment)) {
            return SERVICES_ELF_OVERLAP;
        }
    }
    elf->segments[elf->segment_count] = segment;
    elf->segment_count++;
    return SERVICES_ELF_OK;
}

static enum services_elf_result read_segments(const struct services_source *source, uint64_t offset,
                                              uint32_t count, struct services_elf *elf)
{
    if (!services_source_holds(source, offset, (uint64_t)count * PHDR_SIZE)) {
        return SERVICES_ELF_HEADERS_OUTSIDE;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t header[PHDR_SIZE];
        if (services_source_read(source, offset + (uint64_t)i * PHDR_SIZE, header, PHDR_SIZE) != KEEL_OK) {
            return SERVICES_ELF_READ;
        }
        enum services_elf_result result = SERVICES_ELF_OK;
        if (get(header, 0, 4) == PT_INTERP) {
            result = SERVICES_ELF_INTERPRETER;
        } else if (get(header, 0, 4) == PT_DYNAMIC) {
            result = SERVICES_ELF_DYNAMIC;
        } else if (get(header, 0, 4) == PT_LOAD) {
            result = add_segment(source, header, elf);
        }
        if (result != SERVICES_ELF_OK) {
            return result;
        }
    }
    return elf->segment_count != 0 ? SERVICES_ELF_OK : SERVICES_ELF_NO_SEGMENTS;
}

/* What needs all segments at once: the sum of sizes and the entry point. */
static enum services_elf_result check_whole(const struct services_elf *elf)
{
    uint64_t bytes = 0;
    bool entered = false;
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        const struct services_elf_segment *segment = &elf->segments[i];
        bytes += page_up(segment->va + segment->memory_size) - page_down(segment->va);
        entered |= (segment->rights & KEEL_EXEC) != 0 && elf->entry >= segment->va &&
                   elf->entry - segment->va < segment->memory_size;
    }
    if (bytes > SERVICES_ELF_BYTES_MAX) {
        return SERVICES_ELF_HUGE;
    }
    return entered ? SERVICES_ELF_OK : SERVICES_ELF_ENTRY;
}

enum services_elf_result services_elf_parse(const struct services_source *source, struct services_elf *elf)
{
    uint8_t header[EHDR_SIZE];
    if (!services_source_holds(source, 0, EHDR_SIZE)) {
        return SERVICES_ELF_SHORT;
    }
    if (services_source_read(source, 0, header, EHDR_SIZE) != KEEL_OK) {
        return SERVICES_ELF_READ;
    }
    enum services_elf_result result = check_header(header);
    if (result != SERVICES_ELF_OK) {
        return result;
    }

    elf->entry = get(header, 24, 8);
    elf->segment_count = 0;
    result = read_segments(source, get(header, 32, 8), (uint32_t)get(header, 56, 2), elf);
    return result != SERVICES_ELF_OK ? result : check_whole(elf);
}

const char *services_elf_text(enum services_elf_result result)
{
    switch (result) {
#define ELF_CASE(name, text)                                                                                 \
    case SERVICES_ELF_##name:                                                                                \
        return text;
        SERVICES_ELF_TABLE(ELF_CASE)
#undef ELF_CASE
    case SERVICES_ELF_RESULT_COUNT:
        break;
    }
    return "unknown result";
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel's ELF file (System V gABI, chapters 4 and 5). Every field is checked before it is used: a
 * truncated or damaged file must end in a sentence, not in a jump to nowhere.
 */
#include "loader.h"

struct elf_header {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_entry_size, program_count;
    uint16_t section_entry_size, section_count, section_names;
};

struct elf_program {
    uint32_t type, flags;
    uint64_t offset, virtual_address, physical_address, file_size, memory_size, alignment;
};

enum {
    ELF_CLASS_64 = 2,
    ELF_LITTLE_ENDIAN = 1,
    ELF_TYPE_EXECUTABLE = 2,
    ELF_MACHINE_X86_64 = 62,
    ELF_PROGRAM_LOAD = 1,
    ELF_EXECUTE = 1,
    ELF_WRITE = 2,
    ELF_PROGRAMS_MAX = 64,
};

/* Where kernels are linked (boot/kernel.ld): the last 2 GiB but for the top one, which is the kernel's own
 * (hal/x86_64/layout.h). */
#define KERNEL_START UINT64_C(0xffffffff80000000)
#define KERNEL_END   UINT64_C(0xffffffffc0000000)

static const char *check_header(const unsigned char *file, uint64_t size, struct elf_header *header)
{
    static const unsigned char magic[4] = {0x7f, 'E', 'L', 'F'};

    if (size < sizeof(*header)) {
        return "it is too short to be an ELF file";
    }
    memcpy(header, file, sizeof(*header));
    if (memcmp(header->ident, magic, sizeof(magic)) != 0) {
        return "it is not an ELF file";
    }
    if (header->ident[4] != ELF_CLASS_64 || header->ident[5] != ELF_LITTLE_ENDIAN ||
        header->machine != ELF_MACHINE_X86_64) {
        return "it is not an ELF file for x86-64";
    }
    if (header->type != ELF_TYPE_EXECUTABLE) {
        return "it is not an executable with fixed addresses";
    }
    if (header->program_entry_size != sizeof(struct elf_program) || header->program_count == 0 ||
        header->program_count > ELF_PROGRAMS_MAX) {
        return "its program headers are malformed";
    }
    if (header->program_offset > size ||
        header->program_count * sizeof(struct elf_program) > size - header->program_offset) {
        return "it is truncated: its program headers are not there";
    }
    return NULL;
}

/* Adds one segment behind the earlier ones. */
static const char *add_segment(const struct elf_program *program, uint64_t file_size,
                               struct kernel_plan *plan)
{
    struct kernel_segment *segment = &plan->segments[plan->segment_count];
    const uint64_t earlier_end = plan->segment_count == 0 ? KERNEL_START : plan->virtual_base + plan->size;
    uint64_t pages;

    if (plan->segment_count == LOADER_SEGMENTS_MAX) {
        return "it has too many segments";
    }
    if (program->offset > file_size || program->file_size > file_size - program->offset) {
        return "it is truncated: a segment is not there";
    }
    if (program->file_size > program->memory_size) {
        return "a segment is larger in the file than in memory";
    }
    if (program->virtual_address % LOADER_PAGE_SIZE != 0) {
        return "a segment does not begin at a page";
    }
    if (program->virtual_address < earlier_end || program->virtual_address >= KERNEL_END ||
        program->memory_size > KERNEL_END - program->virtual_address) {
        return "a segment lies outside the kernel's addresses, overlaps another or is out of order";
    }
    if ((program->flags & ELF_WRITE) != 0 && (program->flags & ELF_EXECUTE) != 0) {
        return "a segment is both writable and executable";
    }

    pages = loader_pages_for(program->memory_size);
    *segment = (struct kernel_segment){
        .virtual_base = program->virtual_address,
        .memory_size = pages * LOADER_PAGE_SIZE,
        .file_offset = program->offset,
        .file_size = program->file_size,
        .write = (program->flags & ELF_WRITE) != 0,
        .execute = (program->flags & ELF_EXECUTE) != 0,
    };
    if (plan->segment_count++ == 0) {
        plan->virtual_base = segment->virtual_base;
    }
    plan->size = segment->virtual_base + segment->memory_size - plan->virtual_base;
    return NULL;
}

static bool entry_is_code(const struct kernel_plan *plan)
{
    for (unsigned i = 0; i < plan->segment_count; i++) {
        const struct kernel_segment *segment = &plan->segments[i];

        if (segment->execute && plan->entry >= segment->virtual_base &&
            plan->entry - segment->virtual_base < segment->file_size) {
            return true;
        }
    }
    return false;
}

const char *loader_check_kernel(const unsigned char *file, uint64_t size, struct kernel_plan *plan)
{
    struct elf_header header;
    const char *reason = check_header(file, size, &header);

    if (reason != NULL) {
        return reason;
    }
    *plan = (struct kernel_plan){.entry = header.entry};
    for (unsigned i = 0; i < header.program_count; i++) {
        struct elf_program program;

        memcpy(&program, file + header.program_offset + i * sizeof(program), sizeof(program));
        if (program.type != ELF_PROGRAM_LOAD || program.memory_size == 0) {
            continue;
        }
        reason = add_segment(&program, size, plan);
        if (reason != NULL) {
            return reason;
        }
    }
    if (plan->segment_count == 0) {
        return "it has nothing to load";
    }
    if (!entry_is_code(plan)) {
        return "its entry point is not in its code";
    }
    return NULL;
}

void loader_place_kernel(const unsigned char *file, const struct kernel_plan *plan, unsigned char *memory)
{
    for (unsigned i = 0; i < plan->segment_count; i++) {
        const struct kernel_segment *segment = &plan->segments[i];

        memcpy(memory + (segment->virtual_base - plan->virtual_base), file + segment->file_offset,
               segment->file_size);
    }
}

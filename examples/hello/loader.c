/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where a program's ELF file may lie, and how it comes into memory.
 */
#include "program.h"

bool program_fits(const struct services_elf *elf)
{
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        const struct services_elf_segment *segment = &elf->segments[i];
        if (segment->va < STACK_END && segment->va + segment->memory_size > ARENA_START) {
            return false;
        }
    }
    return true;
}

static keel_status_t map(void *program, uint64_t va, uint64_t page_count, uint32_t rights)
{
    return program_map(program, va, page_count, rights);
}

keel_status_t program_load(struct program *program, struct keel_user_regs *regs)
{
    const struct load_target target = {.space = program->space,
                                       .map = map,
                                       .owner = program,
                                       .stack_start = STACK_START,
                                       .stack_pages = STACK_PAGES};
    return load_program(program->name, &program->file, &program->elf, &target, regs);
}

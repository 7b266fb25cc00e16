/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where a program's ELF file may lie, and how it comes into the memory of a process.
 */
#include "threads.h"

bool program_fits(const struct services_elf *elf)
{
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        if (elf->segments[i].va + elf->segments[i].memory_size > ARENA_START) {
            return false;
        }
    }
    return true;
}

static keel_status_t map(void *process, uint64_t va, uint64_t page_count, uint32_t rights)
{
    return memory_map(process, va, page_count, rights);
}

keel_status_t program_load(struct process *process, struct keel_user_regs *regs)
{
    const struct program *program = process->program;
    const struct load_target target = {.space = process->space,
                                       .map = map,
                                       .owner = process,
                                       .stack_start = STACK_START,
                                       .stack_pages = STACK_PAGES};
    return load_program(program->name, &program->file, &program->elf, &target, regs);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From an ELF file to an address space. Nothing is ever writable and executable (Keel would refuse it): pages
 * are mapped writable, filled through the active space like any user memory, and then given their final
 * rights.
 */
#include "program.h"

#define CHUNK_SIZE 512u

/* Tags of the auxiliary vector (System V ABI, AMD64 supplement, 3.4.3). */
#define AT_NULL   0u
#define AT_PAGESZ 6u

static uint64_t page_of(uint64_t address)
{
    return address / KEEL_PAGE_SIZE * KEEL_PAGE_SIZE;
}

/* The pages of a segment. */
static uint64_t segment_pages(const struct services_elf_segment *segment, uint64_t *first)
{
    *first = page_of(segment->va);
    return (page_of(segment->va + segment->memory_size - 1) - *first) / KEEL_PAGE_SIZE + 1;
}

/* Maps the pages one by one, because a page may be there already: two segments with the same rights share it.
 */
static keel_status_t map_segment(struct program *program, const struct services_elf_segment *segment)
{
    uint64_t va;
    uint64_t page_count = segment_pages(segment, &va);
    uint64_t end = va + page_count * KEEL_PAGE_SIZE;
    for (; va < end; va += KEEL_PAGE_SIZE) {
        keel_status_t status = program_map(program, va, 1, KEEL_READ | KEEL_WRITE);
        if (status != KEEL_OK && status != KEEL_E_EXISTS) {
            return status;
        }
    }
    return KEEL_OK;
}

static keel_status_t fill_segment(struct program *program, const struct services_elf_segment *segment)
{
    uint8_t chunk[CHUNK_SIZE];
    for (uint64_t done = 0; done < segment->file_size;) {
        uint64_t left = segment->file_size - done;
        size_t size = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
        keel_status_t status = services_source_read(&program->file, segment->offset + done, chunk, size);
        if (status == KEEL_OK) {
            status = keel_user_write(segment->va + done, chunk, size);
        }
        if (status != KEEL_OK) {
            return status;
        }
        done += size;
    }
    return KEEL_OK;
}

static keel_status_t protect_segment(struct program *program, const struct services_elf_segment *segment)
{
    uint64_t va, changed;
    uint64_t page_count = segment_pages(segment, &va);
    return keel_space_protect(program->space, va, page_count, segment->rights, &changed);
}

/* The initial stack: argc, argv, environment and auxiliary vector, as the ABI wants them at rsp (AMD64
 * supplement, figure 3.9), with the program's name above. rsp is a multiple of 16. */
static keel_status_t make_stack(struct program *program, uint64_t *rsp)
{
    uint64_t name = STACK_END - sizeof(program->name);
    const uint64_t words[] = {
        1, name, 0 /* end of argv */, 0 /* end of environment */, AT_PAGESZ, KEEL_PAGE_SIZE, AT_NULL, 0};
    *rsp = name - sizeof(words);
    keel_status_t status = program_map(program, STACK_START, STACK_PAGES, KEEL_READ | KEEL_WRITE);
    if (status == KEEL_OK) {
        status = keel_user_write(name, program->name, sizeof(program->name));
    }
    if (status == KEEL_OK) {
        status = keel_user_write(*rsp, words, sizeof(words));
    }
    return status;
}

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

keel_status_t program_load(struct program *program, struct keel_user_regs *regs)
{
    typedef keel_status_t (*step_fn)(struct program *, const struct services_elf_segment *);
    static const step_fn steps[] = {map_segment, fill_segment, protect_segment};

    for (uint32_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++) {
        for (uint32_t i = 0; i < program->elf.segment_count; i++) {
            keel_status_t status = steps[step](program, &program->elf.segments[i]);
            if (status != KEEL_OK) {
                return status;
            }
        }
    }
    *regs = (struct keel_user_regs){.rip = program->elf.entry};
    return make_stack(program, &regs->rsp);
}

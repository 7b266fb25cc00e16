/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From an ELF file to an address space, see load.h.
 */
#include "load.h"

#include "keel/user_memory.h"

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
static keel_status_t map_segment(const struct load_target *target, const struct services_elf_segment *segment)
{
    uint64_t va;
    uint64_t page_count = segment_pages(segment, &va);
    uint64_t end = va + page_count * KEEL_PAGE_SIZE;
    for (; va < end; va += KEEL_PAGE_SIZE) {
        keel_status_t status = target->map(target->owner, va, 1, (uint32_t)KEEL_READ | KEEL_WRITE);
        if (status != KEEL_OK && status != KEEL_E_EXISTS) {
            return status;
        }
    }
    return KEEL_OK;
}

static keel_status_t fill_segment(const struct services_source *file,
                                  const struct services_elf_segment *segment)
{
    uint8_t chunk[CHUNK_SIZE];
    for (uint64_t done = 0; done < segment->file_size;) {
        uint64_t left = segment->file_size - done;
        size_t size = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
        keel_status_t status = services_source_read(file, segment->offset + done, chunk, size);
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

static keel_status_t protect_segment(const struct load_target *target,
                                     const struct services_elf_segment *segment)
{
    uint64_t va, changed;
    uint64_t page_count = segment_pages(segment, &va);
    return keel_space_protect(target->space, va, page_count, segment->rights, &changed);
}

/* The initial stack: argc, argv, environment and auxiliary vector, as the ABI wants them at rsp (AMD64
 * supplement, figure 3.9), with the program's name above. rsp is a multiple of 16. */
static keel_status_t make_stack(const char *name, const struct load_target *target, uint64_t *rsp)
{
    uint64_t name_va = target->stack_start + target->stack_pages * KEEL_PAGE_SIZE - PROGRAM_NAME_SIZE;
    const uint64_t words[] = {
        1, name_va, 0 /* end of argv */, 0 /* end of environment */, AT_PAGESZ, KEEL_PAGE_SIZE, AT_NULL, 0};
    *rsp = name_va - sizeof(words);
    keel_status_t status = target->map(target->owner, target->stack_start, target->stack_pages,
                                       (uint32_t)KEEL_READ | KEEL_WRITE);
    if (status == KEEL_OK) {
        status = keel_user_write(name_va, name, PROGRAM_NAME_SIZE);
    }
    if (status == KEEL_OK) {
        status = keel_user_write(*rsp, words, sizeof(words));
    }
    return status;
}

keel_status_t load_program(const char name[PROGRAM_NAME_SIZE], const struct services_source *file,
                           const struct services_elf *elf, const struct load_target *target,
                           struct keel_user_regs *regs)
{
    keel_status_t status = KEEL_OK;
    for (uint32_t i = 0; status == KEEL_OK && i < elf->segment_count; i++) {
        status = map_segment(target, &elf->segments[i]);
    }
    for (uint32_t i = 0; status == KEEL_OK && i < elf->segment_count; i++) {
        status = fill_segment(file, &elf->segments[i]);
    }
    for (uint32_t i = 0; status == KEEL_OK && i < elf->segment_count; i++) {
        status = protect_segment(target, &elf->segments[i]);
    }
    *regs = (struct keel_user_regs){.rip = elf->entry};
    return status == KEEL_OK ? make_stack(name, target, &regs->rsp) : status;
}

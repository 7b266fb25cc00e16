/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An ELF file becomes an address space. Pages are mapped writable, filled through the active space, then
 * given their final rights.
 */
#include "threads.h"

#define CHUNK_SIZE 1024u

/* Tags of the auxiliary vector (System V ABI, AMD64 supplement, 3.4.3). */
#define AT_NULL   0u
#define AT_PAGESZ 6u

static uint64_t segment_pages(const struct services_elf_segment *segment, uint64_t *start)
{
    *start = segment->va - segment->va % KEEL_PAGE_SIZE;
    uint64_t end = segment->va + segment->memory_size;
    return (end - *start + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE;
}

/* Two segments may share a page. */
static keel_status_t map_segment(struct process *process, const struct services_elf_segment *segment)
{
    uint64_t va;
    uint64_t page_count = segment_pages(segment, &va);
    for (uint64_t i = 0; i < page_count; i++) {
        keel_status_t status =
            memory_map(process, va + i * KEEL_PAGE_SIZE, 1, (uint32_t)KEEL_READ | KEEL_WRITE);
        if (status != KEEL_OK && status != KEEL_E_EXISTS) {
            return status;
        }
    }
    return KEEL_OK;
}

static keel_status_t fill_segment(struct process *process, const struct services_elf_segment *segment)
{
    uint8_t chunk[CHUNK_SIZE];
    for (uint64_t done = 0; done < segment->file_size;) {
        uint64_t left = segment->file_size - done;
        size_t size = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
        keel_status_t status =
            services_source_read(&process->program->file, segment->offset + done, chunk, size);
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

static keel_status_t protect_segment(struct process *process, const struct services_elf_segment *segment)
{
    uint64_t va, changed;
    uint64_t page_count = segment_pages(segment, &va);
    return keel_space_protect(process->space, va, page_count, segment->rights, &changed);
}

/* The initial stack: argc, argv, environment and auxiliary vector, as the ABI wants them at rsp (AMD64
 * supplement, figure 3.9), with the program's name above. rsp is a multiple of 16. */
static keel_status_t make_stack(struct process *process, uint64_t *rsp)
{
    uint64_t name = STACK_END - sizeof(process->program->name);
    const uint64_t words[] = {
        1, name, 0 /* end of argv */, 0 /* end of environment */, AT_PAGESZ, KEEL_PAGE_SIZE, AT_NULL, 0};
    *rsp = name - sizeof(words);
    keel_status_t status = memory_map(process, STACK_START, STACK_PAGES, (uint32_t)KEEL_READ | KEEL_WRITE);
    if (status == KEEL_OK) {
        status = keel_user_write(name, process->program->name, sizeof(process->program->name));
    }
    if (status == KEEL_OK) {
        status = keel_user_write(*rsp, words, sizeof(words));
    }
    return status;
}

bool program_fits(const struct services_elf *elf)
{
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        if (elf->segments[i].va + elf->segments[i].memory_size > ARENA_START) {
            return false;
        }
    }
    return true;
}

keel_status_t program_load(struct process *process, struct keel_user_regs *regs)
{
    typedef keel_status_t (*step_fn)(struct process *, const struct services_elf_segment *);
    static const step_fn steps[] = {map_segment, fill_segment, protect_segment};
    const struct services_elf *elf = &process->program->elf;

    for (uint32_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++) {
        for (uint32_t i = 0; i < elf->segment_count; i++) {
            keel_status_t status = steps[step](process, &elf->segments[i]);
            if (status != KEEL_OK) {
                return status;
            }
        }
    }
    *regs = (struct keel_user_regs){.rip = elf->entry};
    return make_stack(process, &regs->rsp);
}

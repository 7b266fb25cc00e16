/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A program's pages: mapping, unmapping, and the system calls mmap and munmap for anonymous private memory.
 */
#include "../common/linux.h"
#include "program.h"

static keel_status_t map_page(struct program *program, uint64_t va, uint32_t rights)
{
    keel_frame_t frame;
    if (program->page_count == PAGES_MAX) {
        return KEEL_E_LIMIT;
    }
    keel_status_t status = keel_frame_alloc(&frame);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_space_map(program->space, va, frame, rights);
    (void)keel_frame_release(frame); /* from here on the mapping alone holds it, or nobody */
    if (status == KEEL_OK) {
        program->page_count++;
    }
    return status;
}

keel_status_t program_map(struct program *program, uint64_t va, uint64_t page_count, uint32_t rights)
{
    for (uint64_t i = 0; i < page_count; i++) {
        keel_status_t status = map_page(program, va + i * KEEL_PAGE_SIZE, rights);
        if (status != KEEL_OK) {
            if (i != 0) {
                program_unmap(program, va, i);
            }
            return status;
        }
    }
    return KEEL_OK;
}

void program_unmap(struct program *program, uint64_t va, uint64_t page_count)
{
    uint64_t unmapped = 0;
    if (keel_space_unmap(program->space, va, page_count, &unmapped) == KEEL_OK) {
        program->page_count -= unmapped;
    }
}

/* --- The arena --- */

static bool arena_used(const struct program *program, uint64_t page)
{
    return (program->arena[page / 64] >> (page % 64) & 1) != 0;
}

/* Marks what of [va, va + page_count pages) lies in the arena. */
static void arena_mark(struct program *program, uint64_t va, uint64_t page_count, bool used)
{
    uint64_t end = va + page_count * KEEL_PAGE_SIZE;
    va = va < ARENA_START ? ARENA_START : va;
    end = end > ARENA_END ? ARENA_END : end;
    for (; va < end; va += KEEL_PAGE_SIZE) {
        uint64_t page = (va - ARENA_START) / KEEL_PAGE_SIZE;
        uint64_t bit = UINT64_C(1) << (page % 64);
        if (used) {
            program->arena[page / 64] |= bit;
        } else {
            program->arena[page / 64] &= ~bit;
        }
    }
}

/* The lowest run of unused pages; 0: there is none. */
static uint64_t arena_find(const struct program *program, uint64_t page_count)
{
    uint64_t run = 0;
    for (uint64_t page = 0; page < ARENA_PAGES; page++) {
        run = arena_used(program, page) ? 0 : run + 1;
        if (run == page_count) {
            return ARENA_START + (page + 1 - page_count) * KEEL_PAGE_SIZE;
        }
    }
    return 0;
}

/* --- System calls --- */

static bool range_is_user(uint64_t va, uint64_t size)
{
    return va >= KEEL_USER_START && va <= KEEL_USER_END && size <= KEEL_USER_END - va;
}

/* Bytes to whole pages; false: it is 0 or larger than user space. */
static bool size_to_pages(uint64_t size, uint64_t *page_count)
{
    if (size == 0 || size > KEEL_USER_END) {
        return false;
    }
    *page_count = (size + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE;
    return true;
}

static uint32_t rights_of(uint64_t prot)
{
    return KEEL_READ | ((prot & LINUX_PROT_WRITE) != 0 ? (uint32_t)KEEL_WRITE : 0u) |
           ((prot & LINUX_PROT_EXEC) != 0 ? (uint32_t)KEEL_EXEC : 0u);
}

static int64_t check_mmap(uint64_t size, uint64_t prot, uint64_t flags)
{
    if (size == 0 || (prot & ~(uint64_t)(LINUX_PROT_READ | LINUX_PROT_WRITE | LINUX_PROT_EXEC)) != 0) {
        return -LINUX_EINVAL;
    }
    if ((flags & LINUX_MAP_PRIVATE) == 0 || (flags & LINUX_MAP_SHARED) != 0) {
        return -LINUX_EINVAL;
    }
    if ((flags & LINUX_MAP_ANONYMOUS) == 0) {
        return -LINUX_EBADF;
    }
    if ((prot & LINUX_PROT_WRITE) != 0 && (prot & LINUX_PROT_EXEC) != 0) {
        return -LINUX_EACCES;
    }
    return 0;
}

int64_t program_mmap(struct program *program, const struct keel_user_regs *regs)
{
    uint64_t va = regs->rdi, size = regs->rsi, prot = regs->rdx, flags = regs->r10, page_count;
    int64_t error = check_mmap(size, prot, flags);
    if (error != 0) {
        return error;
    }
    if (!size_to_pages(size, &page_count) || page_count > PAGES_MAX) {
        return -LINUX_ENOMEM;
    }

    if ((flags & LINUX_MAP_FIXED) != 0) {
        if (va % KEEL_PAGE_SIZE != 0) {
            return -LINUX_EINVAL;
        }
        if (!range_is_user(va, page_count * KEEL_PAGE_SIZE)) {
            return -LINUX_ENOMEM;
        }
        program_unmap(program, va, page_count);
        arena_mark(program, va, page_count, false);
    } else {
        va = arena_find(program, page_count); /* a hint is only a hint */
        if (va == 0) {
            return -LINUX_ENOMEM;
        }
    }
    /* Without any right the pages are set aside, with nothing behind them: touching them faults. */
    if (prot != 0 && program_map(program, va, page_count, rights_of(prot)) != KEEL_OK) {
        return -LINUX_ENOMEM;
    }
    arena_mark(program, va, page_count, true);
    return (int64_t)va;
}

int64_t program_munmap(struct program *program, uint64_t va, uint64_t size)
{
    uint64_t page_count;
    if (va % KEEL_PAGE_SIZE != 0 || !size_to_pages(size, &page_count) ||
        !range_is_user(va, page_count * KEEL_PAGE_SIZE)) {
        return -LINUX_EINVAL;
    }
    program_unmap(program, va, page_count);
    arena_mark(program, va, page_count, false);
    return 0;
}

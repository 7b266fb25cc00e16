/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The pages of a process: mapping, unmapping, copying at a fork, and the system calls mmap and munmap for
 * anonymous memory, private or shared with the processes that are forked later.
 */
#include "../common/linux.h"
#include "threads.h"

#define CHUNK_SIZE 1024u

static uint64_t arena_address(uint64_t page)
{
    return ARENA_START + page * KEEL_PAGE_SIZE;
}

static bool may_map(const struct process *process, uint64_t page_count)
{
    return page_count <= PAGES_MAX - process->program->page_count;
}

static void count_pages(struct process *process, uint64_t page_count)
{
    process->page_count += page_count;
    process->program->page_count += page_count;
}

static void uncount_pages(struct process *process, uint64_t page_count)
{
    process->page_count -= page_count;
    process->program->page_count -= page_count;
}

static void unmap(struct process *process, uint64_t va, uint64_t page_count)
{
    uint64_t unmapped = 0;
    if (keel_space_unmap(process->space, va, page_count, &unmapped) == KEEL_OK) {
        uncount_pages(process, unmapped);
    }
}

static keel_status_t map_page(struct process *process, uint64_t va, uint32_t rights, keel_frame_t *frame)
{
    if (!may_map(process, 1)) {
        return KEEL_E_LIMIT;
    }
    keel_status_t status = keel_frame_alloc(frame);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_space_map(process->space, va, *frame, rights);
    if (status != KEEL_OK) {
        (void)keel_frame_release(*frame);
        return status;
    }
    count_pages(process, 1);
    return KEEL_OK;
}

keel_status_t memory_map(struct process *process, uint64_t va, uint64_t page_count, uint32_t rights)
{
    for (uint64_t i = 0; i < page_count; i++) {
        keel_frame_t frame;
        keel_status_t status = map_page(process, va + i * KEEL_PAGE_SIZE, rights, &frame);
        if (status != KEEL_OK) {
            if (i != 0) {
                unmap(process, va, i);
            }
            return status;
        }
        (void)keel_frame_release(frame); /* from here on the mapping alone holds it */
    }
    return KEEL_OK;
}

/* --- Fork --- */

static keel_status_t copy_page(struct process *child, const struct keel_mapping *mapping)
{
    char chunk[CHUNK_SIZE];
    keel_frame_t frame;
    keel_status_t status = map_page(child, mapping->va, mapping->rights, &frame);
    if (status != KEEL_OK) {
        return status;
    }
    for (uint64_t done = 0; done < KEEL_PAGE_SIZE && status == KEEL_OK; done += sizeof(chunk)) {
        status = keel_user_read(mapping->va + done, chunk, sizeof(chunk));
        if (status == KEEL_OK) {
            status = keel_frame_write(frame, done, chunk, sizeof(chunk));
        }
    }
    (void)keel_frame_release(frame);
    return status;
}

static keel_status_t share_page(struct process *child, const struct keel_mapping *mapping, uint64_t page)
{
    const struct shared *shared = &child->shared[child->arena[page] - ARENA_SHARED];
    if (!may_map(child, 1)) {
        return KEEL_E_LIMIT;
    }
    keel_status_t status = keel_space_map_segment(child->space, mapping->va, shared->segment,
                                                  page - shared->first, 1, mapping->rights);
    if (status == KEEL_OK) {
        count_pages(child, 1);
    }
    return status;
}

/* The child gets the parent's books and a hold of its own on what they share. */
static keel_status_t copy_books(const struct process *parent, struct process *child)
{
    for (uint32_t i = 0; i < SHARED_MAX; i++) {
        if (parent->shared[i].left != 0) {
            keel_status_t status = keel_segment_ref(parent->shared[i].segment);
            if (status != KEEL_OK) {
                return status;
            }
        }
        child->shared[i] = parent->shared[i];
    }
    for (uint32_t i = 0; i < ARENA_PAGES; i++) {
        child->arena[i] = parent->arena[i];
    }
    return KEEL_OK;
}

keel_status_t memory_fork(const struct process *parent, struct process *child)
{
    struct keel_mapping mapping;
    uint64_t va = KEEL_USER_START;
    keel_status_t status = copy_books(parent, child);
    while (status == KEEL_OK && va < KEEL_USER_END &&
           keel_space_find_next(parent->space, va, (KEEL_USER_END - va) / KEEL_PAGE_SIZE, &mapping) ==
               KEEL_OK) {
        uint64_t page = (mapping.va - ARENA_START) / KEEL_PAGE_SIZE;
        bool in_arena = mapping.va >= ARENA_START && mapping.va < ARENA_END;
        status = in_arena && child->arena[page] >= ARENA_SHARED ? share_page(child, &mapping, page)
                                                                : copy_page(child, &mapping);
        va = mapping.va + KEEL_PAGE_SIZE;
    }
    return status;
}

void memory_end(struct process *process)
{
    (void)keel_space_release(process->space);
    uncount_pages(process, process->page_count);
    for (uint32_t i = 0; i < SHARED_MAX; i++) {
        if (process->shared[i].left != 0) {
            (void)keel_segment_release(process->shared[i].segment);
            process->shared[i].left = 0;
        }
    }
}

/* --- The arena --- */

/* The lowest run of unused pages; ARENA_PAGES: there is none. */
static uint32_t arena_find(const struct process *process, uint64_t page_count)
{
    uint64_t run = 0;
    for (uint32_t page = 0; page < ARENA_PAGES; page++) {
        run = process->arena[page] != ARENA_FREE ? 0 : run + 1;
        if (run == page_count) {
            return page + 1 - (uint32_t)page_count;
        }
    }
    return ARENA_PAGES;
}

static void arena_mark(struct process *process, uint32_t first, uint64_t page_count, uint32_t use)
{
    for (uint64_t page = first; page < first + page_count; page++) {
        process->arena[page] = (uint8_t)use;
    }
}

/* What of [va, va + page_count pages) lies in the arena is free again. */
static void arena_unmark(struct process *process, uint64_t va, uint64_t page_count)
{
    uint64_t end = va + page_count * KEEL_PAGE_SIZE;
    for (uint64_t page = 0; page < ARENA_PAGES; page++) {
        uint32_t use = process->arena[page];
        if (arena_address(page) < va || arena_address(page) >= end) {
            continue;
        }
        if (use >= ARENA_SHARED) {
            struct shared *shared = &process->shared[use - ARENA_SHARED];
            shared->left--;
            if (shared->left == 0) {
                (void)keel_segment_release(shared->segment);
            }
        }
        process->arena[page] = ARENA_FREE;
    }
}

/* --- System calls --- */

static uint32_t rights_of(uint64_t prot)
{
    return KEEL_READ | ((prot & LINUX_PROT_WRITE) != 0 ? (uint32_t)KEEL_WRITE : 0u) |
           ((prot & LINUX_PROT_EXEC) != 0 ? (uint32_t)KEEL_EXEC : 0u);
}

static int64_t check_mmap(uint64_t size, uint64_t prot, uint64_t flags)
{
    uint64_t kind = flags & (LINUX_MAP_SHARED | LINUX_MAP_PRIVATE);
    uint64_t known =
        LINUX_MAP_SHARED | LINUX_MAP_PRIVATE | LINUX_MAP_ANONYMOUS | LINUX_MAP_NORESERVE | LINUX_MAP_STACK;
    if (size == 0 || (prot & ~(uint64_t)(LINUX_PROT_READ | LINUX_PROT_WRITE | LINUX_PROT_EXEC)) != 0 ||
        (kind != LINUX_MAP_SHARED && kind != LINUX_MAP_PRIVATE) || (flags & ~known) != 0) {
        return -LINUX_EINVAL;
    }
    if ((flags & LINUX_MAP_ANONYMOUS) == 0) {
        return -LINUX_EBADF;
    }
    if ((prot & LINUX_PROT_WRITE) != 0 && (prot & LINUX_PROT_EXEC) != 0) {
        return -LINUX_EACCES;
    }
    return size > (uint64_t)ARENA_PAGES * KEEL_PAGE_SIZE ? -LINUX_ENOMEM : 0;
}

/* Without any right the pages are set aside, with nothing behind them: touching them faults. */
static keel_status_t map_private(struct process *process, uint32_t first, uint64_t page_count, uint64_t prot)
{
    keel_status_t status = KEEL_OK;
    if (prot != 0) {
        status = memory_map(process, arena_address(first), page_count, rights_of(prot));
    }
    if (status == KEEL_OK) {
        arena_mark(process, first, page_count, ARENA_PRIVATE);
    }
    return status;
}

static keel_status_t map_shared(struct process *process, uint32_t first, uint64_t page_count, uint64_t prot)
{
    uint32_t i = 0;
    while (i < SHARED_MAX && process->shared[i].left != 0) {
        i++;
    }
    if (i == SHARED_MAX || !may_map(process, page_count)) {
        return KEEL_E_LIMIT;
    }
    struct shared *shared = &process->shared[i];
    keel_status_t status = keel_segment_alloc(page_count, 1, &shared->segment);
    if (status != KEEL_OK) {
        return status;
    }
    status = keel_space_map_segment(process->space, arena_address(first), shared->segment, 0, page_count,
                                    rights_of(prot));
    if (status != KEEL_OK) {
        (void)keel_segment_release(shared->segment);
        return status;
    }
    shared->first = first;
    shared->left = (uint32_t)page_count;
    count_pages(process, page_count);
    arena_mark(process, first, page_count, ARENA_SHARED + i);
    return KEEL_OK;
}

int64_t memory_mmap(struct process *process, const struct keel_user_regs *regs)
{
    uint64_t size = regs->rsi, prot = regs->rdx, flags = regs->r10;
    int64_t error = check_mmap(size, prot, flags);
    if (error != 0) {
        return error;
    }
    uint64_t page_count = (size + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE;
    uint32_t first = arena_find(process, page_count); /* the caller's address is only a hint */
    if (first == ARENA_PAGES) {
        return -LINUX_ENOMEM;
    }
    keel_status_t status = (flags & LINUX_MAP_SHARED) != 0 ? map_shared(process, first, page_count, prot)
                                                           : map_private(process, first, page_count, prot);
    return status == KEEL_OK ? (int64_t)arena_address(first) : -LINUX_ENOMEM;
}

int64_t memory_munmap(struct process *process, uint64_t va, uint64_t size)
{
    if (va % KEEL_PAGE_SIZE != 0 || va < KEEL_USER_START || va > KEEL_USER_END || size == 0 ||
        size > KEEL_USER_END - va) {
        return -LINUX_EINVAL;
    }
    uint64_t page_count = (size + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE;
    unmap(process, va, page_count);
    arena_unmark(process, va, page_count);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a program may touch: the areas of its address space, and the system calls that change them.
 */
#include "../common/linux.h"
#include "pages.h"

static const struct area {
    uint64_t start;
    uint32_t slot, page_count;
} areas[] = {
    {IMAGE_START, 0, IMAGE_PAGES},
    {ARENA_START, ARENA_SLOT, ARENA_PAGES},
    {SHARED_START, SHARED_SLOT, SHARED_PAGES},
    {STACK_START, STACK_SLOT, STACK_PAGES},
};
#define AREA_COUNT (sizeof(areas) / sizeof(areas[0]))

uint32_t slot_of(uint64_t va)
{
    for (uint32_t i = 0; i < AREA_COUNT; i++) {
        if (va >= areas[i].start && va - areas[i].start < areas[i].page_count * KEEL_PAGE_SIZE) {
            return areas[i].slot + (uint32_t)((va - areas[i].start) / KEEL_PAGE_SIZE);
        }
    }
    return SLOT_NONE;
}

uint64_t slot_address(uint32_t slot)
{
    uint32_t i = AREA_COUNT - 1;
    while (slot < areas[i].slot) {
        i--;
    }
    return areas[i].start + (slot - areas[i].slot) * KEEL_PAGE_SIZE;
}

static void set_rights(struct process *process, uint64_t va, uint64_t size, uint32_t rights)
{
    for (uint32_t slot = slot_of(va); slot <= slot_of(va + size - 1); slot++) {
        process->slots[slot].rights = (uint16_t)rights;
    }
}

void memory_prepare(struct process *process)
{
    const struct services_elf *elf = &process->program->elf;
    pages_lock();
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        set_rights(process, elf->segments[i].va, elf->segments[i].memory_size, elf->segments[i].rights);
    }
    set_rights(process, STACK_START, STACK_PAGES * KEEL_PAGE_SIZE, KEEL_READ | KEEL_WRITE);
    pages_unlock();
}

/* Takes [first, end) out of the program's reach; under the lock. The mappings go first, page by page where
 * others own the page, too: whether this process wrote to it matters to them. */
static void forget(struct process *process, uint32_t first, uint32_t end)
{
    uint64_t count;
    for (uint32_t i = first; i < end; i++) {
        uint16_t page = process->slots[i].page;
        if (page != 0 && pages[page].owner_count > 1) {
            page_unmap(page, process);
        }
    }
    (void)keel_space_unmap(process->space, slot_address(first), end - first, &count);
    for (uint32_t i = first; i < end; i++) {
        if (process->slots[i].page != 0) {
            page_drop(process->slots[i].page);
        }
        process->slots[i] = (struct slot){.page = 0, .rights = 0};
    }
}

void memory_end(struct process *process)
{
    pages_lock();
    for (uint32_t i = 0; i < AREA_COUNT; i++) {
        forget(process, areas[i].slot, areas[i].slot + areas[i].page_count);
    }
    pages_unlock();
}

/* --- System calls --- */

/* The first of `page_count` free slots in a row in the arena; SLOT_NONE: there are none. */
static uint32_t find_free(const struct process *process, uint64_t page_count)
{
    uint64_t run = 0;
    for (uint32_t i = ARENA_SLOT; i < ARENA_SLOT + ARENA_PAGES; i++) {
        run = process->slots[i].rights != 0 ? 0 : run + 1;
        if (run == page_count) {
            return i + 1 - (uint32_t)page_count;
        }
    }
    return SLOT_NONE;
}

int64_t memory_mmap(struct process *process, uint64_t size, uint64_t prot, uint64_t flags)
{
    uint32_t rights = KEEL_READ | ((prot & LINUX_PROT_WRITE) != 0 ? (uint32_t)KEEL_WRITE : 0);
    if (size == 0 || (prot & ~(uint64_t)LINUX_PROT_WRITE) != LINUX_PROT_READ ||
        flags != (LINUX_MAP_PRIVATE | LINUX_MAP_ANONYMOUS)) {
        return -LINUX_EINVAL;
    }
    if (size > ARENA_PAGES * KEEL_PAGE_SIZE) {
        return -LINUX_ENOMEM;
    }
    pages_lock();
    uint32_t first = find_free(process, (size + KEEL_PAGE_SIZE - 1) / KEEL_PAGE_SIZE);
    if (first != SLOT_NONE) {
        set_rights(process, slot_address(first), size, rights);
    }
    pages_unlock();
    return first != SLOT_NONE ? (int64_t)slot_address(first) : -LINUX_ENOMEM;
}

int64_t memory_munmap(struct process *process, uint64_t va, uint64_t size)
{
    uint64_t page_count = size / KEEL_PAGE_SIZE + (size % KEEL_PAGE_SIZE != 0 ? 1 : 0);
    uint32_t first = slot_of(va);
    if (va % KEEL_PAGE_SIZE != 0 || size == 0 || first < ARENA_SLOT || first >= SHARED_SLOT ||
        page_count > SHARED_SLOT - first) {
        return -LINUX_EINVAL;
    }
    pages_lock();
    forget(process, first, first + (uint32_t)page_count);
    pages_unlock();
    return 0;
}

/* The page that some process has in the slot already, with one more owner; otherwise a new one. */
static uint16_t find_shared(uint32_t slot)
{
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        uint16_t page = processes[i].slots[slot].page;
        if (page != 0) {
            pages[page].owner_count++;
            return page;
        }
    }
    return page_new(slot, true);
}

int64_t memory_share(struct process *process, uint64_t key)
{
    if (key >= SHARED_KEYS) {
        return -LINUX_EINVAL;
    }
    uint32_t first = SHARED_SLOT + (uint32_t)key * SHARED_KEY_PAGES;
    pages_lock();
    for (uint32_t i = first; i < first + SHARED_KEY_PAGES; i++) {
        struct slot *slot = &process->slots[i];
        slot->page = slot->page != 0 ? slot->page : find_shared(i);
        slot->rights = slot->page != 0 ? KEEL_READ | KEEL_WRITE : 0;
    }
    pages_unlock();
    return (int64_t)slot_address(first);
}

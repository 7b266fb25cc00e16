/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Demand paging and fork. Nothing is mapped before it is touched; what is mapped only repeats what stands in
 * the slots and pages, and may be withdrawn at any time.
 */
#include "pages.h"

/* Before a write: a page that a fork gave several owners becomes the writer's own. The last owner has no need
 * of a copy. */
static bool make_own(struct process *process, struct slot *slot)
{
    struct page *page = &pages[slot->page];
    if (page->shared || !page->forked) {
        return true;
    }
    if (page->owner_count == 1) {
        page->forked = false;
        page_counts.taken_over++;
        return true;
    }
    uint16_t copy = page_copy(slot->page, process->program);
    if (copy == 0) {
        return false;
    }
    page_unmap(slot->page, process);
    page_drop(slot->page);
    slot->page = copy;
    return true;
}

static bool map(struct process *process, const struct slot *slot)
{
    const struct page *page = &pages[slot->page];
    uint64_t va = slot_address(page->slot), changed;
    uint32_t rights = slot->rights;
    if (page->forked && !page->shared) {
        rights &= ~(uint32_t)KEEL_WRITE;
    }
    keel_status_t status = keel_space_map(process->space, va, page->frame, rights);
    if (status == KEEL_E_EXISTS) { /* this very page, with the rights that it had so far */
        status = keel_space_protect(process->space, va, 1, rights, &changed);
    }
    return status == KEEL_OK;
}

static bool serve_fault(struct process *process, uint32_t number, uint32_t access)
{
    struct slot *slot = &process->slots[number];
    if ((slot->rights & access) == 0) {
        return false;
    }
    if (slot->page == 0) {
        slot->page = page_new(number, false);
    }
    return slot->page != 0 && (access != KEEL_WRITE || make_own(process, slot)) &&
           page_frame(slot->page, process->program) && map(process, slot);
}

bool memory_fault(struct process *process, uint64_t va, uint32_t access)
{
    uint32_t number = slot_of(va);
    if (number == SLOT_NONE) {
        return false;
    }
    pages_lock();
    bool served = serve_fault(process, number, access);
    pages_unlock();
    return served;
}

void memory_fork(struct process *parent, struct process *child)
{
    uint64_t changed;
    pages_lock();
    for (uint32_t i = 0; i < SLOTS; i++) {
        const struct slot *slot = &parent->slots[i];
        child->slots[i] = *slot;
        if (slot->page == 0) {
            continue;
        }
        struct page *page = &pages[slot->page];
        page->owner_count++;
        page->forked = true;
        if (!page->shared && (slot->rights & KEEL_WRITE) != 0) {
            (void)keel_space_protect(parent->space, slot_address(i), 1, KEEL_READ, &changed);
        }
    }
    pages_unlock();
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/space.h: addresses and rights checked here, the rest is core's.
 */
#include "calls.h"
#include "core/space.h"
#include "core/task.h"
#include "hal/mmu.h"
#include "keel/user_regs.h"
#include "reference.h"

#define RIGHTS_ALL (KEEL_READ | KEEL_WRITE | KEEL_EXEC)

/* The hardware's rights for a client's. E_INVALID, E_DENIED. */
static keel_status_t check_rights(uint32_t rights, unsigned *prot)
{
    if ((rights & ~(uint32_t)RIGHTS_ALL) != 0 || (rights & KEEL_READ) == 0) {
        return KEEL_E_INVALID;
    }
    if ((rights & KEEL_WRITE) != 0 && (rights & KEEL_EXEC) != 0) {
        return KEEL_E_DENIED;
    }
    *prot = HAL_PROT_USER | HAL_PROT_READ;
    *prot |= (rights & KEEL_WRITE) != 0 ? HAL_PROT_WRITE : 0u;
    *prot |= (rights & KEEL_EXEC) != 0 ? HAL_PROT_EXEC : 0u;
    return KEEL_OK;
}

/* Whole pages, at least one, inside the user range. */
static bool pages_valid(uint64_t va, uint64_t page_count)
{
    return va % KEEL_PAGE_SIZE == 0 && va >= KEEL_USER_START && va < KEEL_USER_END && page_count > 0 &&
           page_count <= (KEEL_USER_END - va) / KEEL_PAGE_SIZE;
}

keel_status_t call_space_create(uint64_t *space)
{
    return space_create(space);
}

keel_status_t call_space_ref(struct space *space)
{
    return reference_add(&space->object.ref);
}

keel_status_t call_space_release(struct space *space)
{
    return reference_drop(&space->object.ref);
}

keel_status_t call_space_map(struct space *space, uint64_t va, struct frame *frame, uint32_t rights)
{
    unsigned prot;
    if (!pages_valid(va, 1)) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = check_rights(rights, &prot);
    return status == KEEL_OK ? space_map(space, va, frame, prot) : status;
}

keel_status_t call_space_unmap(struct space *space, uint64_t va, uint64_t page_count, uint64_t *unmapped)
{
    if (!pages_valid(va, page_count)) {
        return KEEL_E_INVALID;
    }
    *unmapped = space_unmap(space, va, page_count);
    return KEEL_OK;
}

keel_status_t call_space_protect(struct space *space, uint64_t va, uint64_t page_count, uint32_t rights,
                                 uint64_t *changed)
{
    unsigned prot;
    if (!pages_valid(va, page_count)) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = check_rights(rights, &prot);
    if (status == KEEL_OK) {
        *changed = space_protect(space, va, page_count, prot);
    }
    return status;
}

keel_status_t call_space_query(struct space *space, uint64_t va, struct keel_mapping *mapping)
{
    if (va < KEEL_USER_START || va >= KEEL_USER_END) {
        return KEEL_E_INVALID;
    }
    struct space_mapping found;
    keel_status_t status = space_query(space, va, &found);
    if (status != KEEL_OK) {
        return status;
    }
    mapping->address = found.frame.value;
    mapping->rights = KEEL_READ;
    mapping->rights |= (found.prot & HAL_PROT_WRITE) != 0 ? (uint32_t)KEEL_WRITE : 0;
    mapping->rights |= (found.prot & HAL_PROT_EXEC) != 0 ? (uint32_t)KEEL_EXEC : 0;
    mapping->accessed = found.accessed;
    mapping->dirty = found.dirty;
    return KEEL_OK;
}

keel_status_t call_space_activate(struct space *space)
{
    if (space != NULL) {
        keel_status_t status = ref_get(&space->object.ref);
        if (status != KEEL_OK) {
            return status;
        }
    }
    task_activate(space);
    return KEEL_OK;
}

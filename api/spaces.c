/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/space.h: addresses and rights checked here, the rest is core's.
 */
#include "calls.h"
#include "core/space.h"
#include "core/task.h"
#include "hal/mmu.h"
#include "keel/user_regs.h"
#include "mappings.h"
#include "reference.h"

keel_status_t call_space_create(uint64_t *space)
{
    return space_create(space);
}

REFERENCE_CALLS(space, object.ref)

keel_status_t call_space_map(struct space *space, uint64_t va, struct frame *frame, uint32_t rights)
{
    unsigned prot;
    if (!pages_valid(va, 1)) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = rights_to_prot(rights, &prot);
    return status == KEEL_OK ? space_map(space, va, frame, 1, prot) : status;
}

keel_status_t call_space_map_segment(struct space *space, uint64_t va, struct segment *segment,
                                     uint64_t index, uint64_t page_count, uint32_t rights)
{
    unsigned prot;
    if (!pages_valid(va, page_count) || !segment_has(segment, index, page_count)) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = rights_to_prot(rights, &prot);
    return status == KEEL_OK ? space_map(space, va, segment->first + index, page_count, prot) : status;
}

keel_status_t call_space_unmap(struct space *space, uint64_t va, uint64_t page_count, uint64_t *unmapped)
{
    return pages_valid(va, page_count) ? space_unmap(space, va, page_count, unmapped) : KEEL_E_INVALID;
}

keel_status_t call_space_protect(struct space *space, uint64_t va, uint64_t page_count, uint32_t rights,
                                 uint64_t *changed)
{
    unsigned prot;
    if (!pages_valid(va, page_count)) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = rights_to_prot(rights, &prot);
    return status == KEEL_OK ? space_protect(space, va, page_count, prot, changed) : status;
}

keel_status_t call_space_age(struct space *space, uint64_t va, uint64_t page_count, uint32_t marks,
                             uint64_t *aged)
{
    if (!pages_valid(va, page_count) || marks == 0 ||
        (marks & ~(uint32_t)(KEEL_ACCESSED | KEEL_DIRTY)) != 0) {
        return KEEL_E_INVALID;
    }
    uint64_t bits = (marks & KEEL_ACCESSED) != 0 ? HAL_PTE_ACCESSED : 0;
    bits |= (marks & KEEL_DIRTY) != 0 ? HAL_PTE_DIRTY : 0;
    return space_age(space, va, page_count, bits, aged);
}

keel_status_t call_space_promote(struct space *space, uint64_t va, uint64_t page_count, uint64_t *promoted)
{
    return pages_valid(va, page_count) ? space_promote(space, va, page_count, promoted) : KEEL_E_INVALID;
}

keel_status_t call_space_query(struct space *space, uint64_t va, struct keel_mapping *mapping)
{
    if (va < KEEL_USER_START || va >= KEEL_USER_END) {
        return KEEL_E_INVALID;
    }
    struct space_mapping found;
    keel_status_t status = space_query(space, va, &found);
    if (status == KEEL_OK) {
        mapping_describe(&found, mapping);
    }
    return status;
}

keel_status_t call_space_find_next(struct space *space, uint64_t va, uint64_t page_count,
                                   struct keel_mapping *mapping)
{
    if (!pages_valid(va, page_count)) {
        return KEEL_E_INVALID;
    }
    struct space_mapping found;
    keel_status_t status = space_find(space, va, va + page_count * KEEL_PAGE_SIZE, &found);
    if (status == KEEL_OK) {
        mapping_describe(&found, mapping);
    }
    return status;
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

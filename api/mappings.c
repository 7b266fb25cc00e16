/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See mappings.h.
 */
#include "mappings.h"

#include "hal/mmu.h"

#define RIGHTS_ALL (KEEL_READ | KEEL_WRITE | KEEL_EXEC)

keel_status_t rights_to_prot(uint32_t rights, unsigned *prot)
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

void mapping_describe(const struct space_mapping *found, struct keel_mapping *mapping)
{
    mapping->va = found->va;
    mapping->address = found->frame.value;
    mapping->page_count = hal_pt_span(found->level) / KEEL_PAGE_SIZE;
    mapping->rights = KEEL_READ;
    mapping->rights |= (found->prot & HAL_PROT_WRITE) != 0 ? (uint32_t)KEEL_WRITE : 0;
    mapping->rights |= (found->prot & HAL_PROT_EXEC) != 0 ? (uint32_t)KEEL_EXEC : 0;
    mapping->accessed = found->accessed;
    mapping->dirty = found->dirty;
    mapping->cache = (uint32_t)found->cache;
}

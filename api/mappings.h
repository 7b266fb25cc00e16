/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the calls on spaces and on cursors share: arguments checked, and answers put, in the same words.
 */
#ifndef API_MAPPINGS_H
#define API_MAPPINGS_H

#include "core/cursor.h"
#include "core/segment.h"
#include "core/space.h"
#include "keel/space.h"

/* Whole pages, at least one, inside the user range. */
static inline bool pages_valid(uint64_t va, uint64_t page_count)
{
    return va % KEEL_PAGE_SIZE == 0 && va >= KEEL_USER_START && va < KEEL_USER_END && page_count > 0 &&
           page_count <= (KEEL_USER_END - va) / KEEL_PAGE_SIZE;
}

/* E_DENIED: another task's cursor, or a closed one; E_INVALID: the next pages are not all in its range. */
static inline keel_status_t cursor_check(const struct cursor *cursor, uint64_t page_count)
{
    if (!cursor_is_own(cursor)) {
        return KEEL_E_DENIED;
    }
    return cursor_fits(cursor, page_count) ? KEEL_OK : KEEL_E_INVALID;
}

/* At least one frame, from `index` on. */
static inline bool segment_has(const struct segment *segment, uint64_t index, uint64_t page_count)
{
    return page_count > 0 && index < segment->frame_count && page_count <= segment->frame_count - index;
}

/* The hardware's rights for a client's. E_INVALID, E_DENIED. */
keel_status_t rights_to_prot(uint32_t rights, unsigned *prot);

void mapping_describe(const struct space_mapping *found, struct keel_mapping *mapping);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/cursor.h. Every one of them looks first whose cursor it is: only its owner's calls touch it,
 * and a task makes one call at a time.
 */
#include "calls.h"
#include "core/cursor.h"
#include "keel/cursor.h"
#include "mappings.h"

keel_status_t call_cursor_open(struct space *space, uint64_t va, uint64_t page_count, uint64_t *cursor)
{
    if (!pages_valid(va, page_count)) {
        return KEEL_E_INVALID;
    }
    return cursor_open(space, va, va + page_count * KEEL_PAGE_SIZE, cursor);
}

keel_status_t call_cursor_close(struct cursor *cursor)
{
    if (!cursor_is_own(cursor)) {
        return KEEL_E_DENIED;
    }
    cursor_close(cursor);
    return KEEL_OK;
}

keel_status_t call_cursor_jump(struct cursor *cursor, uint64_t va)
{
    return cursor_is_own(cursor) ? cursor_jump(cursor, va) : KEEL_E_DENIED;
}

static keel_status_t map(struct cursor *cursor, struct frame *first, uint64_t page_count, uint32_t rights)
{
    unsigned prot;
    keel_status_t status = cursor_check(cursor, page_count);
    if (status == KEEL_OK) {
        status = rights_to_prot(rights, &prot);
    }
    return status == KEEL_OK ? cursor_map(cursor, first, page_count, prot) : status;
}

keel_status_t call_cursor_map(struct cursor *cursor, struct frame *frame, uint32_t rights)
{
    return map(cursor, frame, 1, rights);
}

keel_status_t call_cursor_map_segment(struct cursor *cursor, struct segment *segment, uint64_t index,
                                      uint64_t page_count, uint32_t rights)
{
    if (!segment_has(segment, index, page_count)) {
        return KEEL_E_INVALID;
    }
    return map(cursor, segment->first + index, page_count, rights);
}

keel_status_t call_cursor_unmap(struct cursor *cursor, uint64_t page_count, uint64_t *unmapped)
{
    keel_status_t status = cursor_check(cursor, page_count);
    return status == KEEL_OK ? cursor_unmap(cursor, page_count, unmapped) : status;
}

keel_status_t call_cursor_protect(struct cursor *cursor, uint64_t page_count, uint32_t rights,
                                  uint64_t *changed)
{
    unsigned prot;
    keel_status_t status = cursor_check(cursor, page_count);
    if (status == KEEL_OK) {
        status = rights_to_prot(rights, &prot);
    }
    return status == KEEL_OK ? cursor_protect(cursor, page_count, prot, changed) : status;
}

keel_status_t call_cursor_find_next(struct cursor *cursor, uint64_t page_count, struct keel_mapping *mapping)
{
    struct space_mapping found;
    keel_status_t status = cursor_check(cursor, page_count);
    if (status == KEEL_OK) {
        status = cursor_find(cursor, page_count, &found);
    }
    if (status == KEEL_OK) {
        mapping_describe(&found, mapping);
    }
    return status;
}

keel_status_t call_cursor_query(struct cursor *cursor, struct keel_mapping *mapping)
{
    return call_cursor_find_next(cursor, 1, mapping);
}

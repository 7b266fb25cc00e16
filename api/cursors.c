/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/cursor.h. Every one of them looks first whose cursor it is: only its owner's calls touch it,
 * and a task makes one call at a time.
 */
#include "calls.h"
#include "core/cursor.h"
#include "core/mapping.h"
#include "keel/cursor.h"
#include "mappings.h"

/* The part of the range that a call is about. E_DENIED: another task's cursor. */
static keel_status_t part_of(const struct cursor *cursor, uint64_t page_count, struct range *part)
{
    if (!cursor_is_own(cursor)) {
        return KEEL_E_DENIED;
    }
    return cursor_part(cursor, page_count, part) ? KEEL_OK : KEEL_E_INVALID;
}

/* A call that did its work moves the cursor past it. */
static keel_status_t advance(struct cursor *cursor, const struct range *part, keel_status_t status)
{
    if (status == KEEL_OK) {
        cursor->at = part->end;
    }
    return status;
}

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
    if (!cursor_is_own(cursor)) {
        return KEEL_E_DENIED;
    }
    if (va % KEEL_PAGE_SIZE != 0 || va < cursor->range.start || va > cursor->range.end) {
        return KEEL_E_INVALID;
    }
    cursor->at = va;
    return KEEL_OK;
}

static keel_status_t map(struct cursor *cursor, struct frame *first, uint64_t page_count, uint32_t rights)
{
    struct range part;
    unsigned prot;
    keel_status_t status = part_of(cursor, page_count, &part);
    if (status == KEEL_OK) {
        status = rights_to_prot(rights, &prot);
    }
    if (status == KEEL_OK) {
        status = mapping_map(&part, first, prot);
    }
    return advance(cursor, &part, status);
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
    struct range part;
    keel_status_t status = part_of(cursor, page_count, &part);
    if (status == KEEL_OK) {
        status = cursor_unmap(cursor, &part, unmapped);
    }
    return advance(cursor, &part, status);
}

keel_status_t call_cursor_protect(struct cursor *cursor, uint64_t page_count, uint32_t rights,
                                  uint64_t *changed)
{
    struct range part;
    unsigned prot;
    keel_status_t status = part_of(cursor, page_count, &part);
    if (status == KEEL_OK) {
        status = rights_to_prot(rights, &prot);
    }
    if (status == KEEL_OK) {
        status = mapping_protect(&part, prot, changed);
    }
    return advance(cursor, &part, status);
}

/* The first mapping in the next pages; the cursor moves there. */
static keel_status_t find(struct cursor *cursor, uint64_t page_count, struct keel_mapping *mapping)
{
    struct range part;
    struct space_mapping found;
    keel_status_t status = part_of(cursor, page_count, &part);
    if (status == KEEL_OK) {
        status = space_find(part.space, part.start, part.end, &found);
    }
    if (status == KEEL_OK) {
        mapping_describe(&found, mapping);
        cursor->at = found.va;
    }
    return status;
}

keel_status_t call_cursor_query(struct cursor *cursor, struct keel_mapping *mapping)
{
    return find(cursor, 1, mapping);
}

keel_status_t call_cursor_find_next(struct cursor *cursor, uint64_t page_count, struct keel_mapping *mapping)
{
    return find(cursor, page_count, mapping);
}

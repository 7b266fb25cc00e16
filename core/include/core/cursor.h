/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Cursors: a range of a space that a task keeps locked between its calls (A3), and a position in it. A cursor
 * belongs to the task that opened it; whatever cursors a task still has when it exits are closed for it.
 */
#ifndef CORE_CURSOR_H
#define CORE_CURSOR_H

#include "core/range.h"

struct io_memory;
struct task;

struct cursor {
    struct object object; /* first */
    struct range range;   /* KEPT while the cursor is open; range.space holds a reference */
    uint64_t at;          /* range.start .. range.end; whole pages */
    atomic_u64_t owner;   /* the handle of the task that opened it; 0: closed. Only that task changes it */
};

/* E_LIMIT, E_BUSY (another cursor keeps tables of the range), E_NO_MEMORY. */
keel_status_t cursor_open(struct space *space, uint64_t start, uint64_t end, uint64_t *handle);
void cursor_close(struct cursor *cursor);
void cursor_put(struct cursor *cursor);

/* Is it open, and the calling task's? */
bool cursor_is_own(const struct cursor *cursor);

/* The calling task exits. */
void cursor_close_all(struct task *task);

/* Do the next `page_count` pages, at least one, lie in the range? */
bool cursor_fits(const struct cursor *cursor, uint64_t page_count);

/* The calls below are for the owner, and for pages that fit. Those that map, unmap and protect act from the
 * position on as core/mapping.h says, with its errors, and leave the position behind the pages if they
 * succeed. */
keel_status_t cursor_map(struct cursor *cursor, struct frame *first, uint64_t page_count, unsigned prot);
keel_status_t cursor_map_io(struct cursor *cursor, struct io_memory *io, hal_paddr_t first,
                            uint64_t page_count, unsigned prot);
/* Also frees the tables that it empties. */
keel_status_t cursor_unmap(struct cursor *cursor, uint64_t page_count, uint64_t *unmapped);
keel_status_t cursor_protect(struct cursor *cursor, uint64_t page_count, unsigned prot, uint64_t *changed);
/* The first mapping among the pages; the position goes there. E_NOT_FOUND: it stays. */
keel_status_t cursor_find(struct cursor *cursor, uint64_t page_count, struct space_mapping *found);
/* To a page of the range, or its end. E_INVALID. */
keel_status_t cursor_jump(struct cursor *cursor, uint64_t va);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Cursors: a range of a space that a task keeps locked between its calls (A3), and a position in it. A cursor
 * belongs to the task that opened it; whatever cursors a task still has when it exits are closed for it.
 */
#ifndef CORE_CURSOR_H
#define CORE_CURSOR_H

#include "core/range.h"

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

/* The next `page_count` pages, as the mapping operations take them. False: they leave the range. */
bool cursor_part(const struct cursor *cursor, uint64_t page_count, struct range *part);

/* Unmaps a part and frees the tables that it empties. E_NO_MEMORY. */
keel_status_t cursor_unmap(struct cursor *cursor, struct range *part, uint64_t *page_count);

#endif

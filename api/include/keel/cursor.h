/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Cursors: editing a range of an address space in several steps that nobody else's edits come between (A3). A
 * cursor keeps its range to itself from open to close, and has a position in it.
 *
 * What is kept is whole page tables. Another task's edits of the range answer E_BUSY meanwhile, and so may
 * edits outside it, in the same 2 MiB (for a range that crosses a border of 2 MiB, or lies inside a page of 2
 * MiB: in the same 1 GiB; and so on). Ranges apart from each other by that are edited in parallel. User
 * programs and copies go on using what is mapped.
 *
 * A cursor belongs to the task that opened it: from others every call answers E_DENIED. It has one handle and
 * holds a reference on its space. Cursors that a task has open when it exits are closed.
 *
 * Calls that act on pages begin at the position, answer E_INVALID if the pages leave the range, and leave the
 * position behind the last page when they succeed. Context of all: task.
 */
#ifndef KEEL_CURSOR_H
#define KEEL_CURSOR_H

#include "keel/space.h"

/* Opens [va, va + page_count pages); the position is `va`. Errors: E_BAD_HANDLE, E_INVALID (address, range),
 * E_BUSY (another cursor, also one of the calling task, keeps tables of it), E_LIMIT (cursors, references),
 * E_NO_MEMORY (page tables). */
keel_status_t keel_cursor_open(keel_space_t space, uint64_t va, uint64_t page_count, keel_cursor_t *cursor);
/* Closes it and its handle. Errors: E_BAD_HANDLE, E_DENIED. */
keel_status_t keel_cursor_close(keel_cursor_t cursor);

/* Moves the position to any page of the range, or to its end. Errors: E_BAD_HANDLE, E_DENIED, E_INVALID. */
keel_status_t keel_cursor_jump(keel_cursor_t cursor, uint64_t va);

/* As the calls on spaces with the same names (keel/space.h), with their errors but for E_BUSY; and E_DENIED.
 */
keel_status_t keel_cursor_map(keel_cursor_t cursor, keel_frame_t frame, uint32_t rights);
keel_status_t keel_cursor_map_segment(keel_cursor_t cursor, keel_segment_t segment, uint64_t index,
                                      uint64_t page_count, uint32_t rights);
keel_status_t keel_cursor_map_io(keel_cursor_t cursor, keel_io_memory_t io, uint64_t index,
                                 uint64_t page_count, uint32_t rights); /* keel/io_memory.h */
keel_status_t keel_cursor_unmap(keel_cursor_t cursor, uint64_t page_count, uint64_t *unmapped);
keel_status_t keel_cursor_protect(keel_cursor_t cursor, uint64_t page_count, uint32_t rights,
                                  uint64_t *changed);

/* What is mapped at the position, which stays. Errors: E_BAD_HANDLE, E_DENIED, E_INVALID (at the end),
 * E_NOT_FOUND. */
keel_status_t keel_cursor_query(keel_cursor_t cursor, struct keel_mapping *mapping);

/* Moves the position to the next page that is mapped, among the next `page_count`, and says what is there.
 * Errors: E_BAD_HANDLE, E_DENIED, E_INVALID, E_NOT_FOUND (the position stays). */
keel_status_t keel_cursor_find_next(keel_cursor_t cursor, uint64_t page_count, struct keel_mapping *mapping);

#endif

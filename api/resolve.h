/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From a handle's value to the object, held with one reference, and back (H1, H2). For objects
 * other than frames the slot is looked up by core/object.c.
 */
#ifndef API_RESOLVE_H
#define API_RESOLVE_H

#include <stdint.h>

#include "keel/status.h"

struct frame;
struct list;
struct segment;
struct space;
struct task;
struct cursor;
struct memory;

/* E_BAD_HANDLE, E_LIMIT. */
keel_status_t resolve_frame(uint64_t handle, struct frame **frame);
keel_status_t resolve_segment(uint64_t handle, struct segment **segment);
keel_status_t resolve_space(uint64_t handle, struct space **space);
keel_status_t resolve_task(uint64_t handle, struct task **task);
keel_status_t resolve_cursor(uint64_t handle, struct cursor **cursor);
keel_status_t resolve_list(uint64_t handle, struct list **list);
/* E_BAD_HANDLE, E_BUSY. */
keel_status_t resolve_unique(uint64_t handle, struct frame **frame);
keel_status_t resolve_memory(uint64_t handle, struct memory **memory);

/* Drop what resolve took; NULL is fine. */
void let_go_frame(struct frame *frame);
void let_go_segment(struct segment *segment);
void let_go_space(struct space *space);
void let_go_task(struct task *task);
void let_go_cursor(struct cursor *cursor);
void let_go_list(struct list *list);
void let_go_unique(struct frame *frame);
void let_go_memory(struct memory *memory);

#endif

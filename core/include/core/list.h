/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lists of frames, linked through the frames' own metadata by frame number. A frame in a list is PRIVATE and
 * UNTYPED: the list owns it, no handle names it. `frame->list` says which list it is in, so it is in one at
 * most, and whoever holds a list's lock knows exactly which frames are in it.
 */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include "core/frame.h"
#include "core/object.h"
#include "core/spinlock.h"

struct list {
    struct object object; /* first */
    struct spinlock lock; /* over all below and the links of the frames in the list */
    uint32_t first, last; /* frame numbers; FRAME_NUMBER_NONE: the list is empty */
    uint64_t length;
};

enum list_end {
    LIST_FRONT,
    LIST_BACK,
};

/* An empty list. E_LIMIT. */
keel_status_t frame_list_create(uint64_t *handle);
/* Drops a reference; after the last one the list ends and its frames are freed. */
void frame_list_put(struct list *list);

/* Puts a UNIQUE frame that the caller holds before the frame `next` of the list, or at its end for
 * FRAME_NUMBER_NONE. E_NOT_FOUND: `next` is not in the list; E_LIMIT: the frame's generation is used up; in
 * both cases the caller still holds it. */
keel_status_t frame_list_insert(struct list *list, struct frame *frame, uint32_t next);
keel_status_t frame_list_push(struct list *list, struct frame *frame, enum list_end end);

/* Takes a frame out: UNIQUE again, with a new handle. E_NOT_FOUND: the list is empty; `number` is not in it.
 */
keel_status_t frame_list_pop(struct list *list, enum list_end end, uint64_t *handle);
keel_status_t frame_list_remove(struct list *list, uint32_t number, uint64_t *handle);

bool frame_list_contains(struct list *list, uint32_t number);
uint64_t frame_list_length(struct list *list);
/* The neighbour of a frame in the list; for FRAME_NUMBER_NONE, which stands between the last and the first,
 * the first or the last. E_NOT_FOUND: `number` is not in the list. */
keel_status_t frame_list_next(struct list *list, uint32_t number, uint32_t *next);
keel_status_t frame_list_previous(struct list *list, uint32_t number, uint32_t *previous);

#endif

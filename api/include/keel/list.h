/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lists of unique frames. The links stand in Keel's own metadata, so a list costs no memory per frame and is
 * as long as there are frames. A list owns its frames: what goes in is named by its unique handle, which is
 * closed; what comes out gets a new one. In between a frame is named by its physical address. A frame is in
 * at most one list. Tag, words and contents (keel/unique.h) stay as they are. A list whose last reference
 * goes frees its frames.
 *
 * Each call is one atomic step with respect to all others on the same list (M2). E_BAD_HANDLE and E_LIMIT of
 * the list's handle are not repeated below. Addresses are physical, in bytes; one that is not a multiple of
 * KEEL_PAGE_SIZE is E_INVALID. Context of all calls below: task, atomic.
 */
#ifndef KEEL_LIST_H
#define KEEL_LIST_H

#include "keel/handle.h"

/* Stands between the last frame of a list and the first. */
#define KEEL_LIST_END UINT64_MAX

/* An empty list with one reference. Errors: E_LIMIT (no free slot), E_INVALID. */
keel_status_t keel_list_create(keel_list_t *list);
/* Errors: E_LIMIT. */
keel_status_t keel_list_ref(keel_list_t list);
keel_status_t keel_list_release(keel_list_t list);

/* Put a frame at the front, at the back, or before the frame at address `next` (KEEL_LIST_END: at the back),
 * and close `unique`. Errors: E_BAD_HANDLE, E_BUSY (of `unique`), E_LIMIT (keel_unique_from_frame says when),
 * E_INVALID, E_NOT_FOUND (`next` is not in the list). After an error `unique` is as it was. */
keel_status_t keel_list_push_front(keel_list_t list, keel_unique_t unique);
keel_status_t keel_list_push_back(keel_list_t list, keel_unique_t unique);
keel_status_t keel_list_insert(keel_list_t list, uint64_t next, keel_unique_t unique);

/* Take out the first frame, the last one, or the one at `address`. Errors: E_NOT_FOUND (the list is empty;
 * that frame is not in it), E_INVALID. */
keel_status_t keel_list_pop_front(keel_list_t list, keel_unique_t *unique);
keel_status_t keel_list_pop_back(keel_list_t list, keel_unique_t *unique);
keel_status_t keel_list_remove(keel_list_t list, uint64_t address, keel_unique_t *unique);

/* `contains` gets 1 if the frame at `address` is in the list, otherwise 0. Errors: E_INVALID. */
keel_status_t keel_list_contains(keel_list_t list, uint64_t address, uint32_t *contains);

/* The neighbour of the frame at `address`, KEEL_LIST_END past either end. From KEEL_LIST_END: the first, or
 * the last frame. Errors: E_NOT_FOUND (the frame at `address` is not in the list), E_INVALID. */
keel_status_t keel_list_next(keel_list_t list, uint64_t address, uint64_t *next);
keel_status_t keel_list_previous(keel_list_t list, uint64_t address, uint64_t *previous);

/* Frames in the list at some moment during the call. Errors: E_INVALID. */
keel_status_t keel_list_length(keel_list_t list, uint64_t *length);

#endif

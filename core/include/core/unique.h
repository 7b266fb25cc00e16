/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The two forms of an untyped frame: shared (LIVE, counted) and unique (one handle, one call at a time), and
 * what clients keep with a frame. A conversion closes the handle of the old form for ever.
 */
#ifndef CORE_UNIQUE_H
#define CORE_UNIQUE_H

#include "core/frame.h"

/* Makes a shared frame unique: the reference of the caller and one handle must be all there is, and both go
 * into the new handle. E_BUSY, E_LIMIT as ref_convert_live: nothing changed. */
keel_status_t unique_from_shared(struct frame *frame, uint64_t *handle);
/* Makes a unique frame that the caller holds a shared one with one reference, which the handle is. E_LIMIT:
 * nothing changed. */
keel_status_t unique_to_shared(struct frame *frame, uint64_t *handle);
/* Frees a unique frame that the caller holds. */
void unique_end(struct frame *frame);

/* For a unique frame that the caller holds. */
void unique_set_client(struct frame *frame, uint32_t tag, const uint64_t *words);

/* Word `index` of a shared frame that the caller holds. E_DENIED: the frame's tag is another one; nothing is
 * read or written. */
keel_status_t frame_word_load(const struct frame *frame, uint32_t tag, unsigned index, uint64_t *value);
keel_status_t frame_word_store(struct frame *frame, uint32_t tag, unsigned index, uint64_t value);
/* Stores `desired` if the word is `expected`. `previous` gets what it was. */
keel_status_t frame_word_exchange(struct frame *frame, uint32_t tag, unsigned index, uint64_t expected,
                                  uint64_t desired, uint64_t *previous);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Unique frames: untyped memory with exactly one owner, and what clients keep with a frame.
 *
 * A frame has two forms. A shared one (keel_frame_t) is counted and may be mapped and be part of segments. A
 * unique one (keel_unique_t) has one handle, which is not counted: there is no second reference, nothing maps
 * it, and only one call at a time works on it; another that names it meanwhile gets E_BUSY. Like all handles
 * it is a plain value: whoever knows it is the owner. A conversion closes the old handle for ever and gives a
 * new one (H3).
 *
 * With each frame a client can keep a kind tag and two words. All are 0 in new memory (M9). Tag and words are
 * set while the frame is unique. While it is shared the tag is fixed, and the words are read and changed
 * atomically by whoever names the right tag: a checked cast from "a frame" to "a frame of my kind".
 *
 * Every call that takes a keel_unique_t may answer E_BAD_HANDLE and E_BUSY (another call is using the frame
 * at this moment). Where a call has more errors, nothing has changed and the handles given stay valid.
 * Context of all calls below: task, atomic, irq.
 */
#ifndef KEEL_UNIQUE_H
#define KEEL_UNIQUE_H

#include "keel/handle.h"

#define KEEL_FRAME_WORDS 2u

struct keel_unique_info {
    uint64_t address; /* physical, bytes */
    uint64_t tag;
    uint64_t words[KEEL_FRAME_WORDS];
};

/* Allocates one zeroed unique frame. Errors: E_NO_MEMORY, E_INVALID. Leans on M2, M5, M9. */
keel_status_t keel_unique_alloc(keel_unique_t *unique);

/* Makes a shared frame unique and closes `frame`. Errors: E_BAD_HANDLE; E_BUSY (there is another reference: a
 * second one of a client, a mapping, a segment, a call in progress); E_LIMIT (the frame was converted or
 * reused some four thousand million times); E_INVALID. Leans on M2. */
keel_status_t keel_unique_from_frame(keel_frame_t frame, keel_unique_t *unique);

/* Makes a unique frame shared, with one reference, and closes `unique`. Errors: E_LIMIT (as above),
 * E_INVALID. */
keel_status_t keel_unique_to_frame(keel_unique_t unique, keel_frame_t *frame);

/* Frees the frame and closes the handle. */
keel_status_t keel_unique_release(keel_unique_t unique);

/* As keel_frame_read and keel_frame_write. Errors: E_INVALID (range or NULL buffer). */
keel_status_t keel_unique_read(keel_unique_t unique, uint64_t offset, void *buffer, size_t size);
keel_status_t keel_unique_write(keel_unique_t unique, uint64_t offset, const void *buffer, size_t size);

/* Errors: E_INVALID. */
keel_status_t keel_unique_info(keel_unique_t unique, struct keel_unique_info *info);

/* Sets the tag and both words. */
keel_status_t keel_unique_set(keel_unique_t unique, uint32_t tag, uint64_t word0, uint64_t word1);

/* Word `index` (0..KEEL_FRAME_WORDS - 1) of a shared frame whose tag is `tag`. The load orders before what
 * the caller does later, the store after what it did before, the exchange both: words may publish what lies
 * in the frame. Errors: E_BAD_HANDLE, E_INVALID (index, NULL), E_DENIED (the frame has another tag), E_LIMIT.
 */
keel_status_t keel_frame_word_load(keel_frame_t frame, uint32_t tag, uint32_t index, uint64_t *value);
keel_status_t keel_frame_word_store(keel_frame_t frame, uint32_t tag, uint32_t index, uint64_t value);

/* Stores `desired` if the word is `expected`, in one step. `previous` gets the word as it was: the exchange
 * took place if that is `expected`. Errors: as above. */
keel_status_t keel_frame_word_exchange(keel_frame_t frame, uint32_t tag, uint32_t index, uint64_t expected,
                                       uint64_t desired, uint64_t *previous);

#endif

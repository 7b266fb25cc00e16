/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames and segments: physical memory that clients, users and devices may share.
 *
 * All of it is untyped: Keel keeps nothing in it and it holds no C objects; it is touched by copy only (M4),
 * so clients get no pointer to it. New memory reads as zeroes (M9). A frame that is mapped in an address
 * space or is part of a segment has a reference for that, so it outlives the client's last handle until it is
 * unmapped.
 * Frames with one owner, and the tag and words that a client can keep with any frame: keel/unique.h.
 *
 * Context of all calls below: task, atomic; of those about a single frame also irq.
 */
#ifndef KEEL_FRAME_H
#define KEEL_FRAME_H

#include "keel/handle.h"

#define KEEL_PAGE_SIZE 4096u
/* References of clients that one object can hold; one more is E_LIMIT (M6). */
#define KEEL_REFERENCES_MAX 0xff0000u

struct keel_frame_info {
    uint64_t address; /* physical, bytes */
    /* At some moment during the call: handles, segments, mappings, other calls in progress. */
    uint64_t references;
    uint64_t tag; /* what the client words are for; 0: a frame that was never given a tag (keel/unique.h) */
};

struct keel_segment_info {
    uint64_t address;     /* physical, bytes, of the first frame */
    uint64_t frame_count; /* contiguous frames */
};

/* Allocates one zeroed frame with one reference. Errors: E_NO_MEMORY, E_INVALID. Leans on M2, M5, M9. */
keel_status_t keel_frame_alloc(keel_frame_t *frame);

/* One more reference. Errors: E_BAD_HANDLE, E_LIMIT. */
keel_status_t keel_frame_ref(keel_frame_t frame);

/* Drops one reference of the clients'; after the last one the handle is closed, and the frame is freed once
 * no mapping and no segment holds it either. Releasing more often than one referenced can close other
 * clients' handles, but never reaches the references of mappings and segments: these are counted apart.
 * Errors: E_BAD_HANDLE. */
keel_status_t keel_frame_release(keel_frame_t frame);

/* Copies bytes out of or into a frame. 0 <= offset, offset + size <= KEEL_PAGE_SIZE. Each byte is moved once.
 * Errors: E_BAD_HANDLE, E_INVALID (range or NULL buffer). */
keel_status_t keel_frame_read(keel_frame_t frame, uint64_t offset, void *buffer, size_t size);
keel_status_t keel_frame_write(keel_frame_t frame, uint64_t offset, const void *buffer, size_t size);

/* Physical properties. Errors: E_BAD_HANDLE, E_INVALID. */
keel_status_t keel_frame_info(keel_frame_t frame, struct keel_frame_info *info);

/* Allocates `frame_count` (1..2^20) contiguous zeroed frames, the first one at a multiple of `alignment`
 * frames (a power of two, 1..2^18). Errors: E_INVALID, E_NO_MEMORY, E_LIMIT (no free segment slot). */
keel_status_t keel_segment_alloc(uint64_t frame_count, uint64_t alignment, keel_segment_t *segment);
keel_status_t keel_segment_ref(keel_segment_t segment);
keel_status_t keel_segment_release(keel_segment_t segment);

/* As for frames, over the whole segment: offset + size <= frame_count * KEEL_PAGE_SIZE. */
keel_status_t keel_segment_read(keel_segment_t segment, uint64_t offset, void *buffer, size_t size);
keel_status_t keel_segment_write(keel_segment_t segment, uint64_t offset, const void *buffer, size_t size);
keel_status_t keel_segment_info(keel_segment_t segment, struct keel_segment_info *info);

/* Frame `index` of the segment, with a new reference for the caller. Errors: E_BAD_HANDLE, E_INVALID (index),
 * E_LIMIT. */
keel_status_t keel_segment_frame(keel_segment_t segment, uint64_t index, keel_frame_t *frame);

/* A new segment over the frames [index, index + frame_count) of `segment`, which both share from now on.
 * Errors: E_BAD_HANDLE, E_INVALID (the range is empty or leaves the segment), E_LIMIT (no free segment slot,
 * or a frame has as many references as it can). */
keel_status_t keel_segment_slice(keel_segment_t segment, uint64_t index, uint64_t frame_count,
                                 keel_segment_t *slice);

/* Two new segments: the frames before `index` and the rest, neither empty. One reference to `segment` is
 * dropped, as by keel_segment_release; where others hold it as well, it lives on and shares its frames with
 * the two. All or nothing. Errors: as above; the same pointer for both is the caller's loss. */
keel_status_t keel_segment_split(keel_segment_t segment, uint64_t index, keel_segment_t *low,
                                 keel_segment_t *high);

#endif

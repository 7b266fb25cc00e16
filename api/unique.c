/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/unique.h. Bodies that take a frame have used it up when they succeed.
 */
#include "core/unique.h"

#include "bytes.h"
#include "calls.h"

_Static_assert(KEEL_FRAME_WORDS == FRAME_WORDS, "one number of client words");

keel_status_t call_unique_alloc(uint64_t *unique)
{
    return frame_create_unique(unique);
}

keel_status_t call_unique_from_frame(struct frame *frame, uint64_t *unique)
{
    return unique_from_shared(frame, unique);
}

keel_status_t call_unique_to_frame(struct frame *unique, uint64_t *frame)
{
    return unique_to_shared(unique, frame);
}

keel_status_t call_unique_release(struct frame *unique)
{
    unique_end(unique);
    return KEEL_OK;
}

keel_status_t call_unique_read(struct frame *unique, uint64_t offset, void *buffer, size_t buffer_size)
{
    return bytes_read(frame_address(unique), HAL_PAGE_SIZE, offset, buffer, buffer_size);
}

keel_status_t call_unique_write(struct frame *unique, uint64_t offset, const void *buffer, size_t buffer_size)
{
    return bytes_write(frame_address(unique), HAL_PAGE_SIZE, offset, buffer, buffer_size);
}

keel_status_t call_unique_info(struct frame *unique, struct keel_unique_info *info)
{
    info->address = frame_address(unique).value;
    info->tag = unique->client.tag;
    for (unsigned i = 0; i < FRAME_WORDS; i++) {
        info->words[i] = atomic_u64_load_relaxed(&unique->client.words[i]);
    }
    return KEEL_OK;
}

keel_status_t call_unique_set(struct frame *unique, uint32_t tag, uint64_t word0, uint64_t word1)
{
    const uint64_t words[FRAME_WORDS] = {word0, word1};
    unique_set_client(unique, tag, words);
    return KEEL_OK;
}

keel_status_t call_frame_word_load(struct frame *frame, uint32_t tag, uint32_t index, uint64_t *value)
{
    if (index >= FRAME_WORDS) {
        return KEEL_E_INVALID;
    }
    return frame_word_load(frame, tag, index, value);
}

keel_status_t call_frame_word_store(struct frame *frame, uint32_t tag, uint32_t index, uint64_t value)
{
    if (index >= FRAME_WORDS) {
        return KEEL_E_INVALID;
    }
    return frame_word_store(frame, tag, index, value);
}

keel_status_t call_frame_word_exchange(struct frame *frame, uint32_t tag, uint32_t index, uint64_t expected,
                                       uint64_t desired, uint64_t *previous)
{
    if (index >= FRAME_WORDS) {
        return KEEL_E_INVALID;
    }
    return frame_word_exchange(frame, tag, index, expected, desired, previous);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Unique frames and the words of clients, see core/unique.h.
 */
#include "core/unique.h"

#include "core/assert.h"

keel_status_t unique_from_shared(struct frame *frame, uint64_t *handle)
{
    keel_status_t status = ref_convert_live(&frame->ref);
    if (status == KEEL_OK) {
        *handle = frame_unique_handle(frame);
        ref_publish_unique(&frame->ref);
    }
    return status;
}

keel_status_t unique_to_shared(struct frame *frame, uint64_t *handle)
{
    keel_status_t status = ref_convert_unique(&frame->ref);
    if (status == KEEL_OK) {
        *handle = frame_handle(frame);
        ref_publish(&frame->ref, 1, true);
    }
    return status;
}

void unique_end(struct frame *frame)
{
    ref_take_unique(&frame->ref);
    frame_free_busy(frame);
}

void unique_set_client(struct frame *frame, uint32_t tag, const uint64_t *words)
{
    frame->client.tag = tag;
    for (unsigned i = 0; i < FRAME_WORDS; i++) {
        atomic_u64_store_relaxed(&frame->client.words[i], words[i]);
    }
}

/* The checked downcast: who names the right tag knows what the words mean. */
static bool may_use(const struct frame *frame, uint32_t tag, unsigned index)
{
    CORE_ASSERT(index < FRAME_WORDS);
    return frame->client.tag == tag;
}

keel_status_t frame_word_load(const struct frame *frame, uint32_t tag, unsigned index, uint64_t *value)
{
    if (!may_use(frame, tag, index)) {
        return KEEL_E_DENIED;
    }
    *value = atomic_u64_load_acquire(&frame->client.words[index]);
    return KEEL_OK;
}

keel_status_t frame_word_store(struct frame *frame, uint32_t tag, unsigned index, uint64_t value)
{
    if (!may_use(frame, tag, index)) {
        return KEEL_E_DENIED;
    }
    atomic_u64_store_release(&frame->client.words[index], value);
    return KEEL_OK;
}

keel_status_t frame_word_exchange(struct frame *frame, uint32_t tag, unsigned index, uint64_t expected,
                                  uint64_t desired, uint64_t *previous)
{
    if (!may_use(frame, tag, index)) {
        return KEEL_E_DENIED;
    }
    *previous = expected;
    (void)atomic_u64_cas(&frame->client.words[index], previous, desired);
    return KEEL_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The blocks of the buddy allocator (services/buddy.h). The caller holds the lock that covers them.
 */
#ifndef SERVICES_BUDDY_BLOCKS_H
#define SERVICES_BUDDY_BLOCKS_H

#include "services/buddy.h"

void buddy_blocks_init(struct services_buddy_blocks *blocks, uint64_t *words, uint64_t frame_count);

/* Frames [first, first + count), all covered and none of them free, become free. */
void buddy_blocks_insert(struct services_buddy_blocks *blocks, uint64_t first, uint64_t count);

/* Takes `count` (1..2^SERVICES_BUDDY_TOP_ORDER) frames from the first of the smallest blocks that fit, at a
 * multiple of `alignment`, a power of two. KEEL_FRAME_NONE: there is none. */
uint64_t buddy_blocks_take(struct services_buddy_blocks *blocks, uint64_t count, uint64_t alignment);

/* Takes up to `limit` single frames, those of the smallest blocks first. Answers how many. */
uint32_t buddy_blocks_take_singles(struct services_buddy_blocks *blocks, uint32_t *frames, uint32_t limit);

#endif

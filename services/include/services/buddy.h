/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default frame allocator: a binary buddy system that keeps everything in bitmaps, because a client
 * cannot keep lists inside the frames themselves. It serves frame numbers below SERVICES_BUDDY_FRAMES (16 GiB
 * of physical address space, for about 1 MiB of bitmaps); frames above are not taken in, Keel's fallback has
 * them.
 *
 * Block `i` of order k is the frames [i << k, (i + 1) << k). Its bit is set if and only if the whole block is
 * free and is not part of a larger free block. So no frame is covered by two set bits, and two buddies of an
 * order below the top are never both set.
 */
#ifndef SERVICES_BUDDY_H
#define SERVICES_BUDDY_H

#include "keel/policy.h"

#define SERVICES_BUDDY_FRAME_BITS 22u
#define SERVICES_BUDDY_FRAMES     (UINT64_C(1) << SERVICES_BUDDY_FRAME_BITS)
#define SERVICES_BUDDY_TOP_ORDER  20u /* the largest request that Keel knows */
#define SERVICES_BUDDY_ORDERS     (SERVICES_BUDDY_TOP_ORDER + 1u)

/* A bit set of order k is a tree: bit b of a level is set if word b of the level below is not zero. Four
 * levels of 64-bit words reach from one word to 2^22 bits. The words of all orders and levels stand in one
 * array: less than 2 * (2^16 + 2^10 + 2^4 + 1) by the sum over orders, plus one word at least for each level.
 */
#define SERVICES_BUDDY_LEVELS 4u
#define SERVICES_BUDDY_WORDS                                                                                 \
    (2u * (65536u + 1024u + 16u + 1u) + SERVICES_BUDDY_ORDERS * SERVICES_BUDDY_LEVELS)

struct services_buddy {
    uint64_t words[SERVICES_BUDDY_WORDS];
    uint32_t base[SERVICES_BUDDY_ORDERS][SERVICES_BUDDY_LEVELS]; /* first word of each level */
    uint64_t free_count;                                         /* frames */
};

/* Prepares `buddy`, which is zeroed, and gives the policy over it. No frame is known yet. */
struct keel_frame_allocator services_buddy_policy(struct services_buddy *buddy);

#endif

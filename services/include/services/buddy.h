/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default frame allocator: a binary buddy system under one lock, and before it a small cache of single
 * frames for each CPU (a magazine), filled and emptied in batches, so that most requests touch nothing that
 * another CPU touches. Requests that the blocks cannot serve call back what the caches of all CPUs hold
 * before they fail.
 *
 * Blocks are kept in bitmaps, because a client cannot keep lists inside the frames themselves. The caller
 * brings the memory for them, about 4 MiB for 64 GiB of physical address space; frames above what they cover
 * are not used, which the log and the statistics say.
 */
#ifndef SERVICES_BUDDY_H
#define SERVICES_BUDDY_H

#include <stdatomic.h>

#include "keel/policy.h"

#define SERVICES_BUDDY_TOP_ORDER 20u /* the largest request that Keel knows, 2^20 frames */
#define SERVICES_BUDDY_ORDERS    (SERVICES_BUDDY_TOP_ORDER + 1u)
/* Frame numbers that there can be: 1 TiB. */
#define SERVICES_BUDDY_FRAMES_MAX (UINT64_C(1) << 28)

/* A bit set of one order is a tree: bit b of a level is set if word b of the level below is not zero. Five
 * levels of 64-bit words reach from one word to 2^28 bits. All orders of all levels together have less than
 * 2 * frames / 63 words, and the last word of each may be incomplete. */
#define SERVICES_BUDDY_LEVELS        5u
#define SERVICES_BUDDY_WORDS(frames) ((frames) / 31u + SERVICES_BUDDY_ORDERS * SERVICES_BUDDY_LEVELS)

#define SERVICES_BUDDY_MAGAZINE 64u /* single frames that one CPU's cache holds at most */
#define SERVICES_BUDDY_BATCH    32u /* that go into or out of it at once */

/* Free blocks. Block `i` of order k is the frames [i << k, (i + 1) << k). Its bit is set if and only if the
 * whole block is free and is not part of a larger free block. So no frame is covered by two set bits, and two
 * buddies of an order below the top are never both set. */
struct services_buddy_blocks {
    uint64_t *words;
    uint64_t frame_count;                                        /* frame numbers covered */
    uint32_t base[SERVICES_BUDDY_ORDERS][SERVICES_BUDDY_LEVELS]; /* first word of each level */
    _Atomic uint64_t free_blocks[SERVICES_BUDDY_ORDERS];         /* bits set */
};

struct services_buddy_magazine {
    _Alignas(64) atomic_uint lock; /* covers the rest; outside the buddy's lock */
    atomic_uint count;
    _Atomic uint64_t hits, misses;
    uint32_t frames[SERVICES_BUDDY_MAGAZINE];
};

struct services_buddy {
    struct services_buddy_magazine magazines[KEEL_CPU_MAX];
    atomic_uint lock; /* covers the blocks */
    struct services_buddy_blocks blocks;
    _Atomic uint64_t outside;
};

struct services_buddy_stats {
    uint64_t free_frames;                        /* in blocks and in caches */
    uint64_t cached_frames;                      /* of them, in caches */
    uint64_t outside_frames;                     /* seen, not used: their numbers are too high */
    uint64_t cache_hits, cache_misses;           /* requests for single frames */
    uint64_t free_blocks[SERVICES_BUDDY_ORDERS]; /* of each order */
};

/* Prepares `buddy` for frame numbers below `frame_count` (1..SERVICES_BUDDY_FRAMES_MAX) and gives the policy
 * over it. `buddy` and the SERVICES_BUDDY_WORDS(frame_count) `words` are zeroed and stay its own for ever. No
 * frame is known yet. */
struct keel_frame_allocator services_buddy_policy(struct services_buddy *buddy, uint64_t *words,
                                                  uint64_t frame_count);

/* Any context. Takes no lock: while frames come and go the numbers are not of one moment. */
void services_buddy_stats(const struct services_buddy *buddy, struct services_buddy_stats *stats);

#endif

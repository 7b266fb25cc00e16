/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The addresses that one device uses: which of them are taken. Pure code; the domain's lock is held.
 *
 * A mapping takes a block of 2^order pages, aligned to its size. Each order has an arena of its own, so that
 * blocks never have to be split or merged, and each is a bit. The arenas of small blocks, of 64 MiB each, lie
 * where a device reaches that knows 32 bits of an address, and those of large ones, of 32 GiB each, far
 * above:
 *
 *   0       64 MiB       128 MiB              960 MiB      1 GiB
 *   | none  |  order 0   |  order 1   |  ...  |  order 14  |
 *
 *   32 GiB       64 GiB       96 GiB           192 GiB      224 GiB
 *   |  order 15  |  order 16  |       ...      |  order 20  |
 *
 * Nothing is below 64 MiB: a device that is told 0 reaches nothing. The window for interrupts, below 4 GiB,
 * is between the two. A large block begins where an entry of 2 MiB, or of 1 GiB if it has the size, can.
 */
#ifndef CORE_IOVA_H
#define CORE_IOVA_H

#include "hal/types.h"

#define IOVA_ORDERS          15u /* of small blocks */
#define IOVA_ARENA_SHIFT     26
#define IOVA_END             ((uint64_t)(IOVA_ORDERS + 1) << IOVA_ARENA_SHIFT)
#define IOVA_SMALL_PAGES_MAX (UINT64_C(1) << (IOVA_ARENA_SHIFT - HAL_PAGE_SHIFT))
#define IOVA_WORDS           512u /* one page of bits */

#define IOVA_LARGE_ORDERS      6u
#define IOVA_LARGE_ARENA_SHIFT 35
#define IOVA_LARGE_FIRST       (UINT64_C(1) << IOVA_LARGE_ARENA_SHIFT)
#define IOVA_LARGE_END         ((uint64_t)(IOVA_LARGE_ORDERS + 1) << IOVA_LARGE_ARENA_SHIFT)
#define IOVA_LARGE_WORDS       8u

#define IOVA_PAGES_MAX (UINT64_C(1) << (IOVA_ORDERS + IOVA_LARGE_ORDERS - 1)) /* of one mapping */

/* Arenas of one size. */
struct iova_range {
    uint64_t *bits;
    uint16_t hint[IOVA_ORDERS]; /* by order: the word where the search begins */
};

struct iova {
    struct iova_range small, large;
    bool has_large;
    uint64_t large_bits[IOVA_LARGE_WORDS];
};

/* All are free that the hardware translates: those below 2^address_bits. `bits`: IOVA_WORDS. */
void iova_init(struct iova *iova, uint64_t *bits, unsigned address_bits);

/* A block for 1..IOVA_PAGES_MAX pages. False: none of that size is left. */
bool iova_take(struct iova *iova, uint64_t page_count, uint64_t *address);
/* The block that begins there. */
void iova_give_back(struct iova *iova, uint64_t address);

#endif

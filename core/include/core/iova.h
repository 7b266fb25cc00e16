/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The addresses that one device uses: which of them are taken. Pure code; the domain's lock is held.
 *
 * A mapping takes a block of 2^order pages, aligned to its size. Each order has an arena of 64 MiB of its
 * own:
 *
 *   0       64 MiB       128 MiB              960 MiB      1 GiB
 *   | none  |  order 0   |  order 1   |  ...  |  order 14  |
 *
 * so that blocks never have to be split or merged, and each is a bit in one page of bits. Nothing is below
 * 64 MiB: a device that is told 0 reaches nothing. The window for interrupts is far above.
 */
#ifndef CORE_IOVA_H
#define CORE_IOVA_H

#include "hal/types.h"

#define IOVA_ORDERS      15u
#define IOVA_ARENA_SHIFT 26
#define IOVA_END         ((uint64_t)(IOVA_ORDERS + 1) << IOVA_ARENA_SHIFT)
#define IOVA_PAGES_MAX   (UINT64_C(1) << (IOVA_ARENA_SHIFT - HAL_PAGE_SHIFT)) /* of one mapping */
#define IOVA_WORDS       512u                                                 /* one page of bits */

struct iova {
    uint64_t *bits;             /* IOVA_WORDS */
    uint16_t hint[IOVA_ORDERS]; /* the word where the search begins */
};

/* All are free. */
void iova_init(struct iova *iova, uint64_t *bits);

/* A block for 1..IOVA_PAGES_MAX pages. False: none of that size is left. */
bool iova_take(struct iova *iova, uint64_t page_count, uint64_t *address);
/* The block that begins there. */
void iova_give_back(struct iova *iova, uint64_t address);

#endif

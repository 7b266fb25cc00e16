/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Free blocks in bitmaps, see services/buddy.h for the invariants. The smallest block that fits goes first,
 * the lowest one among equals, so that a run is repeatable and large blocks survive.
 */
#include "buddy_blocks.h"

#include <stdbool.h>

#define NONE UINT64_MAX

/* --- Bit sets --- */

static uint64_t bits_of(const struct services_buddy_blocks *blocks, uint32_t order)
{
    return blocks->frame_count >> order;
}

static uint64_t *set_word(const struct services_buddy_blocks *blocks, uint32_t order, uint32_t level,
                          uint64_t bit)
{
    return &blocks->words[blocks->base[order][level] + (bit >> 6)];
}

static bool set_test(const struct services_buddy_blocks *blocks, uint32_t order, uint64_t bit)
{
    return (*set_word(blocks, order, 0, bit) >> (bit & 63) & 1) != 0;
}

/* Written under the lock, read by the statistics at any time. */
static void count_blocks(struct services_buddy_blocks *blocks, uint32_t order, uint64_t difference)
{
    uint64_t count = atomic_load_explicit(&blocks->free_blocks[order], memory_order_relaxed);
    atomic_store_explicit(&blocks->free_blocks[order], count + difference, memory_order_relaxed);
}

static void set_add(struct services_buddy_blocks *blocks, uint32_t order, uint64_t bit)
{
    count_blocks(blocks, order, 1);
    for (uint32_t level = 0; level < SERVICES_BUDDY_LEVELS; level++, bit >>= 6) {
        uint64_t *word = set_word(blocks, order, level, bit);
        bool was_empty = *word == 0;
        *word |= UINT64_C(1) << (bit & 63);
        if (!was_empty) {
            return;
        }
    }
}

static void set_remove(struct services_buddy_blocks *blocks, uint32_t order, uint64_t bit)
{
    count_blocks(blocks, order, UINT64_MAX);
    for (uint32_t level = 0; level < SERVICES_BUDDY_LEVELS; level++, bit >>= 6) {
        uint64_t *word = set_word(blocks, order, level, bit);
        *word &= ~(UINT64_C(1) << (bit & 63));
        if (*word != 0) {
            return;
        }
    }
}

static uint32_t lowest_bit(uint64_t word)
{
    uint32_t bit = 0;
    for (uint32_t step = 32; step != 0; step >>= 1) {
        if ((word & ((UINT64_C(1) << step) - 1)) == 0) {
            word >>= step;
            bit += step;
        }
    }
    return bit;
}

/* The first member at or above `from`, NONE if there is none: up the tree until a word has a bit that is high
 * enough, then down along the lowest bits. */
static uint64_t set_next(const struct services_buddy_blocks *blocks, uint32_t order, uint64_t from)
{
    uint64_t bits = bits_of(blocks, order);
    if (from >= bits) {
        return NONE;
    }
    uint32_t level = 0;
    uint64_t bit = from;
    for (;;) {
        uint64_t word = *set_word(blocks, order, level, bit) & (UINT64_MAX << (bit & 63));
        if (word != 0) {
            bit = (bit & ~UINT64_C(63)) | lowest_bit(word);
            break;
        }
        bit = (bit >> 6) + 1;
        level++;
        if (level == SERVICES_BUDDY_LEVELS || bit >= ((bits - 1) >> (6 * level)) + 1) {
            return NONE;
        }
    }
    while (level != 0) {
        level--;
        bit = bit << 6 | lowest_bit(*set_word(blocks, order, level, bit << 6));
    }
    return bit;
}

/* --- Blocks --- */

/* Sets the block free and merges it with its buddy as long as that one is free as well. */
static void block_insert(struct services_buddy_blocks *blocks, uint64_t first, uint32_t order)
{
    uint64_t block = first >> order;
    while (order < SERVICES_BUDDY_TOP_ORDER && block >> 1 < bits_of(blocks, order + 1) &&
           set_test(blocks, order, block ^ 1)) {
        set_remove(blocks, order, block ^ 1);
        block >>= 1;
        order++;
    }
    set_add(blocks, order, block);
}

/* The largest order of a block that begins at `first` and has no more than `count` frames. */
static uint32_t largest_order_at(uint64_t first, uint64_t count)
{
    uint32_t order = 0;
    while (order < SERVICES_BUDDY_TOP_ORDER && (first >> order & 1) == 0 && UINT64_C(2) << order <= count) {
        order++;
    }
    return order;
}

void buddy_blocks_insert(struct services_buddy_blocks *blocks, uint64_t first, uint64_t count)
{
    while (count != 0) {
        uint32_t order = largest_order_at(first, count);
        block_insert(blocks, first, order);
        first += UINT64_C(1) << order;
        count -= UINT64_C(1) << order;
    }
}

/* The first free block of `order` that begins at a multiple of `alignment`; NONE if there is none. */
static uint64_t block_find(const struct services_buddy_blocks *blocks, uint32_t order, uint64_t alignment)
{
    uint64_t step = alignment >> order;
    uint64_t block = set_next(blocks, order, 0);
    while (block != NONE && step > 1 && (block & (step - 1)) != 0) {
        block = set_next(blocks, order, (block | (step - 1)) + 1);
    }
    return block;
}

uint64_t buddy_blocks_take(struct services_buddy_blocks *blocks, uint64_t count, uint64_t alignment)
{
    uint32_t order = 0;
    while (UINT64_C(1) << order < count) {
        order++;
    }
    for (; order <= SERVICES_BUDDY_TOP_ORDER; order++) {
        uint64_t block = block_find(blocks, order, alignment);
        if (block != NONE) {
            uint64_t first = block << order;
            set_remove(blocks, order, block);
            buddy_blocks_insert(blocks, first + count, (UINT64_C(1) << order) - count);
            return first;
        }
    }
    return KEEL_FRAME_NONE;
}

uint32_t buddy_blocks_take_singles(struct services_buddy_blocks *blocks, uint32_t *frames, uint32_t limit)
{
    uint32_t count = 0, order = 0;
    while (count < limit && order <= SERVICES_BUDDY_TOP_ORDER) {
        uint64_t block = set_next(blocks, order, 0);
        if (block == NONE) {
            order++;
            continue;
        }
        uint64_t first = block << order, size = UINT64_C(1) << order;
        uint64_t taken = size < limit - count ? size : limit - count;
        set_remove(blocks, order, block);
        for (uint64_t i = 0; i < taken; i++) {
            frames[count++] = (uint32_t)(first + i);
        }
        buddy_blocks_insert(blocks, first + taken, size - taken);
    }
    return count;
}

void buddy_blocks_init(struct services_buddy_blocks *blocks, uint64_t *words, uint64_t frame_count)
{
    uint64_t next = 0;
    blocks->words = words;
    blocks->frame_count = frame_count;
    for (uint32_t order = 0; order < SERVICES_BUDDY_ORDERS; order++) {
        uint64_t bits = bits_of(blocks, order);
        for (uint32_t level = 0; level < SERVICES_BUDDY_LEVELS; level++) {
            bits = (bits + 63) >> 6;
            blocks->base[order][level] = (uint32_t)next;
            next += bits;
        }
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default frame allocator; services/buddy.h says how it keeps its books. The smallest block that fits
 * goes first, the lowest one among equals, so that a run is repeatable and large blocks survive.
 */
#include "services/buddy.h"

#include <stdbool.h>

#define NONE UINT64_MAX

/* --- Bit sets --- */

static uint64_t bits_of(uint32_t order)
{
    return SERVICES_BUDDY_FRAMES >> order;
}

static uint64_t *set_word(struct services_buddy *buddy, uint32_t order, uint32_t level, uint64_t bit)
{
    return &buddy->words[buddy->base[order][level] + (bit >> 6)];
}

static bool set_test(struct services_buddy *buddy, uint32_t order, uint64_t bit)
{
    return (*set_word(buddy, order, 0, bit) >> (bit & 63) & 1) != 0;
}

static void set_add(struct services_buddy *buddy, uint32_t order, uint64_t bit)
{
    for (uint32_t level = 0; level < SERVICES_BUDDY_LEVELS; level++, bit >>= 6) {
        *set_word(buddy, order, level, bit) |= UINT64_C(1) << (bit & 63);
    }
}

static void set_remove(struct services_buddy *buddy, uint32_t order, uint64_t bit)
{
    for (uint32_t level = 0; level < SERVICES_BUDDY_LEVELS; level++, bit >>= 6) {
        uint64_t *word = set_word(buddy, order, level, bit);
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
static uint64_t set_next(struct services_buddy *buddy, uint32_t order, uint64_t from)
{
    if (from >= bits_of(order)) {
        return NONE;
    }
    uint32_t level = 0;
    uint64_t bit = from;
    for (;;) {
        uint64_t word = *set_word(buddy, order, level, bit) & (UINT64_MAX << (bit & 63));
        if (word != 0) {
            bit = (bit & ~UINT64_C(63)) | lowest_bit(word);
            break;
        }
        bit = (bit >> 6) + 1;
        level++;
        if (level == SERVICES_BUDDY_LEVELS || bit >= ((bits_of(order) - 1) >> (6 * level)) + 1) {
            return NONE;
        }
    }
    while (level != 0) {
        level--;
        bit = bit << 6 | lowest_bit(*set_word(buddy, order, level, bit << 6));
    }
    return bit;
}

/* --- Blocks --- */

static bool inside_free_block(struct services_buddy *buddy, uint64_t first, uint32_t order)
{
    for (uint32_t k = order; k <= SERVICES_BUDDY_TOP_ORDER; k++) {
        if (set_test(buddy, k, first >> k)) {
            return true;
        }
    }
    return false;
}

static bool holds_free_block(struct services_buddy *buddy, uint64_t first, uint32_t order)
{
    uint64_t end = first + (UINT64_C(1) << order);
    for (uint32_t k = 0; k < order; k++) {
        if (set_next(buddy, k, first >> k) < end >> k) {
            return true;
        }
    }
    return false;
}

/* Sets the block free and merges it with its buddy as long as that one is free as well. */
static void block_insert(struct services_buddy *buddy, uint64_t first, uint32_t order)
{
    buddy->free_count += UINT64_C(1) << order;
    uint64_t block = first >> order;
    while (order < SERVICES_BUDDY_TOP_ORDER && set_test(buddy, order, block ^ 1)) {
        set_remove(buddy, order, block ^ 1);
        block >>= 1;
        order++;
    }
    set_add(buddy, order, block);
}

static uint32_t largest_order_at(uint64_t first, uint64_t count)
{
    uint32_t order = 0;
    while (order < SERVICES_BUDDY_TOP_ORDER && (first & (UINT64_C(1) << order)) == 0 &&
           UINT64_C(2) << order <= count) {
        order++;
    }
    return order;
}

/* Frames [first, first + count), inside the capacity, become free. Frames that are free already stay as they
 * are: a block that holds some is cut in halves until its pieces are wholly free or wholly in use. */
static void range_insert(struct services_buddy *buddy, uint64_t first, uint64_t count)
{
    while (count != 0) {
        uint32_t order = largest_order_at(first, count);
        bool known = inside_free_block(buddy, first, order);
        while (!known && holds_free_block(buddy, first, order)) {
            order--;
            known = inside_free_block(buddy, first, order);
        }
        if (!known) {
            block_insert(buddy, first, order);
        }
        first += UINT64_C(1) << order;
        count -= UINT64_C(1) << order;
    }
}

/* The first free block of `order` that holds a multiple of `alignment` at its start; NONE if there is none.
 */
static uint64_t block_find(struct services_buddy *buddy, uint32_t order, uint64_t alignment)
{
    uint64_t step = alignment >> order;
    uint64_t block = set_next(buddy, order, 0);
    while (block != NONE && step > 1 && (block & (step - 1)) != 0) {
        block = set_next(buddy, order, (block | (step - 1)) + 1);
    }
    return block;
}

/* --- The policy --- */

static void buddy_free(void *context, uint64_t first, uint64_t count)
{
    if (first >= SERVICES_BUDDY_FRAMES) {
        return;
    }
    uint64_t room = SERVICES_BUDDY_FRAMES - first;
    range_insert(context, first, count < room ? count : room);
}

static uint64_t buddy_alloc(void *context, uint64_t count, uint64_t alignment)
{
    struct services_buddy *buddy = context;
    bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
    if (count == 0 || count > UINT64_C(1) << SERVICES_BUDDY_TOP_ORDER || !power_of_two) {
        return KEEL_FRAME_NONE;
    }

    uint32_t order = 0;
    while (UINT64_C(1) << order < count) {
        order++;
    }
    for (; order <= SERVICES_BUDDY_TOP_ORDER; order++) {
        uint64_t block = block_find(buddy, order, alignment);
        if (block == NONE) {
            continue;
        }
        set_remove(buddy, order, block);
        buddy->free_count -= UINT64_C(1) << order;
        uint64_t first = block << order;
        range_insert(buddy, first + count, (UINT64_C(1) << order) - count);
        return first;
    }
    return KEEL_FRAME_NONE;
}

struct keel_frame_allocator services_buddy_policy(struct services_buddy *buddy)
{
    uint32_t next = 0;
    for (uint32_t order = 0; order < SERVICES_BUDDY_ORDERS; order++) {
        uint64_t bits = bits_of(order);
        for (uint32_t level = 0; level < SERVICES_BUDDY_LEVELS; level++) {
            bits = (bits + 63) >> 6;
            buddy->base[order][level] = next;
            next += (uint32_t)bits;
        }
    }
    return (struct keel_frame_allocator){
        .context = buddy,
        .add = buddy_free,
        .alloc = buddy_alloc,
        .free = buddy_free,
    };
}

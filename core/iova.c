/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Device addresses, see core/iova.h.
 */
#include "core/iova.h"

#include "core/assert.h"
#include "hal/bits.h"

#define WORD_BITS 64u

/* All arenas together have one bit less than fits in the page: 2^14 + 2^13 + ... + 1. */
_Static_assert((2 * IOVA_PAGES_MAX) / WORD_BITS == IOVA_WORDS, "every block has a bit");
_Static_assert(IOVA_PAGES_MAX == UINT64_C(1) << (IOVA_ORDERS - 1), "the last arena is one block");

static unsigned order_of(uint64_t page_count)
{
    CORE_ASSERT(page_count > 0 && page_count <= IOVA_PAGES_MAX);
    return page_count == 1 ? 0 : hal_bit_highest(page_count - 1) + 1;
}

/* The bits of an order: so many, from there on. */
static unsigned bit_count(unsigned order)
{
    return (unsigned)(IOVA_PAGES_MAX >> order);
}

static unsigned first_bit(unsigned order)
{
    return (unsigned)(2 * IOVA_PAGES_MAX - (2 * IOVA_PAGES_MAX >> order));
}

static uint64_t address_of(unsigned order, unsigned block)
{
    return ((uint64_t)(order + 1) << IOVA_ARENA_SHIFT) + ((uint64_t)block << (HAL_PAGE_SHIFT + order));
}

void iova_init(struct iova *iova, uint64_t *bits)
{
    *iova = (struct iova){.bits = bits};
    for (unsigned word = 0; word < IOVA_WORDS; word++) {
        bits[word] = 0;
    }
    for (unsigned order = 0; order < IOVA_ORDERS; order++) {
        iova->hint[order] = (uint16_t)(first_bit(order) / WORD_BITS);
    }
}

/* The bits of the word that are of this order's arena: small arenas share one. */
static uint64_t arena_mask(unsigned order)
{
    unsigned count = bit_count(order);
    return count >= WORD_BITS ? UINT64_MAX : ((UINT64_C(1) << count) - 1) << first_bit(order) % WORD_BITS;
}

/* The next word after the hint, all around, with a block that is free; the hint's, if there is none. */
static unsigned next_open(const struct iova *iova, unsigned order)
{
    unsigned first = first_bit(order) / WORD_BITS, word = iova->hint[order];
    unsigned words = (bit_count(order) + WORD_BITS - 1) / WORD_BITS;
    uint64_t mask = arena_mask(order);
    for (unsigned looked = 0; looked < words && (~iova->bits[word] & mask) == 0; looked++) {
        word = word + 1 < first + words ? word + 1 : first;
    }
    return word;
}

bool iova_take(struct iova *iova, uint64_t page_count, uint64_t *address)
{
    unsigned order = order_of(page_count), word = iova->hint[order];
    uint64_t mask = arena_mask(order), open = ~iova->bits[word] & mask;
    if (open == 0) {
        word = next_open(iova, order);
        open = ~iova->bits[word] & mask;
    }
    if (open == 0) {
        return false;
    }
    unsigned bit = hal_bit_lowest(open);
    iova->bits[word] |= UINT64_C(1) << bit;
    iova->hint[order] = (uint16_t)word;
    *address = address_of(order, word * WORD_BITS + bit - first_bit(order));
    return true;
}

void iova_give_back(struct iova *iova, uint64_t address)
{
    unsigned order = (unsigned)(address >> IOVA_ARENA_SHIFT) - 1;
    CORE_ASSERT(order < IOVA_ORDERS);
    uint64_t offset = address - address_of(order, 0);
    unsigned bit = first_bit(order) + (unsigned)(offset >> (HAL_PAGE_SHIFT + order));
    CORE_ASSERT((iova->bits[bit / WORD_BITS] >> bit % WORD_BITS & 1) != 0);
    iova->bits[bit / WORD_BITS] &= ~(UINT64_C(1) << bit % WORD_BITS);
    iova->hint[order] = (uint16_t)(bit / WORD_BITS);
}

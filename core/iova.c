/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Device addresses, see core/iova.h.
 */
#include "core/iova.h"

#include "core/assert.h"
#include "hal/bits.h"
#include "keel/cold.h"

#define WORD_BITS 64u

/* How the arenas of a range lie: of one size, from the address of that size on. */
struct shape {
    unsigned order, orders; /* of the first, and how many there are */
    unsigned arena_shift;
    unsigned blocks; /* of the first */
};

#define BLOCKS(order, arena_shift) (1u << ((arena_shift) - HAL_PAGE_SHIFT - (order)))

static const struct shape small = {0, IOVA_ORDERS, IOVA_ARENA_SHIFT, BLOCKS(0, IOVA_ARENA_SHIFT)};
static const struct shape large = {IOVA_ORDERS, IOVA_LARGE_ORDERS, IOVA_LARGE_ARENA_SHIFT,
                                   BLOCKS(IOVA_ORDERS, IOVA_LARGE_ARENA_SHIFT)};

/* All arenas of a range together have less bits than twice those of the first: n + n / 2 + n / 4 + ... */
_Static_assert(2 * BLOCKS(0, IOVA_ARENA_SHIFT) == IOVA_WORDS * WORD_BITS, "every block has a bit");
_Static_assert(2 * BLOCKS(IOVA_ORDERS, IOVA_LARGE_ARENA_SHIFT) == IOVA_LARGE_WORDS * WORD_BITS, "likewise");
_Static_assert(BLOCKS(IOVA_ORDERS - 1, IOVA_ARENA_SHIFT) == 1, "the last small arena is one block");
_Static_assert(IOVA_LARGE_ORDERS <= IOVA_ORDERS, "each has a hint");

static unsigned order_of(uint64_t page_count)
{
    CORE_ASSERT(page_count > 0 && page_count <= IOVA_PAGES_MAX);
    return page_count == 1 ? 0 : hal_bit_highest(page_count - 1) + 1;
}

/* `index` is that of an order in its range from here on. The bits of its arena: so many, from there on. */
static unsigned bit_count(const struct shape *shape, unsigned index)
{
    return shape->blocks >> index;
}

static unsigned first_bit(const struct shape *shape, unsigned index)
{
    return 2 * shape->blocks - (2 * shape->blocks >> index);
}

static uint64_t address_of(const struct shape *shape, unsigned index, unsigned block)
{
    return ((uint64_t)(index + 1) << shape->arena_shift) +
           ((uint64_t)block << (HAL_PAGE_SHIFT + shape->order + index));
}

static void begin(struct iova_range *range, const struct shape *shape, uint64_t *bits)
{
    range->bits = bits;
    for (unsigned word = 0; word < 2 * shape->blocks / WORD_BITS; word++) {
        bits[word] = 0;
    }
    for (unsigned index = 0; index < shape->orders; index++) {
        range->hint[index] = (uint16_t)(first_bit(shape, index) / WORD_BITS);
    }
}

void iova_init(struct iova *iova, uint64_t *bits, unsigned address_bits)
{
    CORE_ASSERT(address_bits >= 64 || IOVA_END <= UINT64_C(1) << address_bits);
    *iova = (struct iova){.has_large = address_bits >= 64 || IOVA_LARGE_END <= UINT64_C(1) << address_bits};
    begin(&iova->small, &small, bits);
    begin(&iova->large, &large, iova->large_bits);
}

/* The bits of the word that are of this order's arena: small arenas share one. */
static uint64_t arena_mask(const struct shape *shape, unsigned index)
{
    unsigned count = bit_count(shape, index);
    return count >= WORD_BITS ? UINT64_MAX
                              : ((UINT64_C(1) << count) - 1) << first_bit(shape, index) % WORD_BITS;
}

/* The next word after the hint, all around, with a block that is free; the hint's, if there is none. */
static unsigned next_open(const struct iova_range *range, const struct shape *shape, unsigned index)
{
    unsigned first = first_bit(shape, index) / WORD_BITS, word = range->hint[index];
    unsigned words = (bit_count(shape, index) + WORD_BITS - 1) / WORD_BITS;
    uint64_t mask = arena_mask(shape, index);
    for (unsigned looked = 0; looked < words && (~range->bits[word] & mask) == 0; looked++) {
        word = word + 1 < first + words ? word + 1 : first;
    }
    return word;
}

/* The lowest block of the word that is open. */
static inline void take(struct iova_range *range, const struct shape *shape, unsigned index, unsigned word,
                        uint64_t open, uint64_t *address)
{
    unsigned bit = hal_bit_lowest(open);
    range->bits[word] |= UINT64_C(1) << bit;
    range->hint[index] = (uint16_t)word;
    *address = address_of(shape, index, word * WORD_BITS + bit - first_bit(shape, index));
}

static KEEL_COLD bool take_any(struct iova_range *range, const struct shape *shape, unsigned index,
                               uint64_t *address)
{
    unsigned word = next_open(range, shape, index);
    uint64_t open = ~range->bits[word] & arena_mask(shape, index);
    if (open != 0) {
        take(range, shape, index, word, open, address);
    }
    return open != 0;
}

bool iova_take(struct iova *iova, uint64_t page_count, uint64_t *address)
{
    unsigned order = order_of(page_count);
    if (order >= IOVA_ORDERS) {
        return iova->has_large && take_any(&iova->large, &large, order - IOVA_ORDERS, address);
    }
    unsigned word = iova->small.hint[order];
    uint64_t open = ~iova->small.bits[word] & arena_mask(&small, order);
    if (open == 0) {
        return take_any(&iova->small, &small, order, address);
    }
    take(&iova->small, &small, order, word, open, address);
    return true;
}

static inline void give_back(struct iova_range *range, const struct shape *shape, uint64_t address)
{
    unsigned index = (unsigned)(address >> shape->arena_shift) - 1;
    CORE_ASSERT(index < shape->orders);
    uint64_t offset = address - address_of(shape, index, 0);
    unsigned bit = first_bit(shape, index) + (unsigned)(offset >> (HAL_PAGE_SHIFT + shape->order + index));
    CORE_ASSERT((range->bits[bit / WORD_BITS] >> bit % WORD_BITS & 1) != 0);
    range->bits[bit / WORD_BITS] &= ~(UINT64_C(1) << bit % WORD_BITS);
    range->hint[index] = (uint16_t)(bit / WORD_BITS);
}

static KEEL_COLD void give_back_large(struct iova *iova, uint64_t address)
{
    give_back(&iova->large, &large, address);
}

void iova_give_back(struct iova *iova, uint64_t address)
{
    if (address < IOVA_END) {
        give_back(&iova->small, &small, address);
    } else {
        give_back_large(iova, address);
    }
}

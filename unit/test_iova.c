/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which addresses of a device are taken (core/iova.c), beside a model that remembers every page.
 */
#include "core/iova.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

#define BLOCKS_MAX 4096u
#define ORDERS     (IOVA_ORDERS + IOVA_LARGE_ORDERS)

/* Whoever takes some of the addresses takes whole pages; far up, whole blocks of the smallest size. */
#define LARGE_SHIFT (HAL_PAGE_SHIFT + IOVA_ORDERS)
#define LARGE_UNITS (IOVA_LARGE_END >> LARGE_SHIFT)
static uint8_t taken[IOVA_END >> HAL_PAGE_SHIFT], taken_large[LARGE_UNITS]; /* by some block */

static uint64_t bits[IOVA_WORDS];
static struct iova iova;

struct block {
    uint64_t address, page_count;
};
static struct block blocks[BLOCKS_MAX];
static size_t block_count;

static uint64_t rounded(uint64_t page_count)
{
    uint64_t size = 1;
    while (size < page_count) {
        size *= 2;
    }
    return size;
}

static void prepare(void)
{
    iova_init(&iova, bits, 39);
    memset(taken, 0, sizeof taken);
    memset(taken_large, 0, sizeof taken_large);
    block_count = 0;
}

/* Marks what the block takes, all of which was in the other state. */
static void mark(const struct block *block, uint8_t state)
{
    bool large = block->page_count > IOVA_SMALL_PAGES_MAX;
    unsigned shift = large ? LARGE_SHIFT : HAL_PAGE_SHIFT;
    uint8_t *states = (large ? taken_large : taken) + (block->address >> shift);
    uint64_t size = block->page_count * HAL_PAGE_SIZE, unit = UINT64_C(1) << shift;
    for (uint64_t i = 0; i < (size + unit - 1) / unit; i++) {
        assert_int_not_equal(states[i], state);
        states[i] = state;
    }
}

static bool take(uint64_t page_count)
{
    struct block block = {.page_count = page_count};
    if (block_count == BLOCKS_MAX || !iova_take(&iova, page_count, &block.address)) {
        return false;
    }
    bool large = page_count > IOVA_SMALL_PAGES_MAX;
    uint64_t first = large ? IOVA_LARGE_FIRST : UINT64_C(64) << 20, end = large ? IOVA_LARGE_END : IOVA_END;
    assert_true(block.address >= first && block.address < end);
    assert_true(page_count * HAL_PAGE_SIZE <= end - block.address);
    assert_int_equal(block.address % (rounded(page_count) * HAL_PAGE_SIZE), 0);
    mark(&block, 1);
    blocks[block_count++] = block;
    return true;
}

static void give_back(size_t index)
{
    mark(&blocks[index], 0);
    iova_give_back(&iova, blocks[index].address);
    blocks[index] = blocks[--block_count];
}

static void D1_blocks_never_overlap(void **state)
{
    (void)state;
    srand(1);
    prepare();
    for (unsigned step = 0; step < 200000; step++) {
        unsigned order = (unsigned)rand() % ORDERS;
        uint64_t page_count = 1 + (uint64_t)rand() % (UINT64_C(1) << order);
        if (rand() % 2 == 0) {
            (void)take(page_count);
        } else if (block_count > 0) {
            give_back((size_t)rand() % block_count);
        }
    }
    while (block_count > 0) {
        give_back(0);
    }
    for (unsigned word = 0; word < IOVA_WORDS; word++) {
        assert_int_equal(bits[word], 0);
    }
    for (unsigned word = 0; word < IOVA_LARGE_WORDS; word++) {
        assert_int_equal(iova.large_bits[word], 0);
    }
}

/* Each arena is as large as it says, and all of it comes back, whatever the order. */
static void M8_every_block_is_found(void **state)
{
    (void)state;
    for (unsigned order = 3; order < ORDERS; order++) {
        unsigned shift = order < IOVA_ORDERS ? IOVA_ARENA_SHIFT : IOVA_LARGE_ARENA_SHIFT;
        uint64_t pages = UINT64_C(1) << order, count = UINT64_C(1) << (shift - HAL_PAGE_SHIFT - order);
        prepare();
        for (uint64_t i = 0; i < count; i++) {
            assert_true(take(pages));
        }
        assert_false(take(pages));
        assert_false(take(pages / 2 + 1));
        give_back(count / 2);
        assert_true(take(pages));
        assert_false(take(pages));
        assert_true(take(1)); /* of another arena */
    }
}

/* Where the hardware translates too little, there are small blocks alone. */
static void D1_addresses_are_those_that_are_translated(void **state)
{
    (void)state;
    for (unsigned address_bits = 32; address_bits <= 64; address_bits++) {
        uint64_t address = 0;
        iova_init(&iova, bits, address_bits);
        assert_true(iova_take(&iova, IOVA_SMALL_PAGES_MAX, &address));
        assert_int_equal(iova_take(&iova, IOVA_SMALL_PAGES_MAX + 1, &address), address_bits >= 38);
        assert_true(address_bits == 64 || address >> address_bits == 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D1_blocks_never_overlap),
        cmocka_unit_test(D1_addresses_are_those_that_are_translated),
        cmocka_unit_test(M8_every_block_is_found),
    };
    return unit_main(tests, argc, argv);
}

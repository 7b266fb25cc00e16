/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which addresses of a device are taken (core/iova.c), beside a model that remembers every page.
 */
#include "core/iova.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

#define ARENA      (UINT64_C(1) << IOVA_ARENA_SHIFT)
#define PAGES      (IOVA_END / HAL_PAGE_SIZE)
#define BLOCKS_MAX 4096u

static uint64_t bits[IOVA_WORDS];
static struct iova iova;
static uint8_t taken[PAGES]; /* by some block */

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
    iova_init(&iova, bits);
    memset(taken, 0, sizeof taken);
    block_count = 0;
}

/* Marks the pages, all of which were in the other state. */
static void mark(const struct block *block, uint8_t state)
{
    uint64_t first = block->address / HAL_PAGE_SIZE;
    for (uint64_t i = 0; i < block->page_count; i++) {
        assert_int_not_equal(taken[first + i], state);
        taken[first + i] = state;
    }
}

static bool take(uint64_t page_count)
{
    struct block block = {.page_count = page_count};
    if (block_count == BLOCKS_MAX || !iova_take(&iova, page_count, &block.address)) {
        return false;
    }
    assert_true(block.address >= ARENA && block.address < IOVA_END);
    assert_true(page_count * HAL_PAGE_SIZE <= IOVA_END - block.address);
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
        unsigned order = (unsigned)rand() % IOVA_ORDERS;
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
}

/* Each arena is as large as it says, and all of it comes back, whatever the order. */
static void M8_every_block_is_found(void **state)
{
    (void)state;
    for (unsigned order = 3; order < IOVA_ORDERS; order++) {
        uint64_t pages = UINT64_C(1) << order, count = IOVA_PAGES_MAX >> order;
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D1_blocks_never_overlap),
        cmocka_unit_test(M8_every_block_is_found),
    };
    return unit_main(tests, argc, argv);
}

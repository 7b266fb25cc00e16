/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/memmap.c: whatever firmware says, the map is sorted, aligned and disjoint, and the later kind wins.
 */
#include "core/memmap.h"

#include "support.h"

#define PAGE HAL_PAGE_SIZE

static struct memmap map;

static void normalise(const struct hal_region *regions, size_t count)
{
    memmap_normalise(regions, count, &map);
    for (size_t i = 0; i < map.count; i++) {
        const struct hal_region *region = &map.regions[i];
        assert_true(region->size > 0);
        assert_true(region->base % PAGE == 0 && region->size % PAGE == 0);
        assert_true(region->base + region->size <= MEMMAP_ADDRESS_END);
        assert_true(i == 0 || map.regions[i - 1].base + map.regions[i - 1].size <= region->base);
    }
}

static void assert_region(size_t index, uint64_t base, uint64_t end, enum hal_region_kind kind)
{
    assert_true(index < map.count);
    assert_int_equal(map.regions[index].base, base);
    assert_int_equal(map.regions[index].base + map.regions[index].size, end);
    assert_int_equal(map.regions[index].kind, kind);
}

static void M5_memmap_of_nothing_is_empty(void **state)
{
    (void)state;
    const struct hal_region empty = {PAGE, 0, HAL_REGION_USABLE};
    normalise(NULL, 0);
    assert_int_equal(map.count, 0);
    normalise(&empty, 1);
    assert_int_equal(map.count, 0);
    assert_int_equal(memmap_total(&map, HAL_REGION_USABLE), 0);
}

static void M5_memmap_sorts_and_merges(void **state)
{
    (void)state;
    const struct hal_region regions[] = {{4 * PAGE, PAGE, HAL_REGION_USABLE},
                                         {PAGE, PAGE, HAL_REGION_USABLE},
                                         {2 * PAGE, 2 * PAGE, HAL_REGION_USABLE},
                                         {8 * PAGE, PAGE, HAL_REGION_RESERVED}};
    normalise(regions, 4);
    assert_int_equal(map.count, 2);
    assert_region(0, PAGE, 5 * PAGE, HAL_REGION_USABLE);
    assert_region(1, 8 * PAGE, 9 * PAGE, HAL_REGION_RESERVED);
    assert_int_equal(memmap_total(&map, HAL_REGION_USABLE), 4 * PAGE);
}

static void M5_memmap_shrinks_what_is_ours_and_grows_the_rest(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < HAL_REGION_KIND_COUNT; kind++) {
        const struct hal_region region = {PAGE + 1, 2 * PAGE, (enum hal_region_kind)kind};
        normalise(&region, 1);
        assert_int_equal(map.count, 1);
        if (kind <= HAL_REGION_RECLAIMABLE) {
            assert_region(0, 2 * PAGE, 3 * PAGE, (enum hal_region_kind)kind);
        } else {
            assert_region(0, PAGE, 4 * PAGE, (enum hal_region_kind)kind);
        }
    }
}

static void M5_memmap_less_than_a_page_of_ram_vanishes(void **state)
{
    (void)state;
    const struct hal_region regions[] = {{PAGE + 1, PAGE - 1, HAL_REGION_USABLE},
                                         {3 * PAGE + 5, 7, HAL_REGION_USABLE}};
    normalise(regions, 2);
    assert_int_equal(map.count, 0);
}

static void M5_memmap_later_kind_wins_whatever_the_order(void **state)
{
    (void)state;
    for (unsigned upper = 1; upper < HAL_REGION_KIND_COUNT; upper++) {
        const struct hal_region low = {0, 8 * PAGE, (enum hal_region_kind)(upper - 1)};
        const struct hal_region high = {2 * PAGE, 2 * PAGE, (enum hal_region_kind)upper};
        const struct hal_region orders[2][2] = {{low, high}, {high, low}};
        for (unsigned order = 0; order < 2; order++) {
            normalise(orders[order], 2);
            assert_int_equal(map.count, 3);
            assert_region(0, 0, 2 * PAGE, low.kind);
            assert_region(1, 2 * PAGE, 4 * PAGE, high.kind);
            assert_region(2, 4 * PAGE, 8 * PAGE, low.kind);
        }
    }
}

static void M5_memmap_cuts_at_the_end_of_physical_addresses(void **state)
{
    (void)state;
    const struct hal_region regions[] = {{MEMMAP_ADDRESS_END - PAGE, UINT64_MAX, HAL_REGION_RESERVED},
                                         {UINT64_MAX - 5, 100, HAL_REGION_RESERVED},
                                         {MEMMAP_ADDRESS_END, PAGE, HAL_REGION_USABLE}};
    normalise(regions, 3);
    assert_int_equal(map.count, 1);
    assert_region(0, MEMMAP_ADDRESS_END - PAGE, MEMMAP_ADDRESS_END, HAL_REGION_RESERVED);
}

static void M5_memmap_unknown_kind_is_reserved(void **state)
{
    (void)state;
    const struct hal_region regions[] = {{0, 4 * PAGE, HAL_REGION_USABLE},
                                         {PAGE, PAGE, (enum hal_region_kind)77}};
    normalise(regions, 2);
    assert_int_equal(map.count, 3);
    assert_region(1, PAGE, 2 * PAGE, HAL_REGION_RESERVED);
}

static void M8_memmap_full_list_keeps_the_lower_part(void **state)
{
    (void)state;
    static struct hal_region regions[MEMMAP_REGIONS_MAX + 3];
    for (size_t i = 0; i < MEMMAP_REGIONS_MAX + 3; i++) {
        regions[i] = (struct hal_region){2 * i * PAGE, PAGE, HAL_REGION_USABLE};
    }
    normalise(regions, MEMMAP_REGIONS_MAX);
    assert_int_equal(map.count, MEMMAP_REGIONS_MAX);
    assert_false(map.truncated);
    normalise(regions, MEMMAP_REGIONS_MAX + 3);
    assert_int_equal(map.count, MEMMAP_REGIONS_MAX);
    assert_true(map.truncated);
    assert_region(0, 0, PAGE, HAL_REGION_USABLE);
}

/* A page that boot data share with usable memory: it stays back until all of it is reclaimed. */
static void M5_memmap_page_with_boot_data_is_not_usable_yet(void **state)
{
    (void)state;
    const struct hal_region around[] = {{0, 8 * PAGE, HAL_REGION_USABLE},
                                        {2 * PAGE + 1, PAGE, HAL_REGION_RECLAIMABLE}};
    normalise(around, 2);
    assert_int_equal(map.count, 3);
    assert_region(0, 0, 2 * PAGE, HAL_REGION_USABLE);
    assert_region(1, 2 * PAGE, 4 * PAGE, HAL_REGION_RECLAIMABLE);
    assert_region(2, 4 * PAGE, 8 * PAGE, HAL_REGION_USABLE);

    const struct hal_region inside[] = {{PAGE + 8, 16, HAL_REGION_RECLAIMABLE},
                                        {0, 4 * PAGE, HAL_REGION_USABLE},
                                        {3 * PAGE, PAGE, HAL_REGION_RESERVED},
                                        {3 * PAGE, PAGE, HAL_REGION_RECLAIMABLE}};
    normalise(inside, 4);
    assert_int_equal(map.count, 4);
    assert_region(1, PAGE, 2 * PAGE, HAL_REGION_RECLAIMABLE);
    assert_region(3, 3 * PAGE, 4 * PAGE, HAL_REGION_RESERVED);

    /* Nobody knows what the rest of such a page is. */
    const struct hal_region halves[] = {{0, PAGE / 2, HAL_REGION_USABLE},
                                        {PAGE / 2, PAGE / 2, HAL_REGION_RECLAIMABLE}};
    normalise(halves, 2);
    assert_int_equal(map.count, 0);
}

static void M5_memmap_reclaimable_memory_on_top(void **state)
{
    (void)state;
    const uint64_t top = MEMMAP_ADDRESS_END;
    const struct hal_region regions[] = {{top - 2 * PAGE, UINT64_MAX, HAL_REGION_RECLAIMABLE},
                                         {UINT64_MAX - PAGE, 2 * PAGE, HAL_REGION_RECLAIMABLE},
                                         {top - 4 * PAGE, 2 * PAGE, HAL_REGION_USABLE},
                                         {UINT64_MAX, UINT64_MAX, HAL_REGION_UNUSABLE},
                                         {0, UINT64_MAX, HAL_REGION_USABLE},
                                         {top - PAGE / 2, 1, HAL_REGION_MMIO}};
    normalise(regions, 4);
    assert_int_equal(map.count, 2);
    assert_region(0, top - 4 * PAGE, top - 2 * PAGE, HAL_REGION_USABLE);
    assert_region(1, top - 2 * PAGE, top, HAL_REGION_RECLAIMABLE);
    normalise(regions, 6);
    assert_int_equal(map.count, 3);
    assert_region(0, 0, top - 2 * PAGE, HAL_REGION_USABLE);
    assert_region(1, top - 2 * PAGE, top - PAGE, HAL_REGION_RECLAIMABLE);
    assert_region(2, top - PAGE, top, HAL_REGION_MMIO);
}

/* Against a model that paints pages one by one. */
static void M5_memmap_agrees_with_painting(void **state)
{
    (void)state;
    enum { PAGES = 32, ROUNDS = 300 };
    uint32_t random = 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int painted[PAGES];
        struct hal_region regions[6];
        for (unsigned i = 0; i < PAGES; i++) {
            painted[i] = -1;
        }
        for (unsigned i = 0; i < 6; i++) {
            random = random * 1664525u + 1013904223u;
            unsigned base = (random >> 8) % PAGES, kind = (random >> 16) % HAL_REGION_KIND_COUNT;
            unsigned pages = (random >> 24) % (PAGES - base + 1);
            regions[i] = (struct hal_region){base * PAGE, pages * PAGE, (enum hal_region_kind)kind};
            for (unsigned page = base; page < base + pages; page++) {
                painted[page] = (int)kind > painted[page] ? (int)kind : painted[page];
            }
        }
        normalise(regions, 6);
        for (size_t i = 0; i < map.count; i++) {
            for (uint64_t at = map.regions[i].base; at < map.regions[i].base + map.regions[i].size;
                 at += PAGE) {
                assert_int_equal(painted[at / PAGE], map.regions[i].kind);
                painted[at / PAGE] = -1;
            }
        }
        for (unsigned i = 0; i < PAGES; i++) {
            assert_int_equal(painted[i], -1);
        }
    }
}

/* What a page is, by its eighths: wholly RAM of ours, or touched by anything else. */
static int paint_page(const struct hal_region *regions, size_t count, uint64_t page)
{
    int winner = -1;
    bool boot_data = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t end = regions[i].base + regions[i].size;
        int kind = (int)regions[i].kind;
        unsigned parts = 0;
        for (uint64_t at = page * PAGE; at < (page + 1) * PAGE; at += PAGE / 8) {
            parts += at >= regions[i].base && at < end;
        }
        boot_data = boot_data || (parts > 0 && kind == HAL_REGION_RECLAIMABLE);
        bool counts = kind <= HAL_REGION_RECLAIMABLE ? parts == 8 : parts > 0;
        winner = counts && kind > winner ? kind : winner;
    }
    return winner == HAL_REGION_USABLE && boot_data ? (int)HAL_REGION_RECLAIMABLE : winner;
}

static int kind_in_map(uint64_t page)
{
    for (size_t i = 0; i < map.count; i++) {
        if (page * PAGE >= map.regions[i].base && page * PAGE - map.regions[i].base < map.regions[i].size) {
            return (int)map.regions[i].kind;
        }
    }
    return -1;
}

static void M5_memmap_agrees_with_painting_of_parts(void **state)
{
    (void)state;
    enum { PAGES = 12, EIGHTHS = PAGES * 8, ROUNDS = 2000 };
    uint32_t random = 7;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct hal_region regions[5];
        for (unsigned i = 0; i < 5; i++) {
            random = random * 1664525u + 1013904223u;
            unsigned base = (random >> 8) % EIGHTHS, kind = (random >> 16) % 3;
            unsigned size = (random >> 24) % (EIGHTHS - base + 1);
            regions[i] = (struct hal_region){base * PAGE / 8, size * PAGE / 8, (enum hal_region_kind)kind};
        }
        normalise(regions, 5);
        for (uint64_t page = 0; page < PAGES; page++) {
            assert_int_equal(kind_in_map(page), paint_page(regions, 5, page));
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(M5_memmap_of_nothing_is_empty),
        cmocka_unit_test(M5_memmap_sorts_and_merges),
        cmocka_unit_test(M5_memmap_shrinks_what_is_ours_and_grows_the_rest),
        cmocka_unit_test(M5_memmap_less_than_a_page_of_ram_vanishes),
        cmocka_unit_test(M5_memmap_later_kind_wins_whatever_the_order),
        cmocka_unit_test(M5_memmap_cuts_at_the_end_of_physical_addresses),
        cmocka_unit_test(M5_memmap_unknown_kind_is_reserved),
        cmocka_unit_test(M8_memmap_full_list_keeps_the_lower_part),
        cmocka_unit_test(M5_memmap_page_with_boot_data_is_not_usable_yet),
        cmocka_unit_test(M5_memmap_reclaimable_memory_on_top),
        cmocka_unit_test(M5_memmap_agrees_with_painting),
        cmocka_unit_test(M5_memmap_agrees_with_painting_of_parts),
    };
    return unit_main(tests, argc, argv);
}

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
        cmocka_unit_test(M5_memmap_agrees_with_painting),
    };
    return unit_main(tests, argc, argv);
}

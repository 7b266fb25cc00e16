/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Address spaces: mapping, unmapping and protecting, by the page and by the range. One frame stands behind
 * all pages, so that no memory is touched but tables.
 */
#include "keel/keel.h"

#include "kernel.h"
#include "measure.h"

#define BASE  UINT64_C(0x40000000)
#define SMALL UINT64_C(512)
#define LARGE UINT64_C(262144)

#define READ_WRITE (KEEL_READ | KEEL_WRITE)

static struct bench_space one, small, large;

static void map(struct bench_space space, uint64_t va)
{
    must(keel_space_map((keel_space_t){space.handle}, va, (keel_frame_t){space.frame}, READ_WRITE),
         "space_map");
}

static void unmap(struct bench_space space, uint64_t va, uint64_t page_count)
{
    uint64_t count;
    must(keel_space_unmap((keel_space_t){space.handle}, va, page_count, &count), "space_unmap");
    require(count == page_count, "not every page was mapped");
}

struct bench_space bench_space_make(uint64_t va, uint64_t page_count)
{
    keel_space_t space;
    keel_frame_t frame;
    must(keel_space_create(&space), "space_create");
    must(keel_frame_alloc(&frame), "frame_alloc");
    must(keel_space_activate(space), "space_activate");
    struct bench_space made = {.handle = space.value, .frame = frame.value};
    for (uint64_t page = 0; page < page_count; page++) {
        map(made, va + page * KEEL_PAGE_SIZE);
    }
    return made;
}

/* With the tables in place, as they are in a program that runs: a neighbour keeps them there. */
static void prepare_one(void)
{
    one = bench_space_make(BASE, 2);
    unmap(one, BASE, 1);
}

/* Alone in its space, so that each turn makes three tables and frees them. */
static void prepare_alone(void)
{
    one = bench_space_make(BASE, 0);
}

static void run_one(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        map(one, BASE);
        unmap(one, BASE, 1);
    }
}

static void prepare_small(void)
{
    small = bench_space_make(BASE, SMALL);
}

static void prepare_large(void)
{
    large = bench_space_make(BASE, LARGE);
}

static void run_range(struct bench_space space, uint64_t page_count, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        unmap(space, BASE, page_count);
        for (uint64_t page = 0; page < page_count; page++) {
            map(space, BASE + page * KEEL_PAGE_SIZE);
        }
    }
}

static void run_range_small(uint64_t n)
{
    run_range(small, SMALL, n);
}

static void run_range_large(uint64_t n)
{
    run_range(large, LARGE, n);
}

static void run_protect(struct bench_space space, uint64_t page_count, uint64_t n)
{
    uint64_t count;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t rights = i % 2 == 0 ? (uint32_t)KEEL_READ : (uint32_t)READ_WRITE;
        must(keel_space_protect((keel_space_t){space.handle}, BASE, page_count, rights, &count),
             "space_protect");
        require(count == page_count, "not every page was mapped");
    }
}

static void run_protect_small(uint64_t n)
{
    run_protect(small, SMALL, n);
}

static void run_protect_large(uint64_t n)
{
    run_protect(large, LARGE, n);
}

const struct measure space_measures[] = {
    {.name = "map_unmap", .things = 1, .operations = 5000, .prepare = prepare_one, .run = run_one},
    {.name = "map_unmap_alone", .things = 1, .operations = 1000, .prepare = prepare_alone, .run = run_one},
    {.name = "map_unmap_512",
     .things = SMALL,
     .operations = 20,
     .prepare = prepare_small,
     .run = run_range_small},
    {.name = "map_unmap_262144",
     .things = LARGE,
     .operations = 1,
     .prepare = prepare_large,
     .run = run_range_large},
    {.name = "protect_512",
     .things = SMALL,
     .operations = 40,
     .prepare = prepare_small,
     .run = run_protect_small},
    {.name = "protect_262144",
     .things = LARGE,
     .operations = 2,
     .prepare = prepare_large,
     .run = run_protect_large},
    {.name = NULL},
};

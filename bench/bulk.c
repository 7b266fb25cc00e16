/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs of a segment mapped by one call and unmapped by another. The large range is the same 512 frames again
 * and again, so that no memory is touched but tables. Addresses and frames never agree in what is a multiple
 * of 2 MiB, so that pages stay small.
 */
#include "keel/keel.h"

#include "kernel.h"
#include "measure.h"

#define BASE   (UINT64_C(0x40000000) + KEEL_PAGE_SIZE)
#define FRAMES UINT64_C(512)
#define LARGE  UINT64_C(262144)

static struct bench_space space;
static keel_segment_t segment;

static void prepare(void)
{
    space = bench_space_make(BASE, 0);
    must(keel_segment_alloc(FRAMES, FRAMES, &segment), "segment_alloc");
}

static void run(uint64_t n, uint64_t page_count)
{
    const keel_space_t handle = {space.handle};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t count = 0;
        for (uint64_t page = 0; page < page_count; page += FRAMES) {
            must(keel_space_map_segment(handle, BASE + page * KEEL_PAGE_SIZE, segment, 0, FRAMES,
                                        KEEL_READ | KEEL_WRITE),
                 "space_map_segment");
        }
        must(keel_space_unmap(handle, BASE, page_count, &count), "space_unmap");
        require(count == page_count, "not every page was mapped");
    }
}

static void run_small(uint64_t n)
{
    run(n, FRAMES);
}

static void run_large(uint64_t n)
{
    run(n, LARGE);
}

const struct measure bulk_measures[] = {
    {.name = "bulk_512", .things = FRAMES, .operations = 20, .prepare = prepare, .run = run_small},
    {.name = "bulk_262144", .things = LARGE, .operations = 1, .prepare = prepare, .run = run_large},
    {.name = NULL},
};

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races of kernel areas between two CPUs, every schedule within the stated number of preemptions (A2). The
 * areas lie in a span that holds nothing else, so each life of one may make the span's table or free it while
 * the other CPU takes addresses there. The machine reports a frame or a table that a CPU may still reach, and
 * a mapping that meets another one.
 */
#include "core/area.h"
#include "core/pagetable.h"
#include "support.h"

static atomic_u32_t ready, go, done;
static struct area filler;

/* One life of an area: whoever maps it finds it there, and nobody else's. */
static void live(uint32_t owner)
{
    struct area area = {0};
    struct frame *frame = NULL;
    struct hal_pte_slot slot;
    CHECK_OK(frame_alloc(FRAME_OBJECT, 1, 1, &frame));
    CHECK_OK(area_create(1, 1, owner, &area));
    CHECK(area.first >= filler.first + filler.granules);
    area_map(&area, 0, frame, 1);
    CHECK(pagetable_find(hal_kernel_root(), area.base, &slot));
    CHECK_EQUAL(hal_pte_target(hal_pte_load(&slot)).value, frame_address(frame).value);
    CHECK_EQUAL(area_guard_owner(area.base - 1), owner);
    area_unmap(&area, 0, 1);
    area_destroy(&area);
    frame_free_private(frame, 1);
}

static void live_too(uint64_t argument)
{
    atomic_u32_store_release(&ready, 1);
    unit_await(&go);
    live((uint32_t)argument);
    atomic_u32_store_release(&done, 1);
}

/* Takes what is left of the span that the stacks are in. */
static void fill_span(void)
{
    struct area probe = {0};
    const uint64_t span = HAL_PT_ENTRIES / AREA_GRANULE_PAGES;
    CHECK_OK(area_create(1, 1, 1, &probe));
    uint64_t left = span - probe.first % span;
    area_destroy(&probe);
    CHECK(left >= 2 && left < span);
    CHECK_OK(area_create((left - 1) * AREA_GRANULE_PAGES, 1, 1, &filler));
    CHECK_EQUAL((filler.first + filler.granules) % span, 0);
}

static void A2_explore_two_lives_of_areas_in_one_span(void)
{
    atomic_u32_init(&ready, 0);
    atomic_u32_init(&go, 0);
    atomic_u32_init(&done, 0);
    keel_task_t other = unit_spawn(live_too, 3);
    fill_span();
    unit_await(&ready);
    uint64_t before = frame_free_count();
    hosted_explore_begin();
    atomic_u32_store_release(&go, 1);
    live(2);
    unit_await(&done);
    hosted_explore_end();
    CHECK_EQUAL(frame_free_count(), before); /* the span's table went with the last area */
    CHECK(unit_join(other) == 0);
    area_destroy(&filler);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(A2_explore_two_lives_of_areas_in_one_span, .explore = true, .explore_bound = 2,
             .config.ram_size = 1 << 20),
    };
    return unit_main(tests, argc, argv);
}

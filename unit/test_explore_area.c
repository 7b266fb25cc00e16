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

static atomic_u32_t filled, ready, go, done, end;
static struct area filler;

/* One CPU's part: an area with a frame in it. */
struct part {
    uint32_t owner;
    struct area area;
    struct frame *frame;
};

static struct part ours, theirs;

/* Whoever maps an area finds it there, and nobody else's. */
static void make(struct part *part)
{
    struct hal_pte_slot slot;
    CHECK_OK(area_create(1, 1, part->owner, &part->area));
    CHECK(part->area.first >= filler.first + filler.granules);
    area_map(&part->area, 0, part->frame, 1);
    CHECK(pagetable_find(hal_kernel_root(), part->area.base, &slot));
    CHECK_EQUAL(hal_pte_target(hal_pte_load(&slot)).value, frame_address(part->frame).value);
    CHECK_EQUAL(area_guard_owner(part->area.base - 1), part->owner);
}

static void end_part(struct part *part)
{
    area_unmap(&part->area, 0, 1);
    area_destroy(&part->area);
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

static void prepare(struct part *part, uint32_t owner)
{
    part->owner = owner;
    CHECK_OK(frame_alloc(FRAME_OBJECT, 1, 1, &part->frame));
}

/* What the other CPU does in a race, by `argument`: make its area, or end it. */
enum { MAKES, ENDS };

static void other_cpu(uint64_t argument)
{
    unit_await(&filled);
    (void)atomic_u32_load_acquire(&filled); /* what unit_await saw, as ThreadSanitizer sees it */
    if (argument == ENDS) {
        make(&theirs);
    }
    atomic_u32_store_release(&ready, 1);
    unit_await(&go);
    if (argument == ENDS) {
        end_part(&theirs);
    } else {
        make(&theirs);
    }
    atomic_u32_store_release(&done, 1);
    unit_await(&end);
    if (argument == MAKES) {
        end_part(&theirs);
    }
}

static void race(uint64_t here, uint64_t there)
{
    atomic_u32_init(&filled, 0);
    atomic_u32_init(&ready, 0);
    atomic_u32_init(&go, 0);
    atomic_u32_init(&done, 0);
    atomic_u32_init(&end, 0);
    filler = (struct area){0};
    prepare(&ours, 2);
    prepare(&theirs, 3);
    uint64_t before = frame_free_count();
    keel_task_t other = unit_spawn(other_cpu, there); /* its stack is below the filler, too */
    fill_span();
    atomic_u32_store_release(&filled, 1);
    if (here == ENDS) {
        make(&ours);
    }
    unit_await(&ready);
    hosted_explore_begin();
    atomic_u32_store_release(&go, 1);
    if (here == ENDS) {
        end_part(&ours);
    } else {
        make(&ours);
    }
    unit_await(&done);
    hosted_explore_end();
    atomic_u32_store_release(&end, 1);
    CHECK(unit_join(other) == 0);
    if (here == MAKES) {
        end_part(&ours);
    }
    unit_settle();
    CHECK_EQUAL(frame_free_count(), before); /* the span's table went with the last area */
    frame_free_private(ours.frame, 1);
    frame_free_private(theirs.frame, 1);
    area_destroy(&filler);
}

static void A2_explore_two_areas_begin_a_span(void)
{
    race(MAKES, MAKES);
}

static void A2_explore_two_areas_end_a_span(void)
{
    race(ENDS, ENDS);
}

static void A2_explore_a_span_ends_and_begins(void)
{
    race(ENDS, MAKES);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(A2_explore_two_areas_begin_a_span, 2),
        EXPLORE(A2_explore_two_areas_end_a_span, 2),
        EXPLORE(A2_explore_a_span_ends_and_begins, 2),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races on slabs between two CPUs, every schedule within the stated number of preemptions. They call core
 * directly, so that the schedules are about slabs and not about entry points.
 */
#include "core/heap.h"

#include "race.h"
#include "slab_script.h"

static void *ours, *theirs;
static keel_status_t their_status;

static void *alloc(uint64_t size)
{
    void *memory = NULL;
    CHECK_OK(heap_alloc(size, 1, &memory));
    return memory;
}

static void alloc_theirs(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = alloc(2048);
    race_done();
}

static void free_theirs(uint64_t argument)
{
    (void)argument;
    race_wait();
    their_status = heap_free(theirs);
    race_done();
}

/* Both want the last free slot of one of Keel's own slabs. */
static void M7_explore_two_allocations_of_one_slab(void)
{
    void *first = alloc(2048);
    keel_task_t other = race_start(alloc_theirs, 0);
    ours = alloc(2048);
    race_finish(other);
    CHECK(ours != theirs && ours != first && theirs != first);
    CHECK_OK(heap_free(first));
    CHECK_OK(heap_free(ours));
    CHECK_OK(heap_free(theirs));
}

/* The last slot comes back while another one of the slab is wanted: the page ends once or lives on. */
static void M7_explore_last_free_against_allocation(void)
{
    ours = alloc(2048);
    keel_task_t other = race_start(alloc_theirs, 0);
    CHECK_OK(heap_free(ours));
    race_finish(other);
    ((char *)theirs)[2047] = 1;
    CHECK_EQUAL(slab_counts().slab_frames, 1);
    CHECK_OK(heap_free(theirs));
}

static void M7_explore_two_frees_of_one_slot(void)
{
    ours = theirs = alloc(2048);
    keel_task_t other = race_start(free_theirs, 0);
    keel_status_t status = heap_free(ours);
    race_finish(other);
    CHECK((status == KEEL_OK) != (their_status == KEEL_OK));
    CHECK(status == KEEL_OK || status == KEEL_E_BAD_HANDLE);
    CHECK(their_status == KEEL_OK || their_status == KEEL_E_BAD_HANDLE);
}

static void M7_explore_two_frees_of_one_large_block(void)
{
    ours = theirs = alloc(8192);
    keel_task_t other = race_start(free_theirs, 0);
    keel_status_t status = heap_free(ours);
    race_finish(other);
    CHECK((status == KEEL_OK) != (their_status == KEEL_OK));
    CHECK_EQUAL(slab_counts().large_frames, 0);
}

/* Both slots of a page come back at once: somebody ends it, nobody twice. */
static void M7_explore_two_last_frees(void)
{
    ours = alloc(2048);
    theirs = alloc(2048);
    keel_task_t other = race_start(free_theirs, 0);
    CHECK_OK(heap_free(ours));
    race_finish(other);
    CHECK_OK(their_status);
    CHECK_EQUAL(slab_counts().slab_frames, 0);
}

/* A stale or guessed pointer meets the end of the page and its next use. */
static void M7_explore_forged_free_against_the_pages_end(void)
{
    struct frame *frame = NULL;
    ours = alloc(2048);
    theirs = (char *)ours + 2048; /* a slot, but nobody's */
    keel_task_t other = race_start(free_theirs, 0);
    CHECK_OK(heap_free(ours));
    CHECK_OK(frame_alloc(FRAME_TABLE, 1, 1, &frame));
    race_finish(other);
    CHECK_STATUS(their_status, KEEL_E_BAD_HANDLE);
    frame_free_private(frame, 1);
    CHECK_EQUAL(slab_counts().slab_frames, 0);
}

static void free_both(uint64_t keeper)
{
    race_wait();
    their_status = heap_free(theirs);
    CHECK_OK(heap_free((void *)keeper));
    race_done();
}

/* The other one guesses where the new memory will be, and frees it with the rest of its page while it is
 * still being made. */
static void M7_explore_allocation_against_a_guess(void)
{
    void *keeper = alloc(2048);
    theirs = (char *)keeper + 2048;
    keel_task_t other = race_start(free_both, (uint64_t)keeper);
    ours = alloc(2048);
    race_finish(other);
    keel_status_t status = heap_free(ours);
    CHECK(status == (ours == theirs && their_status == KEEL_OK ? KEEL_E_BAD_HANDLE : KEEL_OK));
    CHECK_EQUAL(slab_counts().slab_frames, 0);
}

/* The same with the first slot of a new page, which ends with it. */
static void M7_explore_new_slab_against_a_guess(void)
{
    theirs = alloc(2048);
    CHECK_OK(heap_free(theirs));
    keel_task_t other = race_start(free_theirs, 0);
    ours = alloc(2048);
    race_finish(other);
    keel_status_t status = heap_free(ours);
    CHECK(status == KEEL_OK || (ours == theirs && their_status == KEEL_OK));
    CHECK_EQUAL(slab_counts().slab_frames, 0);
}

/* --- With an injected allocator --- */

/* Its answers let both CPUs have the same slot, and the slab is given up by the CPU that frees. */
static void M7_explore_one_slot_named_twice(void)
{
    script_inject();
    void *first = alloc(2048);
    script.alloc_answer = script.first + 1;
    script.silent = true;
    keel_task_t other = race_start(alloc_theirs, 0);
    ours = alloc(2048);
    race_finish(other);
    CHECK(ours != theirs);
    script.free_answer = script.first;
    CHECK_OK(heap_free(first));
    script.free_answer = KEEL_SLAB_NONE;
    CHECK_OK(heap_free(ours));
    CHECK_OK(heap_free(theirs));
    CHECK_EQUAL(slab_counts().slab_frames, 0);
}

/* The last free gives the slab up while the other CPU is told to use it. */
static void M7_explore_slab_given_up_against_its_use(void)
{
    script_inject();
    ours = alloc(2048);
    script.alloc_answer = script.first + 1;
    script.free_answer = script.first;
    script.add_answer = 0;
    script.silent = true;
    keel_task_t other = race_start(alloc_theirs, 0);
    CHECK_OK(heap_free(ours));
    race_finish(other);
    CHECK_EQUAL(slab_counts().slab_frames, 1);
    script.free_answer = KEEL_SLAB_NONE;
    CHECK_OK(heap_free(theirs));
    CHECK_EQUAL(slab_counts().slab_frames, 0);
}

/* Two CPUs free, and for both the allocator gives up the same slab. */
static void M7_explore_slab_given_up_twice(void)
{
    script_inject();
    ours = alloc(2048);
    script.alloc_answer = script.first + 1;
    theirs = alloc(2048);
    script.free_answer = script.first;
    script.silent = true;
    keel_task_t other = race_start(free_theirs, 0);
    CHECK_OK(heap_free(ours));
    race_finish(other);
    CHECK_OK(their_status);
    CHECK_EQUAL(slab_counts().slab_frames, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE(M7_explore_two_allocations_of_one_slab, 2),
        EXPLORE(M7_explore_last_free_against_allocation, 2),
        EXPLORE(M7_explore_two_frees_of_one_slot, 2),
        EXPLORE(M7_explore_two_frees_of_one_large_block, 2),
        EXPLORE(M7_explore_two_last_frees, 2),
        EXPLORE(M7_explore_forged_free_against_the_pages_end, 2),
        EXPLORE(M7_explore_allocation_against_a_guess, 2),
        EXPLORE(M7_explore_new_slab_against_a_guess, 2),
        EXPLORE(M7_explore_one_slot_named_twice, 2),
        EXPLORE(M7_explore_slab_given_up_against_its_use, 2),
        EXPLORE(M7_explore_slab_given_up_twice, 2),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tests that must fail, one for each way in which the other tests see a failure. CTest expects each to fail;
 * one that passes says that the harness is blind.
 */
#include "core/frame.h"
#include "support.h"

static void canary_check(void)
{
    CHECK_EQUAL(1, 2);
}

static void canary_leak(void)
{
    unit_frame();
}

/* A frame that is freed while a mapping leads to it: the machine sees what a CPU could reach, the audit all
 * of it. */
static void free_mapped_frame(bool reachable)
{
    keel_space_t space = unit_space();
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, 0x1000, frame, KEEL_READ));
    if (reachable) {
        CHECK_OK(keel_space_activate(space));
    }
    frame_put(frame_at(handle_slot(frame.value)));
    frame_put(frame_at(handle_slot(frame.value)));
}

static void canary_machine_check(void)
{
    free_mapped_frame(true);
}

static void canary_audit(void)
{
    free_mapped_frame(false);
}

static atomic_u32_t ready, go, done, counter;

static void add_badly(void)
{
    atomic_u32_store_relaxed(&counter, atomic_u32_load_relaxed(&counter) + 1);
}

static void other_adds(uint64_t argument)
{
    (void)argument;
    atomic_u32_store_release(&ready, 1);
    unit_await(&go);
    add_badly();
    atomic_u32_store_release(&done, 1);
}

/* A lost update: only an interleaving shows it. */
static void canary_race(void)
{
    atomic_u32_init(&ready, 0);
    atomic_u32_init(&go, 0);
    atomic_u32_init(&done, 0);
    atomic_u32_init(&counter, 0);
    keel_task_t other = unit_spawn(other_adds, 0);
    unit_await(&ready);
    hosted_explore_begin();
    atomic_u32_store_release(&go, 1);
    add_badly();
    unit_await(&done);
    hosted_explore_end();
    CHECK(unit_join(other) == 0);
    CHECK_EQUAL(atomic_u32_load_relaxed(&counter), 2);
}

static void canary_panic(void)
{
    frame_at(UINT64_MAX);
}

/* No deadlock, but one that may come. */
static void canary_lock_order(void)
{
    keel_spinlock_t locks[2] = {{0}, {0}};
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_create(0, &locks[i]));
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_lock(locks[i]));
        CHECK_OK(keel_spinlock_lock(locks[1 - i]));
        CHECK_OK(keel_spinlock_unlock(locks[0]));
        CHECK_OK(keel_spinlock_unlock(locks[1]));
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(keel_spinlock_release(locks[i]));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(canary_check),
        UNIT(canary_leak),
        UNIT(canary_machine_check, .leaves_things = true),
        UNIT(canary_audit, .leaves_things = true),
        EXPLORE(canary_race, 1),
        UNIT(canary_panic),
        UNIT(canary_lock_order),
    };
    return unit_main(tests, argc, argv);
}

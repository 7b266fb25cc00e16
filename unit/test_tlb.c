/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/tlb.c: shootdowns between CPUs that run, idle, spin with interrupts off, or shoot back (A2).
 */
#include "core/tlb.h"

#include "core/cpu.h"
#include "support.h"

#define RW (KEEL_READ | KEEL_WRITE)

static atomic_u32_t ready, stop;
static keel_space_t shared;

static void reset(void)
{
    atomic_u32_init(&ready, 0);
    atomic_u32_init(&stop, 0);
}

static void map_new(keel_space_t space, uint64_t va)
{
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, va, frame, RW));
    CHECK_OK(keel_frame_release(frame));
}

/* Keeps the shared space loaded on another CPU and writes to it all the time. */
static void toucher(uint64_t va)
{
    uint32_t value = 1;
    CHECK_OK(keel_space_activate(shared));
    atomic_u32_store_release(&ready, 1);
    while (atomic_u32_load_acquire(&stop) == 0) {
        keel_status_t status = keel_user_write(va, &value, sizeof value);
        CHECK(status == KEEL_OK || status == KEEL_E_FAULT);
        hal_point(HAL_POINT_RELAX, NULL);
    }
}

static void A2_frame_is_reused_only_after_every_cpu_forgot_it(void)
{
    reset();
    shared = unit_space();
    keel_task_t other = unit_spawn(toucher, 0x1000);
    unit_await(&ready);
    CHECK_OK(keel_space_activate(shared));
    for (unsigned i = 0; i < 20; i++) {
        uint64_t unmapped = 0;
        map_new(shared, 0x1000);
        CHECK_OK(keel_space_unmap(shared, 0x1000, 1, &unmapped)); /* frees the frame: the machine checks it */
        CHECK_EQUAL(unmapped, 1);
    }
    atomic_u32_store_release(&stop, 1);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_space_release(shared));
}

static void A2_protect_reaches_the_other_cpus(void)
{
    reset();
    shared = unit_space();
    map_new(shared, 0x1000);
    keel_task_t other = unit_spawn(toucher, 0x1000);
    unit_await(&ready);
    uint64_t changed = 0;
    CHECK_OK(keel_space_protect(shared, 0x1000, 1, KEEL_READ, &changed));
    CHECK_EQUAL(changed, 1);
    uint64_t before = 0, after = 0;
    CHECK_OK(keel_space_activate(shared));
    CHECK_OK(keel_user_read(0x1000, &before, 4));
    for (unsigned i = 0; i < 50; i++) {
        hal_point(HAL_POINT_RELAX, NULL);
    }
    CHECK_OK(keel_user_read(0x1000, &after, 4));
    CHECK_EQUAL(after, before);
    CHECK_AUDIT(); /* no CPU holds more rights than the tables give */
    atomic_u32_store_release(&stop, 1);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_space_release(shared));
}

static void shooter(uint64_t base)
{
    CHECK_OK(keel_space_activate(shared));
    for (unsigned i = 0; i < 10; i++) {
        uint64_t unmapped = 0;
        map_new(shared, base);
        CHECK_OK(keel_space_unmap(shared, base, 1, &unmapped));
        CHECK_EQUAL(unmapped, 1);
    }
}

static void A2_cpus_shooting_at_each_other_all_go_on(void)
{
    keel_task_t others[3];
    shared = unit_space();
    for (uint64_t i = 0; i < 3; i++) {
        others[i] = unit_spawn(shooter, 0x100000 * (i + 1));
    }
    shooter(0x1000);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(unit_join(others[i]) == 0);
    }
    CHECK_OK(keel_space_release(shared));
}

/* Waits with interrupts off, as a machine's code does that has to: it serves whoever waits for it. */
static void serve_only(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_space_activate(shared));
    bool interrupts = hal_irq_disable();
    atomic_u32_store_release(&ready, 1);
    while (atomic_u32_load_acquire(&stop) == 0) {
        hal_upcall_serve();
        hal_point(HAL_POINT_RELAX, NULL);
    }
    hal_irq_restore(interrupts);
}

static void A2_cpu_that_only_serves_holds_up_nobody(void)
{
    reset();
    shared = unit_space();
    map_new(shared, 0x1000);
    keel_task_t other = unit_spawn(serve_only, 0);
    unit_await(&ready);
    uint64_t unmapped = 0;
    CHECK_OK(keel_space_unmap(shared, 0x1000, 1, &unmapped));
    CHECK_EQUAL(unmapped, 1);
    atomic_u32_store_release(&stop, 1);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_space_release(shared));
}

static void nothing(uint64_t argument)
{
    (void)argument;
}

/* Spawning and ending tasks while other CPUs come up, idle and run: stacks are unmapped everywhere before
 * reuse. */
static void A2_stacks_are_flushed_on_every_cpu_even_one_that_comes_up(void)
{
    for (unsigned i = 0; i < 12; i++) {
        CHECK(unit_join(unit_spawn(nothing, 0)) == 0);
    }
}

static void A2_shootdown_of_nobody_returns(void)
{
    CHECK_EQUAL(cpu_online_mask(), 1);
    tlb_shootdown(0, NULL, HAL_WINDOW_BASE, 1);
    tlb_shootdown(1, NULL, HAL_WINDOW_BASE, 1);
    CHECK(hal_irq_enabled());
}

/* --- What is kept of spaces that are not loaded --- */

static uint32_t first_word(uint64_t va, keel_status_t expected)
{
    uint32_t value = 0;
    CHECK(keel_user_read(va, &value, sizeof value) == expected);
    return value;
}

static void A2_a_space_that_was_left_forgets_what_is_unmapped(void)
{
    keel_space_t left = unit_space(), loaded = unit_space();
    uint32_t value = 5;
    uint64_t unmapped = 0;
    map_new(left, 0x1000);
    map_new(left, 0x2000);
    CHECK_OK(keel_space_activate(left));
    CHECK_OK(keel_user_write(0x2000, &value, sizeof value));
    CHECK_OK(keel_space_activate(loaded));
    CHECK_OK(keel_space_unmap(left, 0x1000, 1, &unmapped)); /* frees the frame: the machine checks it */
    CHECK_AUDIT();
    CHECK_OK(keel_space_activate(left));
    CHECK_EQUAL(first_word(0x1000, KEEL_E_FAULT), 0);
    CHECK_EQUAL(first_word(0x2000, KEEL_OK), 5);
    CHECK_OK(keel_space_release(loaded));
    CHECK_OK(keel_space_release(left));
}

/* All have a page at the same address; each comes back more than once, kept or not. */
static void A2_more_spaces_than_tags_each_see_their_own(void)
{
    keel_space_t spaces[2 * HAL_TLB_TAGS_MAX];
    const uint32_t count = 2 * hal_tlb_tag_count();
    for (uint32_t i = 0; i < count; i++) {
        spaces[i] = unit_space();
        map_new(spaces[i], 0x1000);
        CHECK_OK(keel_space_activate(spaces[i]));
        CHECK_OK(keel_user_write(0x1000, &i, sizeof i));
    }
    for (uint32_t step = 1; step <= count; step++) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t space = i / 2 * step % count;
            CHECK_OK(keel_space_activate(spaces[space]));
            CHECK_EQUAL(first_word(0x1000, KEEL_OK), space);
        }
        CHECK_AUDIT();
    }
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(keel_space_release(spaces[i])); /* one of them is loaded, others are kept */
    }
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_AUDIT();
}

/* Loads the shared space, leaves it, and stays where it is. */
static void visitor(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_space_activate(shared));
    CHECK_EQUAL(first_word(0x1000, KEEL_OK), 0);
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    atomic_u32_store_release(&ready, 1);
    while (atomic_u32_load_acquire(&stop) == 0) {
        hal_point(HAL_POINT_RELAX, NULL);
    }
}

static uint64_t interrupts_of_the_other_cpu(void)
{
    return atomic_u64_load_relaxed(&cpu_at(hal_cpu_id() ^ 1)->counts[CPU_COUNT_IPI]);
}

static void A2_a_cpu_that_left_is_asked_once(void)
{
    reset();
    shared = unit_space();
    for (uint64_t page = 1; page <= 4; page++) {
        map_new(shared, page << HAL_PAGE_SHIFT);
    }
    keel_task_t other = unit_spawn(visitor, 0);
    unit_await(&ready);
    uint64_t before = interrupts_of_the_other_cpu(), unmapped = 0;
    CHECK_OK(keel_space_unmap(shared, 0x1000, 1, &unmapped));
    CHECK_EQUAL(interrupts_of_the_other_cpu(), before + (hal_tlb_tag_count() > 1));
    before = interrupts_of_the_other_cpu();
    CHECK_OK(keel_space_unmap(shared, 0x2000, 3, &unmapped));
    CHECK_EQUAL(interrupts_of_the_other_cpu(), before);
    atomic_u32_store_release(&stop, 1);
    CHECK(unit_join(other) == 0);
    CHECK_OK(keel_space_release(shared));
}

static void A2_a_space_ends_while_a_cpu_keeps_something_of_it(void)
{
    reset();
    shared = unit_space();
    map_new(shared, 0x1000);
    keel_task_t other = unit_spawn(visitor, 0);
    unit_await(&ready);
    CHECK_OK(keel_space_release(shared)); /* frees tables and frame: the machine checks them */
    CHECK_AUDIT();
    atomic_u32_store_release(&stop, 1);
    CHECK(unit_join(other) == 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(A2_frame_is_reused_only_after_every_cpu_forgot_it, .seeds = 40),
        UNIT(A2_protect_reaches_the_other_cpus, .seeds = 20),
        UNIT(A2_cpus_shooting_at_each_other_all_go_on, .seeds = 30, .config.cpu_count = 4),
        UNIT(A2_stacks_are_flushed_on_every_cpu_even_one_that_comes_up, .seeds = 60, .config.cpu_count = 4),
        UNIT(A2_cpu_that_only_serves_holds_up_nobody, .seeds = 5),
        UNIT(A2_shootdown_of_nobody_returns, .config.cpu_count = 1),
        UNIT(A2_a_space_that_was_left_forgets_what_is_unmapped, .config.cpu_count = 1),
        UNIT(A2_a_space_that_was_left_forgets_what_is_unmapped, .config.cpu_count = 1, .config.tlb_tags = 1),
        UNIT(A2_more_spaces_than_tags_each_see_their_own, .config.cpu_count = 1),
        UNIT(A2_more_spaces_than_tags_each_see_their_own, .config.cpu_count = 1, .config.tlb_tags = 1),
        UNIT(A2_more_spaces_than_tags_each_see_their_own, .config.cpu_count = 1,
             .config.tlb_tags = HAL_TLB_TAGS_MAX),
        UNIT(A2_a_cpu_that_left_is_asked_once, .seeds = 10),
        UNIT(A2_a_cpu_that_left_is_asked_once, .seeds = 10, .config.tlb_tags = 1),
        UNIT(A2_a_space_ends_while_a_cpu_keeps_something_of_it, .seeds = 20),
    };
    return unit_main(tests, argc, argv);
}

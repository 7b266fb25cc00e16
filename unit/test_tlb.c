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

/* Spawning and ending tasks while other CPUs come up, idle and run: stacks are unmapped everywhere before
 * reuse. */
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

static void A2_stacks_are_flushed_on_every_cpu_even_one_that_comes_up(void)
{
    for (unsigned i = 0; i < 12; i++) {
        CHECK(unit_join(unit_spawn(nothing, 0)) == 0);
    }
}

static void A2_shootdown_of_nobody_returns(void)
{
    CHECK_EQUAL(cpu_online_mask(), 1);
    tlb_shootdown(0, hal_kernel_root(), HAL_WINDOW_BASE, 1);
    tlb_shootdown(1, hal_kernel_root(), HAL_WINDOW_BASE, 1);
    CHECK(hal_irq_enabled());
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
    };
    return unit_main(tests, argc, argv);
}

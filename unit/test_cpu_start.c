/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/cpu_start.h on the hosted machine: its second CPU plays the one that is being started, and comes at any
 * moment, late, half, or not at all. The clock is the test's, so that the two can disagree.
 */
#include "hosted_kernel.h"

#include "hal/cpu.h"
#include "hal/cpu_start.h"
#include "hosted/explore.h"

#define APIC_ID 7u
#define PAGE    0x9du
#define MS      UINT64_C(1000000)

/* What the new CPU does in the run. */
static struct {
    bool deaf;         /* it hears no start-up IPI */
    unsigned startups; /* it hears only the one of this number, from 1 on */
    bool stuck, unfit; /* it does not answer; it says that it is of no use */
    unsigned turns;    /* that it is given before it answers */
    bool look_at_clock;
    uint64_t ahead;  /* of the boot CPU's clock, modulo 2^64 */
    uint64_t step;   /* by which each look at the clock moves it on ... */
    uint64_t coarse; /* ... but by so much until the clock shows this */
} newcomer;

static atomic_u64_t clock;
static atomic_u32_t state, startup_count;
static uint32_t init_count;
static bool runs, agreed; /* what became of the new CPU */

/* In place of hal_time_now, in the file under test. */
uint64_t test_time_now(void);
uint64_t test_time_now(void)
{
    uint64_t step = atomic_u64_peek(&clock) < newcomer.coarse ? 20 * MS : newcomer.step;
    uint64_t time = atomic_u64_fetch_add(&clock, step) + step;
    return hal_cpu_id() == 0 ? time : time + newcomer.ahead;
}

void cpu_start_send_init(uint32_t apic_id)
{
    mini_expect(apic_id == APIC_ID);
    init_count++;
}

void cpu_start_send_startup(uint32_t apic_id, uint8_t page)
{
    mini_expect(apic_id == APIC_ID && page == PAGE);
    atomic_u32_fetch_add(&startup_count, 1);
}

/* As trampoline.S does. */
static bool take_offer(void)
{
    uint32_t from = CPU_START_OFFERED;
    return atomic_u32_cas(&state, &from, CPU_START_TAKEN);
}

/* mini_word: 1 once the boot CPU has begun, 2 when it has its result. */
static void second(void)
{
    while (atomic_u32_load_acquire(&mini_word) == 0) {
        hal_cpu_relax();
    }
    while (newcomer.deaf || atomic_u32_load_acquire(&startup_count) < newcomer.startups) {
        if (atomic_u32_load_acquire(&mini_word) == 2) {
            atomic_u32_store_release(&mini_finished, 1);
            return;
        }
        hal_cpu_relax();
    }
    if (take_offer() && !newcomer.stuck) {
        for (unsigned turn = 0; turn < newcomer.turns; turn++) {
            hal_cpu_relax();
        }
        agreed = !newcomer.look_at_clock || cpu_start_clock_agrees(&state);
        /* The same clock is not refused but for want of patience. */
        mini_expect(agreed || newcomer.ahead != 0 || atomic_u32_load_acquire(&state) == CPU_START_WITHDRAWN);
        bool fit = agreed && !newcomer.unfit;
        runs = cpu_start_answer(&state, fit) && fit;
    }
    atomic_u32_store_release(&mini_finished, 1);
}

static enum cpu_start_result result;

static void boot(void)
{
    atomic_u64_init(&clock, 1000);
    atomic_u32_init(&state, CPU_START_UNASKED);
    atomic_u32_init(&startup_count, 0);
    init_count = 0;
    runs = agreed = false;
    atomic_u32_store_release(&mini_word, 1);
    hosted_explore_begin();
    result = cpu_start(&state, APIC_ID, PAGE);
    hosted_explore_end();
    atomic_u32_store_release(&mini_word, 2);
    while (atomic_u32_load_acquire(&mini_finished) == 0) {
        hal_cpu_relax();
    }
    /* Both think the same of it, whoever was late. */
    mini_expect(runs == (result == CPU_START_RUNS));
    mini_expect(runs == (atomic_u32_load_acquire(&state) == CPU_START_READY));
    /* What does not run is put back to where only a start-up IPI wakes it. */
    mini_expect(init_count == (runs ? 1 : 2));
}

static void start_with(uint64_t step)
{
    newcomer.step = step;
    mini_run_well(boot, second);
}

static void HAL_cpu_comes_at_the_first_ipi(void **unused)
{
    (void)unused;
    newcomer.startups = 1;
    start_with(MS);
    assert_int_equal(result, CPU_START_RUNS);
}

static void HAL_cpu_comes_at_the_second_ipi(void **unused)
{
    (void)unused;
    newcomer.startups = 2;
    start_with(MS);
    assert_int_equal(result, CPU_START_RUNS);
}

static void HAL_cpu_never_comes(void **unused)
{
    (void)unused;
    newcomer.deaf = true;
    start_with(MS);
    assert_int_equal(result, CPU_START_SILENT);
}

static void HAL_cpu_is_stuck(void **unused)
{
    (void)unused;
    newcomer.startups = 1;
    newcomer.stuck = true;
    start_with(MS);
    assert_int_equal(result, CPU_START_STUCK);
}

static void HAL_cpu_is_unfit(void **unused)
{
    (void)unused;
    newcomer.startups = 1;
    newcomer.unfit = true;
    start_with(MS);
    assert_int_equal(result, CPU_START_REFUSED);
}

/* Patience ends with the first look at the clock, so that the CPU comes before, at and after that moment. */
static void T1_late_cpu_all_ways(void **unused)
{
    static struct hosted_explored found;
    struct hosted_explore explore = {.config = mini_small, .bound = 3};
    (void)unused;
    newcomer.step = 6000 * MS;
    mini_boot_body = boot;
    mini_second_body = second;
    for (unsigned way = 0; way < 6; way++) {
        newcomer.startups = 1 + way % 2;
        newcomer.turns = way / 2;
        hosted_explore(&explore, &found);
        print_message("%u: %llu schedules\n", way, (unsigned long long)found.schedules);
        assert_false(found.failed);
        assert_true(found.complete);
        assert_true(found.schedules > 100);
    }
}

static void T9_clocks_agree(void **unused)
{
    static struct hosted_explored found;
    struct hosted_explore explore = {.config = mini_small, .bound = 2};
    (void)unused;
    newcomer.startups = 1;
    newcomer.look_at_clock = true;
    start_with(1000);
    assert_true(agreed);
    assert_int_equal(result, CPU_START_RUNS);
    /* Whatever moment the two look at their clocks: the same clock is never refused, but for want of
     * patience. */
    mini_boot_body = boot;
    mini_second_body = second;
    explore.config.step_limit = 100000;
    for (unsigned patient = 0; patient <= 1; patient++) {
        newcomer.step = patient != 0 ? MS / 5 : 200 * MS;
        hosted_explore(&explore, &found);
        print_message("%llu schedules\n", (unsigned long long)found.schedules);
        assert_false(found.failed);
        assert_true(found.complete);
    }
}

/* As long as the two see each other's clock rarely, ten milliseconds do not show; then they do. */
static void T9_clocks_are_compared_closely(void **unused)
{
    (void)unused;
    newcomer.look_at_clock = true;
    newcomer.coarse = 200 * MS;
    start_with(1000);
    assert_true(agreed);
    newcomer.ahead = 10 * MS;
    start_with(1000);
    assert_false(agreed);
    assert_int_equal(result, CPU_START_REFUSED);
}

/* By more than the two can look past each other. */
static void T9_clocks_differ(void **unused)
{
    const uint64_t far = UINT64_C(3600000) * MS;
    (void)unused;
    newcomer.startups = 1;
    newcomer.look_at_clock = true;
    for (unsigned behind = 0; behind <= 1; behind++) {
        newcomer.ahead = behind != 0 ? 0 - far : far;
        start_with(MS);
        assert_false(agreed);
        assert_int_equal(result, CPU_START_REFUSED);
    }
}

static int begin(void **unused)
{
    (void)unused;
    newcomer.deaf = newcomer.stuck = newcomer.unfit = newcomer.look_at_clock = false;
    newcomer.startups = 1;
    newcomer.turns = 0;
    newcomer.ahead = newcomer.coarse = 0;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(HAL_cpu_comes_at_the_first_ipi, begin),
        cmocka_unit_test_setup(HAL_cpu_comes_at_the_second_ipi, begin),
        cmocka_unit_test_setup(HAL_cpu_never_comes, begin),
        cmocka_unit_test_setup(HAL_cpu_is_stuck, begin),
        cmocka_unit_test_setup(HAL_cpu_is_unfit, begin),
        cmocka_unit_test_setup(T1_late_cpu_all_ways, begin),
        cmocka_unit_test_setup(T9_clocks_agree, begin),
        cmocka_unit_test_setup(T9_clocks_differ, begin),
        cmocka_unit_test_setup(T9_clocks_are_compared_closely, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

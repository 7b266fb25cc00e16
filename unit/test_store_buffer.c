/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine's store buffers (hosted_config.store_buffer), by the usual litmus tests (Owens, Sarkar
 * and Sewell, "x86-TSO", 2009): what x86 allows is found by the explorer, what it forbids is not.
 */
#include "hosted_kernel.h"

#include "hal/cpu.h"
#include "hal/machine.h"
#include "hosted/explore.h"

static atomic_u32_t x, y;
static uint32_t got[2][2]; /* by each CPU */

struct litmus {
    void (*program[2])(void);
    bool (*outcome)(void);
};

static const struct litmus *litmus;
static unsigned outcomes; /* runs in which that was the outcome */

static void second_runs(void)
{
    litmus->program[1]();
    atomic_u32_fetch_add(&mini_finished, 1);
}

static void first_runs(void)
{
    (void)atomic_u32_exchange(&x, 0); /* the other CPU is there already: atomic, and at once */
    (void)atomic_u32_exchange(&y, 0);
    hosted_explore_begin();
    litmus->program[0]();
    atomic_u32_fetch_add(&mini_finished, 1);
    while (atomic_u32_load_acquire(&mini_finished) != 2) {
        hal_cpu_relax();
    }
    hosted_explore_end();
    outcomes += litmus->outcome() ? 1 : 0;
}

/* Is there the outcome within three preemptions, where each CPU keeps so many stores back? */
static bool can_be(const struct litmus *test, unsigned stores)
{
    static struct hosted_explored found;
    struct hosted_explore explore = {.config = mini_small, .search = HOSTED_SEARCH_EXHAUSTIVE, .bound = 3};
    explore.config.store_buffer = stores;
    litmus = test;
    outcomes = 0;
    mini_boot_body = first_runs;
    mini_second_body = second_runs;
    hosted_explore(&explore, &found);
    assert_false(found.failed);
    assert_true(found.complete);
    return outcomes > 0;
}

/* Not under ThreadSanitizer. */
static bool keeps_stores(void)
{
    extern __attribute__((weak)) void *__tsan_get_current_fiber(void);
    return __tsan_get_current_fiber == NULL;
}

/* --- Each stores, then loads the other's: only with store buffers both can be too early --- */

static void store_x_load_y(void)
{
    atomic_u32_store_relaxed(&x, 1);
    got[0][0] = atomic_u32_load_relaxed(&y);
}

static void store_y_load_x(void)
{
    atomic_u32_store_release(&y, 1);
    got[1][0] = atomic_u32_load_acquire(&x);
}

static void store_y_fence_load_x(void)
{
    atomic_u32_store_relaxed(&y, 1);
    atomic_fence();
    got[1][0] = atomic_u32_load_relaxed(&x);
}

static void exchange_x_load_y(void)
{
    (void)atomic_u32_exchange(&x, 1);
    got[0][0] = atomic_u32_load_relaxed(&y);
}

static bool both_early(void)
{
    return got[0][0] == 0 && got[1][0] == 0;
}

static void stores_are_overtaken_by_loads(void **state)
{
    static const struct litmus without = {{store_x_load_y, store_y_load_x}, both_early};
    static const struct litmus one_fence = {{store_x_load_y, store_y_fence_load_x}, both_early};
    static const struct litmus both_ordered = {{exchange_x_load_y, store_y_fence_load_x}, both_early};
    (void)state;
    assert_false(can_be(&without, 0));
    assert_false(can_be(&one_fence, 0));
    for (unsigned stores = 1; stores <= HOSTED_STORES_MAX; stores++) {
        assert_int_equal(can_be(&without, stores), keeps_stores());
        assert_int_equal(can_be(&one_fence, stores), keeps_stores());
        assert_false(can_be(&both_ordered, stores));
    }
}

/* --- What one CPU stores in order the others see in order --- */

static void store_x_store_y(void)
{
    atomic_u32_store_relaxed(&x, 1);
    atomic_u32_store_release(&y, 1);
    got[0][0] = atomic_u32_load_relaxed(&mini_word);
}

static void load_y_load_x(void)
{
    got[1][0] = atomic_u32_load_acquire(&y);
    got[1][1] = atomic_u32_load_relaxed(&x);
}

static bool out_of_order(void)
{
    return got[1][0] == 1 && got[1][1] == 0;
}

static void stores_keep_their_order(void **state)
{
    static const struct litmus test = {{store_x_store_y, load_y_load_x}, out_of_order};
    (void)state;
    for (unsigned stores = 0; stores <= HOSTED_STORES_MAX; stores++) {
        assert_false(can_be(&test, stores));
    }
}

/* --- A CPU sees its own stores at once, the last of each word --- */

static void store_twice_and_load(void)
{
    atomic_u32_store_relaxed(&x, 1);
    atomic_u32_store_relaxed(&x, 2);
    atomic_u32_store_relaxed(&y, 3);
    got[0][0] = atomic_u32_load_relaxed(&x);
    got[0][1] = atomic_u32_peek(&y);
}

static void do_nothing(void)
{
}

static bool own_are_missing(void)
{
    return got[0][0] != 2 || got[0][1] != 3;
}

static void own_stores_are_seen(void **state)
{
    static const struct litmus test = {{store_twice_and_load, do_nothing}, own_are_missing};
    (void)state;
    for (unsigned stores = 0; stores <= HOSTED_STORES_MAX; stores++) {
        assert_false(can_be(&test, stores));
    }
}

/* --- Where there is room for one, the older store is seen and the younger one not yet --- */

static bool one_is_kept(void)
{
    return got[0][0] == 0 && got[1][0] == 1 && got[1][1] == 0;
}

static void exchange_then_look(void)
{
    (void)atomic_u32_exchange(&mini_word, 1);
    got[1][0] = atomic_u32_load_relaxed(&x);
    got[1][1] = atomic_u32_load_relaxed(&y);
}

static void capacities_differ(void **state)
{
    static const struct litmus test = {{store_x_store_y, exchange_then_look}, one_is_kept};
    (void)state;
    for (unsigned stores = 0; stores <= HOSTED_STORES_MAX; stores++) {
        assert_int_equal(can_be(&test, stores), stores == 1 && keeps_stores());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_are_overtaken_by_loads),
        cmocka_unit_test(stores_keep_their_order),
        cmocka_unit_test(own_stores_are_seen),
        cmocka_unit_test(capacities_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

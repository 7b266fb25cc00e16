/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The explorer of the hosted machine (hosted/explore.h), on kernels that do nothing but what is explored.
 * What
 * ./keel explore makes of it: test_explore_tool.py.
 */
#include "hosted_kernel.h"

#include "hal/cpu.h"
#include "hal/machine.h"
#include "hosted/explore.h"

static struct hosted_explored found;

/* --- A lost update: one preemption --- */

static void add_badly(void)
{
    atomic_u32_store_relaxed(&mini_word, atomic_u32_load_relaxed(&mini_word) + 1);
    atomic_u32_fetch_add(&mini_finished, 1);
}

static void await_finish(void)
{
    while (atomic_u32_load_acquire(&mini_finished) != 2) {
        hal_cpu_relax();
    }
    hosted_explore_end();
}

static void add_and_compare(void)
{
    hosted_explore_begin();
    add_badly();
    await_finish();
    mini_expect(atomic_u32_peek(&mini_word) == 2);
}

static struct hosted_explore search_of(void (*body)(void), void (*second)(void), enum hosted_search search)
{
    mini_boot_body = body;
    mini_second_body = second;
    return (struct hosted_explore){.config = mini_small, .search = search, .bound = 2, .seed = 1};
}

/* What was found fails again by its steps, and by its choices; each is the very same run. */
static void check_replay(void (*body)(void), void (*second)(void))
{
    static struct hosted_explored again;
    struct hosted_explore explore = search_of(body, second, HOSTED_SEARCH_STEPS);
    explore.steps = found.steps;
    explore.step_count = found.step_count;
    hosted_explore(&explore, &again);
    assert_true(again.failed);
    assert_int_equal(again.schedules, 1);
    assert_memory_equal(&again.result, &found.result, sizeof found.result);
    assert_int_equal(again.preemptions, found.preemptions);

    struct hosted_config config = mini_small;
    config.strategy = HOSTED_REPLAY;
    config.choices = found.choices;
    config.choice_count = found.choice_count;
    struct hosted_result result = mini_run_with(&config, body, second);
    assert_memory_equal(&result, &found.result, sizeof result);
}

static void every_search_finds_and_replays(void **state)
{
    static const enum hosted_search searches[] = {HOSTED_SEARCH_EXHAUSTIVE, HOSTED_SEARCH_RANDOM,
                                                  HOSTED_SEARCH_PCT};
    (void)state;
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        struct hosted_explore explore = search_of(add_and_compare, add_badly, searches[i]);
        hosted_explore(&explore, &found);
        assert_true(found.failed && found.preemptions >= 1);
        check_replay(add_and_compare, add_badly);
    }
}

/* A random schedule keeps to the bound, and a priority changes as often as the depth allows. */
static void bounds_are_kept(void **state)
{
    (void)state;
    struct hosted_explore explore = search_of(add_and_compare, add_badly, HOSTED_SEARCH_RANDOM);
    explore.bound = 0;
    explore.schedule_limit = 50;
    hosted_explore(&explore, &found);
    assert_false(found.failed);
    assert_int_equal(found.schedules, 51);
    assert_false(found.complete);

    explore = search_of(add_and_compare, add_badly, HOSTED_SEARCH_PCT);
    explore.bound = 1;
    explore.schedule_limit = 50;
    hosted_explore(&explore, &found);
    assert_false(found.failed); /* whoever has the higher priority goes first, and to its end */

    explore = search_of(add_and_compare, add_badly, HOSTED_SEARCH_EXHAUSTIVE);
    explore.bound = 0;
    hosted_explore(&explore, &found);
    assert_false(found.failed);
    assert_true(found.complete);
    assert_int_equal(found.schedules, 1);
}

/* --- States --- */

static void two_steps(void)
{
    atomic_u32_fetch_add(&mini_word, 1);
    atomic_u32_fetch_add(&mini_finished, 1);
}

static void take_two_steps(void)
{
    hosted_explore_begin();
    two_steps();
    hosted_explore_end();
}

/* The boot CPU has come to its first point or its second, the other to none, to its first or its second. */
static void states_are_counted(void **state)
{
    (void)state;
    struct hosted_explore explore = search_of(take_two_steps, two_steps, HOSTED_SEARCH_EXHAUSTIVE);
    explore.count_states = true;
    explore.bound = 9;
    hosted_explore(&explore, &found);
    assert_true(found.complete);
    assert_int_equal(found.states, 6);
    assert_false(found.states_full);
    assert_int_equal(found.schedules, 10);
}

/* --- Reduction: whatever can come of a program comes of it as well when schedules are left out --- */

#define OPERATIONS  4u
#define WORDS       2u
#define OUTCOME_MAX 4096u

enum operation { OP_LOAD, OP_STORE, OP_UPDATE, OP_IRQ, OP_IPI, OP_TIMER, OP_FREEZE, OP_KINDS };

struct operation_of {
    enum operation kind;
    unsigned word;
};

static struct operation_of programs[2][OPERATIONS];
static atomic_u32_t words[WORDS];
static uint64_t seen[2]; /* what each CPU loaded, folded */

struct outcomes {
    uint64_t values[OUTCOME_MAX];
    size_t count;
};

static struct outcomes all, reduced, *outcomes;

static void fold(uint64_t *sum, uint64_t value)
{
    *sum = (*sum ^ value) * UINT64_C(0x100000001b3);
}

/* The first CPU's timer rings some points later. */
static void use_timer(unsigned cpu)
{
    if (cpu == 0) {
        bool enabled = hal_irq_disable();
        hal_timer_arm(hal_time_now() + 100);
        fold(&seen[cpu], mini_timer_count);
        hal_irq_restore(enabled);
        fold(&seen[cpu], mini_timer_count);
    }
}

/* As an audit looks: without a point. */
static uint32_t look_frozen(const atomic_u32_t *word)
{
    bool enabled = hal_irq_disable();
    hal_freeze();
    uint32_t value = atomic_u32_peek(word);
    hal_thaw();
    hal_irq_restore(enabled);
    return value;
}

static void operate(unsigned cpu, unsigned index)
{
    const struct operation_of *operation = &programs[cpu][index];
    atomic_u32_t *word = &words[operation->word];
    uint32_t mine = 1 + cpu * OPERATIONS + index;
    switch (operation->kind) {
    case OP_LOAD:
        fold(&seen[cpu], atomic_u32_load_acquire(word));
        break;
    case OP_STORE:
        atomic_u32_store_release(word, mine);
        break;
    case OP_UPDATE:
        fold(&seen[cpu], atomic_u32_fetch_add(word, mine << 8));
        break;
    case OP_IRQ:
        hal_irq_restore(hal_irq_disable());
        fold(&seen[cpu], atomic_u32_load_acquire(&mini_finished) & UINT16_MAX); /* interrupts taken so far */
        break;
    case OP_IPI:
        if (cpu == 0) { /* the handler of mini counts for one CPU */
            hal_ipi_send(1);
        }
        break;
    case OP_TIMER:
        use_timer(cpu);
        break;
    default:
        fold(&seen[cpu], look_frozen(word));
        break;
    }
}

static void run_program(unsigned cpu)
{
    seen[cpu] = 0;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        operate(cpu, i);
    }
    atomic_u32_fetch_add(&mini_finished, UINT32_C(1) << 16);
}

static void run_second(void)
{
    hal_irq_restore(true);
    run_program(1);
    (void)hal_irq_disable(); /* mini's second CPU waits with interrupts off */
}

static void run_first(void)
{
    uint64_t outcome = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        atomic_u32_store_relaxed(&words[i], 0);
    }
    hal_irq_restore(true);
    hosted_explore_begin();
    run_program(0);
    while (atomic_u32_load_acquire(&mini_finished) >> 16 != 2) {
        hal_cpu_relax();
    }
    hosted_explore_end();
    fold(&outcome, seen[0]);
    fold(&outcome, seen[1]);
    for (unsigned i = 0; i < WORDS; i++) {
        fold(&outcome, atomic_u32_peek(&words[i]));
    }
    for (size_t i = 0; i < outcomes->count; i++) {
        if (outcomes->values[i] == outcome) {
            return;
        }
    }
    mini_expect(outcomes->count < OUTCOME_MAX);
    outcomes->values[outcomes->count++] = outcome;
}

static uint32_t draw(uint32_t *random, uint32_t limit)
{
    *random = *random * 1664525u + 1013904223u; /* Numerical Recipes */
    return (*random >> 16) % limit;
}

static void make_programs(uint32_t seed)
{
    for (unsigned i = 0; i < 2 * OPERATIONS; i++) {
        programs[i / OPERATIONS][i % OPERATIONS] =
            (struct operation_of){(enum operation)draw(&seed, OP_KINDS), draw(&seed, WORDS)};
    }
}

static uint64_t collect(bool reduce, unsigned bound, struct outcomes *into)
{
    struct hosted_explore explore = search_of(run_first, run_second, HOSTED_SEARCH_EXHAUSTIVE);
    outcomes = into;
    outcomes->count = 0;
    explore.bound = bound;
    explore.reduce = reduce;
    hosted_explore(&explore, &found);
    assert_false(found.failed);
    assert_true(found.complete);
    return found.schedules - found.cut;
}

static void assert_same_outcomes(void)
{
    assert_int_equal(all.count, reduced.count);
    for (size_t i = 0; i < all.count; i++) {
        size_t j = 0;
        while (j < reduced.count && reduced.values[j] != all.values[i]) {
            j++;
        }
        assert_true(j < reduced.count);
    }
}

static void reduction_loses_no_outcome(void **state)
{
    (void)state;
    uint64_t whole = 0, left = 0, different = 0;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        make_programs(seed);
        for (unsigned bound = 0; bound <= (seed % 8 == 0 ? 3 : 2); bound++) {
            whole += collect(false, bound, &all);
            left += collect(true, bound, &reduced);
            assert_same_outcomes();
            different += all.count;
        }
    }
    print_message("%llu outcomes of %llu schedules, or of %llu\n", (unsigned long long)different,
                  (unsigned long long)whole, (unsigned long long)left);
    assert_true(left < whole * 2 / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_search_finds_and_replays),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(states_are_counted),
        cmocka_unit_test(reduction_loses_no_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

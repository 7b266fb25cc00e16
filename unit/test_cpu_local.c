/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Numbers of each CPU (core/cpu_local.c), and words of each task.
 */
#include "core/cpu_local.h"

#include "support.h"

static keel_cpu_local_t local;
static keel_spinlock_t spinlock;

/* Only who is pinned gets at it, by whatever pins. */
static void T6_only_who_is_pinned_reaches_it(void)
{
    keel_guard_t guard;
    uint64_t value = 5;
    CHECK_OK(keel_cpu_local_create(&local));
    CHECK_OK(keel_spinlock_create(0, &spinlock));
    CHECK_STATUS(keel_cpu_local_load(local, &value), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_cpu_local_store(local, 1), KEEL_E_CONTEXT);
    CHECK_EQUAL(value, 5);
    CHECK_OK(keel_preempt_disable(&guard));
    CHECK_OK(keel_cpu_local_load(local, &value));
    CHECK_EQUAL(value, 0);
    CHECK_OK(keel_cpu_local_store(local, 7));
    CHECK_OK(keel_guard_release(guard));
    CHECK_STATUS(keel_cpu_local_load(local, &value), KEEL_E_CONTEXT);
    CHECK_OK(keel_spinlock_lock(spinlock));
    CHECK_OK(keel_cpu_local_load(local, &value));
    CHECK_OK(keel_spinlock_unlock(spinlock));
    CHECK_STATUS(keel_cpu_local_store(local, 1), KEEL_E_CONTEXT);
    CHECK_STATUS(keel_cpu_local_peek(local, hal_cpu_count(), &value), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_cpu_local_peek(local, UINT32_MAX, &value), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_spinlock_release(spinlock));
    CHECK_OK(keel_cpu_local_release(local));
}

#define ROUNDS 50u

/* Load and store with a guard around them lose nothing, wherever the task is moved in between rounds. */
static void count(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        keel_guard_t guard;
        uint64_t value = 0;
        CHECK_OK(keel_preempt_disable(&guard));
        CHECK_OK(keel_cpu_local_load(local, &value));
        CHECK_OK(keel_cpu_local_store(local, value + 1));
        CHECK_OK(keel_guard_release(guard));
        CHECK_OK(keel_task_yield());
    }
}

static void T6_pinned_changes_are_not_lost(void)
{
    keel_task_t tasks[4];
    uint64_t sum = 0, value = 0;
    CHECK_OK(keel_cpu_local_create(&local));
    for (unsigned i = 0; i < 4; i++) {
        tasks[i] = unit_spawn(count, i);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK(unit_join(tasks[i]) == 0);
    }
    for (uint32_t cpu = 0; cpu < 3; cpu++) {
        CHECK_OK(keel_cpu_local_peek(local, cpu, &value));
        sum += value;
    }
    CHECK_EQUAL(sum, 4 * ROUNDS);
    CHECK_OK(keel_cpu_local_release(local));
}

/* A slot's next life begins with zeroes. */
static void M9_new_numbers_are_zero(void)
{
    keel_guard_t guard;
    for (unsigned round = 0; round < 300; round++) {
        uint64_t value = 1;
        CHECK_OK(keel_cpu_local_create(&local));
        CHECK_OK(keel_preempt_disable(&guard));
        CHECK_OK(keel_cpu_local_load(local, &value));
        CHECK_EQUAL(value, 0);
        CHECK_OK(keel_cpu_local_store(local, UINT64_MAX));
        CHECK_OK(keel_guard_release(guard));
        CHECK_OK(keel_cpu_local_release(local));
    }
}

static void check_words(uint64_t argument)
{
    uint64_t value = 1;
    for (uint32_t i = 0; i < KEEL_TASK_WORDS; i++) {
        CHECK_OK(keel_task_word_load(i, &value));
        CHECK_EQUAL(value, 0);
        CHECK_OK(keel_task_word_store(i, argument + i));
    }
    CHECK_OK(keel_task_yield());
    for (uint32_t i = 0; i < KEEL_TASK_WORDS; i++) {
        CHECK_OK(keel_task_word_load(i, &value));
        CHECK_EQUAL(value, argument + i);
    }
    CHECK_STATUS(keel_task_word_load(KEEL_TASK_WORDS, &value), KEEL_E_INVALID);
    CHECK_STATUS(keel_task_word_store(UINT32_MAX, 1), KEEL_E_INVALID);
}

static void M9_words_are_each_task_s_own_and_begin_as_zero(void)
{
    keel_task_t tasks[2];
    for (uint64_t round = 0; round < 100; round++) { /* each slot has several lives */
        tasks[0] = unit_spawn(check_words, 100);
        tasks[1] = unit_spawn(check_words, 200);
        CHECK(unit_join(tasks[0]) == 0);
        CHECK(unit_join(tasks[1]) == 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(T6_only_who_is_pinned_reaches_it),
        UNIT(T6_pinned_changes_are_not_lost, .config.cpu_count = 3, .seeds = 20),
        UNIT(M9_new_numbers_are_zero),
        UNIT(M9_words_are_each_task_s_own_and_begin_as_zero, .seeds = 5),
    };
    return unit_main(tests, argc, argv);
}

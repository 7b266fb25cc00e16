/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The buddy allocator beside a model: an array that says which frames are free.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/buddy.h"

#define MODEL_FRAMES 8192u

static struct services_buddy *buddy;
static struct keel_frame_allocator policy;
static bool model_free[MODEL_FRAMES];

static int setup(void **state)
{
    (void)state;
    buddy = calloc(1, sizeof(*buddy));
    memset(model_free, 0, sizeof(model_free));
    policy = services_buddy_policy(buddy);
    return buddy == NULL;
}

static int teardown(void **state)
{
    (void)state;
    free(buddy);
    return 0;
}

static bool alloc(uint64_t count, uint64_t alignment, uint64_t *first)
{
    *first = policy.alloc(policy.context, count, alignment);
    return *first != KEEL_FRAME_NONE;
}

static uint64_t model_count(void)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < MODEL_FRAMES; i++) {
        count += model_free[i];
    }
    return count;
}

static bool model_range_is(uint64_t first, uint64_t count, bool value)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (i >= MODEL_FRAMES || model_free[i] != value) {
            return false;
        }
    }
    return true;
}

static void model_set(uint64_t first, uint64_t count, bool value)
{
    for (uint64_t i = first; i < first + count && i < MODEL_FRAMES; i++) {
        model_free[i] = value;
    }
}

/* Would a buddy system find this? A naturally aligned free run of the next power of two, aligned as asked. */
static bool model_has(uint64_t count, uint64_t alignment)
{
    uint64_t size = 1;
    while (size < count) {
        size *= 2;
    }
    uint64_t step = size > alignment ? size : alignment;
    for (uint64_t first = 0; first + size <= MODEL_FRAMES; first += step) {
        if (model_range_is(first, size, true)) {
            return true;
        }
    }
    return false;
}

static void test_empty(void **state)
{
    uint64_t first;
    (void)state;
    assert_false(alloc(1, 1, &first));
}

static void test_all_of_a_range_then_none(void **state)
{
    uint64_t first;
    (void)state;
    policy.add(policy.context, 3, 1000);
    model_set(3, 1000, true);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(alloc(1, 1, &first));
        assert_true(model_range_is(first, 1, true));
        model_set(first, 1, false);
    }
    assert_false(alloc(1, 1, &first));
    assert_int_equal(buddy->free_count, 0);
}

static void test_tail_comes_back(void **state)
{
    uint64_t first;
    (void)state;
    policy.add(policy.context, 64, 64);
    assert_true(alloc(33, 1, &first));
    assert_int_equal(first, 64);
    assert_int_equal(buddy->free_count, 31);
    assert_true(alloc(16, 1, &first));
    assert_int_equal(first, 112);
}

static void test_alignment_beyond_size(void **state)
{
    uint64_t first;
    (void)state;
    policy.add(policy.context, 1, 255); /* 1..255: the multiples of 64 are 64, 128, 192 */
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(alloc(1, 64, &first));
        assert_int_equal(first, 64 * i);
    }
    assert_false(alloc(1, 64, &first));
    assert_true(alloc(1, 32, &first));
    assert_int_equal(first % 32, 0);
}

static void test_pieces_merge(void **state)
{
    uint64_t first;
    (void)state;
    policy.add(policy.context, 0, 1024);
    assert_true(alloc(1024, 1024, &first));
    for (uint64_t i = 0; i < 1024; i++) {
        policy.free(policy.context, i * 5 % 1024, 1);
    }
    assert_true(alloc(1024, 1024, &first));
    assert_int_equal(first, 0);
}

static void test_bogus_requests(void **state)
{
    uint64_t first;
    (void)state;
    policy.add(policy.context, 0, 1u << 12);
    assert_false(alloc(0, 1, &first));
    assert_false(alloc(1, 0, &first));
    assert_false(alloc(1, 3, &first));
    assert_false(alloc(UINT64_MAX, 1, &first));
    assert_false(alloc((UINT64_C(1) << 20) + 1, 1, &first));
    assert_false(alloc(1, UINT64_C(1) << 63, &first) && first != 0);
    assert_int_equal(first == 0 ? buddy->free_count + 1 : buddy->free_count, 1u << 12);
}

static void test_bogus_frees(void **state)
{
    (void)state;
    policy.free(policy.context, 0, 0);
    policy.free(policy.context, SERVICES_BUDDY_FRAMES, 1);
    policy.free(policy.context, UINT64_MAX, UINT64_MAX);
    assert_int_equal(buddy->free_count, 0);
    policy.free(policy.context, 100, 100);
    policy.free(policy.context, 150, 100); /* half of it is free already */
    policy.free(policy.context, 0, 120);
    assert_int_equal(buddy->free_count, 250);
}

static void test_capacity(void **state)
{
    uint64_t first;
    (void)state;
    policy.add(policy.context, 0, UINT64_MAX);
    assert_int_equal(buddy->free_count, SERVICES_BUDDY_FRAMES);
    for (uint64_t i = 0; i < SERVICES_BUDDY_FRAMES >> SERVICES_BUDDY_TOP_ORDER; i++) {
        assert_true(alloc(UINT64_C(1) << SERVICES_BUDDY_TOP_ORDER, 1, &first));
        assert_int_equal(first, i << SERVICES_BUDDY_TOP_ORDER);
    }
    assert_false(alloc(1, 1, &first));
    policy.free(policy.context, SERVICES_BUDDY_FRAMES - 1, 7);
    assert_true(alloc(1, 1, &first));
    assert_int_equal(first, SERVICES_BUDDY_FRAMES - 1);
}

static uint32_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* Whatever is asked for and given back, whole or in parts or wrongly: the model agrees after every step. */
static void test_model(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t kind = random_next(&seed) % 4;
        uint64_t count = 1 + random_next(&seed) % (kind == 0 ? 300 : 40);
        uint64_t first = random_next(&seed) % (MODEL_FRAMES - 300);
        if (kind <= 1) {
            policy.free(policy.context, first, count);
            model_set(first, count, true);
        } else {
            uint64_t alignment = UINT64_C(1) << random_next(&seed) % 8;
            bool expected = model_has(count, alignment);
            assert_int_equal(alloc(count, alignment, &first), expected);
            if (expected) {
                assert_int_equal(first % alignment, 0);
                assert_true(model_range_is(first, count, true));
                model_set(first, count, false);
            }
        }
        assert_int_equal(buddy->free_count, model_count());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_of_a_range_then_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tail_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alignment_beyond_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pieces_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bogus_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bogus_frees, setup, teardown),
        cmocka_unit_test_setup_teardown(test_capacity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

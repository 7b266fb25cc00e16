/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/ref.c: every step of the state machine, and every step that must not be possible.
 */
#include "core/ref.h"

#include "support.h"

static struct ref ref;

static void set_word(uint32_t generation, enum ref_state state, uint32_t count)
{
    atomic_u64_init(&ref.word, (uint64_t)generation << 32 | (uint64_t)state << 24 | count);
}

static void assert_ref(uint32_t generation, enum ref_state state, uint32_t count, uint32_t handles)
{
    uint64_t word = atomic_u64_peek(&ref.word);
    assert_int_equal(ref_word_generation(word), generation);
    assert_int_equal(ref_word_state(word), state);
    assert_int_equal(ref_word_count(word), count);
    assert_int_equal(atomic_u32_peek(&ref.handles), handles);
}

static void M2_ref_walks_through_a_whole_life(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    assert_ref(1, REF_FREE, 0, 0);
    assert_true(ref_claim(&ref));
    assert_ref(1, REF_BUSY, 0, 0);
    ref_publish(&ref, 2, true);
    assert_ref(1, REF_LIVE, 2, 1);
    assert_int_equal(ref_get_by_handle(&ref, 1), KEEL_OK);
    assert_int_equal(ref_get(&ref), KEEL_OK);
    assert_ref(1, REF_LIVE, 4, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(ref_put(&ref));
    }
    assert_true(ref_put(&ref));
    assert_ref(1, REF_BUSY, 0, 1);
    assert_true(ref_finish(&ref));
    assert_ref(2, REF_FREE, 0, 0);
}

static void M2_ref_private_life_is_out_of_reach(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    assert_true(ref_claim(&ref));
    ref_make_private(&ref);
    assert_ref(1, REF_PRIVATE, 0, 0);
    assert_int_equal(ref_get_by_handle(&ref, 1), KEEL_E_BAD_HANDLE);
    assert_false(ref_claim(&ref));
    ref_take_private(&ref);
    assert_ref(1, REF_BUSY, 0, 0);
    assert_true(ref_finish(&ref));
    assert_ref(2, REF_FREE, 0, 0);
}

static void M2_ref_only_free_can_be_claimed(void **state)
{
    (void)state;
    static const enum ref_state states[] = {REF_BUSY,    REF_LIVE,     REF_PRIVATE,
                                            REF_RETIRED, REF_RESERVED, REF_UNIQUE};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        ref_init(&ref, states[i]);
        assert_false(ref_claim(&ref));
        assert_ref(1, states[i], 0, 0);
    }
}

static void H1_ref_only_live_of_that_generation_with_handles_is_found(void **state)
{
    (void)state;
    for (unsigned other = REF_FREE; other <= REF_UNIQUE; other++) {
        ref_init(&ref, (enum ref_state)other);
        atomic_u32_init(&ref.handles, 1);
        if (other == REF_LIVE) {
            set_word(5, REF_LIVE, 1);
            assert_int_equal(ref_get_by_handle(&ref, 5), KEEL_OK);
        } else {
            assert_int_equal(ref_get_by_handle(&ref, 1), KEEL_E_BAD_HANDLE);
        }
    }
    static const uint32_t wrong[] = {0, 4, 6, UINT32_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(ref_get_by_handle(&ref, wrong[i]), KEEL_E_BAD_HANDLE);
    }
    set_word(5, REF_LIVE, 2);
    atomic_u32_init(&ref.handles, 0);
    assert_int_equal(ref_get_by_handle(&ref, 5), KEEL_E_BAD_HANDLE);
    assert_ref(5, REF_LIVE, 2, 0);
}

static void M2_ref_unique_belongs_to_one_call_at_a_time(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    assert_true(ref_claim(&ref));
    ref_publish_unique(&ref);
    assert_ref(1, REF_UNIQUE, 0, 0);
    assert_int_equal(ref_get_by_handle(&ref, 1), KEEL_E_BAD_HANDLE);
    assert_int_equal(ref_hold_unique(&ref, 2), KEEL_E_BAD_HANDLE);
    assert_int_equal(ref_hold_unique(&ref, 1), KEEL_OK);
    assert_ref(1, REF_UNIQUE, 1, 0);
    assert_int_equal(ref_hold_unique(&ref, 1), KEEL_E_BUSY);
    assert_int_equal(ref_hold_unique(&ref, 2), KEEL_E_BAD_HANDLE);
    ref_unhold_unique(&ref);
    assert_ref(1, REF_UNIQUE, 0, 0);
    assert_int_equal(ref_hold_unique(&ref, 1), KEEL_OK);
    ref_take_unique(&ref);
    assert_ref(1, REF_BUSY, 0, 0);
}

static void H3_ref_conversions_raise_the_generation(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    set_word(5, REF_UNIQUE, 1);
    assert_int_equal(ref_convert_unique(&ref), KEEL_OK);
    assert_ref(6, REF_BUSY, 0, 0);
    ref_publish(&ref, 1, true);
    assert_int_equal(ref_get_by_handle(&ref, 6), KEEL_OK);
    assert_int_equal(ref_convert_live(&ref), KEEL_OK);
    assert_ref(7, REF_BUSY, 0, 0);

    set_word(UINT32_MAX, REF_UNIQUE, 1);
    assert_int_equal(ref_convert_unique(&ref), KEEL_E_LIMIT);
    assert_ref(UINT32_MAX, REF_UNIQUE, 1, 0);
    set_word(UINT32_MAX, REF_LIVE, 2);
    atomic_u32_init(&ref.handles, 1);
    assert_int_equal(ref_convert_live(&ref), KEEL_E_LIMIT);
    assert_ref(UINT32_MAX, REF_LIVE, 2, 1);
}

static void M2_ref_converts_only_the_call_and_one_handle(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    for (uint32_t count = 1; count < 5; count++) {
        for (uint32_t handles = 0; handles <= count; handles++) {
            bool sole = count == 2 && handles == 1;
            set_word(3, REF_LIVE, count);
            atomic_u32_init(&ref.handles, handles);
            assert_int_equal(ref_convert_live(&ref), sole ? KEEL_OK : KEEL_E_BUSY);
            assert_ref(sole ? 4 : 3, sole ? REF_BUSY : REF_LIVE, sole ? 0 : count, sole ? 0 : handles);
        }
    }
    /* What a failed conversion leaves behind is in nobody's way. */
    set_word(3, REF_LIVE, 2);
    atomic_u32_init(&ref.handles, 2);
    assert_int_equal(ref_convert_live(&ref), KEEL_E_BUSY);
    assert_int_equal(ref_get_by_handle(&ref, 3), KEEL_OK);
    assert_int_equal(ref_get(&ref), KEEL_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(ref_put(&ref));
    }
    assert_true(ref_put(&ref));
    assert_true(atomic_u64_peek(&ref.word) == ((uint64_t)3 << 32 | (uint64_t)REF_BUSY << 24));
}

static void M2_ref_reserved_can_be_freed_once(void **state)
{
    (void)state;
    ref_init(&ref, REF_RESERVED);
    ref_unreserve(&ref);
    assert_ref(1, REF_BUSY, 0, 0);
    ref_unclaim(&ref);
    assert_true(ref_claim(&ref));
}

/* Where the quick look-up finds the object, the other one would have; elsewhere it leaves it to it. */
static void check_quick_get(uint32_t generation, enum ref_state at, uint32_t count, uint32_t handles)
{
    set_word(generation, at, count);
    atomic_u32_init(&ref.handles, handles);
    bool quick = ref_get_quick(&ref, 5);
    assert_ref(generation, at, quick ? count + 1 : count, handles);
    set_word(generation, at, count);
    assert_int_equal(quick, ref_get_by_handle(&ref, 5) == KEEL_OK);
}

/* The quick put drops what is neither the last nor nobody's. */
static void check_quick_put(uint32_t generation, enum ref_state at, uint32_t count)
{
    set_word(generation, at, count);
    bool quick = ref_put_quick(&ref);
    assert_int_equal(quick, at == REF_LIVE && count >= 2);
    uint64_t word = atomic_u64_peek(&ref.word);
    assert_int_equal(ref_word_count(word), quick ? count - 1 : count);
    assert_int_equal(ref_word_state(word), at);
    assert_int_equal(ref_word_generation(word), generation);
}

static void M2_ref_quick_steps_agree_with_the_others(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 2, 3, REF_COUNT_MAX - 1, REF_COUNT_MAX};
    static const uint32_t generations[] = {0, 4, 5, 6, UINT32_MAX};
    for (unsigned at = REF_FREE; at <= 0x7f; at++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            for (size_t j = 0; j < sizeof generations / sizeof generations[0]; j++) {
                uint32_t count = at == REF_LIVE && counts[i] == 0 ? 1 : counts[i]; /* LIVE is counted */
                check_quick_get(generations[j], (enum ref_state)at, count, 0);
                check_quick_get(generations[j], (enum ref_state)at, count, 1);
                check_quick_put(generations[j], (enum ref_state)at, count);
            }
        }
    }
    /* A mark is for the others to take off. */
    atomic_u32_init(&ref.handles, 2);
    set_word(5, REF_LIVE, 3);
    uint64_t marked = atomic_u64_peek(&ref.word) | REF_MARK;
    atomic_u64_init(&ref.word, marked);
    assert_false(ref_get_quick(&ref, 5));
    assert_false(ref_put_quick(&ref));
    assert_true(atomic_u64_peek(&ref.word) == marked);
}

static void H3_ref_retires_with_its_last_generation(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    set_word(UINT32_MAX - 1, REF_BUSY, 0);
    assert_true(ref_finish(&ref));
    assert_ref(UINT32_MAX, REF_FREE, 0, 0);
    assert_true(ref_claim(&ref));
    assert_false(ref_finish(&ref));
    assert_ref(UINT32_MAX, REF_RETIRED, 0, 0);
    assert_false(ref_claim(&ref));
    assert_int_equal(ref_get_by_handle(&ref, UINT32_MAX), KEEL_E_BAD_HANDLE);
}

static void H3_ref_unclaim_keeps_the_generation(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    assert_true(ref_claim(&ref));
    ref_unclaim(&ref);
    assert_ref(1, REF_FREE, 0, 0);
}

static void M6_ref_counts_stop_at_their_limits(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    set_word(1, REF_LIVE, REF_COUNT_MAX - 1);
    atomic_u32_init(&ref.handles, REF_HANDLES_MAX - 1);
    assert_int_equal(ref_get(&ref), KEEL_OK);
    assert_int_equal(ref_get(&ref), KEEL_E_LIMIT);
    assert_int_equal(ref_get_by_handle(&ref, 1), KEEL_E_LIMIT);
    assert_int_equal(ref_handle_add(&ref), KEEL_OK);
    assert_int_equal(ref_handle_add(&ref), KEEL_E_LIMIT);
    assert_ref(1, REF_LIVE, REF_COUNT_MAX, REF_HANDLES_MAX);
    assert_false(ref_put(&ref));
    assert_ref(1, REF_LIVE, REF_COUNT_MAX - 1, REF_HANDLES_MAX);
}

static void M6_ref_handles_never_go_below_zero(void **state)
{
    (void)state;
    ref_init(&ref, REF_FREE);
    set_word(1, REF_LIVE, 3);
    atomic_u32_init(&ref.handles, 1);
    assert_int_equal(ref_handle_drop(&ref), KEEL_OK);
    assert_int_equal(ref_handle_drop(&ref), KEEL_E_BAD_HANDLE);
    assert_ref(1, REF_LIVE, 3, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(M2_ref_walks_through_a_whole_life),
        cmocka_unit_test(M2_ref_private_life_is_out_of_reach),
        cmocka_unit_test(M2_ref_only_free_can_be_claimed),
        cmocka_unit_test(H1_ref_only_live_of_that_generation_with_handles_is_found),
        cmocka_unit_test(M2_ref_unique_belongs_to_one_call_at_a_time),
        cmocka_unit_test(H3_ref_conversions_raise_the_generation),
        cmocka_unit_test(M2_ref_converts_only_the_call_and_one_handle),
        cmocka_unit_test(M2_ref_reserved_can_be_freed_once),
        cmocka_unit_test(M2_ref_quick_steps_agree_with_the_others),
        cmocka_unit_test(H3_ref_retires_with_its_last_generation),
        cmocka_unit_test(H3_ref_unclaim_keeps_the_generation),
        cmocka_unit_test(M6_ref_counts_stop_at_their_limits),
        cmocka_unit_test(M6_ref_handles_never_go_below_zero),
    };
    return unit_main(tests, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The driver of AMD's remapping units (hal/x86_common/amdvi*.c) on registers that the test has: entries, what
 * units are told to forget, when a ticket is done, and what becomes of units that stand still.
 */
#include "amdvi_registers.h"

#define READ        (UINT64_C(1) << 61)
#define WRITE       (UINT64_C(1) << 62)
#define PAGE(order) (HAL_PAGE_SIZE << 9 * (order))

static void check_well(const struct registers *u)
{
    assert_false(u->unfenced || u->overrun || u->ring_at_work || u->early);
}

/* --- Entries --- */

static void D1_entries_say_who_may_do_what(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 3; level++) {
        for (unsigned rights = 1; rights < 4; rights++) {
            hal_paddr_t page = hal_paddr(UINT64_C(0x000f123440000000) & ~(PAGE(level) - 1));
            uint64_t entry = amdvi_leaf_entry(page, level, (rights & 1) != 0, (rights & 2) != 0);
            /* present, no next level, coherent */
            assert_true(entry == (page.value | 1 | UINT64_C(1) << 60 | (uint64_t)rights << 61));
            assert_true(amdvi_entry_is_leaf(entry, level));
            assert_int_equal(amdvi_entry_may_read(entry), rights & 1);
            assert_int_equal(amdvi_entry_may_write(entry), rights >> 1);
            assert_true(amdvi_entry_target(entry).value == page.value);
        }
    }
    for (unsigned level = 1; level < 3; level++) {
        uint64_t entry = amdvi_table_entry(hal_paddr(0x7000), level);
        assert_true(entry == (UINT64_C(0x7001) | (uint64_t)level << 9 | READ | WRITE));
        assert_false(amdvi_entry_is_leaf(entry, level));
        assert_int_equal(amdvi_entry_target(entry).value, 0x7000);
    }
}

static void D1_entries_are_filled_in_a_row(void **state)
{
    (void)state;
    reset();
    begin(1);
    amdvi_fill(hal_paddr(PAGES + 0x20000), 509, 3, 0x5001, 0x1000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(test_word(PAGES + 0x20000 + (509 + i) * 8), 0x5001 + 0x1000 * i);
    }
    assert_int_equal(test_word(PAGES + 0x20000 + 508 * 8), 0);
    assert_int_equal(store_count, 3);
}

/* --- Sources --- */

static void D1_source_goes_by_its_root(void **state)
{
    (void)state;
    reset();
    begin(2);
    const uint64_t at = TABLES + 0x128 * 32, blocked = test_word(at);
    uint64_t ticket = amdvi_attach(0x128, 0x1234, hal_paddr(0xabcd000));
    assert_true(amdvi_is_done(ticket));
    assert_string_equal(done, "SfPwSfPw");
    /* Whose it is stands before anything passes. */
    assert_true(stores[0].address == at + 8 && stores[0].value == 0x1234);
    assert_true(stores[1].address == at && stores[1].value == (UINT64_C(0xabcd603) | READ | WRITE));
    assert_true((test_word(at + 16) | test_word(at + 24)) == 0);
    assert_true(units[1].low == (UINT64_C(3) << 60 | UINT64_C(0x1234) << 32));
    assert_true(units[1].high == UINT64_C(0x7ffffffffffff003));
    assert_true(test_word(at - 32) == blocked && test_word(at + 32) == blocked);
    store_count = 0;
    ticket = amdvi_detach(0x128, 0x1234);
    assert_true(amdvi_is_done(ticket));
    /* Nothing passes before it is nobody's. */
    assert_true(stores[0].address == at && stores[0].value == blocked);
    assert_true(stores[1].address == at + 8 && stores[1].value == 0);
    assert_string_equal(done, "SfPwSfPwSfPwSfPw");
    check_well(&units[0]);
    check_well(&units[1]);
}

/* --- What is asked for --- */

static void D2_pages_are_forgotten_by_size(void **state)
{
    (void)state;
    static const struct {
        uint64_t address, pages;
        bool tables;
        uint64_t high;
    } cases[] = {
        {0x5000, 1, false, 0x5000},
        {0x5000, 1, true, 0x5002},
        {0x6000, 2, false, 0x6001},       /* 2 pages: no ones */
        {0x7000, 2, false, 0x7001},       /* pages 7 and 8: 16 pages from 0 on */
        {0x5000, 3, true, 0x5003},        /* pages 5 to 7: 4 pages from 4 on */
        {0x200000, 512, false, 0x2ff001}, /* 2 MiB */
        {0x200000, 513, true, 0x3ff003},  /* 8 MiB from 0 on */
        {0, UINT64_MAX, true, UINT64_C(0x7ffffffffffff003)},
        {0x5000, UINT64_MAX, false, UINT64_C(0x7ffffffffffff001)},
        {0x5000, UINT64_MAX >> 12, false, UINT64_C(0x7ffffffffffff001)},
        {UINT64_C(0x7ffffff000), 1, false, UINT64_C(0x7ffffff000)},
    };
    reset();
    begin(1);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ticket = amdvi_flush(0xab, cases[i].address, cases[i].pages, cases[i].tables);
        assert_true(units[0].low == (UINT64_C(3) << 60 | UINT64_C(0xab) << 32));
        assert_true(units[0].high == cases[i].high);
        assert_true(amdvi_is_done(ticket));
    }
    check_well(&units[0]);
}

/* --- When it is done --- */

static void D2_ticket_is_done_when_all_units_say_so(void **state)
{
    (void)state;
    reset();
    begin(3);
    units[0].lazy = units[2].lazy = true;
    uint64_t first = amdvi_flush(1, 0x1000, 1, false), second = amdvi_flush(2, 0x1000, 1, false);
    assert_true(second > first);
    assert_false(amdvi_is_done(first));
    run_commands(2);
    assert_false(amdvi_is_done(first) || amdvi_is_done(second));
    run_commands(0);
    assert_true(amdvi_is_done(first) && amdvi_is_done(second));
}

/* From every place of the ring, more than it holds, by a unit that is slow. */
static void D2_ring_wraps(void **state)
{
    (void)state;
    reset();
    begin(1);
    units[0].lazy = true;
    uint64_t last = 0;
    for (unsigned i = 0; i < 1500; i++) {
        last = i % 7 == 0 ? amdvi_attach((uint16_t)i, i + 1, hal_paddr(0x5000))
                          : amdvi_flush(i + 1, 0, 1, false);
    }
    assert_false(amdvi_is_done(last));
    run_commands(0);
    assert_true(amdvi_is_done(last));
    assert_int_equal(units[0].pages, 1500);
    assert_int_equal(units[0].sources, 215);
    check_well(&units[0]);
}

/* One that takes nothing more is not waited for: but nothing that it was not told counts as done. */
static void D2_ring_that_stays_full(void **state)
{
    (void)state;
    reset();
    begin(1);
    units[0].stands = true;
    uint64_t last = 0, lost_from = 0;
    for (unsigned i = 0; i < 130; i++) {
        last = amdvi_flush(1, 0x1000, 1, false);
        lost_from = accesses > remap_looks_max() && lost_from == 0 ? last : lost_from;
    }
    assert_true(lost_from != 0 && lost_from < last);
    check_well(&units[0]);
    units[0].stands = false;
    run_commands(0);
    assert_true(amdvi_is_done(lost_from - 1) && !amdvi_is_done(lost_from) && !amdvi_is_done(last));
    assert_true(amdvi_recover());
    assert_true(amdvi_is_done(last));
    assert_int_equal(units[0].all, 1);
    check_well(&units[0]);
}

/* --- Starting over --- */

static void D2_unit_that_met_an_error_starts_over(void **state)
{
    (void)state;
    for (unsigned number = 1; number < 4; number++) {
        reset();
        begin(2);
        units[1].refuses = UINT32_C(1) << number;
        uint64_t ticket = amdvi_attach(0x28, 1, hal_paddr(0x5000));
        uint64_t next = amdvi_flush(1, 0x1000, 1, false);
        assert_false(amdvi_is_done(ticket) || amdvi_is_done(next));
        assert_true(amdvi_recover());
        assert_true(amdvi_is_done(ticket) && amdvi_is_done(next));
        assert_int_equal(units[1].all, 1);
        assert_int_equal(units[0].all, 0); /* it was well */
        assert_true((units[1].control & (ENABLE | COMMANDS)) == (ENABLE | COMMANDS));
        assert_true(amdvi_is_done(amdvi_flush(1, 0x1000, 1, false)));
        check_well(&units[1]);
    }
}

static void D2_unit_that_does_not_start_over_is_lost(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        reset();
        begin(2);
        uint64_t before = amdvi_flush(1, 0x1000, 1, false);
        units[1].stands = true;
        uint64_t ticket = amdvi_flush(1, 0x1000, 1, false);
        units[1].stays_on = how == 0;
        gone_from = how == 1 ? accesses : NEVER;
        assert_false(amdvi_recover());
        units[1].stands = units[1].stays_on = false;
        gone_from = NEVER;
        run_commands(1);
        assert_true(amdvi_is_done(before));
        assert_false(amdvi_is_done(ticket));
        assert_false(amdvi_is_done(amdvi_flush(1, 0x1000, 1, false)));
        assert_false(amdvi_recover());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D1_entries_say_who_may_do_what),
        cmocka_unit_test(D1_entries_are_filled_in_a_row),
        cmocka_unit_test(D1_source_goes_by_its_root),
        cmocka_unit_test(D2_pages_are_forgotten_by_size),
        cmocka_unit_test(D2_ticket_is_done_when_all_units_say_so),
        cmocka_unit_test(D2_ring_wraps),
        cmocka_unit_test(D2_ring_that_stays_full),
        cmocka_unit_test(D2_unit_that_met_an_error_starts_over),
        cmocka_unit_test(D2_unit_that_does_not_start_over_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

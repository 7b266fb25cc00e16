/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Flushes of DMA remapping units (hal/x86_common/vtd_flush.c, vtd_queue.c, vtd_registers.c): what units are
 * told, when a ticket is done, and what becomes of units that stand still.
 */
#include "vtd_registers.h"

static struct acpi_dmar dmar;

/* So many units of segment 0, as `reset` left them; the first covers the rest. */
static void begin_units(unsigned count)
{
    dmar = (struct acpi_dmar){.unit_count = count, .flags = 1};
    for (unsigned unit = 0; unit < count; unit++) {
        dmar.units[unit] =
            (struct acpi_dmar_unit){.address = 0xfed90000 + unit * 0x1000, .include_all = unit == 0};
    }
    vtd_begin(&dmar);
    assert_int_equal(vtd_describe()->levels, 3);
    vtd_give_page(0x28, remap_page());
    done[0] = '\0';
    accesses = 0;
    for (unsigned unit = 0; unit < count; unit++) {
        units[unit].queue.iotlbs = units[unit].queue.contexts = 0;
    }
}

static struct registers *begin(uint64_t capability, uint64_t extended)
{
    struct registers *u = reset(0, capability, extended | IOTLB_AT(0x50));
    begin_units(1);
    return u;
}

static struct registers *begin_plain(void)
{
    return begin(CAPABLE | FLUSHES_PAGES(9), COHERENT | QUEUED);
}

static void check_well(const struct registers *u)
{
    assert_false(u->queue.overrun || u->queue.unfenced || u->queue.off_at_work);
    assert_false(u->several_commands || u->too_early);
    assert_int_equal(u->fault_status & 0x70, 0);
}

/* --- What is asked for --- */

static void D2_pages_are_forgotten_by_size(void **state)
{
    (void)state;
    static const struct {
        uint64_t address, pages;
        bool tables;
        uint64_t low, high; /* without the domain */
    } cases[] = {
        {0x5000, 1, false, 0xf2, 0x5040}, {0x5000, 1, true, 0xf2, 0x5000},
        {0x6000, 2, false, 0xf2, 0x6041}, {0x7000, 2, false, 0xf2, 0x44}, /* pages 7 and 8 */
        {0x5000, 3, true, 0xf2, 0x4002},  {0x200000, 512, false, 0xf2, 0x200049},
        {0x200000, 513, false, 0xe2, 0},  {0x3ff000, 2, false, 0xe2, 0},
        {0, UINT64_MAX, true, 0xe2, 0},   {UINT64_C(0x7ffffff000), 1, false, 0xf2, UINT64_C(0x7ffffff040)},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct registers *u = begin_plain();
        uint64_t ticket = vtd_flush(0xab, cases[i].address, cases[i].pages, cases[i].tables);
        assert_true(u->queue.low == (cases[i].low | 0xab0000));
        assert_true(u->queue.high == cases[i].high);
        assert_string_equal(done, "iw");
        assert_true(vtd_is_done(ticket));
        check_well(u);
    }
    struct registers *u = begin(CAPABLE | FLUSHES_PAGES(0), COHERENT | QUEUED);
    (void)vtd_flush(1, 0x6000, 2, false);
    assert_true(u->queue.low == 0x100e2);
    (void)vtd_flush(1, 0x6000, 1, false);
    assert_true(u->queue.low == 0x100f2 && u->queue.high == 0x6040);
    u = begin(CAPABLE, COHERENT | QUEUED); /* none of pages */
    (void)vtd_flush(1, 0x6000, 1, false);
    assert_true(u->queue.low == 0x100e2 && u->queue.high == 0);
    check_well(u);
}

static void D2_flush_by_registers_is_done_at_once(void **state)
{
    (void)state;
    struct registers *u = begin(CAPABLE | FLUSHES_PAGES(9), COHERENT);
    uint64_t ticket = vtd_flush(0x12, 0x6000, 2, false);
    assert_true(vtd_is_done(ticket) && !vtd_is_done(ticket + 1));
    assert_string_equal(done, "I");
    assert_true(u->iotlb == (UINT64_C(0x3203001200000000) | 0)); /* with what was actually done */
    assert_int_equal(u->iotlb_address, 0x6041);
    ticket = vtd_attach(0x28, 1, hal_paddr(ROOT + 0x10000));
    assert_true(vtd_is_done(ticket));
    assert_string_equal(done, "ICI");
    u->hangs = true;
    uint64_t late = vtd_flush(0x12, 0x6000, 1, false);
    assert_true(late > ticket && !vtd_is_done(late) && vtd_is_done(ticket));
    u->hangs = false; /* too late: what was missed must not pass for done */
    assert_false(vtd_is_done(vtd_flush(0x12, 0x8000, 1, false)));
    assert_false(vtd_is_done(late));
    assert_true(vtd_recover());
    assert_true(vtd_is_done(late));
    u->ignores = true;
    late = vtd_flush(0x12, 0x6000, 1, false);
    assert_false(vtd_is_done(late));
    assert_false(vtd_recover());
    check_well(u);
}

static void D2_write_buffer_is_flushed_before(void **state)
{
    (void)state;
    struct registers *u = begin(CAPABLE | FLUSHES_BUFFERS, COHERENT | QUEUED);
    assert_true(vtd_is_done(vtd_flush(1, 0, 1, false)));
    assert_string_equal(done, "Biw");
    u->stuck = WRITE_BUFFER;
    assert_false(vtd_is_done(vtd_flush(1, 0, 1, false)));
    assert_string_equal(done, "Biw");
}

static void D2_source_is_forgotten_before_its_translations(void **state)
{
    (void)state;
    struct registers *u = begin_plain();
    assert_true(vtd_is_done(vtd_attach(0x28, 7, remap_page())));
    assert_string_equal(done, "cwiw");
    assert_int_equal(u->queue.low, 0xd2);
    assert_true(vtd_is_done(vtd_detach(0x28, 7)));
    assert_string_equal(done, "cwiwcwiw");
    check_well(u);
}

/* --- Tickets --- */

static void D2_ticket_is_done_when_the_unit_is(void **state)
{
    (void)state;
    struct registers *u = begin_plain();
    u->queue.stands = true;
    uint64_t first = vtd_flush(1, 0, 1, false), second = vtd_flush(2, 0, 1, false);
    assert_true(second > first && !vtd_is_done(first) && !vtd_is_done(second));
    u->queue.stands = false;
    u->queue.lazy = true;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(vtd_is_done(first) == (i >= 2) && !vtd_is_done(second));
        (void)vtd_read64(0, 0x80); /* it goes on by one */
    }
    assert_true(vtd_is_done(first) && vtd_is_done(second));
    assert_false(vtd_is_done(second + 1));
}

static void D2_ticket_waits_for_every_unit(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 3; slow++) {
        for (unsigned unit = 0; unit < 3; unit++) {
            (void)reset_capable(unit);
        }
        begin_units(3);
        units[slow].queue.stands = true;
        uint64_t ticket = vtd_flush(1, 0, 1, false);
        assert_false(vtd_is_done(ticket));
        units[slow].queue.stands = false;
        run_queue(slow);
        assert_true(vtd_is_done(ticket));
        for (unsigned unit = 0; unit < 3; unit++) {
            assert_int_equal(units[unit].queue.iotlbs, 1);
        }
    }
}

/* --- The queue --- */

static void D2_queue_goes_round_from_everywhere(void **state)
{
    (void)state;
    for (unsigned start = 0; start < 256; start += start < 6 ? 1 : 50) {
        struct registers *u = begin_plain();
        u->queue.lazy = start % 2 != 0;
        for (unsigned i = 0; i < start; i++) {
            (void)vtd_flush(1, 0, 1, false);
        }
        for (unsigned i = 0; i < 3000; i++) {
            uint64_t ticket = i % 7 == 0 ? vtd_detach(0x28, 1) : vtd_flush(1, 0x1000 * i, 1, false);
            if (i % 5 == 0) {
                run_queue(0);
                assert_true(vtd_is_done(ticket));
            }
        }
        run_queue(0);
        assert_int_equal(u->queue.iotlbs, 3000 + start);
        check_well(u);
    }
}

static void D2_full_queue_is_waited_for(void **state)
{
    (void)state;
    struct registers *u = begin_plain();
    u->queue.lazy = true;
    uint64_t ticket = 0;
    for (unsigned i = 0; i < 1000; i++) {
        ticket = vtd_flush(1, 0x1000 * i, 1, false);
    }
    assert_false(vtd_is_done(ticket));
    run_queue(0);
    assert_true(vtd_is_done(ticket));
    assert_int_equal(u->queue.iotlbs, 1000);
    check_well(u);
    assert_true(accesses < 2 * 2000); /* it is asked only when it seems full */
}

/* The longest post would fit, but then the queue would look empty. */
static void D2_full_queue_does_not_look_empty(void **state)
{
    (void)state;
    struct registers *u = begin(CAPABLE, COHERENT | QUEUED | REMAPS);
    uint64_t ticket = 0, first = u->queue.tail;
    u->queue.stands = true;
    for (unsigned i = 0; i < 123; i++) {
        (void)vtd_flush(1, 0x1000 * i, 1, false);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal((u->queue.tail - first) % HAL_PAGE_SIZE, 16 * (246 + 5 * i));
        ticket = vtd_detach(0x28, 1);
    }
    assert_int_equal((u->queue.tail - first) % HAL_PAGE_SIZE, 16 * 251);
    assert_false(u->queue.overrun || vtd_is_done(ticket));
}

static void D2_full_queue_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct registers *u = begin_plain();
    u->queue.stands = true;
    uint64_t ticket = 0, before = 0;
    for (unsigned i = 0; i < 200; i++) {
        before = ticket;
        ticket = vtd_flush(1, 0x1000 * i, 1, false);
        assert_true(ticket > before);
    }
    u->queue.stands = false;
    run_queue(0);
    assert_true(u->queue.iotlbs < 200 && !vtd_is_done(ticket));
    ticket = vtd_flush(1, 0, 1, false); /* there is room again, but some were missed */
    run_queue(0);
    assert_false(vtd_is_done(ticket));
    assert_true(vtd_recover());
    assert_true(vtd_is_done(ticket));
    check_well(u);
    gone_from = 0;
    for (unsigned i = 0; i < 200; i++) {
        ticket = vtd_flush(1, 0x1000 * i, 1, false);
    }
    assert_false(vtd_is_done(ticket));
    assert_false(vtd_recover());
}

/* --- Starting over --- */

static void D2_unit_that_stopped_starts_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct registers *u = begin_plain();
        u->queue.full_stop = true;
        u->queue.refuses = 1 << 2; /* at a descriptor in the midst */
        uint64_t ticket = 0;
        for (unsigned posted = 0; posted < 60 * i + 1; posted++) {
            ticket = vtd_flush(1, 0, 1, false);
        }
        assert_false(vtd_is_done(ticket));
        u->fault_status |= i < 3 ? 0x10u << i : 0u;
        u->queue.refuses = 0;
        done[0] = '\0';
        assert_true(vtd_recover());
        assert_true(vtd_is_done(ticket));
        assert_int_equal(u->queue.low & 0x30, 0x10); /* everything */
        check_well(u);
        assert_true(vtd_is_done(vtd_flush(1, 0, 1, false)));
    }
}

/* What did not pass is not done by what stood behind it. */
static void D2_cleared_queue_does_no_ticket(void **state)
{
    (void)state;
    struct registers *u = begin_plain();
    u->queue.refuses = 1 << 2;
    uint64_t ticket = vtd_flush(1, 0x123000, 1, false);
    u->stuck = QUEUE; /* not even off */
    assert_false(vtd_recover());
    u->queue.refuses = 0;
    run_queue(0);
    assert_int_equal(u->queue.head, u->queue.tail);
    assert_false(vtd_is_done(ticket));
}

/* A unit that reads while its queue is cleared: no store makes a wait of it that writes elsewhere, and none
 * is left that says of a flush before that it is done. */
static void D2_queue_is_cleared_backwards(void **state)
{
    (void)state;
    struct registers *u = begin_plain();
    u->queue.refuses = 1 << 2;
    (void)vtd_flush(1, 0x123000, 1, false);
    const uint64_t slots = 256, end = u->queue.tail / 16;
    store_count = 0;
    u->queue.refuses = 0;
    assert_true(vtd_recover());
    assert_true(store_count == STORES_MAX);
    for (uint64_t i = 0; i < STORES_MAX / 2; i++) {
        const uint64_t slot = u->queue.address + (end + slots - 1 - i) % slots * 16;

        assert_int_equal(stores[2 * i].address, slot + 8);
        assert_int_equal(stores[2 * i].value, ROOT + HAL_PAGE_SIZE + 8);
        assert_int_equal(stores[2 * i + 1].address, slot);
    }
}

static void D2_unit_that_does_not_start_over_is_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        (void)reset_capable(0);
        struct registers *u = reset_capable(1);
        begin_units(2);
        uint64_t good = vtd_flush(1, 0, 1, false);
        u->queue.stands = true;
        u->queue.full_stop = i == 0;
        u->stuck = i == 1 ? QUEUE : 0;
        uint64_t ticket = vtd_flush(1, 0, 1, false);
        assert_false(vtd_recover());
        u->queue.stands = u->queue.full_stop = false; /* too late */
        u->stuck = 0;
        run_queue(1);
        assert_true(vtd_is_done(good) && !vtd_is_done(ticket));
        assert_false(vtd_is_done(vtd_flush(1, 0, 1, false)));
        assert_false(vtd_recover());
        assert_false(vtd_is_done(ticket));
    }
}

/* At whatever access it goes: all ends, and what is not flushed is not done. */
static void D7_unit_that_goes_away_while_flushing(void **state)
{
    (void)state;
    for (unsigned from = 0; from < 24; from++) {
        struct registers *u = begin_plain();
        u->queue.lazy = true;
        uint64_t ticket = vtd_flush(1, 0, 1, false);
        accesses = 0;
        gone_from = from;
        bool recovered = vtd_recover();
        assert_true(recovered == vtd_is_done(ticket));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D2_pages_are_forgotten_by_size),
        cmocka_unit_test(D2_flush_by_registers_is_done_at_once),
        cmocka_unit_test(D2_write_buffer_is_flushed_before),
        cmocka_unit_test(D2_source_is_forgotten_before_its_translations),
        cmocka_unit_test(D2_ticket_is_done_when_the_unit_is),
        cmocka_unit_test(D2_ticket_waits_for_every_unit),
        cmocka_unit_test(D2_queue_goes_round_from_everywhere),
        cmocka_unit_test(D2_full_queue_is_waited_for),
        cmocka_unit_test(D2_full_queue_does_not_look_empty),
        cmocka_unit_test(D2_full_queue_is_not_waited_for_for_ever),
        cmocka_unit_test(D2_unit_that_stopped_starts_over),
        cmocka_unit_test(D2_cleared_queue_does_no_ticket),
        cmocka_unit_test(D2_queue_is_cleared_backwards),
        cmocka_unit_test(D2_unit_that_does_not_start_over_is_lost),
        cmocka_unit_test(D7_unit_that_goes_away_while_flushing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

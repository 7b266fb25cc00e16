/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The driver of one DMA remapping unit (hal/x86_common/vtd.c, vtd_fault.c) on registers that the test has.
 */
#include "vtd_registers.h"

static enum vtd_status start(unsigned unit)
{
    hal_paddr_t root = remap_page();
    return vtd_start(unit, root, remap_page());
}

/* --- Start-up --- */

static void D3_translation_begins_with_empty_caches(void **state)
{
    (void)state;
    struct registers *u = reset(0, FAULTS_AT(0x20, 4) | DRAINS, COHERENT | IOTLB_AT(0x50));
    assert_int_equal(start(0), VTD_TRANSLATES);
    assert_string_equal(done, "RCIT");
    assert_int_equal(u->root, ROOT);
    assert_int_equal(u->status & TRANSLATE, TRANSLATE);
    assert_int_equal(u->context & UINT64_C(3) << 61, UINT64_C(1) << 61);         /* global */
    assert_int_equal(u->iotlb & UINT64_C(0x3003) << 48, UINT64_C(0x1003) << 48); /* global, drained */
    assert_int_equal(u->fault_control, UINT32_C(1) << 31);
    assert_false(u->several_commands || u->too_early);
    assert_true(vtd_translates(0));
    u->status &= ~TRANSLATE;
    assert_false(vtd_translates(0));
}

static void D3_memory_has_the_table_before_the_unit(void **state)
{
    (void)state;
    (void)reset(0, FAULTS_AT(0x20, 1) | FLUSHES_BUFFERS, IOTLB_AT(0x50));
    assert_int_equal(start(0), VTD_TRANSLATES);
    assert_string_equal(done, "WBRBCIT");
    assert_int_equal(written_back, HAL_PAGE_SIZE);
    assert_int_equal(written_back_end, ROOT + HAL_PAGE_SIZE);
}

static void D3_translation_begins_by_the_queue(void **state)
{
    (void)state;
    struct registers *u = reset_capable(0);
    u->status = QUEUE;
    u->queue_left = 2;
    u->fault_status = 0x70; /* firmware's queue failed */
    assert_int_equal(start(0), VTD_TRANSLATES);
    assert_string_equal(done, "QQRcwiwT");
    assert_int_equal(u->queue.address, ROOT + 2 * HAL_PAGE_SIZE);
    assert_int_equal(u->queue.low & 0xff, 0xd2); /* all, reads and writes drained */
    assert_int_equal(u->context, 0);
    assert_false(u->several_commands || u->too_early || u->queue.unfenced);
    for (unsigned i = 0; i < 3; i++) {
        u = reset_capable(0);
        u->stuck = i == 0 ? QUEUE : 0;
        u->queue.stands = i == 1;
        u->queue.refuses = i == 2 ? 1 << 5 : 0;
        assert_int_equal(start(0), VTD_STUCK);
        assert_false(vtd_translates(0));
    }
}

/* Only then: until then no device reaches them. */
static void D3_protected_regions_end_with_translation(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind < 4; kind++) {
        struct registers *u = reset(0, FAULTS_AT(0x20, 4) | (uint64_t)kind << 5, COHERENT | IOTLB_AT(0x50));
        u->protected_memory = UINT32_C(0x80000001);
        assert_int_equal(start(0), VTD_TRANSLATES);
        assert_string_equal(done, "RCITP");
        assert_int_equal(u->protected_memory, 0);
    }
}

static void D3_translation_left_on_stays_on(void **state)
{
    (void)state;
    struct registers *u = reset_plain(0);
    u->status = TRANSLATE | SET_ROOT | INTERRUPTS | QUEUE;
    u->queue_left = 5;
    u->context = INVALIDATE; /* under way */
    u->late = 9;
    assert_int_equal(start(0), VTD_TRANSLATES);
    assert_string_equal(done, "NQRCCI");
    assert_int_equal(u->status, TRANSLATE | SET_ROOT);
    assert_int_equal(u->root, ROOT);
    assert_int_equal(u->queue_left, 0);
    assert_false(u->several_commands || u->too_early);
}

static void D3_unit_that_does_not_obey_is_told_of(void **state)
{
    (void)state;
    static const uint32_t commands[] = {TRANSLATE, SET_ROOT, WRITE_BUFFER, QUEUE, INTERRUPTS};
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct registers *u = reset(0, FAULTS_AT(0x20, 1) | FLUSHES_BUFFERS, IOTLB_AT(0x50));
        u->status = commands[i] & (QUEUE | INTERRUPTS);
        u->stuck = commands[i];
        assert_int_equal(start(0), VTD_STUCK);
        assert_false(vtd_translates(0));
    }
    for (unsigned i = 0; i < 4; i++) {
        struct registers *u = reset_plain(0);
        u->hangs = i % 2 == 0;
        u->ignores = !u->hangs;
        u->context = i == 2 ? INVALIDATE : 0;
        assert_int_equal(start(0), VTD_STUCK);
        assert_false(vtd_translates(0));
    }
    struct registers *u = reset_plain(0); /* its queue never runs empty */
    u->status = QUEUE;
    u->queue_left = UINT64_MAX;
    u->stuck = QUEUE;
    assert_int_equal(start(0), VTD_STUCK);
}

static void D7_unit_that_is_not_there(void **state)
{
    (void)state;
    struct registers *u = reset_plain(0);
    u->version = 0;
    assert_int_equal(start(0), VTD_SILENT);
    u->version = UINT32_MAX;
    assert_int_equal(start(0), VTD_SILENT);
    u = reset(0, UINT64_MAX, COHERENT | IOTLB_AT(0x50));
    assert_int_equal(start(0), VTD_SILENT);
    u = reset(0, FAULTS_AT(0x20, 1), UINT64_MAX);
    assert_int_equal(start(0), VTD_SILENT);
    assert_string_equal(done, "");
    assert_int_equal(u->root, 0);
}

/* At whatever access it goes, start-up ends and does not claim that it translates. */
static void D7_unit_that_goes_away(void **state)
{
    (void)state;
    for (unsigned queued = 0; queued < 2; queued++) {
        (void)(queued ? reset_capable(0) : reset_plain(0));
        assert_int_equal(start(0), VTD_TRANSLATES);
        unsigned total = accesses;
        for (unsigned from = 0; from + 1 < total; from++) {
            (void)(queued ? reset_capable(0) : reset_plain(0));
            gone_from = from;
            assert_int_not_equal(start(0), VTD_TRANSLATES);
            assert_false(vtd_translates(0));
        }
    }
}

static void D7_registers_that_overlap_are_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned faults, fault_count, iotlb;
        enum vtd_status status;
    } places[] = {
        {0x00, 1, 0x50, VTD_UNFIT},       {0x0e, 4, 0x50, VTD_UNFIT},
        {0x20, 4, 0x00, VTD_UNFIT},       {0x20, 4, 0x0e, VTD_UNFIT},
        {0x20, 49, 0x50, VTD_UNFIT},      {0x20, 48, 0x50, VTD_TRANSLATES},
        {0x50, 1, 0x50, VTD_UNFIT},       {0x51, 1, 0x50, VTD_TRANSLATES},
        {0x22, 1, 0x0f, VTD_TRANSLATES},  {0x3ff, 256, 0x50, VTD_TRANSLATES},
        {0x20, 1, 0x3ff, VTD_TRANSLATES},
    };
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)reset(0, FAULTS_AT(places[i].faults, places[i].fault_count),
                    COHERENT | IOTLB_AT(places[i].iotlb));
        units[0].fault_status = 2; /* every record is looked at */
        assert_int_equal(start(0), places[i].status);
    }
}

/* --- Fault records --- */

static struct vtd_fault taken[RECORDS_MAX];
static unsigned taken_count;

static void take(unsigned unit, const struct vtd_fault *fault)
{
    assert_int_equal(unit, 0);
    assert_true(taken_count < RECORDS_MAX);
    taken[taken_count++] = *fault;
}

static struct registers *started(void)
{
    struct registers *u = reset_plain(0);
    assert_int_equal(start(0), VTD_TRANSLATES);
    taken_count = 0;
    u->record_reads = 0;
    return u;
}

static void D7_fault_records_are_taken_in_order(void **state)
{
    (void)state;
    struct registers *u = started();
    assert_false(vtd_take_faults(0, take));
    assert_int_equal(u->record_reads, 0);
    record(u, 3, UINT64_C(0xfffffffff5000), 0x0028, false);
    record(u, 0, 0x6abc, 0xffff, true);
    record(u, 2, 0x7000, 0x0100, true);
    u->fault_status |= 3 << 8;
    assert_false(vtd_take_faults(0, take));
    assert_int_equal(taken_count, 3);
    assert_true(taken[0].address == UINT64_C(0xfffffffff5000) && taken[0].source == 0x28);
    assert_true(taken[0].reason == 1 && !taken[0].is_read);
    assert_true(taken[1].address == 0x6000 && taken[1].source == 0xffff && taken[1].is_read);
    assert_int_equal(taken[2].address, 0x7000);
    assert_int_equal(u->record_reads, 4 + 3); /* the one that is empty is read in part */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(u->high[i] & RECORD_FAULT, 0);
    }
    taken_count = 0;
    assert_false(vtd_take_faults(0, take));
    assert_int_equal(taken_count, 0);
}

static void D8_overflow_is_cleared_last(void **state)
{
    (void)state;
    struct registers *u = started();
    for (unsigned i = 0; i < 4; i++) {
        record(u, i, 0x1000 * i, 0x28, false);
    }
    u->fault_status |= 1 | 200 << 8; /* and an index that there is not */
    assert_true(vtd_take_faults(0, take));
    assert_int_equal(taken_count, 4);
    assert_int_equal(u->fault_status & 1, 0);
    assert_false(u->overflow_first);
    u->fault_status = UINT32_MAX;
    assert_false(vtd_take_faults(0, take));
    u->fault_status = 2;
    u->high[0] = u->high[1] = UINT64_MAX; /* it goes in the midst */
    assert_false(vtd_take_faults(0, take));
    assert_int_equal(taken_count, 4);
}

/* Where firmware has faults logged in memory, the records would stay empty. */
static void D8_log_in_memory_is_switched_off(void **state)
{
    (void)state;
    struct registers *u = reset_plain(0);
    u->status = UINT32_C(1) << 28;
    assert_int_equal(vtd_start(0, hal_paddr(ROOT), hal_paddr(0)), VTD_TRANSLATES);
    assert_int_equal(u->status & UINT32_C(1) << 28, 0);
    assert_false(u->several_commands);
}

static void D3_faults_of_firmware_are_not_told(void **state)
{
    (void)state;
    struct registers *u = reset_plain(0);
    record(u, 1, 0x1000, 0x28, false);
    u->fault_status |= 1;
    assert_int_equal(start(0), VTD_TRANSLATES);
    assert_int_equal(u->high[1] & RECORD_FAULT, 0);
    assert_int_equal(u->fault_status & 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D3_translation_begins_with_empty_caches),
        cmocka_unit_test(D3_memory_has_the_table_before_the_unit),
        cmocka_unit_test(D3_translation_begins_by_the_queue),
        cmocka_unit_test(D3_protected_regions_end_with_translation),
        cmocka_unit_test(D3_translation_left_on_stays_on),
        cmocka_unit_test(D3_unit_that_does_not_obey_is_told_of),
        cmocka_unit_test(D7_unit_that_is_not_there),
        cmocka_unit_test(D7_unit_that_goes_away),
        cmocka_unit_test(D7_registers_that_overlap_are_refused),
        cmocka_unit_test(D7_fault_records_are_taken_in_order),
        cmocka_unit_test(D8_overflow_is_cleared_last),
        cmocka_unit_test(D3_faults_of_firmware_are_not_told),
        cmocka_unit_test(D8_log_in_memory_is_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

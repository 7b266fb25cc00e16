/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The driver of DMA remapping units (hal/x86_common/vtd.c, vtd_watch.c) on registers that the test has, sound
 * and broken ones. The build gives the driver's functions other names here, since the hosted machine has them
 * as well.
 */
#include "hal/vtd.h"

#include <string.h>

#include "hosted_kernel.h"

#define ROOT                    UINT64_C(0x123000)
#define TRANSLATE               (UINT32_C(1) << 31)
#define SET_ROOT                (UINT32_C(1) << 30)
#define WRITE_BUFFER            (UINT32_C(1) << 27)
#define QUEUE                   (UINT32_C(1) << 26)
#define INTERRUPTS              (UINT32_C(1) << 25)
#define GIVEN_ONCE              UINT32_C(0x69000000)
#define INVALIDATE              (UINT64_C(1) << 63)
#define RECORD_FAULT            (UINT64_C(1) << 63)
#define RECORD_READ             (UINT64_C(1) << 62)
#define RECORDS_MAX             256u
#define COHERENT                UINT64_C(1)
#define IOTLB_AT(place)         ((uint64_t)(place) << 8)
#define FAULTS_AT(place, count) ((uint64_t)(place) << 24 | (uint64_t)((count) - 1) << 40)
#define FLUSHES_BUFFERS         (UINT64_C(1) << 4)

/* One unit's registers. */
static struct registers {
    uint32_t version, status, fault_status, fault_control;
    uint64_t capability, extended, root, context, iotlb, queue_left;
    uint64_t low[RECORDS_MAX], high[RECORDS_MAX];
    uint32_t stuck;         /* commands that it never ends */
    bool hangs, ignores;    /* invalidations */
    uint32_t command, late; /* what it is about, and for how many reads yet */
    unsigned record_reads;
    bool several_commands, too_early, overflow_first;
} units[3];
static char done[64]; /* in which order: see the letters below */
static unsigned accesses, gone_from;

static void note(char what)
{
    size_t length = strlen(done);
    assert_true(length < sizeof done - 1);
    done[length] = what;
    done[length + 1] = '\0';
}

static uint32_t faults_at(const struct registers *u)
{
    return (uint32_t)(u->capability >> 24 & 0x3ff) * 16;
}

static uint32_t fault_count(const struct registers *u)
{
    return (uint32_t)(u->capability >> 40 & 0xff) + 1;
}

static uint32_t iotlb_at(const struct registers *u)
{
    return (uint32_t)(u->extended >> 8 & 0x3ff) * 16 + 8;
}

/* From some access on, nothing answers any more. */
static bool is_gone(unsigned unit, uint32_t offset, uint32_t size)
{
    assert_true(unit < 3 && offset % size == 0 && offset <= VTD_REGISTERS_SIZE - size);
    return accesses++ >= gone_from;
}

/* Some reads later. */
static bool is_due(struct registers *u)
{
    u->late -= u->late != 0;
    return u->late == 0;
}

static void finish_command(struct registers *u)
{
    u->status = (u->status & ~GIVEN_ONCE) | (u->status & SET_ROOT);
    switch (u->command) {
    case SET_ROOT:
        u->status |= SET_ROOT;
        note('R');
        break;
    case WRITE_BUFFER:
        note('B');
        break;
    default:
        u->status ^= u->command;
        note(u->command == TRANSLATE ? 'T' : u->command == QUEUE ? 'Q' : 'N');
        break;
    }
    u->command = 0;
}

static uint32_t read_status(struct registers *u)
{
    if (u->command != 0 && (u->command & u->stuck) == 0 && is_due(u)) {
        finish_command(u);
    }
    return u->status;
}

static void write_command(struct registers *u, uint32_t value)
{
    uint32_t changed = (value & ~GIVEN_ONCE) ^ (u->status & ~GIVEN_ONCE);
    uint32_t command = changed | (value & GIVEN_ONCE);
    u->too_early = u->too_early || u->command != 0;
    u->several_commands = u->several_commands || (command & (command - 1)) != 0;
    u->command = command;
    u->late = 3;
    u->status &= command == SET_ROOT ? ~SET_ROOT : UINT32_MAX;
    u->status |= command == WRITE_BUFFER ? WRITE_BUFFER : 0;
}

uint32_t vtd_read32(unsigned unit, uint32_t offset)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset, 4)) {
        return UINT32_MAX;
    }
    switch (offset) {
    case 0x00:
        return u->version;
    case 0x1c:
        return read_status(u);
    case 0x34:
        return u->fault_status;
    default:
        return 0;
    }
}

void vtd_write32(unsigned unit, uint32_t offset, uint32_t value)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset, 4)) {
        return;
    }
    if (offset == 0x18) {
        write_command(u, value);
    } else if (offset == 0x34) {
        for (uint32_t i = 0; i < fault_count(u); i++) {
            u->overflow_first = u->overflow_first || (u->high[i] & RECORD_FAULT) != 0;
        }
        u->fault_status &= ~value;
    } else if (offset == 0x38) {
        u->fault_control = value;
    }
}

/* An invalidation ends after some reads, and says what was done. */
static uint64_t read_invalidation(struct registers *u, uint64_t *value, char what, uint64_t actual)
{
    if ((*value & INVALIDATE) != 0 && !u->hangs && is_due(u)) {
        *value &= ~INVALIDATE;
        *value |= u->ignores ? 0 : actual;
        note(what);
    }
    return *value;
}

/* NULL: no fault record is there. */
static uint64_t *record_at(struct registers *u, uint32_t offset)
{
    uint32_t place = (offset - faults_at(u)) / 16;
    if (offset < faults_at(u) || place >= fault_count(u)) {
        return NULL;
    }
    return offset % 16 == 0 ? &u->low[place] : &u->high[place];
}

uint64_t vtd_read64(unsigned unit, uint32_t offset)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset, 8)) {
        return UINT64_MAX;
    }
    if (record_at(u, offset) != NULL) {
        u->record_reads++;
        return *record_at(u, offset);
    }
    if (offset == iotlb_at(u)) {
        return read_invalidation(u, &u->iotlb, 'I', UINT64_C(1) << 57);
    }
    switch (offset) {
    case 0x08:
        return u->capability;
    case 0x10:
        return u->extended;
    case 0x28:
        return read_invalidation(u, &u->context, 'C', UINT64_C(1) << 59);
    case 0x80:
        u->queue_left -= u->queue_left != 0;
        return u->queue_left == 0 ? 0x40 : 0x20;
    case 0x88:
        return 0x40;
    default:
        return 0;
    }
}

void vtd_write64(unsigned unit, uint32_t offset, uint64_t value)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset, 8)) {
        return;
    }
    if (record_at(u, offset) != NULL) {
        assert_int_equal(value, RECORD_FAULT);
        *record_at(u, offset) &= ~value;
        return;
    }
    u->late = 3;
    if (offset == 0x20) {
        u->root = value;
    } else if (offset == 0x28) {
        u->context = value;
    } else if (offset == iotlb_at(u)) {
        u->iotlb = value;
    }
}

void vtd_write_back(hal_paddr_t page)
{
    assert_int_equal(page.value, ROOT);
    note('W');
}

static char lines[8192];
static unsigned line_count;

void vtd_print(const char *line)
{
    assert_true(strlen(lines) + strlen(line) + 2 < sizeof lines);
    strcat(strcat(lines, line), "\n");
    line_count++;
}

static struct registers *reset(unsigned unit, uint64_t capability, uint64_t extended)
{
    units[unit] = (struct registers){.version = 0x10, .capability = capability, .extended = extended};
    done[0] = '\0';
    accesses = 0;
    gone_from = UINT32_MAX;
    lines[0] = '\0';
    line_count = 0;
    return &units[unit];
}

/* Four fault records at 0x200, caches that are looked into. */
static struct registers *reset_plain(unsigned unit)
{
    return reset(unit, FAULTS_AT(0x20, 4), COHERENT | IOTLB_AT(0x50));
}

static enum vtd_status start(unsigned unit)
{
    return vtd_start(unit, hal_paddr(ROOT));
}

/* --- Start-up --- */

static void D3_translation_begins_with_empty_caches(void **state)
{
    (void)state;
    struct registers *u = reset_plain(0);
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
    assert_string_equal(done, "WBRCIT");
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
    (void)reset_plain(0);
    assert_int_equal(start(0), VTD_TRANSLATES);
    unsigned total = accesses;
    for (unsigned from = 0; from + 1 < total; from++) {
        (void)reset_plain(0);
        gone_from = from;
        assert_int_not_equal(start(0), VTD_TRANSLATES);
        assert_false(vtd_translates(0));
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

static void record(struct registers *u, unsigned place, uint64_t address, uint16_t source, bool is_read)
{
    u->low[place] = address;
    u->high[place] = RECORD_FAULT | (is_read ? RECORD_READ : 0) | UINT64_C(1) << 32 | source;
    u->fault_status |= 2;
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

/* --- All units --- */

static struct acpi_dmar dmar;

static void begin(unsigned unit_count)
{
    dmar = (struct acpi_dmar){.unit_count = unit_count};
    for (unsigned unit = 0; unit < unit_count; unit++) {
        (void)reset_plain(unit);
        dmar.units[unit].address = 0xfed90000 + unit * 0x1000;
    }
}

static void D3_log_says_what_is_not_blocked(void **state)
{
    (void)state;
    begin(0);
    lines[0] = '\0';
    vtd_begin(&dmar, hal_paddr(ROOT));
    assert_string_equal(lines,
                        "keel: iommu: WARNING: firmware names no remapping unit: DMA is NOT blocked\n");
    begin(3);
    units[1].version = 0;
    units[2].stuck = SET_ROOT;
    dmar.units_left_out = 4;
    dmar.range_count = 2;
    dmar.ranges[0] = (struct acpi_dmar_range){
        .first = 0x1000, .last = 0x2fff, .scope_count = 1, .depth = 1, .device = 26, .function = 7};
    dmar.ranges[1] = (struct acpi_dmar_range){.first = 0x5000, .last = 0x5fff, .scope_count = 2, .depth = 1};
    vtd_begin(&dmar, hal_paddr(ROOT));
    assert_string_equal(
        lines,
        "keel: iommu: WARNING: the unit at 0xfed91000 does not answer: DMA behind it is NOT blocked\n"
        "keel: iommu: WARNING: the unit at 0xfed92000 does not obey: DMA behind it is NOT blocked\n"
        "keel: iommu: WARNING: firmware lists 4 more that cannot be used: DMA behind them is NOT blocked\n"
        "keel: iommu: firmware wants 0x1000 to 0x2fff for 00:1a.7: blocked as well\n"
        "keel: iommu: firmware wants 0x5000 to 0x5fff for 2 devices, or one behind a bridge: blocked as "
        "well\n"
        "keel: iommu: 1 of 7 units block DMA\n");
    assert_true(vtd_all_translate()); /* all that did */
    units[0].status = 0;
    assert_false(vtd_all_translate());
    begin(2);
    vtd_begin(&dmar, hal_paddr(ROOT));
    assert_string_equal(lines, "keel: iommu: 2 units, all DMA blocked\n");
    assert_true(units[0].root == ROOT && units[1].root == ROOT);
    units[1].status = 0;
    assert_false(vtd_all_translate());
}

static void attempt(unsigned unit, uint16_t source)
{
    record(&units[unit], 0, UINT64_C(0x123456000), source, false);
    vtd_watch();
}

static void D8_storm_is_told_of_less_and_less(void **state)
{
    (void)state;
    begin(3);
    units[2].version = 0;
    vtd_begin(&dmar, hal_paddr(ROOT));
    lines[0] = '\0';
    attempt(1, 0x0235);
    assert_string_equal(lines, "keel: iommu: blocked: 02:06.5 writes to 0x123456000 (unit 1, reason 1)\n");
    line_count = 0;
    for (unsigned i = 1; i < 5000; i++) {
        attempt(1, 0x0235);
    }
    assert_int_equal(line_count, 7 + 9); /* up to 8, then 16, 32, ... 4096 */
    assert_non_null(strstr(lines, " (unit 1, reason 1), time 4096: told of less and less\n"));
    assert_null(strstr(lines, "reason 1), time 7"));
    record(&units[2], 0, 0, 1, false);
    attempt(0, 0x0235); /* another unit's, another device */
    assert_int_equal(line_count, 7 + 9 + 1);
    assert_int_not_equal(units[2].fault_status, 0); /* it is not asked */
    lines[0] = '\0';
    line_count = 0;
    for (unsigned source = 0; source < 0x10000; source += 3) {
        lines[0] = '\0';
        attempt(0, (uint16_t)source);
    }
    assert_true(line_count >= 14 && line_count < 14 + 8 + 16);
}

static void D8_overflow_is_told_of_less_and_less(void **state)
{
    (void)state;
    begin(1);
    vtd_begin(&dmar, hal_paddr(ROOT));
    lines[0] = '\0';
    line_count = 0;
    for (unsigned i = 0; i < 100; i++) {
        units[0].fault_status |= 1;
        vtd_watch();
    }
    assert_int_equal(line_count, 8 + 3);
    assert_memory_equal(lines, "keel: iommu: blocked: more attempts than unit 0 can record\n", 59);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D3_translation_begins_with_empty_caches),
        cmocka_unit_test(D3_memory_has_the_table_before_the_unit),
        cmocka_unit_test(D3_translation_left_on_stays_on),
        cmocka_unit_test(D3_unit_that_does_not_obey_is_told_of),
        cmocka_unit_test(D7_unit_that_is_not_there),
        cmocka_unit_test(D7_unit_that_goes_away),
        cmocka_unit_test(D7_registers_that_overlap_are_refused),
        cmocka_unit_test(D7_fault_records_are_taken_in_order),
        cmocka_unit_test(D8_overflow_is_cleared_last),
        cmocka_unit_test(D3_faults_of_firmware_are_not_told),
        cmocka_unit_test(D3_log_says_what_is_not_blocked),
        cmocka_unit_test(D8_storm_is_told_of_less_and_less),
        cmocka_unit_test(D8_overflow_is_told_of_less_and_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

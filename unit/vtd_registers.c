/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The registers, see vtd_registers.h.
 */
#include "vtd_registers.h"

#include <string.h>

struct registers units[VTD_TEST_UNITS];
char done[64];
unsigned accesses, gone_from;
char lines[8192];
unsigned line_count;

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
    assert_true(unit < VTD_TEST_UNITS && offset % size == 0 && offset <= VTD_REGISTERS_SIZE - size);
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

void vtd_print(const char *line)
{
    assert_true(strlen(lines) + strlen(line) + 2 < sizeof lines);
    strcat(strcat(lines, line), "\n");
    line_count++;
}

struct registers *reset(unsigned unit, uint64_t capability, uint64_t extended)
{
    units[unit] = (struct registers){.version = 0x10, .capability = capability, .extended = extended};
    done[0] = '\0';
    accesses = 0;
    gone_from = UINT32_MAX;
    lines[0] = '\0';
    line_count = 0;
    return &units[unit];
}

struct registers *reset_plain(unsigned unit)
{
    return reset(unit, FAULTS_AT(0x20, 4), COHERENT | IOTLB_AT(0x50));
}

void record(struct registers *u, unsigned place, uint64_t address, uint16_t source, bool is_read)
{
    u->low[place] = address;
    u->high[place] = RECORD_FAULT | (is_read ? RECORD_READ : 0) | UINT64_C(1) << 32 | source;
    u->fault_status |= 2;
}

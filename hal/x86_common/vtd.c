/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One DMA remapping unit, see hal/vtd.h.
 */
#include "hal/vtd.h"

/* Registers (11.4). */
enum {
    REGISTER_VERSION = 0x00,
    REGISTER_CAPABILITY = 0x08,
    REGISTER_EXTENDED = 0x10,
    REGISTER_COMMAND = 0x18,
    REGISTER_STATUS = 0x1c,
    REGISTER_ROOT = 0x20,
    REGISTER_CONTEXT = 0x28,
    REGISTER_FAULT_STATUS = 0x34,
    REGISTER_FAULT_CONTROL = 0x38,
    REGISTER_QUEUE_HEAD = 0x80,
    REGISTER_QUEUE_TAIL = 0x88,
    REGISTERS_FIXED_END = 0xf0, /* those that stand where the capabilities say lie beyond */
    RECORD_SIZE = 16,
    IOTLB_SIZE = 16,
};

/* Capabilities: 11.4.2, 11.4.3. */
#define CAPABILITY_WRITE_BUFFER(value) (((value) >> 4 & 1) != 0)
#define CAPABILITY_FAULT_OFFSET(value) ((uint32_t)((value) >> 24 & 0x3ff) * 16)
#define CAPABILITY_FAULT_COUNT(value)  ((uint32_t)((value) >> 40 & 0xff) + 1)
#define EXTENDED_COHERENT(value)       (((value) & 1) != 0)
#define EXTENDED_IOTLB_OFFSET(value)   ((uint32_t)((value) >> 8 & 0x3ff) * 16)

_Static_assert((0x3ff + 0x100) * 16 <= VTD_REGISTERS_SIZE, "the last fault record has its place");

/* Commands, and what the status shows of each (11.4.4). */
#define COMMAND_TRANSLATE    (UINT32_C(1) << 31)
#define COMMAND_ROOT         (UINT32_C(1) << 30)
#define COMMAND_WRITE_BUFFER (UINT32_C(1) << 27)
#define COMMAND_QUEUE        (UINT32_C(1) << 26)
#define COMMAND_INTERRUPTS   (UINT32_C(1) << 25)
/* Status bits that a command must repeat; the others are of commands that are given once. */
#define STATUS_KEPT UINT32_C(0x96ffffff)

#define INVALIDATE                (UINT64_C(1) << 63) /* until it is done */
#define CONTEXT_GLOBAL            (UINT64_C(1) << 61)
#define CONTEXT_ACTUAL            (UINT64_C(3) << 59) /* 0: the unit ignored it */
#define IOTLB_GLOBAL              (UINT64_C(1) << 60)
#define IOTLB_ACTUAL              (UINT64_C(3) << 57)
#define IOTLB_DRAIN               (UINT64_C(3) << 48) /* reads and writes that are on their way */
#define FAULT_STATUS_OVERFLOW     UINT32_C(1)
#define FAULT_STATUS_PENDING      UINT32_C(2)
#define FAULT_STATUS_INDEX(value) ((value) >> 8 & 0xff)
#define FAULT_INTERRUPT_MASKED    (UINT32_C(1) << 31)
/* The upper half of a fault record (11.4.14). */
#define RECORD_FAULT  (UINT64_C(1) << 63)
#define RECORD_READ   (UINT64_C(1) << 62)
#define RECORD_REASON 32

/* A read takes a microsecond or so. */
#define READS_MAX 1000000u

static struct unit {
    uint32_t fault_offset, fault_count, iotlb_offset;
} units[ACPI_DMAR_UNITS_MAX];

static bool is_gone(uint32_t value)
{
    return value == UINT32_MAX;
}

/* Until the status bits `bits` are all set, or all clear. */
static bool wait_status(unsigned unit, uint32_t bits, bool set)
{
    for (unsigned reads = 0; reads < READS_MAX; reads++) {
        const uint32_t status = vtd_read32(unit, REGISTER_STATUS);

        if (is_gone(status)) {
            return false;
        }
        if ((status & bits) == (set ? bits : 0)) {
            return true;
        }
    }
    return false;
}

/* Gives one command, and waits for the status bit to be as it is when the unit is done. */
static bool give(unsigned unit, uint32_t command, bool on, bool done)
{
    const uint32_t kept = vtd_read32(unit, REGISTER_STATUS) & STATUS_KEPT;

    vtd_write32(unit, REGISTER_COMMAND, on ? kept | command : kept & ~command);
    return wait_status(unit, command, done);
}

/* Until no invalidation is under way in the register; answers what it shows then, all ones: never. */
static uint64_t wait_invalidated(unsigned unit, uint32_t offset)
{
    for (unsigned reads = 0; reads < READS_MAX; reads++) {
        const uint64_t value = vtd_read64(unit, offset);

        if ((value & INVALIDATE) == 0) {
            return value;
        }
    }
    return UINT64_MAX;
}

static bool invalidate(unsigned unit, uint32_t offset, uint64_t what, uint64_t actual)
{
    uint64_t value;

    if (wait_invalidated(unit, offset) == UINT64_MAX) {
        return false; /* firmware's never ended */
    }
    vtd_write64(unit, offset, INVALIDATE | what);
    value = wait_invalidated(unit, offset);
    return value != UINT64_MAX && (value & actual) != 0;
}

/* Context entries first: a translation is found by what they say. */
static bool invalidate_all(unsigned unit)
{
    return invalidate(unit, REGISTER_CONTEXT, CONTEXT_GLOBAL, CONTEXT_ACTUAL) &&
           invalidate(unit, units[unit].iotlb_offset + 8, IOTLB_GLOBAL | IOTLB_DRAIN, IOTLB_ACTUAL);
}

/* ---- faults ---- */

bool vtd_take_faults(unsigned unit, void (*take)(unsigned unit, const struct vtd_fault *fault))
{
    const uint32_t status = vtd_read32(unit, REGISTER_FAULT_STATUS), count = units[unit].fault_count;
    const uint32_t first = FAULT_STATUS_INDEX(status);

    if (is_gone(status) || (status & (FAULT_STATUS_OVERFLOW | FAULT_STATUS_PENDING)) == 0) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t record = units[unit].fault_offset + (first + i) % count * RECORD_SIZE;
        const uint64_t high = vtd_read64(unit, record + 8);
        struct vtd_fault fault;

        if (high == UINT64_MAX) {
            return false; /* the unit has gone */
        }
        if ((high & RECORD_FAULT) == 0) {
            continue;
        }
        fault = (struct vtd_fault){.address = vtd_read64(unit, record) & ~(HAL_PAGE_SIZE - 1),
                                   .source = (uint16_t)high,
                                   .reason = (uint8_t)(high >> RECORD_REASON),
                                   .is_read = (high & RECORD_READ) != 0};
        vtd_write64(unit, record + 8, RECORD_FAULT);
        take(unit, &fault);
    }
    /* Only then: the unit records again from here on. */
    if ((status & FAULT_STATUS_OVERFLOW) != 0) {
        vtd_write32(unit, REGISTER_FAULT_STATUS, FAULT_STATUS_OVERFLOW);
    }
    return (status & FAULT_STATUS_OVERFLOW) != 0;
}

static void ignore_fault(unsigned unit, const struct vtd_fault *fault)
{
    (void)unit;
    (void)fault;
}

/* ---- start-up ---- */

static enum vtd_status find_registers(unsigned unit, uint64_t capability, uint64_t extended)
{
    struct unit *const u = &units[unit];
    const uint32_t version = vtd_read32(unit, REGISTER_VERSION);

    if (is_gone(version) || (version & 0xf0) == 0 || capability == UINT64_MAX || extended == UINT64_MAX) {
        return VTD_SILENT;
    }
    *u = (struct unit){.fault_offset = CAPABILITY_FAULT_OFFSET(capability),
                       .fault_count = CAPABILITY_FAULT_COUNT(capability),
                       .iotlb_offset = EXTENDED_IOTLB_OFFSET(extended)};
    /* A fault record that lay over a command would give it when it is cleared. */
    if (u->fault_offset < REGISTERS_FIXED_END || u->iotlb_offset < REGISTERS_FIXED_END ||
        (u->fault_offset < u->iotlb_offset + IOTLB_SIZE &&
         u->iotlb_offset < u->fault_offset + u->fault_count * RECORD_SIZE)) {
        return VTD_UNFIT;
    }
    return VTD_TRANSLATES;
}

/* Firmware's queue has run empty, or never will: then the unit does not let it be switched off. */
static void wait_queue(unsigned unit)
{
    const uint64_t tail = vtd_read64(unit, REGISTER_QUEUE_TAIL);

    for (unsigned reads = 0; reads < READS_MAX; reads++) {
        if (vtd_read64(unit, REGISTER_QUEUE_HEAD) == tail) {
            return;
        }
    }
}

/* What firmware may have left on besides translation: interrupt remapping by its table, which nobody keeps,
 * and the queue, beside which invalidation by registers is not allowed (6.5). */
static bool switch_off_rest(unsigned unit)
{
    const uint32_t status = vtd_read32(unit, REGISTER_STATUS);

    vtd_write32(unit, REGISTER_FAULT_CONTROL, FAULT_INTERRUPT_MASKED);
    if ((status & COMMAND_INTERRUPTS) != 0 && !give(unit, COMMAND_INTERRUPTS, false, false)) {
        return false;
    }
    if ((status & COMMAND_QUEUE) != 0) {
        wait_queue(unit);
        return give(unit, COMMAND_QUEUE, false, false);
    }
    return true;
}

/* Nothing that was cached by another table is left, before translation begins or, if it is on, goes on. */
static bool use_root(unsigned unit, hal_paddr_t root, uint64_t capability, uint64_t extended)
{
    if (!EXTENDED_COHERENT(extended)) {
        vtd_write_back(root);
    }
    if (CAPABILITY_WRITE_BUFFER(capability) && !give(unit, COMMAND_WRITE_BUFFER, true, false)) {
        return false;
    }
    vtd_write64(unit, REGISTER_ROOT, root.value);
    return give(unit, COMMAND_ROOT, true, true) && invalidate_all(unit) &&
           give(unit, COMMAND_TRANSLATE, true, true);
}

enum vtd_status vtd_start(unsigned unit, hal_paddr_t root)
{
    const uint64_t capability = vtd_read64(unit, REGISTER_CAPABILITY);
    const uint64_t extended = vtd_read64(unit, REGISTER_EXTENDED);
    const enum vtd_status status = find_registers(unit, capability, extended);

    if (status != VTD_TRANSLATES) {
        return status;
    }
    if (is_gone(vtd_read32(unit, REGISTER_STATUS)) || !switch_off_rest(unit) ||
        !use_root(unit, root, capability, extended)) {
        return VTD_STUCK;
    }
    (void)vtd_take_faults(unit, ignore_fault); /* firmware's */
    return VTD_TRANSLATES;
}

bool vtd_translates(unsigned unit)
{
    const uint32_t status = vtd_read32(unit, REGISTER_STATUS);

    return !is_gone(status) && (status & COMMAND_TRANSLATE) != 0;
}

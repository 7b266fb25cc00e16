/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two DMA remapping units of Intel's (VT-d specification 4.0): registers, commands, start-up. They are
 * pessimistic: firmware left their caches full of entries that let every device through, and a command is
 * done only some reads of its register later. The second unit was left on by firmware, caches what is not
 * there, looks into no CPU's cache and has a write buffer; it serves the upper half of the buses.
 */
#include "hal/vtd.h"
#include "ioapic.h"
#include "ram.h"
#include "report.h"
#include "state.h"
#include "vtd_model.h"

/* Registers (11.4); the driver finds those of the last line by the capabilities. */
enum {
    VERSION = 0x00,
    CAPABILITY = 0x08,
    EXTENDED = 0x10,
    COMMAND = 0x18,
    STATUS = 0x1c,
    ROOT = 0x20,
    CONTEXT = 0x28,
    FAULT_STATUS = 0x34,
    FAULT_CONTROL = 0x38,
    QUEUE_HEAD = 0x80,
    QUEUE_TAIL = 0x88,
    QUEUE_ADDRESS = 0x90,
    INVALIDATION_CONTROL = 0xa0,
    INTERRUPT_TABLE = 0xb8,
    IOTLB_ADDRESS = 0x100,
    IOTLB = 0x108,
    RECORDS = 0x200,
};

#define GIVEN_ONCE     UINT32_C(0x69000000)
#define INVALIDATE     (UINT64_C(1) << 63)
#define CONTEXT_GLOBAL (UINT64_C(1) << 61)
#define CONTEXT_DONE   59
#define IOTLB_DONE     57
#define OVERFLOW       1u
#define PENDING        2u
#define QUEUE_ERROR    0x10u

static const struct iommu_kind kinds[IOMMU_UNITS] = {
    {.record_count = IOMMU_RECORDS_MAX,
     .coherent = true,
     .has_queue = true,
     .has_pages = true,
     .snoops = true,
     .remaps = true,
     .entry_mask_max = 4,
     .widths = 6,
     .address_bits = 48,
     .leaf_level_max = 2,
     .domain_bits = 16,
     .mask_max = 18},
    {.record_count = 2,
     .write_buffer = true,
     .caches_absence = true,
     .caches_blocked = true,
     .has_queue = true,
     .has_pages = true,
     .remaps = true,
     .widths = 6,
     .address_bits = 48,
     .leaf_level_max = 1,
     .domain_bits = 6,
     .mask_max = 9,
     .left_on = IOMMU_TRANSLATE | IOMMU_SET_ROOT | IOMMU_QUEUE | IOMMU_INTERRUPTS | IOMMU_OLD_FORMAT},
};

/* --- Commands --- */

static bool is_due(struct iommu_unit *unit)
{
    unit->late -= unit->late != 0;
    return unit->late == 0;
}

static void finish_command(struct iommu_unit *unit)
{
    switch (unit->command) {
    case IOMMU_SET_ROOT:
        unit->root = unit->root_given & IOMMU_ADDRESS;
        unit->lies_contexts = unit->lies_translations = true; /* of whatever root there was */
        unit->status |= IOMMU_SET_ROOT;
        iommu_root_set(unit);
        break;
    case IOMMU_SET_TABLE:
        vtd_interrupts_use(unit);
        unit->status |= IOMMU_SET_TABLE;
        break;
    case IOMMU_FLUSH_BUFFER:
        iommu_view_flush();
        unit->status &= ~IOMMU_FLUSH_BUFFER;
        break;
    default:
        unit->status ^= unit->command;
        if (unit->command == IOMMU_QUEUE) {
            iommu_queue_switched(unit);
        }
        break;
    }
    unit->command = 0;
    machine.edits++;
}

static uint32_t read_status(struct iommu_unit *unit)
{
    if (unit->command != 0 && !iommu_is_dead(unit) && is_due(unit)) {
        finish_command(unit);
    }
    return unit->status;
}

static void write_command(struct iommu_unit *unit, uint32_t value)
{
    uint32_t command = ((value ^ unit->status) & ~GIVEN_ONCE) | (value & GIVEN_ONCE);
    bool off = (command & IOMMU_QUEUE) != 0 && (value & IOMMU_QUEUE) == 0;
    bool empty = unit->head == unit->tail || unit->stalled || unit->queue_error;
    if (iommu_is_dead(unit)) {
        return;
    }
    CONTRACT(unit->command == 0, "a command while another is under way");
    CONTRACT((command & (command - 1)) == 0, "several commands at once");
    CONTRACT((command & IOMMU_TRANSLATE) == 0 || (value & IOMMU_TRANSLATE) != 0,
             "translation is switched off");
    CONTRACT(!off || (unit->queue_size == 0 ? unit->firmware_left == 0 : empty), "the queue is not empty");
    CONTRACT((command & IOMMU_QUEUE) == 0 || off || unit->kind.has_queue, "there is no queue");
    CONTRACT((command & value & IOMMU_OLD_FORMAT) == 0, "interrupts in the old format are let through");
    CONTRACT((command & IOMMU_INTERRUPTS) == 0 || unit->kind.remaps || (value & IOMMU_INTERRUPTS) == 0,
             "the unit does not remap interrupts");
    CONTRACT((command & IOMMU_INTERRUPTS) == 0 || !machine.running || (value & IOMMU_INTERRUPTS) != 0,
             "interrupts are no longer remapped");
    unit->command = command;
    unit->late = IOMMU_LATE;
    unit->status &= ~(command & (IOMMU_SET_ROOT | IOMMU_SET_TABLE));
    unit->status |= command & IOMMU_FLUSH_BUFFER;
}

/* --- Invalidation by registers --- */

static void finish_invalidation(struct iommu_unit *unit, uint64_t *value)
{
    bool contexts = value == &unit->context;
    unsigned done = contexts ? iommu_invalidate_contexts(unit, *value)
                             : iommu_invalidate_translations(unit, unit->iotlb_address, *value);
    if (done == UINT32_MAX) {
        iommu_wait(); /* for accesses that are on their way */
        return;
    }
    if (unit->stalled) {
        return;
    }
    unsigned shift = contexts ? CONTEXT_DONE : IOTLB_DONE;
    *value &= ~(INVALIDATE | UINT64_C(3) << shift);
    *value |= (uint64_t)done << shift;
}

static uint64_t read_invalidation(struct iommu_unit *unit, uint64_t *value)
{
    if ((*value & INVALIDATE) != 0 && is_due(unit)) {
        finish_invalidation(unit, value);
    }
    return *value;
}

static void write_invalidation(struct iommu_unit *unit, uint64_t *value, uint64_t command)
{
    CONTRACT((unit->status & IOMMU_QUEUE) == 0, "invalidation by registers beside the queue");
    CONTRACT(((unit->context | *value) & INVALIDATE) == 0 && unit->command == 0,
             "while another is under way");
    *value = command;
    unit->late = IOMMU_LATE;
}

/* --- Registers --- */

static uint32_t fault_status(const struct iommu_unit *unit)
{
    uint32_t pending = 0;
    for (unsigned i = 0; i < IOMMU_RECORDS_MAX; i++) {
        pending |= (unit->records[i].high & IOMMU_RECORD_FAULT) != 0 ? PENDING : 0;
    }
    return pending | (unit->overflow ? OVERFLOW : 0) | (unit->queue_error ? QUEUE_ERROR : 0) |
           unit->first << 8;
}

static void write_fault_status(struct iommu_unit *unit, uint32_t value)
{
    unit->overflow = unit->overflow && (value & OVERFLOW) == 0;
    unit->queue_error = unit->queue_error && (value & QUEUE_ERROR) == 0;
}

/* NULL: no record's half is there. */
static uint64_t *record_at(struct iommu_unit *unit, uint32_t offset)
{
    unsigned place = (offset - RECORDS) / 16;
    if (offset < RECORDS || place >= unit->kind.record_count) {
        return NULL;
    }
    return offset % 16 == 0 ? &unit->records[place].low : &unit->records[place].high;
}

static bool is_there(unsigned unit)
{
    return CONTRACT(unit < IOMMU_UNITS, "no such unit");
}

uint32_t vtd_read32(unsigned unit, uint32_t offset)
{
    if (!is_there(unit)) {
        return UINT32_MAX;
    }
    switch (offset) {
    case VERSION:
        return 0x10;
    case STATUS:
        iommu_wait_with(&iommu_units[unit]);
        return read_status(&iommu_units[unit]);
    case FAULT_STATUS:
        return fault_status(&iommu_units[unit]);
    default:
        CONTRACT(offset == FAULT_CONTROL || offset == INVALIDATION_CONTROL,
                 "no such register of 32 bits to read");
        return 0;
    }
}

void vtd_write32(unsigned unit, uint32_t offset, uint32_t value)
{
    if (!is_there(unit)) {
        return;
    }
    if (offset == COMMAND) {
        write_command(&iommu_units[unit], value);
    } else if (offset == FAULT_STATUS) {
        write_fault_status(&iommu_units[unit], value);
    } else {
        CONTRACT(offset == FAULT_CONTROL || offset == INVALIDATION_CONTROL,
                 "no such register of 32 bits to write");
    }
}

static uint64_t capability(const struct iommu_kind *kind)
{
    uint64_t pages = kind->has_pages;
    return (uint64_t)(kind->domain_bits - 4) / 2 | (uint64_t)kind->write_buffer << 4 |
           (uint64_t)kind->caches_absence << 7 | (uint64_t)kind->widths << 8 |
           (uint64_t)(kind->address_bits - 1) << 16 | (uint64_t)RECORDS / 16 << 24 |
           (UINT64_C(0xf) >> (4 - kind->leaf_level_max)) << 34 | pages << 39 |
           (uint64_t)(kind->record_count - 1) << 40 | (pages ? (uint64_t)kind->mask_max << 48 : 0) |
           UINT64_C(3) << 54;
}

static uint64_t extended(const struct iommu_kind *kind)
{
    return (uint64_t)kind->entry_mask_max << 20 | (uint64_t)IOTLB_ADDRESS / 16 << 8 |
           (uint64_t)kind->snoops << 7 | (uint64_t)kind->remaps << 3 | (uint64_t)kind->has_queue << 1 |
           kind->coherent;
}

uint64_t vtd_read64(unsigned unit, uint32_t offset)
{
    if (!is_there(unit)) {
        return UINT64_MAX;
    }
    struct iommu_unit *u = &iommu_units[unit];
    switch (offset) {
    case CAPABILITY:
        return capability(&u->kind);
    case EXTENDED:
        return extended(&u->kind);
    case ROOT:
        return u->root_given;
    case CONTEXT:
        return read_invalidation(u, &u->context);
    case IOTLB:
        return read_invalidation(u, &u->iotlb);
    case QUEUE_HEAD:
        return iommu_queue_read_head(u);
    case QUEUE_TAIL:
        return u->tail;
    case QUEUE_ADDRESS:
        return u->queue;
    case INTERRUPT_TABLE:
        return vtd_interrupts_given(u);
    default:
        return CONTRACT(record_at(u, offset) != NULL, "no such register") ? *record_at(u, offset) : 0;
    }
}

void vtd_write64(unsigned unit, uint32_t offset, uint64_t value)
{
    if (!is_there(unit)) {
        return;
    }
    struct iommu_unit *u = &iommu_units[unit];
    machine.edits++;
    switch (offset) {
    case ROOT:
        CONTRACT((value & ~IOMMU_ADDRESS) == 0, "not a root table of the legacy mode");
        u->root_given = value;
        break;
    case CONTEXT:
        write_invalidation(u, &u->context, value);
        break;
    case IOTLB_ADDRESS:
        CONTRACT((u->iotlb & INVALIDATE) == 0, "while an invalidation is under way");
        u->iotlb_address = value;
        break;
    case IOTLB:
        write_invalidation(u, &u->iotlb, value);
        break;
    case QUEUE_TAIL:
        iommu_queue_write_tail(u, value);
        break;
    case QUEUE_ADDRESS:
        iommu_queue_write_address(u, value);
        break;
    case INTERRUPT_TABLE:
        vtd_interrupts_give(u, value);
        break;
    default:
        if (CONTRACT(record_at(u, offset) != NULL && value == IOMMU_RECORD_FAULT, "no such register")) {
            *record_at(u, offset) &= ~IOMMU_RECORD_FAULT;
        }
    }
}

/* --- Blocked accesses --- */

void vtd_record_words(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    bool pending = false;
    if (unit->overflow) {
        return;
    }
    if ((unit->records[unit->next].high & IOMMU_RECORD_FAULT) != 0) {
        unit->overflow = true;
        return;
    }
    for (unsigned i = 0; i < unit->kind.record_count; i++) {
        pending = pending || (unit->records[i].high & IOMMU_RECORD_FAULT) != 0;
    }
    unit->first = pending ? unit->first : unit->next;
    unit->records[unit->next].low = low;
    unit->records[unit->next].high = IOMMU_RECORD_FAULT | high;
    unit->next = (unit->next + 1) % unit->kind.record_count;
}

void vtd_record(struct iommu_unit *unit, const struct iommu_attempt *attempt)
{
    vtd_record_words(unit, attempt->address & ~(HAL_PAGE_SIZE - 1),
                     (attempt->write ? 0 : IOMMU_RECORD_READ) | (uint64_t)attempt->reason << 32 |
                         attempt->source);
}

/* --- Start-up --- */

/* Which units there are, and what firmware's devices need. */
static void describe(struct acpi_dmar *dmar)
{
    *dmar = (struct acpi_dmar){.address_bits = 48};
    if ((machine.config.iommu & (HOSTED_IOMMU_NONE | HOSTED_IOMMU_AMD)) != 0) {
        return;
    }
    dmar->flags = (machine.config.iommu & HOSTED_IOMMU_OLD_INTERRUPTS) == 0; /* it remaps interrupts */
    dmar->unit_count = IOMMU_UNITS;
    dmar->ioapic_count = IOAPIC_UNITS;
    for (unsigned i = 0; i < IOAPIC_UNITS; i++) {
        dmar->ioapics[i] = (struct acpi_dmar_ioapic){.source = IOAPIC_SOURCE(i), .id = IOAPIC_ID(i)};
    }
    dmar->units[0] =
        (struct acpi_dmar_unit){.address = 0xfed90000, .size = HAL_PAGE_SIZE, .include_all = true};
    dmar->units[1] = (struct acpi_dmar_unit){.address = 0xfed91000, .size = HAL_PAGE_SIZE, .scope_count = 1};
    if ((machine.config.iommu & HOSTED_IOMMU_RANGE) != 0) {
        dmar->range_count = 1;
        dmar->ranges[0] = (struct acpi_dmar_range){.first = iommu_firmwares(),
                                                   .last = iommu_firmwares() + HAL_PAGE_SIZE - 1,
                                                   .bus = HOSTED_IOMMU_RANGE_SOURCE >> 8,
                                                   .depth = 1,
                                                   .is_endpoint = true,
                                                   .device = HOSTED_IOMMU_RANGE_SOURCE >> 3 & 31,
                                                   .function = HOSTED_IOMMU_RANGE_SOURCE & 7};
    }
}

static void leave(struct iommu_unit *unit)
{
    unit->kind = kinds[unit->id];
    unit->status = unit->kind.left_on;
    unit->firmware_left = 3;
    unit->tail = 0x40;
    if ((machine.config.iommu & HOSTED_IOMMU_REGISTERS) != 0) {
        unit->kind.has_queue = false;
        unit->kind.remaps = false;
        unit->kind.has_pages = unit->id == 0;
        unit->status &= ~IOMMU_QUEUE;
    }
    if ((machine.config.iommu & HOSTED_IOMMU_OLD_INTERRUPTS) != 0) {
        unit->kind.remaps = false;
    }
    if ((machine.config.iommu & HOSTED_IOMMU_PLAIN) != 0) {
        unit->kind.caches_absence = unit->kind.caches_blocked = unit->kind.write_buffer = false;
        unit->kind.leaf_level_max = 2;
    }
    if ((machine.config.iommu & HOSTED_IOMMU_NARROW) != 0) {
        unit->kind.widths = 2;
        unit->kind.address_bits = 39;
    }
    if ((machine.config.iommu & HOSTED_IOMMU_APART) != 0) {
        unit->kind.widths = unit->id == 0 ? 2 : 4;
    }
    unit->context = unit->status != 0 ? INVALIDATE | CONTEXT_GLOBAL : 0;
}

void vtd_prepare(void)
{
    struct acpi_dmar dmar;
    for (unsigned unit = 0; unit < IOMMU_UNITS && iommu_format == &vtd_format; unit++) {
        leave(&iommu_units[unit]);
    }
    describe(&dmar);
    vtd_begin(&dmar);
    for (unsigned unit = 0; unit < dmar.unit_count; unit++) {
        CONTRACT(vtd_translates(unit), "a unit does not translate");
    }
}

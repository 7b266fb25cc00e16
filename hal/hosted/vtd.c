/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two DMA remapping units (Intel VT-d specification 4.0). They are pessimistic: firmware left their caches
 * full of entries that let every device through, memory that a unit cannot see yet reads as the same, and a
 * command is done only some reads of its register later. The second unit was left on by firmware, looks into
 * no CPU's cache and has a write buffer; it serves the upper half of the buses.
 */
#include "vtd.h"

#include "hal/atomic.h"
#include "hal/vtd.h"
#include "ram.h"
#include "raw.h"
#include "report.h"
#include "state.h"
#include "schedule.h"
#include "user.h"

#define UNITS       2u
#define RECORDS_MAX 4u
#define LATE        3u /* reads that show a command under way */

/* Registers (11.4); the driver finds the last two by the capabilities. */
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
    IOTLB = 0x108,
    RECORDS = 0x200,
};

#define TRANSLATE       (UINT32_C(1) << 31)
#define SET_ROOT        (UINT32_C(1) << 30)
#define FLUSH_BUFFER    (UINT32_C(1) << 27)
#define QUEUE           (UINT32_C(1) << 26)
#define INTERRUPTS      (UINT32_C(1) << 25)
#define GIVEN_ONCE      UINT32_C(0x69000000)
#define INVALIDATE      (UINT64_C(1) << 63)
#define CONTEXT_GLOBAL  (UINT64_C(1) << 61)
#define CONTEXT_DONE    (UINT64_C(1) << 59)
#define IOTLB_GLOBAL    (UINT64_C(1) << 60)
#define IOTLB_DONE      (UINT64_C(1) << 57)
#define RECORD_FAULT    (UINT64_C(1) << 63)
#define RECORD_READ     (UINT64_C(1) << 62)
#define OVERFLOW        1u
#define PENDING         2u
#define REASON_NO_ROOT  UINT64_C(1)
#define ENTRY_PRESENT   UINT64_C(1)
#define WATCH_PERIOD_NS (UINT64_C(500) * 1000 * 1000)

static const struct acpi_dmar dmar = {
    .address_bits = 48,
    .unit_count = UNITS,
    .units = {{.address = 0xfed90000, .size = HAL_PAGE_SIZE, .include_all = true},
              {.address = 0xfed91000, .size = HAL_PAGE_SIZE, .scope_count = 1}},
};

struct kind {
    unsigned record_count;
    bool coherent, write_buffer;
    uint32_t left_on; /* by firmware */
};
static const struct kind kinds[UNITS] = {
    {.record_count = RECORDS_MAX, .coherent = true},
    {.record_count = 2, .write_buffer = true, .left_on = TRANSLATE | SET_ROOT | QUEUE | INTERRUPTS},
};

static struct unit {
    uint32_t status, command; /* the latter is under way, for `late` reads yet */
    unsigned late;
    uint64_t root_given, root; /* written, and in use */
    bool root_in_memory;       /* not only in a CPU's cache ... */
    bool buffer_flushed;       /* ... nor in the unit's write buffer */
    bool context_stale, iotlb_stale;
    uint64_t context, iotlb; /* registers */
    unsigned queue_left;
    unsigned next, first; /* places among the records: to fill, and of the oldest */
    bool overflow;
    struct {
        uint64_t low, high;
    } records[RECORDS_MAX];
} units[UNITS];
static uint64_t watched;

/* --- Commands --- */

static bool is_due(struct unit *unit)
{
    unit->late -= unit->late != 0;
    return unit->late == 0;
}

static void finish_command(struct unit *unit)
{
    switch (unit->command) {
    case SET_ROOT:
        unit->root = unit->root_given;
        unit->context_stale = unit->iotlb_stale = true; /* of whatever root there was */
        unit->status |= SET_ROOT;
        break;
    case FLUSH_BUFFER:
        unit->buffer_flushed = unit->root_in_memory || kinds[unit - units].coherent;
        unit->status &= ~FLUSH_BUFFER;
        break;
    default:
        unit->status ^= unit->command;
        break;
    }
    unit->command = 0;
    machine.edits++;
}

static uint32_t read_status(struct unit *unit)
{
    if (unit->command != 0 && is_due(unit)) {
        finish_command(unit);
    }
    return unit->status;
}

static void write_command(struct unit *unit, uint32_t value)
{
    uint32_t command = ((value ^ unit->status) & ~GIVEN_ONCE) | (value & GIVEN_ONCE);
    CONTRACT(unit->command == 0, "a command while another is under way");
    CONTRACT((command & (command - 1)) == 0, "several commands at once");
    CONTRACT((command & TRANSLATE) == 0 || (value & TRANSLATE) != 0, "translation is switched off");
    CONTRACT((command & QUEUE) == 0 || unit->queue_left == 0, "the queue is not empty");
    unit->command = command;
    unit->late = LATE;
    unit->status &= command == SET_ROOT ? ~SET_ROOT : UINT32_MAX;
    unit->status |= command & FLUSH_BUFFER;
}

static void finish_invalidation(struct unit *unit, uint64_t *value)
{
    *value &= ~INVALIDATE;
    if (value == &unit->context && (*value & CONTEXT_GLOBAL) != 0) {
        unit->context_stale = false;
        *value |= CONTEXT_DONE;
    } else if (value == &unit->iotlb && (*value & IOTLB_GLOBAL) != 0) {
        unit->iotlb_stale = unit->context_stale; /* which fills it again */
        *value |= IOTLB_DONE;
    }
}

static uint64_t read_invalidation(struct unit *unit, uint64_t *value)
{
    if ((*value & INVALIDATE) != 0 && is_due(unit)) {
        finish_invalidation(unit, value);
    }
    return *value;
}

static void write_invalidation(struct unit *unit, uint64_t *value, uint64_t command)
{
    CONTRACT((unit->status & QUEUE) == 0, "invalidation by registers beside the queue");
    CONTRACT((*value & INVALIDATE) == 0 && unit->command == 0, "while another is under way");
    *value = command;
    unit->late = LATE;
}

/* --- Registers --- */

static uint32_t fault_status(const struct unit *unit)
{
    uint32_t pending = 0;
    for (unsigned i = 0; i < RECORDS_MAX; i++) {
        pending |= (unit->records[i].high & RECORD_FAULT) != 0 ? PENDING : 0;
    }
    return pending | (unit->overflow ? OVERFLOW : 0) | unit->first << 8;
}

/* NULL: no record's half is there. */
static uint64_t *record_at(unsigned unit, uint32_t offset)
{
    unsigned place = (offset - RECORDS) / 16;
    if (offset < RECORDS || place >= kinds[unit].record_count) {
        return NULL;
    }
    return offset % 16 == 0 ? &units[unit].records[place].low : &units[unit].records[place].high;
}

uint32_t vtd_read32(unsigned unit, uint32_t offset)
{
    switch (offset) {
    case VERSION:
        return 0x10;
    case STATUS:
        return read_status(&units[unit]);
    case FAULT_STATUS:
        return fault_status(&units[unit]);
    default:
        CONTRACT(offset == FAULT_CONTROL, "no such register of 32 bits to read");
        return 0;
    }
}

void vtd_write32(unsigned unit, uint32_t offset, uint32_t value)
{
    if (offset == COMMAND) {
        write_command(&units[unit], value);
    } else if (offset == FAULT_STATUS) {
        units[unit].overflow = units[unit].overflow && (value & OVERFLOW) == 0;
    } else {
        CONTRACT(offset == FAULT_CONTROL, "no such register of 32 bits to write");
    }
}

uint64_t vtd_read64(unsigned unit, uint32_t offset)
{
    struct unit *u = &units[unit];
    switch (offset) {
    case CAPABILITY:
        return (uint64_t)RECORDS / 16 << 24 | (uint64_t)(kinds[unit].record_count - 1) << 40 |
               (uint64_t)kinds[unit].write_buffer << 4;
    case EXTENDED:
        return (uint64_t)IOTLB / 16 << 8 | kinds[unit].coherent;
    case CONTEXT:
        return read_invalidation(u, &u->context);
    case IOTLB:
        return read_invalidation(u, &u->iotlb);
    case QUEUE_HEAD:
        u->queue_left -= u->queue_left != 0;
        return 0x40 - 0x10 * u->queue_left;
    case QUEUE_TAIL:
        return 0x40;
    default:
        return CONTRACT(record_at(unit, offset) != NULL, "no such register") ? *record_at(unit, offset) : 0;
    }
}

void vtd_write64(unsigned unit, uint32_t offset, uint64_t value)
{
    struct unit *u = &units[unit];
    if (offset == ROOT) {
        u->root_given = value;
    } else if (offset == CONTEXT) {
        write_invalidation(u, &u->context, value);
    } else if (offset == IOTLB) {
        write_invalidation(u, &u->iotlb, value);
    } else if (CONTRACT(record_at(unit, offset) != NULL && value == RECORD_FAULT, "no such register")) {
        *record_at(unit, offset) &= ~RECORD_FAULT;
    }
}

void vtd_write_back(hal_paddr_t page)
{
    CONTRACT(page.value == RAM_IOMMU_ROOT, "not the root table");
    for (unsigned unit = 0; unit < UNITS; unit++) {
        units[unit].root_in_memory = true;
    }
}

/* --- What the driver says --- */

/* What it says before there is a kernel is the same each time. */
void vtd_print(const char *line)
{
    if (machine.running) {
        machine_print("%s", line);
    }
}

void vtd_timer(void)
{
    uint64_t now = schedule_now();
    if (now - watched >= WATCH_PERIOD_NS) {
        watched = now;
        vtd_watch();
    }
}

/* --- As devices see them --- */

static void fault(struct unit *unit, uint16_t source, uint64_t address, bool write)
{
    unsigned count = kinds[unit - units].record_count;
    if (unit->overflow) {
        return;
    }
    if ((unit->records[unit->next].high & RECORD_FAULT) != 0) {
        unit->overflow = true;
        return;
    }
    if ((fault_status(unit) & PENDING) == 0) {
        unit->first = unit->next;
    }
    unit->records[unit->next].low = address & ~(HAL_PAGE_SIZE - 1);
    unit->records[unit->next].high = RECORD_FAULT | (write ? 0 : RECORD_READ) | REASON_NO_ROOT << 32 | source;
    unit->next = (unit->next + 1) % count;
}

/* Is the page that `address` lies in the device's to reach? Where it is, it is at the same address. */
static bool lets_through(struct unit *unit, uint16_t source, uint64_t address, bool write)
{
    const struct kind *kind = &kinds[unit - units];
    bool sees_memory =
        (kind->coherent || unit->root_in_memory) && (!kind->write_buffer || unit->buffer_flushed);
    if ((unit->status & TRANSLATE) == 0 || unit->root != RAM_IOMMU_ROOT || !sees_memory ||
        unit->context_stale || unit->iotlb_stale) {
        return true;
    }
    const uint64_t *entry = (const uint64_t *)(void *)ram_pointer(unit->root + (source >> 8) * 16u);
    CONTRACT((raw_load(entry) & ENTRY_PRESENT) == 0, "the root table has an entry");
    fault(unit, source, address, write);
    return false;
}

/* No more than a page. Beyond RAM nobody answers. */
static void reach(uint64_t address, char *bytes, size_t size, bool write)
{
    if (!ram_contains(address, size)) {
        return;
    }
    if (!write) {
        raw_copy(bytes, ram_pointer(address), size);
        return;
    }
    ram_soil(address >> HAL_PAGE_SHIFT);
    unicorn_memory_written(address >> HAL_PAGE_SHIFT);
    raw_copy(ram_pointer(address), bytes, size);
}

bool hosted_dma(uint16_t source, uint64_t address, void *bytes, size_t size, bool write)
{
    struct unit *unit = &units[source >> 15];
    bool all = true;
    hosted_point(HAL_POINT_HAL, NULL);
    for (size_t done = 0; done < size;) {
        size_t left = (size_t)(HAL_PAGE_SIZE - (address + done) % HAL_PAGE_SIZE);
        size_t part = size - done < left ? size - done : left;
        if (lets_through(unit, source, address + done, write)) {
            reach(address + done, (char *)bytes + done, part, write);
        } else {
            all = false;
        }
        done += part;
    }
    return all;
}

/* --- Start-up --- */

static void reset(unsigned at)
{
    struct unit *unit = &units[at];
    *unit = (struct unit){.status = kinds[at].left_on,
                          .context_stale = true,
                          .iotlb_stale = true,
                          .queue_left = 3,
                          .context = (kinds[at].left_on & QUEUE) != 0 ? INVALIDATE | CONTEXT_GLOBAL : 0};
}

void vtd_prepare(void)
{
    raw_fill(ram_pointer(RAM_IOMMU_ROOT), 0, HAL_PAGE_SIZE);
    for (unsigned unit = 0; unit < UNITS; unit++) {
        reset(unit);
    }
    watched = 0;
    vtd_begin(&dmar, hal_paddr(RAM_IOMMU_ROOT));
    for (unsigned unit = 0; unit < UNITS; unit++) {
        CONTRACT(vtd_translates(unit), "a unit does not translate");
    }
}

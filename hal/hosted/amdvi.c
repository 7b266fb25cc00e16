/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two DMA remapping units of AMD's (I/O Virtualization Technology specification 3.0): registers, start-up.
 * They are pessimistic: firmware left their caches full of entries that let every device through, and what is
 * switched off runs on for some reads of the status. The second unit was left on by firmware, which excluded
 * all of memory from translation, and caches what is not there; it serves the odd buses.
 */
#include "hal/amdvi.h"

#include "amdvi_model.h"
#include "report.h"
#include "state.h"

/* Registers (3.4). */
enum {
    TABLE = 0x00,
    COMMANDS = 0x08,
    EVENTS = 0x10,
    CONTROL = 0x18,
    EXCLUSION = 0x20,
    EXCLUSION_LIMIT = 0x28,
    FEATURES = 0x30,
    COMMAND_HEAD = 0x2000,
    COMMAND_TAIL = 0x2008,
    EVENT_HEAD = 0x2010,
    EVENT_TAIL = 0x2018,
    STATUS = 0x2020,
};

#define OVERFLOW       UINT64_C(1)
#define LOG_RUNS       UINT64_C(8)
#define COMMANDS_RUN   UINT64_C(16)
#define STATUS_CLEARED UINT64_C(0x67)
#define FORGETS_ALL    (UINT64_C(1) << 6)
#define RING_SIZE      (UINT64_C(8) << 56)
/* What a driver of Keel's has on: translation, what firmware knows of the board, both rings. */
#define CONTROL_KNOWN UINT64_C(0x1f07)
#define EXCLUDES      UINT64_C(3) /* whoever it is */
#define EVERYTHING_ON UINT64_C(0xfbff)

struct amdvi_registers amdvi_registers[IOMMU_UNITS];

static const struct iommu_kind kinds[IOMMU_UNITS] = {
    {.coherent = true,
     .caches_blocked = true,
     .widths = 6,
     .address_bits = 48,
     .leaf_level_max = 2,
     .domain_bits = 16},
    {.coherent = true,
     .caches_blocked = true,
     .caches_absence = true,
     .widths = 6,
     .address_bits = 48,
     .leaf_level_max = 2,
     .domain_bits = 16},
};

bool amdvi_carries_out(const struct iommu_unit *unit)
{
    const struct amdvi_registers *u = &amdvi_registers[unit->id];
    return (u->control & AMDVI_ON) != 0 && ((u->control | u->ending) & AMDVI_COMMANDS) != 0 && !u->stopped &&
           !unit->stalled;
}

static struct iommu_unit *unit_at(unsigned unit)
{
    return CONTRACT(unit < IOMMU_UNITS, "no such unit") ? &iommu_units[unit] : NULL;
}

/* --- What is on --- */

static uint64_t running(const struct amdvi_registers *u)
{
    uint64_t on = u->control | u->ending;
    return ((on & AMDVI_LOGS) != 0 && !u->log_stopped ? LOG_RUNS : 0) |
           ((on & AMDVI_COMMANDS) != 0 && !u->stopped ? COMMANDS_RUN : 0);
}

/* What was switched off has come to its end. */
static void end(struct iommu_unit *unit, uint64_t bits)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    if ((bits & AMDVI_COMMANDS) != 0) {
        u->stopped = unit->queue_waits = false;
        u->put_off_count = 0;
        iommu_goes_on(unit);
    }
    if ((bits & AMDVI_LOGS) != 0) {
        u->log_stopped = false;
    }
    u->ending &= ~bits;
}

static uint64_t read_status(struct iommu_unit *unit)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    amdvi_commands_look(unit);
    if (u->ending != 0 && !iommu_is_dead(unit) && u->late-- == 0) {
        end(unit, u->ending);
    }
    return running(u) | (u->overflow ? OVERFLOW : 0);
}

static void write_control(struct iommu_unit *unit, uint64_t value)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    uint64_t on = value & ~u->control, off = u->control & ~value;
    if (iommu_is_dead(unit)) {
        return;
    }
    CONTRACT((value & ~CONTROL_KNOWN) == 0, "something is on that nobody asks for");
    CONTRACT((value & AMDVI_SNOOPS) != 0, "tables are not looked for in CPUs' caches");
    CONTRACT((off & AMDVI_ON) == 0, "translation is switched off");
    CONTRACT((on & AMDVI_ON) == 0 || unit->root != 0, "there is no device table");
    CONTRACT((on & u->ending) == 0, "what goes off is switched on");
    CONTRACT((on & AMDVI_COMMANDS) == 0 || unit->queue_size != 0, "there is no ring of commands");
    CONTRACT((on & AMDVI_LOGS) == 0 || u->events != 0, "there is no log");
    CONTRACT((off & AMDVI_COMMANDS) == 0 || unit->queue_size == 0 || unit->head == unit->tail ||
                 unit->stalled || u->stopped,
             "there are commands in the ring");
    off &= AMDVI_LOGS | AMDVI_COMMANDS;
    uint64_t stands = off & ((u->log_stopped ? AMDVI_LOGS : 0) | (u->stopped ? AMDVI_COMMANDS : 0));
    u->control = value;
    u->ending |= off & ~stands;
    u->late = off != 0 ? IOMMU_LATE : u->late;
    end(unit, stands);
    machine.edits++;
}

/* --- Tables and rings --- */

static void write_table(struct iommu_unit *unit, uint64_t value)
{
    if (!CONTRACT(value == (AMDVI_TABLE_AT | (AMDVI_TABLE_SIZE / HAL_PAGE_SIZE - 1)),
                  "not the device table, or not all of it")) {
        return;
    }
    if (amdvi_table_open() != 0) {
        machine_check("D3", "the device table of unit %u lets %u devices reach all memory", unit->id,
                      amdvi_table_open());
    }
    unit->root = AMDVI_TABLE_AT;
    amdvi_forget_nothing_yet(unit);
    iommu_root_set(unit);
}

static bool is_ring(uint64_t value)
{
    uint64_t address = value & IOMMU_ADDRESS;
    return CONTRACT((value & ~IOMMU_ADDRESS) == RING_SIZE && ram_contains(address, AMDVI_RING) &&
                        ram_use(address) == HAL_FRAME_TABLE,
                    "the ring is not the driver's, or of another size");
}

static void write_commands(struct iommu_unit *unit, uint32_t offset, uint64_t value)
{
    CONTRACT((running(&amdvi_registers[unit->id]) & COMMANDS_RUN) == 0, "commands are carried out");
    if (offset == COMMAND_HEAD) {
        unit->head = value % AMDVI_RING;
    } else if (is_ring(value)) {
        unit->queue = value & IOMMU_ADDRESS;
        unit->queue_size = AMDVI_RING;
        unit->head = unit->tail = 0;
    }
}

static void write_events(struct iommu_unit *unit, uint32_t offset, uint64_t value)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    if (offset == EVENT_HEAD) {
        CONTRACT(value % AMDVI_SLOT == 0 &&
                     (value - u->event_head) % AMDVI_RING <= (u->event_tail - u->event_head) % AMDVI_RING,
                 "the head runs over the tail");
        u->event_head = value % AMDVI_RING;
        return;
    }
    CONTRACT((running(u) & LOG_RUNS) == 0, "the log is written");
    if (offset == EVENT_TAIL) {
        u->event_tail = value % AMDVI_RING;
    } else if (is_ring(value)) {
        u->events = value & IOMMU_ADDRESS;
        u->event_head = u->event_tail = 0;
    }
}

/* Only for all devices or for none: no entry of the device table asks for it. */
static void write_exclusion(struct iommu_unit *unit, uint32_t offset, uint64_t value)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    *(offset == EXCLUSION ? &u->exclusion : &u->exclusion_limit) = value;
    uint64_t first = u->exclusion & IOMMU_ADDRESS, last = u->exclusion_limit & IOMMU_ADDRESS;
    unit->passes_first = first;
    unit->passes_size =
        (u->exclusion & EXCLUDES) == EXCLUDES && last >= first ? last - first + HAL_PAGE_SIZE : 0;
}

/* --- Registers --- */

static uint64_t read_command_head(struct iommu_unit *unit)
{
    amdvi_commands_look(unit);
    iommu_wait_with(unit);
    return unit->head;
}

uint64_t amdvi_read(unsigned unit, uint32_t offset)
{
    struct iommu_unit *at = unit_at(unit);
    if (!at) {
        return UINT64_MAX;
    }
    const struct amdvi_registers *u = &amdvi_registers[unit];
    switch (offset) {
    case CONTROL:
        return u->control;
    case FEATURES:
        return u->forgets_all ? FORGETS_ALL : 0;
    case COMMAND_HEAD:
        return read_command_head(at);
    case EVENT_TAIL:
        return u->event_tail;
    default:
        iommu_wait_with(at);
        return CONTRACT(offset == STATUS, "no register that a driver reads") ? read_status(at) : 0;
    }
}

void amdvi_write(unsigned unit, uint32_t offset, uint64_t value)
{
    struct iommu_unit *at = unit_at(unit);
    if (!at) {
        return;
    }
    struct amdvi_registers *u = &amdvi_registers[unit];
    switch (offset) {
    case TABLE:
        write_table(at, value);
        break;
    case COMMANDS:
    case COMMAND_HEAD:
        write_commands(at, offset, value);
        break;
    case COMMAND_TAIL:
        amdvi_commands_write_tail(at, value);
        break;
    case EVENTS:
    case EVENT_HEAD:
    case EVENT_TAIL:
        write_events(at, offset, value);
        break;
    case CONTROL:
        write_control(at, value);
        break;
    case EXCLUSION:
    case EXCLUSION_LIMIT:
        write_exclusion(at, offset, value);
        break;
    default:
        if (CONTRACT(offset == STATUS && (value & ~STATUS_CLEARED) == 0, "no such register")) {
            u->overflow = u->overflow && (value & OVERFLOW) == 0;
        }
    }
}

/* --- Start-up --- */

static void leave(struct iommu_unit *unit)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    bool on = unit->id == 1;
    unit->kind = kinds[unit->id];
    if ((machine.config.iommu & HOSTED_IOMMU_NARROW) != 0) {
        unit->kind.widths = 2;
        unit->kind.address_bits = 39;
    }
    *u = (struct amdvi_registers){.control = on ? EVERYTHING_ON : 0,
                                  .forgets_all = (machine.config.iommu & HOSTED_IOMMU_REGISTERS) == 0};
    amdvi_forget_nothing_yet(unit);
    if (on) {
        u->overflow = u->log_stopped = true;
        write_exclusion(unit, EXCLUSION_LIMIT, IOMMU_ADDRESS);
        write_exclusion(unit, EXCLUSION, EXCLUDES);
    }
}

void amdvi_prepare(void)
{
    static struct acpi_ivrs ivrs;
    ivrs.unit_count = 0;
    if (iommu_format == &amdvi_format && (machine.config.iommu & HOSTED_IOMMU_NONE) == 0) {
        amdvi_read_ivrs(&ivrs);
    }
    for (unsigned unit = 0; unit < IOMMU_UNITS && iommu_format == &amdvi_format; unit++) {
        leave(&iommu_units[unit]);
    }
    amdvi_begin(&ivrs);
    CONTRACT(ivrs.unit_count == 0 || amdvi_describe()->levels != 0, "a unit does not translate");
}

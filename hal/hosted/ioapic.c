/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two I/O APICs (Intel 82093AA data sheet). They are pessimistic: edges that come while a pin is masked are
 * lost, a level interrupts again at once, and nothing keeps a message from a CPU that the pin no longer goes
 * to. The local APICs' ids are not the CPUs' numbers.
 */
#include "ioapic.h"

#include <string.h>

#include "hal/atomic.h"
#include "hal/ioapic.h"
#include "hal/remap_interrupt.h"
#include "report.h"
#include "schedule.h"
#include "iommu.h"

static const struct acpi_interrupts wiring = {
    .ioapic_count = IOAPIC_UNITS,
    .ioapics = {{.address = 0xfec00000, .source = 0, .id = IOAPIC_ID(0)},
                {.address = 0xfec10000, .source = HOSTED_IRQ_FAR, .id = IOAPIC_ID(1)}}, /* after a gap */
    /* As PCs have it: the timer is where the cascade would be, ACPI's own line is a level. */
    .legacy = {{2, false, false},
               {1, false, false},
               {2, false, false},
               {3, false, false},
               {4, false, false},
               {5, false, false},
               {6, false, false},
               {7, false, false},
               {8, false, false},
               {9, true, false},
               {10, false, false},
               {11, false, false},
               {12, false, false},
               {13, false, false},
               {14, false, false},
               {15, false, false}},
    .nmi_count = 1,
    .nmi = {HOSTED_IRQ_NMI},
};
static const unsigned pin_counts[IOAPIC_UNITS] = {HOSTED_IRQ_COUNT, HOSTED_IRQ_FAR_COUNT};

/* Bits of an entry's low half (3.2.4). */
enum {
    DELIVERY = 7 << 8 | 1 << 11, /* anything but fixed, physical */
    LOW = 1 << 13,
    REMOTE_IRR = 1 << 14,
    LEVEL = 1 << 15,
    MASKED = 1 << 16,
    WRITABLE = 0x1afff,
};
/* Of the high half, where interrupts are remapped (VT-d specification 4.0, 5.1.5.1). */
#define REMAPPED (UINT32_C(1) << 16)
#define INDEX    17

/* Where devices write their messages (Intel SDM vol. 3A, 10.11), in MiB. */
#define MESSAGES         0xfeeu
#define MESSAGE_REMAPPED 0x10u /* VT-d specification 4.0, 5.1.2.2 */
#define MESSAGE_INDEX    5

struct pin {
    uint32_t low, high;
    bool asserted; /* by its device */
    bool seen;     /* as the entry sees it: active */
};
static struct pin pins[IOAPIC_UNITS][HOSTED_IRQ_COUNT];

void ioapic_prepare(void)
{
    memset(pins, 0, sizeof pins);
    for (unsigned unit = 0; unit < IOAPIC_UNITS; unit++) {
        for (unsigned number = 0; number < pin_counts[unit]; number++) {
            pins[unit][number].low = MASKED;
        }
    }
    ioapic_init(&wiring);
}

uint32_t ioapic_apic_id(unsigned cpu)
{
    return 2 * cpu + 1;
}

/* NULL: no pin has this number. */
static struct pin *pin_of(unsigned source)
{
    if (source < HOSTED_IRQ_COUNT) {
        return &pins[0][source];
    }
    return source - HOSTED_IRQ_FAR < HOSTED_IRQ_FAR_COUNT ? &pins[1][source - HOSTED_IRQ_FAR] : NULL;
}

static bool wired_low(const struct pin *pin)
{
    return pin >= pins[1] || pin - pins[0] >= (ptrdiff_t)ACPI_LEGACY_IRQ_COUNT;
}

static void raise(unsigned cpu, unsigned vector)
{
    machine.cpus[cpu].vectors_pending[vector / 64] |= UINT64_C(1) << (vector % 64);
    schedule_hurry();
}

/* False: there is no such local APIC. */
static bool send(uint32_t apic_id, unsigned vector)
{
    for (unsigned cpu = 0; cpu < machine.config.cpu_count; cpu++) {
        if (ioapic_apic_id(cpu) == apic_id) {
            raise(cpu, vector);
            return true;
        }
    }
    return false;
}

/* It writes a message like any device. */
static void send_of(const struct pin *pin)
{
    uint64_t address = (uint64_t)MESSAGES << 20;
    address |= (pin->high & REMAPPED) != 0 ? MESSAGE_REMAPPED | pin->high >> INDEX << MESSAGE_INDEX
                                           : pin->high >> 24 << 12;
    (void)iommu_message(IOAPIC_SOURCE(pin >= pins[1]), address, pin->low & 0xff);
}

/* Its wire or its entry has changed. */
static void look(struct pin *pin)
{
    bool active = pin->asserted != (((pin->low & LOW) != 0) != wired_low(pin));
    bool edge = active && !pin->seen;
    pin->seen = active;
    if ((pin->low & MASKED) != 0) {
        return;
    }
    if ((pin->low & LEVEL) == 0 ? edge : active && (pin->low & REMOTE_IRR) == 0) {
        pin->low |= pin->low & LEVEL ? REMOTE_IRR : 0;
        send_of(pin);
    }
}

/* --- As the driver sees them --- */

uint32_t ioapic_read(unsigned unit, uint8_t index)
{
    if (!CONTRACT(unit < IOAPIC_UNITS, "no such unit")) {
        return UINT32_MAX;
    }
    return index == 1 ? 0x20u | (pin_counts[unit] - 1) << 16 : 0;
}

static void write_entry(struct pin *pin, bool high, uint32_t value)
{
    if (high) {
        pin->high = value;
        return;
    }
    CONTRACT((value & DELIVERY) == 0, "not fixed delivery to one CPU");
    pin->low = (value & WRITABLE) | ((value & LEVEL) != 0 ? pin->low & REMOTE_IRR : 0);
    look(pin);
}

void ioapic_write(unsigned unit, uint8_t index, uint32_t value)
{
    hosted_point(HAL_POINT_HAL, NULL);
    unsigned entry = (index - 0x10u) / 2;
    if (CONTRACT(unit < IOAPIC_UNITS && index >= 0x10 && entry < pin_counts[unit], "no such register")) {
        write_entry(&pins[unit][entry], index % 2 != 0, value);
        machine.edits++;
    }
}

/* --- As CPUs and devices see them --- */

static void end(unsigned unit, unsigned vector)
{
    for (unsigned number = 0; number < pin_counts[unit]; number++) {
        struct pin *pin = &pins[unit][number];
        if ((pin->low & REMOTE_IRR) != 0 && (pin->low & 0xff) == vector) {
            pin->low &= ~(uint32_t)REMOTE_IRR;
            look(pin);
        }
    }
}

void ioapic_write_end(unsigned unit, uint8_t vector)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (CONTRACT(unit < IOAPIC_UNITS, "no such unit")) {
        end(unit, vector);
    }
}

/* Of a message that lost its level on its way, local APICs tell nobody, as in QEMU. */
void ioapic_end_of_interrupt(unsigned vector)
{
    for (unsigned unit = 0; unit < IOAPIC_UNITS && !remap_ioapic_loses_levels(); unit++) {
        end(unit, vector);
    }
}

void hosted_irq_assert(unsigned source, bool asserted)
{
    hosted_point(HAL_POINT_HAL, NULL);
    struct pin *pin = pin_of(source);
    if (pin != NULL) {
        pin->asserted = asserted;
        look(pin);
    }
}

bool ioapic_message(uint64_t address, uint32_t data)
{
    return address >> 20 == MESSAGES && send(address >> 12 & 0xff, data & 0xff);
}

void hosted_irq_message(unsigned cpu, unsigned vector)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (cpu < machine.config.cpu_count && vector < 256) {
        raise(cpu, vector);
    }
}

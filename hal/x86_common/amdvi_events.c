/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The event log of one of AMD's remapping units (AMD I/O Virtualization Technology specification 3.0, 2.5): a
 * ring of one page.
 */
#include "amdvi_unit.h"

/* The lower half. */
#define EVENT_CODE(low) ((uint8_t)((low) >> 60))
#define EVENT_INTERRUPT (UINT64_C(1) << 51)
#define EVENT_WRITES    (UINT64_C(1) << 53)

/* Of a device's attempts (2.5.2 and the following). The others are of commands. */
enum {
    EVENT_BAD_ENTRY = 1, /* of the device table */
    EVENT_PAGE_FAULT = 2,
    EVENT_ENTRY_UNREAD = 3, /* that address is the entry's */
    EVENT_TABLE_UNREAD = 4, /* that one is a page table's */
    EVENT_BAD_REQUEST = 8,
};

void amdvi_events_reset(unsigned unit)
{
    struct amdvi_unit *const u = &amdvi_units[unit];

    u->event_head = 0;
    amdvi_write(unit, AMDVI_EVENTS, u->events.value | AMDVI_RING_SIZE);
    amdvi_write(unit, AMDVI_EVENT_HEAD, 0);
    amdvi_write(unit, AMDVI_EVENT_TAIL, 0);
}

/* False: it is not an attempt of a device. Where memory is, no device is told. */
static bool decode(uint64_t low, uint64_t high, struct hal_iommu_fault *fault)
{
    const uint8_t code = EVENT_CODE(low);
    const bool is_devices = code == EVENT_BAD_ENTRY || code == EVENT_PAGE_FAULT || code == EVENT_BAD_REQUEST;

    *fault = (struct hal_iommu_fault){.address = is_devices ? high & ~(HAL_PAGE_SIZE - 1) : 0,
                                      .source = (uint16_t)low,
                                      .reason = code,
                                      .is_read = (low & EVENT_WRITES) == 0};
    return is_devices || code == EVENT_ENTRY_UNREAD || code == EVENT_TABLE_UNREAD;
}

/* QEMU's unit sets the flag whatever was tried. */
static bool is_interrupt(uint64_t low, uint64_t high)
{
    return (low & EVENT_INTERRUPT) != 0 && high >= HAL_IOMMU_INTERRUPTS_FIRST &&
           high <= HAL_IOMMU_INTERRUPTS_LAST;
}

/* A slot whose event has not reached memory yet reads as zeroes, as it was left here: that one is lost. */
static uint64_t take_slot(hal_paddr_t at)
{
    const uint64_t value = remap_load(at);

    remap_store(at, 0);
    return value;
}

static void take_from_ring(unsigned unit, uint32_t tail, amdvi_take *take)
{
    struct amdvi_unit *const u = &amdvi_units[unit];

    while (u->event_head != tail) {
        const hal_paddr_t at = hal_paddr_add(u->events, (uint64_t)u->event_head * AMDVI_SLOT_SIZE);
        const uint64_t low = take_slot(at), high = take_slot(hal_paddr_add(at, 8));
        struct hal_iommu_fault fault;

        u->event_head = (u->event_head + 1) % AMDVI_SLOTS;
        if (decode(low, high, &fault)) {
            take(unit, &fault, is_interrupt(low, high));
        }
    }
    amdvi_write(unit, AMDVI_EVENT_HEAD, (uint64_t)u->event_head * AMDVI_SLOT_SIZE);
}

/* A log that was full stays off until it has been switched off and on. One that does not go off is looked at
 * again. */
static void start_over(unsigned unit)
{
    if (amdvi_switch_off(unit, AMDVI_ENABLE_EVENTS, AMDVI_STATUS_EVENTS)) {
        amdvi_events_reset(unit);
        amdvi_write(unit, AMDVI_STATUS, AMDVI_STATUS_OVERFLOW);
        (void)amdvi_switch_on(unit, AMDVI_ENABLE_EVENTS);
    }
}

bool amdvi_take_events(unsigned unit, amdvi_take *take)
{
    const uint64_t status = amdvi_read(unit, AMDVI_STATUS), tail = amdvi_read(unit, AMDVI_EVENT_TAIL);

    if (amdvi_is_gone(status) || amdvi_is_gone(tail)) {
        return false;
    }
    take_from_ring(unit, (uint32_t)(tail / AMDVI_SLOT_SIZE % AMDVI_SLOTS), take);
    if ((status & AMDVI_STATUS_OVERFLOW) == 0) {
        return false;
    }
    start_over(unit);
    return true;
}

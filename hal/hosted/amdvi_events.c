/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The event logs of AMD's remapping units (AMD I/O Virtualization Technology specification 3.0, 2.5).
 */
#include "amdvi_model.h"
#include "raw.h"
#include "sanitizer.h"

enum { BAD_ENTRY = 1, PAGE_FAULT, TABLE_UNREAD = 4, BAD_COMMAND };

/* Of a page fault. */
#define IS_INTERRUPT (UINT64_C(1) << 51)
#define IS_PRESENT   (UINT64_C(1) << 52)
#define IS_WRITE     (UINT64_C(1) << 53)
#define NO_RIGHT     (UINT64_C(1) << 54)
#define HAS_RESERVED (UINT64_C(1) << 55)

static void log_event(struct iommu_unit *unit, uint64_t low, uint64_t high)
{
    struct amdvi_registers *u = &amdvi_registers[unit->id];
    uint64_t next = (u->event_tail + AMDVI_SLOT) % AMDVI_RING;
    if ((u->control & (AMDVI_ON | AMDVI_LOGS)) != (AMDVI_ON | AMDVI_LOGS) || u->log_stopped ||
        u->events == 0) {
        return;
    }
    if (next == u->event_head) {
        u->overflow = u->log_stopped = true;
        return;
    }
    uint64_t *slot = (uint64_t *)(void *)ram_pointer(u->events + u->event_tail);
    ram_soil(u->events >> HAL_PAGE_SHIFT);
    raw_store(slot, low);
    raw_store(slot + 1, high);
    sanitizer_release(slot);
    sanitizer_release(slot + 1);
    u->event_tail = next;
}

static uint64_t code_of(uint8_t reason)
{
    switch (reason) {
    case IOMMU_CONTEXT_INVALID:
    case IOMMU_CONTEXT_RESERVED:
        return BAD_ENTRY;
    case IOMMU_TABLE_UNREACHABLE:
        return TABLE_UNREAD;
    default:
        return PAGE_FAULT;
    }
}

void amdvi_record(struct iommu_unit *unit, const struct iommu_attempt *attempt)
{
    uint64_t low = code_of(attempt->reason) << 60 | (attempt->write ? IS_WRITE : 0) |
                   (uint64_t)(attempt->domain & 0xffff) << 32 | attempt->source;
    if (attempt->reason == IOMMU_NO_READ || attempt->reason == IOMMU_NO_WRITE) {
        low |= IS_PRESENT | NO_RIGHT;
    }
    if (attempt->reason == IOMMU_TABLE_RESERVED || attempt->reason == IOMMU_CONTEXT_RESERVED) {
        low |= IS_PRESENT | HAS_RESERVED;
    }
    if (attempt->reason >= IOMMU_REQUEST_RESERVED) {
        low |= IS_INTERRUPT;
    }
    log_event(unit, low, attempt->address);
}

void amdvi_record_command(struct iommu_unit *unit, uint64_t at)
{
    log_event(unit, (uint64_t)BAD_COMMAND << 60, at);
}

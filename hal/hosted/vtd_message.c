/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of devices and I/O APICs, as remapping units let them pass (Intel VT-d specification 4.0, 5.1): by
 * whatever a unit may have cached, and by the table. See vtd_model.h.
 */
#include "ioapic.h"
#include "vtd_model.h"

#define MESSAGES UINT64_C(0xfee00000)

/* Addresses (5.1.2.2). */
#define REMAPPED     (UINT64_C(1) << 4)
#define SUBHANDLE    (UINT64_C(1) << 3) /* the data is added to the index */
#define HANDLE(at)   ((uint32_t)((at) >> 5 & 0x7fff) | (uint32_t)((at) >> 2 & 1) << 15)
#define RECORD_INDEX 48

/* Entries (9.9). */
#define LOWER_RESERVED  UINT64_C(0xffff00ffff008000)
#define UPPER_RESERVED  UINT64_C(0xfffffffffff00000)
#define VERIFY(high)    ((unsigned)((high) >> 18 & 3))
#define QUALIFIER(high) ((unsigned)((high) >> 16 & 3))
enum { VERIFY_NOTHING, VERIFY_SOURCE, VERIFY_BUS };

struct request {
    struct iommu_unit *unit;
    uint16_t source;
    uint64_t address;
    uint32_t data, index;
};

/* --- Entries --- */

static bool is_its_source(uint64_t high, uint16_t source)
{
    static const uint16_t ignored[] = {0, 4, 6, 7}; /* bits of the function's number */
    switch (VERIFY(high)) {
    case VERIFY_NOTHING:
        return true;
    case VERIFY_SOURCE:
        return ((high ^ source) & 0xffff & ~(uint64_t)ignored[QUALIFIER(high)]) == 0;
    default:
        return source >> 8 >= (high >> 8 & 0xff) && source >> 8 <= (high & 0xff);
    }
}

/* 0: it lets the source pass. */
static enum iommu_reason reason_of(const struct iommu_interrupt *entry, uint16_t source)
{
    if (entry->absent || (entry->low & IOMMU_ENTRY_PRESENT) == 0) {
        return IOMMU_NO_ENTRY;
    }
    if ((entry->low & LOWER_RESERVED) != 0 || (entry->high & UPPER_RESERVED) != 0 ||
        VERIFY(entry->high) > VERIFY_BUS) {
        return IOMMU_ENTRY_RESERVED;
    }
    return is_its_source(entry->high, source) ? (enum iommu_reason)0 : IOMMU_NOT_ITS_SOURCE;
}

/* --- Passing, or not --- */

static bool block(const struct request *request, enum iommu_reason reason)
{
    vtd_record_words(request->unit, (uint64_t)request->index << RECORD_INDEX,
                     (uint64_t)reason << 32 | request->source);
    return false;
}

/* Nobody knows by what: it raises what it says itself. */
static bool lie(const struct request *request)
{
    return ioapic_message(request->address, request->data);
}

static bool pass(const struct request *request, const struct iommu_interrupt *entry)
{
    unsigned vector = (unsigned)(entry->low >> 16 & 0xff), apic_id = (unsigned)(entry->low >> 40 & 0xff);
    return iommu_interrupt_pass(request->source, vector, apic_id);
}

/* The entry is used. */
static bool apply(const struct request *request, const struct iommu_interrupt *entry)
{
    enum iommu_reason reason = reason_of(entry, request->source);
    if (reason == 0) {
        return pass(request, entry);
    }
    return (entry->low & IOMMU_ENTRY_SILENT) == 0 && block(request, reason);
}

static bool look_up(const struct request *request)
{
    struct iommu_interrupt entry;
    unsigned cached = 0;
    /* Whatever lets it pass is used. */
    while (iommu_interrupts_cached(request->unit, 0, request->index, cached, &entry)) {
        if (reason_of(&entry, request->source) == 0) {
            return pass(request, &entry);
        }
        cached++;
    }
    if (cached > 0) {
        return apply(request, &entry);
    }
    switch (vtd_interrupts_load(request->unit, request->index, &entry)) {
    case IOMMU_SEEN:
        return apply(request, &entry);
    case IOMMU_NEVER_WRITTEN:
        return lie(request);
    default:
        return block(request, IOMMU_ENTRIES_UNREACHABLE);
    }
}

static bool remap(struct request *request)
{
    request->index = HANDLE(request->address);
    if ((request->address & SUBHANDLE) != 0) {
        if (request->data >> 16 != 0) {
            return block(request, IOMMU_REQUEST_RESERVED);
        }
        request->index += request->data & 0xffff;
    }
    if (request->index >= vtd_interrupts_count(request->unit)) {
        return block(request, IOMMU_INDEX_BEYOND);
    }
    return look_up(request);
}

bool vtd_message(uint16_t source, uint64_t address, uint32_t data)
{
    struct iommu_unit *unit = &iommu_units[iommu_unit_of(source)];
    struct request request = {.unit = unit, .source = source, .address = address, .data = data};
    if ((unit->status & IOMMU_INTERRUPTS) == 0 || iommu_interrupts_lie(unit)) {
        return lie(&request);
    }
    if (address >> 20 != MESSAGES >> 20) {
        return false;
    }
    if ((address & REMAPPED) != 0) {
        return remap(&request);
    }
    return (unit->status & IOMMU_OLD_FORMAT) != 0 ? lie(&request) : block(&request, IOMMU_IN_OLD_FORMAT);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What remapping units, whoever made them, have in common about interrupts: what they may still have cached,
 * and who may raise what. Every entry that was there counts as cached until the unit was told to forget it.
 * See iommu_model.h.
 */
#include <stdlib.h>

#include "hal/atomic.h"
#include "hal/ioapic.h"
#include "hosted/machine.h"
#include "ioapic.h"
#include "iommu_model.h"
#include "report.h"
#include "state.h"

#define MESSAGES UINT64_C(0xfee00000)
#define CPU      12 /* in an address that is not remapped */

static struct cache {
    bool lies;
    /* Kept from run to run, as far as memory goes. */
    struct iommu_interrupt *cached;
    size_t count, capacity;
} caches[IOMMU_UNITS];

void iommu_interrupts_prepare(void)
{
    for (unsigned i = 0; i < IOMMU_UNITS; i++) {
        caches[i].count = 0;
        caches[i].lies = true;
    }
}

/* --- What is cached --- */

bool iommu_interrupts_lie(const struct iommu_unit *unit)
{
    return caches[unit->id].lies;
}

void iommu_interrupts_lie_from_now(struct iommu_unit *unit)
{
    caches[unit->id].lies = true;
    caches[unit->id].count = 0;
}

void iommu_interrupts_lie_no_more(struct iommu_unit *unit)
{
    caches[unit->id].lies = false;
    machine.edits++;
}

bool iommu_interrupts_cached(const struct iommu_unit *unit, uint16_t source, uint32_t index, unsigned place,
                             struct iommu_interrupt *entry)
{
    const struct cache *cache = &caches[unit->id];
    for (size_t i = 0; i < cache->count; i++) {
        if (cache->cached[i].source == source && cache->cached[i].index == index && place-- == 0) {
            *entry = cache->cached[i];
            return true;
        }
    }
    return false;
}

bool iommu_interrupts_each(const struct iommu_unit *unit, size_t place, struct iommu_interrupt *entry)
{
    const struct cache *cache = &caches[unit->id];
    if (place >= cache->count) {
        return false;
    }
    *entry = cache->cached[place];
    return true;
}

void iommu_interrupts_remember(struct iommu_unit *unit, const struct iommu_interrupt *entry)
{
    struct cache *cache = &caches[unit->id];
    if (cache->count == cache->capacity) {
        cache->capacity = cache->capacity != 0 ? 2 * cache->capacity : 64;
        cache->cached = realloc(cache->cached, cache->capacity * sizeof *cache->cached);
        if (!cache->cached) {
            abort();
        }
    }
    cache->cached[cache->count++] = *entry;
    machine.edits++;
}

void iommu_interrupts_forget_all(struct iommu_unit *unit)
{
    caches[unit->id].count = 0;
    unit->owes = unit->stalled;
    iommu_interrupts_lie_no_more(unit);
}

void iommu_interrupts_forget(struct iommu_unit *unit, uint16_t source, uint32_t index, unsigned mask)
{
    struct cache *cache = &caches[unit->id];
    size_t kept = 0;
    for (size_t i = 0; i < cache->count; i++) {
        if (cache->cached[i].source != source || cache->cached[i].index >> mask != index >> mask) {
            cache->cached[kept++] = cache->cached[i];
        }
    }
    cache->count = kept;
    machine.edits++;
}

/* --- Who may raise what --- */

bool iommu_interrupt_is_cpus(uint32_t apic_id)
{
    bool found = false;
    for (unsigned cpu = 0; cpu < machine.config.cpu_count; cpu++) {
        found = found || ioapic_apic_id(cpu) == apic_id;
    }
    return found;
}

bool iommu_interrupt_is_owned(uint16_t source_id, unsigned vector)
{
    uint16_t owner;
    unsigned source = vector - IOAPIC_VECTOR_FIRST;
    return vector >= IOAPIC_VECTOR_FIRST && source < HAL_IRQ_SOURCES_MAX && ioapic_owner(source, &owner) &&
           owner == source_id;
}

bool iommu_interrupt_pass(uint16_t source_id, unsigned vector, uint32_t apic_id)
{
    bool excused = false;
    for (unsigned i = 0; i < IOMMU_UNITS; i++) {
        excused = excused || iommu_units[i].owes;
    }
    if (!iommu_interrupt_is_owned(source_id, vector) && !excused) {
        machine_check("D4", "device %04x raises vector %#x, which is not its own", (unsigned)source_id,
                      vector);
    }
    return ioapic_message(MESSAGES | (uint64_t)apic_id << CPU, vector);
}

/* --- Messages --- */

bool iommu_message(uint16_t source, uint64_t address, uint32_t data)
{
    return (machine.config.iommu & HOSTED_IOMMU_NONE) != 0 ? ioapic_message(address, data)
                                                           : iommu_format->message(source, address, data);
}

bool hosted_message(uint16_t source, uint64_t address, uint32_t data)
{
    hosted_point(HAL_POINT_HAL, NULL);
    return iommu_message(source, address, data);
}

const char *iommu_interrupts_wrong(void)
{
    return iommu_format->interrupts_wrong();
}

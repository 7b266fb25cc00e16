/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Accesses of devices, by whatever a remapping unit may have cached, and by its tables (Intel VT-d
 * specification 4.0, 3.7, 6.2). See iommu_model.h.
 */
#include "hal/atomic.h"
#include "hosted/machine.h"
#include "iommu_model.h"
#include "mmu.h"
#include "raw.h"
#include "report.h"
#include "schedule.h"
#include "state.h"
#include "user.h"

#define INTERRUPTS_FIRST UINT64_C(0xfee00000) /* writes there are no accesses to memory */
#define INTERRUPTS_SIZE  UINT64_C(0x100000)
#define FLIGHTS_MAX      (2 * HOSTED_CPU_MAX)

/* No more than a page. */
struct access {
    struct iommu_unit *unit;
    uint16_t source;
    uint64_t address;
    bool write;
    bool silent;     /* it is not recorded */
    uint8_t reason;  /* why it is blocked */
    bool translated; /* by an entry of ... */
    uint32_t domain;
    uint64_t target; /* where it leads */
};

/* Accesses that were let through and have not arrived yet. */
static struct flight {
    bool used;
    const struct iommu_unit *unit;
    uint32_t domain;
    uint64_t address, frame;
} flights[FLIGHTS_MAX];

void iommu_dma_prepare(void)
{
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        flights[i].used = false;
    }
}

bool iommu_dma_under_way(const struct iommu_unit *unit, uint32_t domain, uint64_t first, uint64_t last)
{
    bool under_way = false;
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        const struct flight *flight = &flights[i];
        under_way = under_way ||
                    (flight->used && flight->unit == unit && flight->address >= first &&
                     flight->address <= last && (domain == IOMMU_ANY_DOMAIN || domain == flight->domain));
    }
    return under_way;
}

bool iommu_dma_under_way_to(uint64_t frame)
{
    bool under_way = false;
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        under_way = under_way || (flights[i].used && flights[i].frame == frame);
    }
    return under_way;
}

/* --- Translation --- */

static bool block(struct access *access, unsigned reason)
{
    access->reason = (uint8_t)reason;
    return false;
}

static bool block_for_rights(struct access *access)
{
    return block(access, access->write ? IOMMU_NO_WRITE : IOMMU_NO_READ);
}

static bool lead(struct access *access, uint32_t domain, uint64_t target)
{
    access->translated = true;
    access->domain = domain;
    access->target = target;
    return true;
}

/* Not translated. So by what was never written back: it may hold anything. */
static bool lie(struct access *access)
{
    access->translated = false;
    access->target = access->address;
    return true;
}

static unsigned needed(const struct access *access)
{
    return access->write ? IOMMU_WRITE : IOMMU_READ;
}

/* From the table of `part`, which translates from part->address on. */
static bool walk(struct access *access, struct iommu_part part, uint64_t frame)
{
    uint64_t entry;
    for (;;) {
        unsigned index = (unsigned)((access->address - part.address) / iommu_span(part.level));
        if (frame >= ram.frame_count || ram.use[frame] != HAL_FRAME_TABLE) {
            machine_check("M1", "unit %u walks frame %#llx as a table, but it is %s", access->unit->id,
                          (unsigned long long)frame,
                          frame < ram.frame_count ? ram_use_text((enum hal_frame_use)ram.use[frame])
                                                  : "not RAM");
            return block(access, IOMMU_TABLE_UNREACHABLE);
        }
        if (!iommu_view_load(access->unit, IOMMU_OF_UNIT, (frame << HAL_PAGE_SHIFT) + 8 * index, &entry)) {
            return lie(access);
        }
        part.rights &= iommu_format->rights(entry);
        if (iommu_entry_present(entry) && iommu_format->has_reserved(access->unit, entry, part.level)) {
            return block(access, IOMMU_TABLE_RESERVED);
        }
        if ((part.rights & needed(access)) == 0) {
            return block_for_rights(access);
        }
        part.address += index * iommu_span(part.level);
        if (iommu_entry_is_leaf(entry, part.level)) {
            return lead(access, part.domain, (entry & IOMMU_ADDRESS) + (access->address - part.address));
        }
        frame = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
        part.level--;
    }
}

/* By what is cached of the domain. False, and nothing is known of it: *unknown. */
static bool translate_cached(struct access *access, uint32_t domain, bool *unknown)
{
    const struct iommu_unit *unit = access->unit;
    *unknown = true;
    for (size_t i = 0; i < unit->cached_count; i++) {
        struct iommu_cached cached = unit->cached[i];
        if (cached.domain != domain || access->address - cached.address >= cached.size) {
            continue;
        }
        *unknown = false;
        struct iommu_part part = {domain, cached.level, cached.rights, cached.address};
        if (cached.kind == IOMMU_CACHED_TABLE && walk(access, part, cached.target >> HAL_PAGE_SHIFT)) {
            return true;
        }
        if (cached.kind == IOMMU_CACHED_LEAF && (cached.rights & needed(access)) != 0) {
            return lead(access, domain, cached.target + (access->address - cached.address));
        }
    }
    return *unknown ? false : block_for_rights(access);
}

static bool translate(struct access *access, const struct iommu_context *context)
{
    const struct iommu_unit *unit = access->unit;
    unsigned wrong = iommu_format->context_wrong(unit, context);
    bool unknown;
    access->silent = context->silent;
    access->domain = context->domain;
    if (wrong != 0) {
        return block(access, wrong);
    }
    if (access->address >> unit->kind.address_bits != 0 ||
        access->address / HAL_PT_ENTRIES >= iommu_span(context->level)) {
        return block(access, IOMMU_ADDRESS_BEYOND);
    }
    struct iommu_part part = {.domain = context->domain, .level = context->level, .rights = context->rights};
    return translate_cached(access, context->domain, &unknown) ||
           (unknown && walk(access, part, context->root >> HAL_PAGE_SHIFT));
}

/* By the tables in memory. */
static bool find(struct access *access)
{
    struct iommu_context context;
    unsigned reason = iommu_format->find_context(access->unit, access->source, &context);
    if (reason == IOMMU_PASSES) {
        return lie(access);
    }
    return reason == 0 ? translate(access, &context) : block(access, reason);
}

static bool is_interrupt(uint64_t address)
{
    return address - INTERRUPTS_FIRST < INTERRUPTS_SIZE;
}

/* Does the unit let the access through? Whatever lets it is used. */
static bool resolve(struct access *access)
{
    const struct iommu_unit *unit = access->unit;
    bool cached = false;
    if (!iommu_format->translates(unit) || unit->lies_contexts || unit->lies_translations ||
        access->address - unit->passes_first < unit->passes_size) {
        return lie(access);
    }
    for (size_t i = 0; i < unit->context_count; i++) {
        struct iommu_context context = unit->contexts[i];
        if (context.source != access->source) {
            continue;
        }
        cached = true;
        if (!context.absent && translate(access, &context)) {
            return true;
        }
        if (context.absent) {
            (void)block(access, IOMMU_NO_CONTEXT_ENTRY);
        }
    }
    return !cached && find(access);
}

/* --- Accesses --- */

/* Beyond RAM nobody answers. */
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

static void check_target(const struct access *access)
{
    uint64_t frame = access->target >> HAL_PAGE_SHIFT;
    bool firmwares =
        access->source == HOSTED_IOMMU_RANGE_SOURCE && iommu_is_firmwares(access->address, frame);
    if (frame < ram.frame_count && ram.use[frame] != HAL_FRAME_UNTYPED && !firmwares) {
        machine_check("M3", "device %04x is led to frame %#llx, which is %s", access->source,
                      (unsigned long long)frame, ram_use_text((enum hal_frame_use)ram.use[frame]));
    }
}

/* It takes a while until a translated access arrives: other CPUs run meanwhile, but nothing of this one,
 * which could wait for it in vain. */
static void arrive(const struct access *access, char *bytes, size_t size)
{
    struct flight *flight = flights;
    if (!access->translated) {
        reach(access->target, bytes, size, access->write);
        return;
    }
    while (flight < flights + FLIGHTS_MAX - 1 && flight->used) {
        flight++;
    }
    *flight = (struct flight){true, access->unit, access->domain, access->address,
                              access->target >> HAL_PAGE_SHIFT};
    struct cpu *cpu = cpu_current();
    bool enabled = cpu->irq_on;
    cpu->irq_on = false;
    hosted_point(HAL_POINT_HAL, NULL);
    check_target(access);
    reach(access->target, bytes, size, access->write);
    flight->used = false;
    cpu->irq_on = enabled;
    if (enabled && cpu_interrupted(cpu)) {
        schedule_hurry();
    }
}

static void record(const struct access *access)
{
    if (!access->silent) {
        iommu_format->record(access->unit, &(struct iommu_attempt){.source = access->source,
                                                                   .address = access->address,
                                                                   .write = access->write,
                                                                   .reason = access->reason,
                                                                   .domain = access->domain});
    }
}

bool hosted_dma(uint16_t source, uint64_t address, void *bytes, size_t size, bool write)
{
    struct iommu_unit *unit = &iommu_units[iommu_unit_of(source)];
    bool all = true, exists = (machine.config.iommu & HOSTED_IOMMU_NONE) == 0;
    hosted_point(HAL_POINT_HAL, NULL);
    for (size_t done = 0; done < size;) {
        size_t left = (size_t)(HAL_PAGE_SIZE - (address + done) % HAL_PAGE_SIZE);
        size_t part = size - done < left ? size - done : left;
        struct access access = {.unit = unit,
                                .source = source,
                                .address = address + done,
                                .target = address + done,
                                .write = write};
        if (is_interrupt(access.address) && write && size == 4) {
            uint32_t data;
            raw_copy(&data, bytes, sizeof data);
            all = iommu_message(source, address, data);
        } else if (exists && is_interrupt(access.address)) {
            all = false;
        } else if (!exists || resolve(&access)) {
            arrive(&access, (char *)bytes + done, part);
        } else {
            record(&access);
            all = false;
        }
        done += part;
    }
    return all;
}

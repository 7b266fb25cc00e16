/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of interrupts that a remapping unit goes by (Intel VT-d specification 4.0, 5.1.4, 6.2.4, 9.9),
 * and what its edits mean for what is cached of it (iommu_interrupts.c). See vtd_model.h.
 */
#include "report.h"
#include "state.h"
#include "vtd_model.h"

#define ENTRY_SIZE   16u
#define SIZE_CODE    UINT64_C(0xf)
#define RESERVED     UINT64_C(0xff0) /* of the register; bit 11 is for local APICs with long ids */
#define VECTOR(low)  ((unsigned)((low) >> 16 & 0xff))
#define SOURCE(high) ((uint16_t)(high))
#define APIC_ID(low) ((uint32_t)((low) >> 32))
/* All else of the lower half is another delivery than Keel's: fixed, to one CPU. */
#define LOWER_USED    UINT64_C(0xffffffff00ff0013)
#define UPPER_VERIFY  UINT64_C(0xffffffffffff0000)
#define UPPER_ALL_ITS (UINT64_C(1) << 18) /* every bit of the source id is compared */

static struct remapper {
    uint64_t given, table; /* of the register: written, and where the table in use is */
    uint32_t count;        /* of its entries; 0: there is none */
} remappers[IOMMU_UNITS];

void vtd_interrupts_prepare(void)
{
    for (unsigned i = 0; i < IOMMU_UNITS; i++) {
        remappers[i] = (struct remapper){.count = 0};
    }
}

/* --- The register --- */

uint64_t vtd_interrupts_given(const struct iommu_unit *unit)
{
    return remappers[unit->id].given;
}

void vtd_interrupts_give(struct iommu_unit *unit, uint64_t value)
{
    uint64_t table = value & IOMMU_ADDRESS;
    CONTRACT((value & RESERVED) == 0, "reserved bits, or local APICs with long ids");
    CONTRACT(!ram_contains(table, HAL_PAGE_SIZE) || ram_use(table) == HAL_FRAME_TABLE,
             "the table of interrupts is not the driver's");
    remappers[unit->id].given = value;
}

void vtd_interrupts_use(struct iommu_unit *unit)
{
    struct remapper *remapper = &remappers[unit->id];
    remapper->table = remapper->given & IOMMU_ADDRESS;
    remapper->count = UINT32_C(2) << (remapper->given & SIZE_CODE);
    iommu_interrupts_lie_from_now(unit); /* by entries of whatever table there was */
}

uint32_t vtd_interrupts_count(const struct iommu_unit *unit)
{
    return remappers[unit->id].count;
}

static enum iommu_seen load(const struct iommu_unit *unit, enum iommu_view view, uint32_t index,
                            struct iommu_interrupt *entry)
{
    uint64_t at = remappers[unit->id].table + (uint64_t)index * ENTRY_SIZE;
    *entry = (struct iommu_interrupt){.index = index};
    if (!ram_contains(at, ENTRY_SIZE)) {
        return IOMMU_UNREACHABLE;
    }
    bool seen =
        iommu_view_load(unit, view, at, &entry->low) && iommu_view_load(unit, view, at + 8, &entry->high);
    return seen ? IOMMU_SEEN : IOMMU_NEVER_WRITTEN;
}

enum iommu_seen vtd_interrupts_load(const struct iommu_unit *unit, uint32_t index,
                                    struct iommu_interrupt *entry)
{
    return load(unit, IOMMU_OF_UNIT, index, entry);
}

/* --- The rules --- */

static bool is_cpus(uint32_t destination)
{
    return (destination & 0xff) == 0 && iommu_interrupt_is_cpus(destination >> 8);
}

/* NULL, or what is wrong with an entry that is present. */
static const char *entry_wrong(uint64_t low, uint64_t high)
{
    if ((high & UPPER_VERIFY) != UPPER_ALL_ITS) {
        return "lets pass more than one source";
    }
    if ((low & ~LOWER_USED) != 0) {
        return "is not of fixed delivery to one CPU";
    }
    return is_cpus(APIC_ID(low)) ? NULL : "goes to no CPU";
}

static bool is_owned(uint64_t low, uint64_t high)
{
    return iommu_interrupt_is_owned(SOURCE(high), VECTOR(low));
}

/* By a stale entry somebody else, or another vector, has the index still. */
static void check_reuse(const struct iommu_unit *unit, uint32_t index, uint64_t low, uint64_t high)
{
    struct iommu_interrupt entry;
    for (unsigned i = 0; iommu_interrupts_cached(unit, 0, index, i, &entry); i++) {
        if (!entry.absent && (entry.high != high || VECTOR(entry.low) != VECTOR(low))) {
            machine_check("D4",
                          "interrupt entry %u is used again, but unit %u may still have it cached for %04x",
                          (unsigned)index, unit->id, (unsigned)SOURCE(entry.high));
            return;
        }
    }
}

/* --- Edits --- */

static void check_edit(const struct iommu_unit *unit, uint32_t index, const uint64_t old[2],
                       const uint64_t words[2])
{
    CONTRACT((old[0] & IOMMU_ENTRY_PRESENT) == 0 || old[1] == words[1], "half of an entry that is present");
    if ((words[0] & IOMMU_ENTRY_PRESENT) != 0) {
        const char *wrong = entry_wrong(words[0], words[1]);
        if (wrong) {
            machine_check("D4", "interrupt entry %u %s", (unsigned)index, wrong);
        }
        check_reuse(unit, index, words[0], words[1]);
    }
}

static void edit(struct iommu_unit *unit, enum iommu_view view, uint32_t index, const uint64_t old[2],
                 const uint64_t words[2])
{
    struct iommu_interrupt entry = {.index = index, .low = old[0], .high = old[1]};
    entry.absent = (old[0] & IOMMU_ENTRY_PRESENT) == 0;
    if (!entry.absent || (unit->kind.caches_absence && (words[0] & IOMMU_ENTRY_PRESENT) != 0)) {
        iommu_interrupts_remember(unit, &entry);
    }
    if (view == IOMMU_OF_CPUS) {
        check_edit(unit, index, old, words);
    }
}

void vtd_interrupts_edit(enum iommu_view view, uint64_t at, const uint64_t old[2], const uint64_t words[2])
{
    if (old[0] == words[0] && old[1] == words[1]) {
        return;
    }
    for (unsigned i = 0; i < IOMMU_UNITS; i++) {
        uint64_t index = (at - remappers[i].table) / ENTRY_SIZE;
        bool views = view == IOMMU_OF_CPUS || !iommu_units[i].kind.coherent;
        if (views && at >= remappers[i].table && index < remappers[i].count) {
            edit(&iommu_units[i], view, (uint32_t)index, old, words);
        }
    }
}

/* --- As the audit sees it --- */

/* One that stands still has what it had. */
static const char *cached_wrong(const struct iommu_unit *unit)
{
    struct iommu_interrupt entry;
    for (size_t i = 0; iommu_interrupts_each(unit, i, &entry) && !unit->owes; i++) {
        if (!entry.absent && !is_owned(entry.low, entry.high)) {
            return "is cached yet for who no longer has it";
        }
    }
    return NULL;
}

static const char *unit_wrong(const struct iommu_unit *unit)
{
    struct iommu_interrupt entry;
    if (iommu_interrupts_lie(unit)) {
        return "of another table may be cached";
    }
    if ((unit->status & IOMMU_OLD_FORMAT) != 0) {
        return "is not needed: the old format is let through";
    }
    for (uint32_t i = 0; i < vtd_interrupts_count(unit); i++) {
        if (load(unit, IOMMU_OF_CPUS, i, &entry) == IOMMU_UNREACHABLE ||
            (entry.low & IOMMU_ENTRY_PRESENT) == 0) {
            continue;
        }
        if (entry_wrong(entry.low, entry.high)) {
            return entry_wrong(entry.low, entry.high);
        }
        if (!is_owned(entry.low, entry.high)) {
            return "is for a source that does not have it";
        }
    }
    return cached_wrong(unit);
}

const char *vtd_interrupts_wrong(void)
{
    const char *wrong = NULL;
    for (unsigned i = 0; i < IOMMU_UNITS && !wrong; i++) {
        bool remaps = (iommu_units[i].status & IOMMU_INTERRUPTS) != 0 && remappers[i].count != 0;
        wrong = remaps ? unit_wrong(&iommu_units[i]) : NULL;
    }
    return wrong;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt remapping (Intel VT-d specification 4.0, 5.1 and 9.10): a table says which source may raise which
 * vector, and where. See hal/vtd.h.
 */
#include "vtd_unit.h"

#include "hal/ioapic.h"

#define DMAR_REMAPS 1u /* flag of the table */

#define ENTRIES    256u
#define ENTRY_SIZE 16u
#define SIZE_CODE  7u                  /* of the register: 2^(7 + 1) entries */
#define LONG_IDS   (UINT64_C(1) << 11) /* likewise: CPUs are in x2APIC mode (EIME) */
/* Lower half of an entry: all else 0, which is fixed delivery to one CPU, and attempts are recorded. */
#define ENTRY_PRESENT UINT64_C(1)
#define ENTRY_LEVEL   (UINT64_C(1) << 4)
#define ENTRY_VECTOR  16
#define ENTRY_APIC    40 /* 8 bits */
#define ENTRY_LONG_ID 32 /* all bits, with LONG_IDS */
/* Upper half. */
#define ENTRY_VERIFY (UINT64_C(1) << 18) /* all bits of the source id */

#define APIC_LIMIT 255u /* which means all CPUs */

/* A message (5.1.2.2). */
#define MESSAGE_REMAPPED (UINT64_C(1) << 4)
#define MESSAGE_INDEX    5

_Static_assert(HAL_IRQ_SOURCES_MAX <= ENTRIES && ENTRIES * ENTRY_SIZE <= HAL_PAGE_SIZE,
               "every interrupt source has its entry");

static hal_paddr_t entries;
static bool remaps, long_ids;
static struct acpi_dmar_ioapic ioapics[ACPI_IOAPICS_MAX]; /* of segment 0 */
static unsigned ioapic_count;

static hal_paddr_t entry_at(unsigned index)
{
    return hal_paddr_add(entries, (uint64_t)index * ENTRY_SIZE);
}

/* The upper half stays as it is where it can: then the entry changes in one piece. Otherwise it is absent in
 * between, which nobody must have cached either. */
static bool write_entry(unsigned index, uint64_t low, uint64_t high)
{
    const hal_paddr_t at = entry_at(index), upper = hal_paddr_add(at, 8);

    if (remap_load(upper) != high) {
        remap_store(at, 0);
        remap_store(upper, high);
    }
    remap_store(at, low);
    if (!vtd_segment.coherent) {
        remap_write_back(at, ENTRY_SIZE);
    }
    return vtd_forget_interrupt(index);
}

bool vtd_interrupt_set(unsigned index, uint16_t source_id, uint8_t vector, uint32_t apic_id, bool level)
{
    bool is_set;

    if (!remaps || index >= ENTRIES || apic_id >= APIC_LIMIT) {
        return false;
    }
    vtd_lock();
    /* Another source's entry may be cached where that could not be forgotten. */
    is_set = vtd_all_obey() &&
             write_entry(index,
                         ENTRY_PRESENT | (level ? ENTRY_LEVEL : 0) | (uint64_t)vector << ENTRY_VECTOR |
                             (uint64_t)apic_id << (long_ids ? ENTRY_LONG_ID : ENTRY_APIC),
                         source_id | ENTRY_VERIFY);
    if (!is_set) {
        (void)write_entry(index, 0, 0);
    }
    vtd_unlock();
    return is_set;
}

bool vtd_interrupt_clear(unsigned index)
{
    bool is_clear;

    if (!remaps || index >= ENTRIES) {
        return false;
    }
    vtd_lock();
    is_clear = write_entry(index, 0, 0);
    vtd_unlock();
    return is_clear;
}

bool vtd_interrupt_is_set(unsigned index)
{
    return remaps && index < ENTRIES && (remap_load(entry_at(index)) & ENTRY_PRESENT) != 0;
}

bool vtd_interrupt_is_for(unsigned index, uint16_t source_id)
{
    return vtd_interrupt_is_set(index) &&
           remap_load(hal_paddr_add(entry_at(index), 8)) == (source_id | ENTRY_VERIFY) &&
           (remap_load(entry_at(index)) >> ENTRY_VECTOR & 0xff) == IOAPIC_VECTOR_FIRST + index;
}

void vtd_interrupt_message(unsigned index, uint64_t *address, uint32_t *data)
{
    *address = HAL_IOMMU_INTERRUPTS_FIRST | MESSAGE_REMAPPED | (uint64_t)index << MESSAGE_INDEX;
    *data = 0;
}

bool vtd_remaps_interrupts(void)
{
    return remaps;
}

bool vtd_ioapic_source(uint8_t id, uint16_t *source_id)
{
    for (unsigned i = 0; i < ioapic_count; i++) {
        if (ioapics[i].id == id) {
            *source_id = ioapics[i].source;
            return true;
        }
    }
    return false;
}

/* --- Start-up --- */

/* In x2APIC mode nothing is said of what a unit without long ids does (5.1.3). */
static bool can_remap(const struct acpi_dmar *dmar, const enum vtd_status *statuses)
{
    bool can = (dmar->flags & DMAR_REMAPS) != 0 && dmar->unit_count != 0 && dmar->units_left_out == 0;

    for (unsigned unit = 0; unit < dmar->unit_count && can; unit++) {
        can = statuses[unit] == VTD_TRANSLATES && vtd_units[unit].queue.value != 0 &&
              VTD_EXTENDED_REMAPS(vtd_units[unit].extended) &&
              (!long_ids || VTD_EXTENDED_LONG_IDS(vtd_units[unit].extended));
    }
    return can;
}

/* Messages in the old format, which say themselves what they raise, are blocked from then on. */
static bool switch_on(unsigned unit, hal_paddr_t table)
{
    struct vtd_unit *const u = &vtd_units[unit];

    if (!VTD_EXTENDED_COHERENT(u->extended)) {
        remap_write_back(table, HAL_PAGE_SIZE);
    }
    if ((vtd_read32(unit, VTD_STATUS) & VTD_OLD_INTERRUPTS) != 0 &&
        !vtd_give(unit, VTD_OLD_INTERRUPTS, false, false)) {
        return false;
    }
    vtd_write64(unit, VTD_INTERRUPT_TABLE, table.value | (long_ids ? LONG_IDS : 0) | SIZE_CODE);
    if (!vtd_give(unit, VTD_SET_INTERRUPTS, true, true)) {
        return false;
    }
    u->remaps = true;
    return vtd_forget_all(unit) && vtd_give(unit, VTD_INTERRUPTS, true, true);
}

/* As far as it obeys. */
static void switch_off(unsigned unit)
{
    (void)vtd_give(unit, VTD_INTERRUPTS, false, false);
    vtd_units[unit].remaps = false;
}

bool vtd_interrupts_begin(const struct acpi_dmar *dmar, const enum vtd_status *statuses)
{
    hal_paddr_t others = hal_paddr(0);

    long_ids = remap_apics_have_long_ids();
    remaps = can_remap(dmar, statuses);
    ioapic_count = 0;
    if (!remaps) {
        return false;
    }
    entries = remap_page();
    for (unsigned i = 0; i < dmar->ioapic_count; i++) {
        if (dmar->ioapics[i].segment == 0) {
            ioapics[ioapic_count++] = dmar->ioapics[i];
        }
    }
    for (unsigned unit = 0; unit < dmar->unit_count && remaps; unit++) {
        remaps = switch_on(unit, vtd_page_of(&dmar->units[unit], entries, &others));
    }
    for (unsigned unit = 0; unit < dmar->unit_count && !remaps; unit++) {
        switch_off(unit);
    }
    return remaps;
}

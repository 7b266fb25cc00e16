/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt remapping by AMD's units (AMD I/O Virtualization Technology specification 3.0, 2.2.5): each
 * source id that may raise something has a table of its own, which says what and where; by another's table
 * it raises nothing. See hal/amdvi.h.
 *
 * An entry stands at its vector. So a message is what it would be without remapping, but for the CPU, and the
 * entry of an I/O APIC's pin has the vector that the end of the interrupt names.
 */
#include "amdvi_unit.h"
#include "hal/ioapic.h"

/* Entries of 32 bits: all else 0, which is fixed delivery to one CPU, and attempts are logged. */
#define ENTRY_PRESENT UINT32_C(1)
#define ENTRY_APIC    8
#define ENTRY_VECTOR  16
#define ENTRY_BITS    32u
#define WORD_ENTRIES  2u /* of 8 bytes, the unit of loads and stores */

#define APIC_LIMIT 255u /* which means all CPUs */
#define NO_TABLE   UINT8_MAX

_Static_assert(AMDVI_INTERRUPT_TABLES >= HAL_IRQ_SOURCES_MAX && AMDVI_INTERRUPT_TABLES < NO_TABLE,
               "whoever may raise something finds a table");
_Static_assert(IOAPIC_VECTOR_FIRST + HAL_IRQ_SOURCES_MAX <= AMDVI_INTERRUPT_ENTRIES,
               "a vector is the index of an entry");

static bool remaps;
static hal_paddr_t memory;
/* Sources that nobody else's requests come under. */
static uint64_t apart[ACPI_IVRS_SOURCE_WORDS];
static struct acpi_ivrs_ioapic ioapics[ACPI_IOAPICS_MAX];
static unsigned ioapic_count;

/* With the lock. A table is its source's as long as it has entries; without any it is empty. */
static struct table {
    uint16_t source;
    unsigned count;
} tables[AMDVI_INTERRUPT_TABLES];
static uint8_t table_of[HAL_IRQ_SOURCES_MAX]; /* in which the source has its entry, or NO_TABLE */

static hal_paddr_t table_at(unsigned table)
{
    return hal_paddr_add(memory, (uint64_t)table * AMDVI_INTERRUPT_TABLE_SIZE);
}

static hal_paddr_t word_at(unsigned table, unsigned vector)
{
    return hal_paddr_add(table_at(table), vector / WORD_ENTRIES * sizeof(uint64_t));
}

static uint32_t load_entry(unsigned table, unsigned index)
{
    const unsigned vector = IOAPIC_VECTOR_FIRST + index;

    return (uint32_t)(remap_load(word_at(table, vector)) >> vector % WORD_ENTRIES * ENTRY_BITS);
}

/* In one piece, and its neighbour stays as it is. */
static void store_entry(unsigned table, unsigned index, uint32_t entry)
{
    const unsigned vector = IOAPIC_VECTOR_FIRST + index, shift = vector % WORD_ENTRIES * ENTRY_BITS;
    const hal_paddr_t at = word_at(table, vector);
    const uint64_t others = remap_load(at) & ~((uint64_t)UINT32_MAX << shift);

    remap_store(at, others | (uint64_t)entry << shift);
}

/* The one that the source has, or an empty one. */
static unsigned find_table(uint16_t source)
{
    unsigned empty = 0;

    for (unsigned table = 0; table < AMDVI_INTERRUPT_TABLES; table++) {
        if (tables[table].count != 0 && tables[table].source == source) {
            return table;
        }
    }
    while (tables[empty].count != 0) {
        empty++; /* there are as many as entries in use */
    }
    return empty;
}

/* The last entry takes the table with it. */
static bool leave(unsigned index)
{
    const unsigned table = table_of[index];
    uint16_t source;
    bool last;

    if (table == NO_TABLE) {
        return true;
    }
    source = tables[table].source;
    store_entry(table, index, 0);
    table_of[index] = NO_TABLE;
    last = --tables[table].count == 0;
    if (last) {
        amdvi_block_interrupts(source);
    }
    return amdvi_forget_interrupts(source, last);
}

/* The entry stands before the table is the source's. */
static bool enter(unsigned index, uint16_t source, uint32_t entry)
{
    const unsigned table = find_table(source);
    const bool first = tables[table].count == 0;

    if (table_of[index] != table) {
        tables[table].source = source;
        tables[table].count++;
        table_of[index] = (uint8_t)table;
    }
    store_entry(table, index, entry);
    if (first) {
        amdvi_use_interrupts(source, table_at(table));
    }
    return amdvi_forget_interrupts(source, first);
}

static bool is_ioapics(uint16_t source)
{
    bool found = false;

    for (unsigned i = 0; i < ioapic_count; i++) {
        found = found || (!ioapics[i].doubtful && ioapics[i].source == source);
    }
    return found;
}

bool amdvi_interrupt_set(unsigned index, uint16_t source_id, uint32_t apic_id)
{
    const uint32_t vector = IOAPIC_VECTOR_FIRST + index;
    bool is_set;

    if (!remaps || index >= HAL_IRQ_SOURCES_MAX || apic_id >= APIC_LIMIT ||
        !(amdvi_interrupt_can_hold(source_id) || is_ioapics(source_id))) {
        return false;
    }
    amdvi_lock();
    /* Another source's table, or entry, may be cached where that could not be forgotten. */
    is_set = amdvi_all_obey() &&
             (table_of[index] == NO_TABLE || tables[table_of[index]].source == source_id || leave(index)) &&
             enter(index, source_id, ENTRY_PRESENT | apic_id << ENTRY_APIC | vector << ENTRY_VECTOR);
    if (!is_set) {
        (void)leave(index);
    }
    amdvi_unlock();
    return is_set;
}

bool amdvi_interrupt_clear(unsigned index)
{
    bool is_clear;

    if (!remaps || index >= HAL_IRQ_SOURCES_MAX) {
        return false;
    }
    amdvi_lock();
    is_clear = leave(index);
    amdvi_unlock();
    return is_clear;
}

bool amdvi_interrupt_is_set(unsigned index)
{
    return remaps && index < HAL_IRQ_SOURCES_MAX && table_of[index] != NO_TABLE &&
           (load_entry(table_of[index], index) & ENTRY_PRESENT) != 0;
}

bool amdvi_interrupt_is_for(unsigned index, uint16_t source_id)
{
    return amdvi_interrupt_is_set(index) && tables[table_of[index]].source == source_id &&
           (load_entry(table_of[index], index) >> ENTRY_VECTOR & 0xff) == IOAPIC_VECTOR_FIRST + index;
}

void amdvi_interrupt_message(unsigned index, uint64_t *address, uint32_t *data)
{
    *address = HAL_IOMMU_INTERRUPTS_FIRST;
    *data = IOAPIC_VECTOR_FIRST + index;
}

bool amdvi_remaps_interrupts(void)
{
    return remaps;
}

bool amdvi_interrupt_can_hold(uint16_t source_id)
{
    return acpi_ivrs_has(apart, source_id);
}

bool amdvi_ioapic_source(uint8_t id, uint16_t *source_id)
{
    for (unsigned i = 0; i < ioapic_count; i++) {
        if (ioapics[i].id == id && !ioapics[i].doubtful) {
            *source_id = ioapics[i].source;
            return true;
        }
    }
    return false;
}

/* --- Start-up --- */

bool amdvi_interrupts_prepare(const struct acpi_ivrs *ivrs)
{
    remaps = ivrs->unit_count != 0 && ivrs->units_left_out == 0 && ivrs->ioapic_count != 0;
    if (!remaps) {
        return false;
    }
    memory = amdvi_interrupt_tables();
    ioapic_count = ivrs->ioapic_count;
    for (unsigned i = 0; i < ioapic_count; i++) {
        ioapics[i] = ivrs->ioapics[i];
    }
    for (unsigned word = 0; word < ACPI_IVRS_SOURCE_WORDS; word++) {
        apart[word] = ivrs->named[word] & ~ivrs->aliased[word];
    }
    for (unsigned table = 0; table < AMDVI_INTERRUPT_TABLES; table++) {
        tables[table].count = 0;
    }
    for (unsigned index = 0; index < HAL_IRQ_SOURCES_MAX; index++) {
        table_of[index] = NO_TABLE;
    }
    return true;
}

void amdvi_interrupts_give_up(void)
{
    remaps = false;
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tables of interrupts that AMD's remapping units go by (AMD I/O Virtualization Technology specification 3.0,
 * 2.2.2, 2.2.5), and by which entry of the device table a source has one: both may be cached, whatever they
 * say, until the unit was told to forget them. See amdvi_model.h. The tables lie behind the device table.
 */
#include <string.h>

#include "amdvi_model.h"
#include "report.h"
#include "state.h"

#define VALID         UINT64_C(1)
#define ENTRIES(word) (UINT32_C(1) << ((word) >> 1 & 0xf))
#define TABLE(word)   ((word) & UINT64_C(0x000fffffffffffc0))
#define CONTROL(word) ((unsigned)((word) >> 60 & 3))
#define PASSES        UINT64_C(0xc700000000000000) /* of what says itself that it is more than fixed */
#define RESERVED      UINT64_C(0x08f0000000000020)
#define ENTRIES_ALL   11u /* 2^11 at most */

#define PRESENT        UINT32_C(1)
#define VECTOR(entry)  ((unsigned)((entry) >> 16 & 0xff))
#define APIC_ID(entry) ((uint32_t)((entry) >> 8 & 0xff))
/* All else is another delivery than Keel's: fixed, to one CPU, and attempts are logged. */
#define ENTRY_USED UINT32_C(0x00ffff01)

#define TABLES_AT    (AMDVI_TABLE_AT + AMDVI_TABLE_SIZE)
#define TABLE_WORDS  (AMDVI_INTERRUPT_TABLE_SIZE / 4)
#define NO_HOLDER    UINT32_MAX
#define WORD_OFFSET  16u /* in an entry of the device table */
#define DEVICE_BYTES 32u

static uint32_t tables[AMDVI_INTERRUPT_TABLES][TABLE_WORDS];
static uint32_t holders[AMDVI_INTERRUPT_TABLES]; /* sources whose entries lead there */
static unsigned open_count;

/* --- Entries of the device table --- */

hal_paddr_t amdvi_interrupt_tables(void)
{
    CONTRACT(!machine.running, "the driver asks for tables when there is a kernel");
    return hal_paddr(TABLES_AT);
}

void amdvi_interrupts_prepare_model(void)
{
    memset(tables, 0, sizeof tables);
    for (unsigned i = 0; i < AMDVI_INTERRUPT_TABLES; i++) {
        holders[i] = NO_HOLDER;
    }
    open_count = AMDVI_TABLE_SIZE / DEVICE_BYTES;
}

static bool is_open(uint64_t word)
{
    return (word & VALID) == 0 || CONTROL(word) == 1 || (word & PASSES) != 0;
}

/* Which table it leads to; AMDVI_INTERRUPT_TABLES: to none. */
static unsigned table_of(uint64_t word)
{
    uint64_t offset = TABLE(word) - TABLES_AT;
    bool leads = (word & VALID) != 0 && CONTROL(word) == 2 && offset < AMDVI_INTERRUPT_TABLES_SIZE;
    return leads ? (unsigned)(offset / AMDVI_INTERRUPT_TABLE_SIZE) : AMDVI_INTERRUPT_TABLES;
}

bool amdvi_interrupts_is_remapped(uint64_t word)
{
    return CONTROL(word) == 2;
}

bool amdvi_interrupts_is_as_sent(uint64_t word, unsigned type)
{
    static const uint64_t passes[8] = {
        [4] = UINT64_C(1) << 58, [5] = UINT64_C(1) << 56, [7] = UINT64_C(1) << 57};
    bool fixed = type <= 1;
    return (word & VALID) == 0 || (fixed ? CONTROL(word) == 1 : (word & passes[type]) != 0);
}

uint64_t amdvi_interrupts_word(uint16_t source)
{
    return amdvi_table_load(AMDVI_TABLE_AT + (uint64_t)source * DEVICE_BYTES + WORD_OFFSET);
}

bool amdvi_interrupts_load(uint64_t word, uint32_t index, uint32_t *entry)
{
    unsigned table = table_of(word);
    if (table == AMDVI_INTERRUPT_TABLES || index >= ENTRIES(word) || index >= TABLE_WORDS) {
        return false;
    }
    *entry = tables[table][index];
    return true;
}

/* --- What may be cached --- */

static void remember_entry(struct iommu_unit *unit, uint16_t source, uint32_t index, uint32_t entry)
{
    iommu_interrupts_remember(
        unit, &(struct iommu_interrupt){
                  .source = source, .index = index, .absent = (entry & PRESENT) == 0, .low = entry});
}

/* All that the entry of the device table leads to. */
static void remember_table(struct iommu_unit *unit, uint16_t source, uint64_t word)
{
    uint32_t entry;
    for (uint32_t i = 0; amdvi_interrupts_load(word, i, &entry); i++) {
        if (entry != 0) {
            remember_entry(unit, source, i, entry);
        }
    }
}

void amdvi_interrupts_forget_word(struct iommu_unit *unit, uint16_t source)
{
    iommu_interrupts_forget(unit, source, AMDVI_WORD_INDEX, 0);
}

/* By an entry of the device table that is cached still, what it leads to can be cached again. */
void amdvi_interrupts_forget_entries(struct iommu_unit *unit, uint16_t source)
{
    struct iommu_interrupt word;
    iommu_interrupts_forget(unit, source, 0, ENTRIES_ALL);
    for (unsigned i = 0; iommu_interrupts_cached(unit, source, AMDVI_WORD_INDEX, i, &word); i++) {
        remember_table(unit, source, word.low);
    }
}

/* --- The rules --- */

/* NULL, or what is wrong with an entry that is present. */
static const char *entry_wrong(uint32_t entry)
{
    if ((entry & ~ENTRY_USED) != 0) {
        return "is not of fixed delivery to one CPU";
    }
    return iommu_interrupt_is_cpus(APIC_ID(entry)) ? NULL : "goes to no CPU";
}

/* A source has the table no longer, but may go by it still. */
static void check_holders(unsigned table, uint16_t source)
{
    struct iommu_interrupt cached;
    for (unsigned i = 0; i < IOMMU_UNITS; i++) {
        for (size_t place = 0; iommu_interrupts_each(&iommu_units[i], place, &cached); place++) {
            if (cached.index == AMDVI_WORD_INDEX && cached.source != source &&
                table_of(cached.low) == table) {
                machine_check("D4",
                              "interrupt table %u is used again, but unit %u may still have it for %04x",
                              table, i, (unsigned)cached.source);
                return;
            }
        }
    }
}

static void check_reuse(const struct iommu_unit *unit, uint16_t source, uint32_t index, uint32_t entry)
{
    struct iommu_interrupt cached;
    for (unsigned i = 0; iommu_interrupts_cached(unit, source, index, i, &cached); i++) {
        if (!cached.absent && VECTOR(cached.low) != VECTOR(entry)) {
            machine_check("D4", "interrupt entry %u is used again, but unit %u may still have it cached",
                          (unsigned)index, unit->id);
            return;
        }
    }
}

/* --- Edits --- */

static void take_table(unsigned table, uint16_t source)
{
    check_holders(table, source);
    if (holders[table] != NO_HOLDER && holders[table] != source) {
        machine_check("D4", "devices %04x and %04x share an interrupt table", (unsigned)holders[table],
                      (unsigned)source);
    }
    holders[table] = source;
}

void amdvi_interrupts_fill_words(unsigned count, uint64_t word)
{
    CONTRACT((word & RESERVED) == 0 && CONTROL(word) != 2, "reserved bits, or all go by one table");
    open_count -= is_open(word) ? 0 : count;
}

void amdvi_interrupts_edit_word(uint16_t source, uint64_t old, uint64_t word)
{
    struct iommu_unit *unit = &iommu_units[iommu_unit_of(source)];
    unsigned before = table_of(old), table = table_of(word);
    open_count += (unsigned)is_open(word) - (unsigned)is_open(old);
    if (is_open(word) && !is_open(old) && amdvi_remaps_interrupts()) {
        machine_check("D4", "the device table's entry lets device %04x raise what it likes",
                      (unsigned)source);
    }
    CONTRACT((word & RESERVED) == 0, "reserved bits of an entry");
    CONTRACT(CONTROL(word) != 2 || (table < AMDVI_INTERRUPT_TABLES && ENTRIES(word) == TABLE_WORDS &&
                                    TABLE(word) % AMDVI_INTERRUPT_TABLE_SIZE == 0),
             "the table of interrupts is not the driver's");
    if (unit->root != 0) {
        iommu_interrupts_remember(
            unit, &(struct iommu_interrupt){.source = source, .index = AMDVI_WORD_INDEX, .low = old});
        remember_table(unit, source, old);
    }
    if (before < AMDVI_INTERRUPT_TABLES && before != table && holders[before] == source) {
        holders[before] = NO_HOLDER;
    }
    if (table < AMDVI_INTERRUPT_TABLES) {
        take_table(table, source);
    }
}

static void edit_for(struct iommu_unit *unit, uint16_t source, uint32_t index, uint32_t old, uint32_t entry)
{
    remember_entry(unit, source, index, old);
    if ((entry & PRESENT) != 0) {
        check_reuse(unit, source, index, entry);
    }
}

/* For whoever has the table, or may have it cached. */
static void edit_entry(unsigned table, uint32_t index, uint32_t entry)
{
    uint32_t old = tables[table][index];
    struct iommu_interrupt cached;
    if ((entry & PRESENT) != 0 && entry_wrong(entry)) {
        machine_check("D4", "interrupt entry %u %s", (unsigned)index, entry_wrong(entry));
    }
    if ((entry & PRESENT) != 0) {
        check_holders(table, (uint16_t)holders[table]);
    }
    for (unsigned i = 0; i < IOMMU_UNITS; i++) {
        for (size_t place = 0; iommu_interrupts_each(&iommu_units[i], place, &cached); place++) {
            if (cached.index == AMDVI_WORD_INDEX && cached.source != holders[table] &&
                table_of(cached.low) == table) {
                edit_for(&iommu_units[i], cached.source, index, old, entry);
            }
        }
    }
    if (holders[table] != NO_HOLDER) {
        uint16_t source = (uint16_t)holders[table];
        edit_for(&iommu_units[iommu_unit_of(source)], source, index, old, entry);
    }
    tables[table][index] = entry;
}

uint64_t amdvi_interrupts_load_words(uint64_t at)
{
    uint64_t word = (at - TABLES_AT) / 4;
    const uint32_t *pair = &tables[word / TABLE_WORDS][word % TABLE_WORDS];
    return pair[0] | (uint64_t)pair[1] << 32;
}

void amdvi_interrupts_store_words(uint64_t at, uint64_t value)
{
    unsigned word = (unsigned)((at - TABLES_AT) / 4), table = word / TABLE_WORDS;
    for (unsigned half = 0; half < 2; half++) {
        uint32_t index = word % TABLE_WORDS + half, entry = (uint32_t)(value >> 32 * half);
        if (tables[table][index] != entry) {
            edit_entry(table, index, entry);
            machine.edits++;
        }
    }
}

/* --- As the audit sees it --- */

/* Who may find a table that is another's now was reported when that took it. */
static const char *cached_wrong(const struct iommu_unit *unit)
{
    struct iommu_interrupt cached;
    for (size_t i = 0; iommu_interrupts_each(unit, i, &cached) && !unit->owes; i++) {
        if (cached.index != AMDVI_WORD_INDEX && !cached.absent &&
            !iommu_interrupt_is_owned(cached.source, VECTOR(cached.low))) {
            return "is cached yet for who no longer has it";
        }
    }
    return NULL;
}

/* Of one that somebody has: entries stand in a table before, and are gone before nobody has it. */
static const char *table_wrong(unsigned table)
{
    for (uint32_t i = 0; i < TABLE_WORDS && holders[table] != NO_HOLDER; i++) {
        uint32_t entry = tables[table][i];
        if ((entry & PRESENT) == 0) {
            continue;
        }
        if (entry_wrong(entry)) {
            return entry_wrong(entry);
        }
        if (!iommu_interrupt_is_owned((uint16_t)holders[table], VECTOR(entry))) {
            return "is for a source that does not have it";
        }
    }
    return NULL;
}

const char *amdvi_interrupts_wrong(void)
{
    const char *wrong = NULL;
    if (!amdvi_remaps_interrupts()) {
        return NULL;
    }
    if (open_count != 0) {
        return "is not needed: the device table lets a device raise what it likes";
    }
    for (unsigned i = 0; i < IOMMU_UNITS && !wrong; i++) {
        wrong = iommu_interrupts_lie(&iommu_units[i]) ? "of another table may be cached"
                                                      : cached_wrong(&iommu_units[i]);
    }
    for (unsigned i = 0; i < AMDVI_INTERRUPT_TABLES && !wrong; i++) {
        wrong = table_wrong(i);
    }
    return wrong;
}

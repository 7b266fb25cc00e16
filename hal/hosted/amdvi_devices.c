/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How AMD's remapping units find a source's tables, and what stands there: the device table, entries (AMD I/O
 * Virtualization Technology specification 3.0, 2.2.2, 2.2.3).
 */
#include <string.h>

#include "amdvi_model.h"
#include "report.h"
#include "state.h"

/* Entries of domains' tables. */
#define PRESENT        UINT64_C(1)
#define NEXT_LEVEL(e)  ((unsigned)((e) >> 9 & 7)) /* 0: a leaf; 7: one that says how large it is */
#define RIGHTS(e)      ((uint8_t)((e) >> 61 & IOMMU_RIGHTS))
#define LEAF_RESERVED  UINT64_C(0x07f0000000000000)
#define TABLE_RESERVED UINT64_C(0x1ff0000000000000)

/* Entries of the device table: the first word; rights as above. */
#define VALID         UINT64_C(1)
#define TRANSLATES    UINT64_C(2)
#define MODE(low)     NEXT_LEVEL(low) /* levels; 0: addresses are those of memory */
#define LOW_RESERVED  UINT64_C(0x9ff00000000001fc)
#define HIGH_RESERVED (~UINT64_C(0xffff)) /* all but the domain */

static uint64_t table[AMDVI_TABLE_SIZE / 8];
static unsigned open_count;

/* --- Entries of domains' tables --- */

static bool is_present(uint64_t entry)
{
    return (entry & PRESENT) != 0;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
    return level == 0 || NEXT_LEVEL(entry) == 0;
}

static uint8_t rights(uint64_t entry)
{
    return RIGHTS(entry);
}

/* Also where levels are left out, and leaves that are of another size: Keel has none. */
static bool has_reserved(const struct iommu_unit *unit, uint64_t entry, unsigned level)
{
    if (!is_leaf(entry, level)) {
        return (entry & TABLE_RESERVED) != 0 || NEXT_LEVEL(entry) != level;
    }
    return (entry & LEAF_RESERVED) != 0 || (entry & IOMMU_ADDRESS & (iommu_span(level) - 1)) != 0 ||
           NEXT_LEVEL(entry) != 0 || level > unit->kind.leaf_level_max;
}

static uint64_t frames_max(uint64_t entry)
{
    const uint64_t large = HAL_PT_ENTRIES, larger = large * HAL_PT_ENTRIES;
    uint64_t frame = (entry & IOMMU_ADDRESS) >> HAL_PAGE_SHIFT;
    return NEXT_LEVEL(entry) != 0 ? 1 : frame % larger == 0 ? larger : frame % large == 0 ? large : 1;
}

/* --- Entries of the device table --- */

static bool is_open(uint64_t low)
{
    return (low & VALID) == 0 || ((low & TRANSLATES) != 0 && MODE(low) == 0 && RIGHTS(low) != 0);
}

static struct iommu_context decode(uint16_t source, uint64_t low, uint64_t high)
{
    unsigned mode = MODE(low);
    return (struct iommu_context){.source = source,
                                  .present = (low & VALID) != 0 && (low & TRANSLATES) != 0 && mode != 0 &&
                                             RIGHTS(low) != 0,
                                  .level = (uint8_t)(mode >= 1 && mode <= 6 ? mode - 1 : 0),
                                  .rights = RIGHTS(low),
                                  .domain = (uint32_t)(high & 0xffff),
                                  .root = low & IOMMU_ADDRESS,
                                  .low = low,
                                  .high = high};
}

static const uint64_t *words_of(uint16_t source)
{
    return &table[(size_t)source * AMDVI_WORDS];
}

/* The units look into CPUs' caches: both views are the same. */
static bool live_context(const struct iommu_unit *unit, enum iommu_view view, uint16_t source,
                         struct iommu_context *context)
{
    const uint64_t *words = words_of(source);
    (void)view;
    *context = decode(source, words[0], words[1]);
    return unit->root != 0 && context->present;
}

static unsigned find_context(const struct iommu_unit *unit, uint16_t source, struct iommu_context *context)
{
    (void)live_context(unit, IOMMU_OF_UNIT, source, context);
    if (is_open(context->low)) {
        return IOMMU_PASSES;
    }
    return context->present ? 0 : IOMMU_NO_CONTEXT_ENTRY;
}

static unsigned context_wrong(const struct iommu_unit *unit, const struct iommu_context *context)
{
    if ((context->low & LOW_RESERVED) != 0 || (context->high & HIGH_RESERVED) != 0) {
        return IOMMU_CONTEXT_RESERVED;
    }
    bool right = context->level != 0 && (unit->kind.widths >> (context->level - 1) & 1) != 0;
    return right ? 0 : IOMMU_CONTEXT_INVALID;
}

/* --- Edits --- */

hal_paddr_t amdvi_table(void)
{
    CONTRACT(!machine.running, "the driver asks for a table when there is a kernel");
    memset(table, 0, sizeof table);
    open_count = AMDVI_TABLE_SIZE / 8 / AMDVI_WORDS;
    amdvi_interrupts_prepare_model();
    return hal_paddr(AMDVI_TABLE_AT);
}

unsigned amdvi_table_open(void)
{
    return open_count;
}

uint64_t amdvi_table_load(uint64_t at)
{
    if (at >= AMDVI_TABLE_AT + AMDVI_TABLE_SIZE) {
        return amdvi_interrupts_load_words(at);
    }
    return table[(at - AMDVI_TABLE_AT) / 8];
}

/* A unit reads an entry in one piece, whenever it likes. */
static void edit(uint16_t source, const struct iommu_context *from, const struct iommu_context *to)
{
    if (is_open(to->low)) {
        machine_check("D3", "the device table's entry lets device %04x reach all memory", source);
    }
    CONTRACT(!from->present || from->high == to->high, "half of an entry that lets something pass");
    if (to->present) {
        iommu_in_use = true;
        iommu_note_target(to->low);
    }
    for (unsigned i = 0; i < IOMMU_UNITS && (from->present || to->present); i++) {
        if (iommu_units[i].root != 0) {
            iommu_edit_context(&iommu_units[i], IOMMU_OF_CPUS, from, to);
        }
    }
}

/* The words about DMA. */
static void edit_context(uint16_t source, bool low, uint64_t value)
{
    const uint64_t *words = words_of(source);
    const struct iommu_context from = decode(source, words[0], words[1]);
    const struct iommu_context to = decode(source, low ? value : words[0], low ? words[1] : value);
    edit(source, &from, &to);
}

void amdvi_table_store(uint64_t at, uint64_t value)
{
    if (at >= AMDVI_TABLE_AT + AMDVI_TABLE_SIZE) {
        amdvi_interrupts_store_words(at, value);
        return;
    }
    uint64_t *word = &table[(at - AMDVI_TABLE_AT) / 8], old = *word;
    size_t index = (size_t)(word - table);
    uint16_t source = (uint16_t)(index / AMDVI_WORDS);
    if (old == value) {
        return;
    }
    CONTRACT(index % AMDVI_WORDS < 3, "nobody knows what that means");
    if (index % AMDVI_WORDS == 0) {
        open_count += (unsigned)is_open(value) - (unsigned)is_open(old);
    }
    if (index % AMDVI_WORDS == 2) {
        amdvi_interrupts_edit_word(source, old, value);
    } else if (iommu_units[0].root != 0 || iommu_units[1].root != 0) {
        edit_context(source, index % AMDVI_WORDS == 0, value);
    }
    machine.edits++;
    *word = value;
}

/* 64 K entries at each boot: the words are 0, and nobody sees them change. */
void amdvi_table_fill(uint64_t at, uint64_t end, uint64_t stride, uint64_t value)
{
    uint64_t first = (at - AMDVI_TABLE_AT) / 8, last = (end - AMDVI_TABLE_AT) / 8, others = 0;
    if (!CONTRACT(last <= AMDVI_TABLE_SIZE / 8 && stride == 8 * AMDVI_WORDS, "not a word of each entry") ||
        !CONTRACT(iommu_units[0].root == 0 && iommu_units[1].root == 0, "a unit goes by the table")) {
        return;
    }
    for (uint64_t i = first; i < last; i += AMDVI_WORDS) {
        others |= table[i];
        table[i] = value;
    }
    unsigned count = (unsigned)((last - first + AMDVI_WORDS - 1) / AMDVI_WORDS);
    CONTRACT(others == 0 && (first % AMDVI_WORDS == 0 || first % AMDVI_WORDS == 2),
             "words that had a meaning");
    if (first % AMDVI_WORDS == 0) {
        open_count -= is_open(value) ? 0 : count;
    } else {
        amdvi_interrupts_fill_words(count, value);
    }
}

static bool edit_contexts(struct iommu_unit *unit, enum iommu_view view, uint64_t at, const uint64_t old[2],
                          const uint64_t words[2])
{
    (void)unit;
    (void)view;
    (void)at;
    (void)old;
    (void)words;
    return false; /* they are elsewhere */
}

static bool is_own(const struct iommu_unit *unit, enum iommu_view view, uint64_t frame)
{
    (void)unit;
    (void)view;
    (void)frame;
    return false;
}

static bool translates(const struct iommu_unit *unit)
{
    return (amdvi_registers[unit->id].control & AMDVI_ON) != 0;
}

const struct iommu_format amdvi_format = {.is_present = is_present,
                                          .is_leaf = is_leaf,
                                          .rights = rights,
                                          .has_reserved = has_reserved,
                                          .frames_max = frames_max,
                                          .live_context = live_context,
                                          .find_context = find_context,
                                          .context_wrong = context_wrong,
                                          .edit_contexts = edit_contexts,
                                          .is_own = is_own,
                                          .translates = translates,
                                          .message = amdvi_message,
                                          .interrupts_wrong = amdvi_interrupts_wrong,
                                          .record = amdvi_record,
                                          .look = amdvi_commands_look,
                                          .run = amdvi_commands_run};

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The registers, see amdvi_registers.h.
 */
#include "amdvi_registers.h"

#include <string.h>

#define PAGES_MAX  64u
#define TABLES_MAX 2u

struct registers units[AMDVI_TEST_UNITS];
struct acpi_ivrs ivrs;
char done[64];
unsigned accesses, gone_from;
char lines[8192];
unsigned line_count;
struct store stores[STORES_MAX];
unsigned store_count;

static uint64_t pages[PAGES_MAX * 512];
static uint64_t tables[TABLES_MAX * AMDVI_TABLE_SIZE / 8];
static uint64_t interrupt_tables[AMDVI_INTERRUPT_TABLES_SIZE / 8];
static unsigned page_count, table_count, interrupt_count;

static void note(char what)
{
    size_t length = strlen(done);
    if (length < sizeof done - 1) {
        done[length] = what;
        done[length + 1] = '\0';
    }
}

/* --- Memory --- */

static uint64_t *word_at(uint64_t address)
{
    assert_int_equal(address % 8, 0);
    if (address >= INTERRUPT_TABLES) {
        assert_true(address - INTERRUPT_TABLES < sizeof interrupt_tables);
        return &interrupt_tables[(address - INTERRUPT_TABLES) / 8];
    }
    if (address >= TABLES) {
        assert_true(address - TABLES < sizeof tables);
        return &tables[(address - TABLES) / 8];
    }
    assert_true(address >= PAGES && address - PAGES < sizeof pages);
    return &pages[(address - PAGES) / 8];
}

uint64_t test_word(uint64_t address)
{
    return *word_at(address);
}

void test_set_word(uint64_t address, uint64_t value)
{
    *word_at(address) = value;
}

uint64_t remap_load(hal_paddr_t at)
{
    return *word_at(at.value);
}

void remap_store(hal_paddr_t at, uint64_t value)
{
    *word_at(at.value) = value;
    if (store_count < STORES_MAX) {
        stores[store_count++] = (struct store){at.value, value};
    }
}

void remap_fill(hal_paddr_t at, hal_paddr_t end, uint64_t stride, uint64_t value)
{
    for (uint64_t word = at.value; word < end.value; word += stride) {
        remap_store(hal_paddr(word), value);
    }
}

hal_paddr_t remap_page(void)
{
    assert_true(page_count < PAGES_MAX);
    return hal_paddr(PAGES + page_count++ * HAL_PAGE_SIZE);
}

uint64_t reserved_first, reserved_last;

bool remap_is_reserved(uint64_t first, uint64_t last)
{
    return first >= reserved_first && last <= reserved_last;
}

hal_paddr_t amdvi_table(void)
{
    assert_true(table_count < TABLES_MAX);
    return hal_paddr(TABLES + table_count++ * AMDVI_TABLE_SIZE);
}

hal_paddr_t amdvi_interrupt_tables(void)
{
    assert_int_equal(interrupt_count++, 0);
    return hal_paddr(INTERRUPT_TABLES);
}

void remap_print(const char *line)
{
    assert_true(strlen(lines) + strlen(line) + 2 < sizeof lines);
    strcat(strcat(lines, line), "\n");
    line_count++;
}

/* --- Commands --- */

static uint64_t ring_of(uint64_t base)
{
    assert_int_equal(base >> 56, 8);
    return base & UINT64_C(0xffffffffff000);
}

static void forget(struct registers *u, uint64_t low, uint64_t high)
{
    switch (low >> 60) {
    case 2:
        u->sources++;
        u->between = true;
        note('S');
        break;
    case 5:
        u->entries++;
        u->low = low;
        u->unfenced = u->unfenced || u->between;
        note('I');
        break;
    case 3:
        u->pages++;
        u->low = low;
        u->high = high;
        u->unfenced = u->unfenced || u->between;
        note('P');
        break;
    default:
        assert_int_equal(low >> 60, 8);
        assert_true((u->features & FORGETS_ALL) != 0);
        u->all++;
        note('A');
        break;
    }
}

static void carry_out(struct registers *u, uint64_t low, uint64_t high)
{
    if (low >> 60 != 1) {
        forget(u, low, high);
        return;
    }
    assert_true((low & 4) != 0);
    u->waits++;
    u->between = false;
    note((low & 1) != 0 ? 'w' : 'f');
    if ((low & 1) != 0) {
        test_set_word(low & UINT64_C(0xffffffffffff8), high);
    }
}

static bool runs(const struct registers *u)
{
    return (u->control & (ENABLE | COMMANDS)) == (ENABLE | COMMANDS) && !u->stopped && !u->stands;
}

static void run_one(struct registers *u)
{
    if (!runs(u) || u->head == u->tail) {
        return;
    }
    const uint64_t at = ring_of(u->commands) + u->head;
    const uint64_t low = test_word(at);
    if ((u->refuses >> (low >> 60) & 1) != 0) {
        u->refuses &= ~(UINT32_C(1) << (low >> 60));
        u->stopped = true;
        return;
    }
    carry_out(u, low, test_word(at + 8));
    u->head = (u->head + 16) % RING;
}

void run_commands(unsigned unit)
{
    struct registers *u = &units[unit];
    for (unsigned i = 0; i < 256; i++) {
        run_one(u);
    }
}

/* --- Registers --- */

static bool is_gone(unsigned unit, uint32_t offset)
{
    assert_true(unit < AMDVI_TEST_UNITS && offset % 8 == 0 && offset < AMDVI_REGISTERS_SIZE);
    return accesses++ >= gone_from;
}

static uint64_t running(struct registers *u)
{
    uint64_t bits = (u->control & LOG) != 0 ? LOG_RUNS : 0;
    bits |= (u->control & COMMANDS) != 0 && !u->stopped ? COMMANDS_RUN : 0;
    if (u->stopping > 0 || u->stays_on) {
        u->stopping -= u->stopping > 0;
        bits |= LOG_RUNS | COMMANDS_RUN;
    }
    return bits;
}

uint64_t amdvi_read(unsigned unit, uint32_t offset)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset)) {
        return UINT64_MAX;
    }
    if (u->lazy) {
        run_one(u);
    }
    switch (offset) {
    case 0x18:
        return u->is_off ? u->control & ~ENABLE : u->control;
    case 0x30:
        return u->features;
    case 0x2000:
        return u->head;
    case 0x2018:
        return u->event_tail;
    case 0x2020:
        return u->status | running(u);
    default:
        assert_true(false);
        return 0;
    }
}

static void write_control(struct registers *u, uint64_t value)
{
    const uint64_t ends = u->control & ~value & (LOG | COMMANDS);
    u->stopping = ends != 0 ? u->late : u->stopping;
    u->stopped = u->stopped && (value & COMMANDS) != 0;
    u->between = u->between && (value & COMMANDS) != 0;
    u->early = u->early || ((value & ENABLE) != 0 && (u->control & ENABLE) == 0 && u->table == 0);
    u->control = value;
}

static void write_tail(struct registers *u, uint64_t value)
{
    const uint64_t more = (value - u->tail) % RING, used = (u->tail - u->head) % RING;
    assert_true(value % 16 == 0 && value < RING);
    u->overrun = u->overrun || more + used > RING - 16;
    u->tail = value;
}

static void write_ring(struct registers *u, uint32_t offset, uint64_t value)
{
    const bool log = offset == 0x10 || offset == 0x2018;
    u->ring_at_work = u->ring_at_work || (u->control & (log ? LOG : COMMANDS)) != 0 || u->stopping > 0;
    switch (offset) {
    case 0x08:
        u->commands = value;
        u->head = u->tail = 0;
        break;
    case 0x10:
        u->events = value;
        break;
    case 0x2000:
        u->head = value;
        break;
    default:
        u->event_tail = value;
        break;
    }
}

void amdvi_write(unsigned unit, uint32_t offset, uint64_t value)
{
    struct registers *u = &units[unit];
    if (is_gone(unit, offset)) {
        return;
    }
    switch (offset) {
    case 0x00:
        u->table = value;
        break;
    case 0x18:
        write_control(u, value);
        break;
    case 0x20:
        u->exclusion = value;
        break;
    case 0x28:
        u->exclusion_limit = value;
        break;
    case 0x2008:
        write_tail(u, value);
        break;
    case 0x2010:
        u->event_head = value;
        break;
    case 0x2020:
        u->status &= ~value;
        break;
    default:
        write_ring(u, offset, value);
        break;
    }
    if (!u->lazy) {
        run_commands(unit);
    }
}

/* --- Events --- */

void log_event(unsigned unit, uint64_t low, uint64_t high)
{
    struct registers *u = &units[unit];
    const uint64_t next = (u->event_tail + 16) % RING;
    if ((u->control & (ENABLE | LOG)) != (ENABLE | LOG) || (u->status & OVERFLOW) != 0) {
        return;
    }
    if (next == u->event_head) {
        u->status |= OVERFLOW;
        return;
    }
    test_set_word(ring_of(u->events) + u->event_tail, low);
    test_set_word(ring_of(u->events) + u->event_tail + 8, high);
    u->event_tail = next;
}

/* --- Beginning --- */

void reset(void)
{
    memset(units, 0, sizeof units);
    memset(pages, 0, sizeof pages);
    memset(tables, 0, sizeof tables);
    memset(interrupt_tables, 0, sizeof interrupt_tables);
    memset(&ivrs, 0, sizeof ivrs);
    for (unsigned unit = 0; unit < AMDVI_TEST_UNITS; unit++) {
        units[unit].features = FORGETS_ALL;
        units[unit].late = 3;
    }
    page_count = table_count = interrupt_count = 0;
    reserved_first = reserved_last = 0;
    done[0] = lines[0] = '\0';
    accesses = line_count = store_count = 0;
    gone_from = NEVER;
    mini_fault_count = 0;
}

void begin(unsigned count)
{
    ivrs.unit_count = count;
    memset(ivrs.named, 0xff, sizeof ivrs.named);
    for (unsigned unit = 0; unit < count; unit++) {
        ivrs.units[unit].address = UINT64_C(0xfed80000) + unit * ACPI_IVRS_REGISTERS_SIZE;
    }
    amdvi_begin(&ivrs);
    done[0] = '\0';
    store_count = 0;
    for (unsigned unit = 0; unit < count; unit++) {
        units[unit].sources = units[unit].entries = units[unit].pages = units[unit].all = units[unit].waits =
            0;
    }
}

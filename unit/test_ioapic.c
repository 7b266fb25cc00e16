/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The drivers of I/O APICs (hal/x86_common/ioapic.c), on registers that the test has, and of messages
 * (irq_message.c), and what the MADT says of them (acpi_madt.c). The build gives the driver's functions other
 * names here, since the hosted machine has them as well.
 */
#include <string.h>

#include "acpi_image.h"
#include "hal/ioapic.h"
#include "hosted_kernel.h"

unsigned test_irq_source_count(void);
bool test_irq_source(unsigned source, struct hal_irq_source *description);
bool test_irq_route(unsigned source, struct hal_irq_wire wire, unsigned cpu);
void test_irq_mask(unsigned source, bool masked);
void test_irq_close(unsigned source);
bool test_irq_is_routed(unsigned source);
bool test_ioapic_owner(unsigned source, uint16_t *source_id);
void test_ioapic_init(const struct acpi_interrupts *interrupts);
uint32_t test_ioapic_read(unsigned unit, uint8_t index);
void test_ioapic_write(unsigned unit, uint8_t index, uint32_t value);
uint32_t test_ioapic_apic_id(unsigned cpu);
bool test_remaps_interrupts(void);
bool test_interrupt_set(unsigned index, uint16_t source_id, uint8_t vector, uint32_t apic_id, bool level);
bool test_ioapic_source(uint8_t id, uint16_t *source_id);
void test_print(const char *line);
unsigned test_message_first(void);
bool test_message_open(unsigned source, uint16_t requester);
void test_message_close(unsigned source);
struct hal_irq_message test_message_describe(unsigned source);
unsigned test_message_count(uint16_t requester);
bool test_message_may_be_told(uint16_t requester, uint64_t address, uint32_t data);
bool test_interrupt_clear(unsigned index);
void test_interrupt_message(unsigned index, uint64_t *address, uint32_t *data);
bool test_interrupt_can_hold(uint16_t source_id);
uint32_t test_ioapic_entry(unsigned source);
bool test_loses_levels(void);
void test_ioapic_end(unsigned source);
void test_ioapic_write_end(unsigned unit, uint8_t vector);

#define MASKED UINT32_C(0x10000)

static uint32_t versions[ACPI_IOAPICS_MAX];
static uint32_t registers[ACPI_IOAPICS_MAX][256];
static unsigned writes, unmasked_changes, ends;
static unsigned end_unit, end_vector;

uint32_t test_ioapic_read(unsigned unit, uint8_t index)
{
    assert_true(unit < ACPI_IOAPICS_MAX);
    return index == 1 ? versions[unit] : registers[unit][index];
}

void test_ioapic_write(unsigned unit, uint8_t index, uint32_t value)
{
    assert_true(unit < ACPI_IOAPICS_MAX && index >= 0x10);
    bool masked = (registers[unit][index & ~1u] & MASKED) != 0;
    writes++;
    unmasked_changes += index % 2 != 0 && !masked;
    registers[unit][index] = value;
}

void test_ioapic_write_end(unsigned unit, uint8_t vector)
{
    end_unit = unit;
    end_vector = vector;
    ends++;
}

uint32_t test_ioapic_apic_id(unsigned cpu)
{
    return cpu == 3 ? 255 : 10 * cpu;
}

/* --- Interrupt remapping, as the driver sees it --- */

static bool remaps, obeys, loses_levels;
static struct {
    unsigned index, vector, apic_id;
    uint16_t source_id;
    bool level;
} entry_set;
static unsigned entries_set, entries_cleared, lines_printed;

bool test_remaps_interrupts(void)
{
    return remaps;
}

bool test_interrupt_set(unsigned index, uint16_t source_id, uint8_t vector, uint32_t apic_id, bool level)
{
    entry_set.index = index;
    entry_set.vector = vector;
    entry_set.apic_id = apic_id;
    entry_set.source_id = source_id;
    entry_set.level = level;
    entries_set++;
    return obeys;
}

bool test_interrupt_clear(unsigned index)
{
    entries_cleared += index == entry_set.index;
    return obeys;
}

void test_interrupt_message(unsigned index, uint64_t *address, uint32_t *data)
{
    *address = 0xfee00010 | index << 5;
    *data = 0;
}

bool test_interrupt_can_hold(uint16_t source_id)
{
    return source_id != 0x0777;
}

uint32_t test_ioapic_entry(unsigned source)
{
    return 1 << 16 | source << 17;
}

bool test_loses_levels(void)
{
    return loses_levels;
}

bool test_ioapic_source(uint8_t id, uint16_t *source_id)
{
    *source_id = (uint16_t)(0xf000 + id);
    return id != 7;
}

void test_print(const char *line)
{
    lines_printed += strstr(line, "its lines cannot be used") != NULL;
}

static struct acpi_interrupts plain_wiring(void)
{
    struct acpi_interrupts wiring = {.ioapic_count = 0};
    for (unsigned irq = 0; irq < ACPI_LEGACY_IRQ_COUNT; irq++) {
        wiring.legacy[irq].source = irq;
    }
    memset(registers, 0, sizeof registers);
    writes = unmasked_changes = entries_set = entries_cleared = lines_printed = ends = 0;
    remaps = loses_levels = false;
    obeys = true;
    return wiring;
}

static void add(struct acpi_interrupts *wiring, uint32_t source, uint32_t version)
{
    versions[wiring->ioapic_count] = version;
    wiring->ioapics[wiring->ioapic_count++].source = source;
}

static bool exists(unsigned source)
{
    struct hal_irq_source description;
    return test_irq_source(source, &description);
}

static void D4_pins_are_found_and_masked(void **state)
{
    (void)state;
    struct acpi_interrupts wiring = plain_wiring();
    struct hal_irq_source description;
    add(&wiring, 0, 0x00170020);
    add(&wiring, 64, 0x00ef0020);         /* 240 pins: their registers have no index */
    add(&wiring, 20, 0x00070020);         /* half of it is there already */
    add(&wiring, 40, UINT32_MAX);         /* does not answer */
    add(&wiring, UINT32_MAX, 0x00170020); /* would wrap around */
    add(&wiring, HAL_IRQ_SOURCES_MAX - 1, 0x00170020);
    wiring.nmi[wiring.nmi_count++] = 22;
    wiring.nmi[wiring.nmi_count++] = 5000;
    test_ioapic_init(&wiring);
    assert_int_equal(test_irq_source_count(), HAL_IRQ_SOURCES_MAX);
    for (unsigned source = 0; source < HAL_IRQ_SOURCES_MAX; source++) {
        assert_int_equal(exists(source), (source < 28 && source != 22) || source == HAL_IRQ_SOURCES_MAX - 1);
    }
    assert_false(exists(HAL_IRQ_SOURCES_MAX));
    assert_false(exists(UINT32_MAX));
    /* Each pin whose register has an index masked, once, whether or not it is used. */
    assert_int_equal(writes, 24 + 120 + 8 + 24 + 24);
    assert_int_equal(registers[0][0x10], MASKED);
    assert_int_equal(registers[1][0x10], MASKED);
    assert_int_equal(registers[1][0x10 + 2 * 119], MASKED);
    assert_int_equal(registers[2][0x10], MASKED); /* there before */
    assert_int_equal(registers[2][0x10 + 2 * 4], MASKED);
    assert_int_equal(registers[4][0x10 + 2 * 23], MASKED);
    assert_int_equal(registers[5][0x10 + 2], MASKED); /* beyond the last source */
    assert_true(test_irq_source(24, &description));
    assert_true(description.wire.level && description.wire.low && description.legacy == HAL_IRQ_NOT_LEGACY);
    assert_true(test_irq_route(20, description.wire, 1)); /* the first one's */
    assert_int_equal(registers[0][0x10 + 2 * 20] & 0xff, IOAPIC_VECTOR_FIRST + 20);
    assert_int_equal(registers[2][0x10], MASKED);
    wiring = plain_wiring();
    test_ioapic_init(&wiring); /* none at all */
    assert_int_equal(test_irq_source_count(), 0);
    assert_false(exists(0));
}

static void D4_old_lines_are_where_firmware_says(void **state)
{
    (void)state;
    struct acpi_interrupts wiring = plain_wiring();
    struct hal_irq_source description;
    add(&wiring, 0, 0x00170020);
    wiring.legacy[0].source = 2;
    wiring.legacy[9] = (struct acpi_legacy_irq){.source = 20, .level = true, .low = true};
    wiring.legacy[14].source = 100; /* where nothing is */
    test_ioapic_init(&wiring);
    assert_true(test_irq_source(2, &description));
    assert_int_equal(description.legacy, 0);
    assert_true(test_irq_source(20, &description));
    assert_true(description.legacy == 9 && description.wire.level && description.wire.low);
    assert_true(test_irq_source(9, &description));
    assert_int_equal(description.legacy, HAL_IRQ_NOT_LEGACY);
    assert_true(test_irq_source(3, &description));
    assert_true(description.legacy == 3 && !description.wire.level && !description.wire.low);
}

static void D4_entries_are_changed_masked(void **state)
{
    (void)state;
    struct acpi_interrupts wiring = plain_wiring();
    const struct hal_irq_wire edge = {false, false}, level = {true, true};
    add(&wiring, 0, 0x00170020);
    test_ioapic_init(&wiring);
    assert_true(test_irq_route(17, level, 2));
    assert_int_equal(registers[0][0x10 + 2 * 17 + 1], UINT32_C(20) << 24);
    assert_int_equal(registers[0][0x10 + 2 * 17], MASKED | 0xa000 | (IOAPIC_VECTOR_FIRST + 17));
    test_irq_mask(17, false);
    assert_int_equal(registers[0][0x10 + 2 * 17], 0xa000 | (IOAPIC_VECTOR_FIRST + 17));
    assert_true(test_irq_route(17, edge, 1));
    assert_int_equal(unmasked_changes, 0);
    assert_int_equal(registers[0][0x10 + 2 * 17 + 1], UINT32_C(10) << 24);
    assert_int_equal(registers[0][0x10 + 2 * 17], IOAPIC_VECTOR_FIRST + 17);
    assert_false(test_irq_route(17, edge, 3)); /* not with 8 bits */
    assert_int_equal(registers[0][0x10 + 2 * 17 + 1], UINT32_C(10) << 24);
    test_irq_mask(17, true);
    assert_int_equal(registers[0][0x10 + 2 * 17], MASKED | (IOAPIC_VECTOR_FIRST + 17));
}

static void D4_pins_are_remapped(void **state)
{
    (void)state;
    struct acpi_interrupts wiring = plain_wiring();
    const struct hal_irq_wire edge = {false, false}, level = {true, true};
    remaps = true;
    add(&wiring, 0, 0x00170020);
    add(&wiring, 24, 0x00170020); /* nobody knows who that is */
    wiring.ioapics[0].id = 3;
    wiring.ioapics[1].id = 7;
    add(&wiring, 80, UINT32_MAX);
    wiring.ioapics[2].id = 7;
    test_ioapic_init(&wiring);
    assert_int_equal(test_irq_source_count(), 24);
    assert_int_equal(lines_printed, 1); /* none is missed of the one that does not answer */
    assert_int_equal(registers[1][0x10 + 2 * 23], MASKED);
    assert_true(test_irq_route(17, level, 2));
    assert_true(entry_set.index == 17 && entry_set.vector == IOAPIC_VECTOR_FIRST + 17);
    assert_true(entry_set.apic_id == 20 && entry_set.source_id == 0xf003 && entry_set.level);
    assert_int_equal(registers[0][0x10 + 2 * 17 + 1], 17 << 17 | 1 << 16);
    assert_int_equal(registers[0][0x10 + 2 * 17], MASKED | 0xa000 | (IOAPIC_VECTOR_FIRST + 17));
    test_irq_mask(17, false);
    assert_true(test_irq_route(17, edge, 1));
    assert_true(entry_set.apic_id == 10 && !entry_set.level);
    assert_int_equal(registers[0][0x10 + 2 * 17], IOAPIC_VECTOR_FIRST + 17);
    obeys = false;
    assert_false(test_irq_route(17, level, 2));
    assert_int_equal(registers[0][0x10 + 2 * 17], IOAPIC_VECTOR_FIRST + 17);
    assert_int_equal(unmasked_changes, 0);
    entries_set = 0;
    assert_false(test_irq_route(17, level, 3));
    assert_int_equal(entries_set, 0);
}

/* Where a message does not say that it is of a level, its pin is told of the end; one that cannot be is not
 * used. */
static void T9_levels_that_are_lost_end_all_the_same(void **state)
{
    (void)state;
    struct acpi_interrupts wiring = plain_wiring();
    remaps = true;
    add(&wiring, 0, 0x00170020);
    add(&wiring, 24, 0x00170020);
    add(&wiring, 48, 0x0017001f); /* too old for that */
    test_ioapic_init(&wiring);
    assert_int_equal(test_irq_source_count(), 72);
    test_ioapic_end(30);
    assert_int_equal(ends, 0);
    loses_levels = true;
    test_ioapic_init(&wiring);
    assert_int_equal(test_irq_source_count(), 48);
    assert_int_equal(lines_printed, 1);
    test_ioapic_end(30);
    assert_true(ends == 1 && end_unit == 1 && end_vector == IOAPIC_VECTOR_FIRST + 30);
    test_ioapic_end(48);
    assert_int_equal(ends, 1);
}

/* A line that is released leaves nothing: neither here nor in the table. */
static void D4_closed_source_is_as_at_boot(void **state)
{
    (void)state;
    struct acpi_interrupts wiring = plain_wiring();
    const struct hal_irq_wire edge = {false, false};
    uint16_t owner = 0;
    remaps = true;
    add(&wiring, 0, 0x00170020);
    wiring.ioapics[0].id = 3;
    test_ioapic_init(&wiring);
    assert_false(test_irq_is_routed(17) || test_ioapic_owner(17, &owner));
    assert_true(test_irq_route(17, edge, 2) && test_irq_is_routed(17));
    assert_true(test_ioapic_owner(17, &owner) && owner == 0xf003);
    test_irq_mask(17, false);
    test_irq_close(17);
    assert_int_equal(entries_cleared, 1);
    assert_int_equal(registers[0][0x10 + 2 * 17], MASKED);
    assert_int_equal(registers[0][0x10 + 2 * 17 + 1], 0);
    assert_false(test_irq_is_routed(17) || test_ioapic_owner(17, &owner));
    assert_true(test_message_open(30, 0x0110) && test_irq_route(30, edge, 1) && test_irq_is_routed(30));
    test_irq_close(30); /* it stays its requester's */
    assert_int_equal(entries_cleared, 2);
    assert_true(!test_irq_is_routed(30) && test_ioapic_owner(30, &owner) && owner == 0x0110);
    test_message_close(30);
    assert_int_equal(entries_cleared, 2);
    assert_false(test_ioapic_owner(30, &owner));
    obeys = false;
    assert_false(test_irq_route(17, edge, 2) || test_irq_is_routed(17));
}

/* Messages go by the numbers behind the last pin; which of them is open, and whose, is for audits. */
static void D4_messages_say_which_source_they_are_of(void **state)
{
    (void)state;
    struct acpi_interrupts wiring = plain_wiring();
    const struct hal_irq_wire edge = {false, false};
    add(&wiring, 0, 0x00170020);
    test_ioapic_init(&wiring);
    assert_int_equal(test_message_first(), 24);
    assert_true(test_message_open(24, 0x0110));
    assert_true(test_message_open(HAL_IRQ_SOURCES_MAX - 1, 0x0208));
    assert_false(
        test_message_may_be_told(0x0110, 0xfee00000, IOAPIC_VECTOR_FIRST + 24)); /* goes nowhere yet */
    assert_true(test_irq_route(24, edge, 2));
    assert_true(test_irq_route(HAL_IRQ_SOURCES_MAX - 1, edge, 0));
    struct hal_irq_message message = test_message_describe(24);
    assert_int_equal(message.address, 0xfee14000); /* the local APIC 20 */
    assert_int_equal(message.data, IOAPIC_VECTOR_FIRST + 24);
    assert_false(test_irq_route(24, edge, 3)); /* not with 8 bits */
    assert_int_equal(test_message_describe(24).address, 0xfee14000);
    assert_true(test_message_may_be_told(0x0110, message.address, message.data));
    assert_true(test_message_may_be_told(0x0110, 0xfee00000, message.data));
    assert_false(test_message_may_be_told(0x0208, message.address, message.data));
    assert_false(test_message_may_be_told(0x0110, message.address, message.data + 1));
    assert_false(
        test_message_may_be_told(0x0110, message.address, message.data | 0x100)); /* another delivery */
    assert_false(test_message_may_be_told(0x0110, message.address | 8, message.data));
    assert_false(test_message_may_be_told(0x0110, message.address | UINT64_C(1) << 32, message.data));
    assert_int_equal(test_message_count(0x0110), 1);
    test_message_close(24);
    assert_int_equal(test_message_count(0x0110), 0);
    assert_false(test_message_may_be_told(0x0110, message.address, message.data));
    assert_int_equal(test_message_count(0x0208), 1);
    test_ioapic_init(&wiring);
    assert_int_equal(test_message_count(0x0208), 0);
}

/* The requester's entry says what a message raises, so that what devices are told never changes. */
static void D4_messages_are_remapped(void **state)
{
    (void)state;
    struct acpi_interrupts wiring = plain_wiring();
    const struct hal_irq_wire edge = {false, false};
    remaps = true;
    test_ioapic_init(&wiring); /* no wires at all */
    assert_int_equal(test_message_first(), 0);
    assert_false(test_message_open(5, 0x0777)); /* whose messages come under another one */
    assert_false(test_ioapic_owner(5, &(uint16_t){0}));
    assert_true(test_message_open(5, 0x0110));
    test_message_close(5); /* which was told nobody */
    assert_true(test_message_open(5, 0x0110));
    assert_int_equal(entries_set + entries_cleared, 0);
    assert_true(test_irq_route(5, edge, 2));
    assert_true(entry_set.index == 5 && entry_set.vector == IOAPIC_VECTOR_FIRST + 5);
    assert_true(entry_set.apic_id == 20 && entry_set.source_id == 0x0110 && !entry_set.level);
    struct hal_irq_message message = test_message_describe(5);
    assert_true(message.address == 0xfee000b0 && message.data == 0);
    assert_true(test_irq_route(5, edge, 1));
    assert_true(entry_set.apic_id == 10 && test_message_describe(5).address == message.address);
    assert_false(test_irq_route(5, edge, 3));
    assert_int_equal(entries_set, 2);
    assert_true(test_message_may_be_told(0x0110, 0xfee000b0, 0));
    assert_false(test_message_may_be_told(0x0110, 0xfee010b0, 0));
    assert_false(test_message_may_be_told(0x0110, 0xfee00000, IOAPIC_VECTOR_FIRST + 5)); /* the old format */
    assert_false(test_message_may_be_told(0x0208, 0xfee000b0, 0));
    obeys = false;
    assert_false(test_irq_route(5, edge, 2));
    test_message_close(5);
    assert_int_equal(entries_cleared, 1);
    assert_false(test_message_may_be_told(0x0110, 0xfee000b0, 0));
}

/* --- The MADT --- */

static uint8_t table_bytes[256];
static uint32_t table_size;

static void entry(const uint8_t *bytes)
{
    memcpy(table_bytes + table_size, bytes, bytes[1]);
    table_size += bytes[1];
}

static bool parse(struct acpi_interrupts *interrupts)
{
    struct acpi_image image = {table_bytes, table_size};
    const struct acpi_memory memory = {acpi_image_read, &image};
    const struct acpi_table table = {.address = 0, .length = table_size, .revision = 3};
    return acpi_parse_interrupts(&memory, &table, interrupts);
}

static void D7_madt_names_interrupt_controllers(void **state)
{
    (void)state;
    static const uint8_t entries[][12] = {
        {0, 8, 0, 0, 1, 0, 0, 0},                           /* a CPU */
        {1, 12, 2, 0, 0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0},  /* an I/O APIC */
        {1, 12, 3, 0, 0x00, 0x10, 0xc0, 0xfe, 24, 0, 0, 0}, /* another */
        {2, 10, 0, 0, 2, 0, 0, 0, 0, 0},                    /* the timer */
        {2, 10, 0, 9, 20, 0, 0, 0, 0x0f, 0},                /* a low level */
        {2, 10, 0, 5, 5, 0, 0, 0, 0x0d, 0},                 /* a high level */
        {2, 10, 0, 16, 7, 0, 0, 0, 0x0f, 0},                /* there is no such line */
        {3, 8, 0, 0, 23, 0, 0, 0},                          /* NMIs */
    };
    struct acpi_interrupts found;
    table_size = 44;
    for (unsigned i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        entry(entries[i]);
    }
    assert_true(parse(&found));
    assert_int_equal(found.ioapic_count, 2);
    assert_int_equal(found.ioapics[1].address, 0xfec01000);
    assert_int_equal(found.ioapics[1].source, 24);
    assert_true(found.ioapics[0].id == 2 && found.ioapics[1].id == 3);
    assert_int_equal(found.legacy[0].source, 2);
    assert_true(found.legacy[9].source == 20 && found.legacy[9].level && found.legacy[9].low);
    assert_true(found.legacy[5].source == 5 && found.legacy[5].level && !found.legacy[5].low);
    assert_true(found.legacy[7].source == 7 && !found.legacy[7].level && !found.legacy[7].low);
    assert_int_equal(found.nmi_count, 1);
    assert_int_equal(found.nmi[0], 23);
    table_size -= 1; /* the last entry is cut */
    assert_false(parse(&found));
    assert_int_equal(found.nmi_count, 0);
    assert_int_equal(found.ioapic_count, 2);
}

static void D7_madt_with_too_much(void **state)
{
    (void)state;
    static const uint8_t unit[12] = {1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0};
    static const uint8_t nmi[8] = {3, 8, 0, 0, 9, 0, 0, 0};
    struct acpi_interrupts found;
    table_size = 44;
    for (unsigned i = 0; i <= ACPI_IOAPICS_MAX; i++) {
        entry(unit);
    }
    for (unsigned i = 0; i < 12; i++) {
        entry(nmi);
    }
    assert_true(parse(&found));
    assert_int_equal(found.ioapic_count, ACPI_IOAPICS_MAX);
    assert_int_equal(found.ioapics_left_out, 1);
    assert_int_equal(found.nmi_count, 12);
    table_size = 44;
    for (unsigned i = 0; i <= ACPI_LEGACY_IRQ_COUNT; i++) {
        entry(nmi);
    }
    assert_true(parse(&found));
    assert_int_equal(found.nmi_count, ACPI_LEGACY_IRQ_COUNT);
    assert_int_equal(found.ioapics_left_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D4_pins_are_found_and_masked),
        cmocka_unit_test(D4_old_lines_are_where_firmware_says),
        cmocka_unit_test(D4_entries_are_changed_masked),
        cmocka_unit_test(D4_pins_are_remapped),
        cmocka_unit_test(T9_levels_that_are_lost_end_all_the_same),
        cmocka_unit_test(D4_closed_source_is_as_at_boot),
        cmocka_unit_test(D4_messages_say_which_source_they_are_of),
        cmocka_unit_test(D4_messages_are_remapped),
        cmocka_unit_test(D7_madt_names_interrupt_controllers),
        cmocka_unit_test(D7_madt_with_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

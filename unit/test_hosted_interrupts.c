/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt remapping of the hosted machine's units (hal/hosted/vtd_interrupts.c, vtd_message.c), told
 * what to do by their registers: who may raise what, what is used until it is forgotten, and planted mistakes
 * that the model promises to see.
 */
#include "hal/cpu.h"
#include "hal/ioapic.h"
#include "hosted_iommu.h"

#define COMMAND      0x18u
#define STATUS       0x1cu
#define TABLE        0xb8u
#define FAULT_STATUS 0x34u
#define RECORDS      0x200u
#define REMAPS       (UINT32_C(1) << 25)
#define SET_TABLE    (UINT32_C(1) << 24)
#define OLD_FORMAT   (UINT32_C(1) << 23)
#define KEPT         UINT32_C(0x96ffffff)
#define SIZE_CODE    7u /* 256 entries */

/* Entries. */
#define RAISES(source, cpu) (UINT64_C(1) | VECTOR(source) << 16 | (uint64_t)ioapic_apic_id(cpu) << 40)
#define VECTOR(source)      ((uint64_t)(IOAPIC_VECTOR_FIRST + (source)))
#define SILENT              UINT64_C(2)
#define FROM(device)        ((uint64_t)(device) | UINT64_C(1) << 18)

/* Descriptors. */
#define FORGET_INTERRUPTS UINT64_C(0x4)
#define FORGET_ENTRY(i)   (UINT64_C(0x14) | (uint64_t)(i) << 32)
#define ENTRIES(mask)     ((uint64_t)(mask) << 27) /* 2^mask of them */

/* Messages. */
#define WINDOW      UINT64_C(0xfee00000)
#define REMAPPED(i) (WINDOW | 0x10 | (uint64_t)(i) << 5)
#define SUBHANDLE   UINT64_C(8)

#define OWN          50u /* the device's source, by this index of the table ... */
#define INDEX        7u
#define OTHER        51u /* ... and of another device of the unit */
#define OTHER_DEVICE ((uint16_t)(DEVICE(iommu_tried) ^ 1))

static hal_paddr_t table;

static void use_table(void)
{
    vtd_write64(iommu_unit, TABLE, table.value | SIZE_CODE);
    iommu_command(SET_TABLE, true);
}

static void put(unsigned index, uint64_t low, uint64_t high)
{
    iommu_put(table, 2 * index, 0);
    iommu_put(table, 2 * index + 1, high);
    iommu_put(table, 2 * index, low);
}

static void forget(unsigned index)
{
    iommu_do(FORGET_ENTRY(index), 0);
}

/* The unit goes by a table of the test's, in which the device may raise its source on this CPU. */
static void begin(void)
{
    iommu_unit = iommu_tried;
    iommu_queue_begin();
    table = mini_take_frame(HAL_FRAME_TABLE);
    iommu_write_back(table);
    iommu_flush_buffer();
    use_table();
    iommu_do(FORGET_INTERRUPTS, 0);
    mini_expect(hal_irq_message_open(OWN, DEVICE(iommu_tried)) && hal_irq_message_open(OTHER, OTHER_DEVICE));
    put(INDEX, RAISES(OWN, 0), FROM(DEVICE(iommu_tried)));
    forget(INDEX);
}

static bool send(uint16_t device, uint64_t address, uint32_t data)
{
    return hosted_message(device, address, data);
}

/* The device's message of this index. */
static bool sends(unsigned index)
{
    return send(DEVICE(iommu_tried), REMAPPED(index), 0);
}

/* This CPU was interrupted by the source, once. */
static bool came(unsigned source)
{
    uint32_t before = atomic_u32_load_acquire(&mini_irq_count);
    hal_irq_restore(true);
    (void)hal_irq_disable();
    return atomic_u32_load_acquire(&mini_irq_count) == before + 1 &&
           atomic_u32_load_acquire(&mini_irq_source) == source && atomic_u32_load_acquire(&mini_irq_cpu) == 0;
}

/* The one fault that is recorded, which makes room. */
static bool blocked(unsigned reason, uint16_t device, unsigned index)
{
    bool found = false;
    unsigned count = 0;
    for (unsigned at = RECORDS; at < RECORDS + 16 * (iommu_unit == 0 ? 4u : 2u); at += 16) {
        uint64_t low = vtd_read64(iommu_unit, at), high = vtd_read64(iommu_unit, at + 8);
        if (high >> 63 != 0) {
            vtd_write64(iommu_unit, at + 8, UINT64_C(1) << 63);
            found = (high & 0xffffffffff) == ((uint64_t)reason << 32 | device) && low == (uint64_t)index
                                                                                             << 48;
            count++;
        }
    }
    return found && count == 1;
}

static bool nothing_recorded(void)
{
    return (vtd_read32(iommu_unit, FAULT_STATUS) & 3) == 0;
}

static void audits_well(void)
{
    uint32_t before = mini_audit_lines;
    mini_audit();
    mini_expect(mini_audit_lines == before);
}

static void audits_badly(void)
{
    uint32_t before = mini_audit_lines;
    mini_audit();
    mini_expect(mini_audit_lines == before + 1);
}

/* --- Who may raise what --- */

static void passes_or_not(void)
{
    const uint16_t device = DEVICE(iommu_tried);
    uint32_t data = 0;
    begin();
    mini_expect(sends(INDEX) && came(OWN));
    mini_expect(send(device, REMAPPED(INDEX - 3) | SUBHANDLE, 3) && came(OWN));
    mini_expect(hosted_dma(device, REMAPPED(INDEX), &data, sizeof data, true) && came(OWN));
    mini_expect(nothing_recorded());
    mini_expect(!send(OTHER_DEVICE, REMAPPED(INDEX), 0) && blocked(0x26, OTHER_DEVICE, INDEX));
    mini_expect(!sends(INDEX + 1) && blocked(0x22, device, INDEX + 1));
    mini_expect(!sends(256) && blocked(0x21, device, 256));
    mini_expect(!send(device, REMAPPED(0x7fff) | 4 | SUBHANDLE, 0xffff) && blocked(0x21, device, 0xfffe));
    mini_expect(!send(device, REMAPPED(INDEX) | SUBHANDLE, 0x10000) && blocked(0x20, device, INDEX));
    mini_expect(!send(device, WINDOW | ioapic_apic_id(0) << 12, (uint32_t)VECTOR(OWN)) &&
                blocked(0x25, device, 0));
    mini_expect(!hosted_dma(device, REMAPPED(INDEX), &data, 2, true) && nothing_recorded());
    mini_expect(!hosted_dma(device, REMAPPED(INDEX), &data, 4, false) && nothing_recorded());
    mini_expect(!send(device, UINT64_C(0x1fee00000), 0) && nothing_recorded());
    put(INDEX, RAISES(OWN, 0) | SILENT, FROM(device));
    forget(INDEX);
    mini_expect(!send(OTHER_DEVICE, REMAPPED(INDEX), 0) && nothing_recorded() && sends(INDEX) && came(OWN));
    put(INDEX, RAISES(OWN, 1), FROM(device));
    forget(INDEX);
    uint32_t before = atomic_u32_load_acquire(&mini_irq_count);
    mini_expect(sends(INDEX));
    while (atomic_u32_load_acquire(&mini_irq_count) == before) {
        hal_point(HAL_POINT_RELAX, NULL);
    }
    mini_expect(atomic_u32_load_acquire(&mini_irq_cpu) == 1);
    audits_well();
}

static void D4_device_raises_what_its_entry_says(void **state)
{
    (void)state;
    iommu_run_intel(passes_or_not, "");
}

/* What the specification allows, and Keel never asks for. */
static void other_entries(void)
{
    const uint16_t device = DEVICE(iommu_tried);
    const struct {
        uint64_t low, high;
        uint16_t passes, blocks;
        unsigned reason;
    } tried[] = {
        {0, device | UINT64_C(0x50000), device ^ 4, device ^ 8, 0x26}, /* functions alike but for bit 2 */
        {0, device | UINT64_C(0x70000), device ^ 7, device ^ 8, 0x26}, /* all of the device */
        {0, UINT64_C(0x80000) | (device & 0xff00) | device >> 8, device, device ^ 0x200, 0x26}, /* a bus */
        {UINT64_C(1) << 24, FROM(device), 0, device, 0x24},                                     /* reserved */
        {0, FROM(device) | UINT64_C(1) << 20, 0, device, 0x24},                                 /* the same */
        {0, device | UINT64_C(0xc0000), 0, device, 0x24},                                       /* the same */
    };
    begin();
    for (unsigned i = 0; i < sizeof tried / sizeof tried[0]; i++) {
        put(INDEX, RAISES(OWN, 0) | tried[i].low, tried[i].high);
        forget(INDEX);
        mini_expect(tried[i].passes == 0 || send(tried[i].passes, REMAPPED(INDEX), 0));
        mini_expect(!send(tried[i].blocks, REMAPPED(INDEX), 0));
        mini_expect(blocked(tried[i].reason, tried[i].blocks, INDEX));
        audits_badly();
    }
    put(INDEX, RAISES(OWN, 0), device);
    forget(INDEX);
    mini_expect(send(OTHER_DEVICE, REMAPPED(INDEX), 0) && came(OWN));
    audits_badly();
}

static void table_beyond_memory(void)
{
    begin();
    table = hal_paddr(UINT64_C(1) << 40);
    use_table();
    iommu_do(FORGET_INTERRUPTS, 0);
    mini_expect(!sends(INDEX) && blocked(0x23, DEVICE(iommu_tried), INDEX));
}

/* With neither a unit that remaps, nor any unit. */
static void nothing_is_remapped(void)
{
    mini_expect(send(DEVICE(0), WINDOW | ioapic_apic_id(0) << 12, (uint32_t)VECTOR(OWN)) && came(OWN));
    mini_expect(send(DEVICE(1), WINDOW | ioapic_apic_id(0) << 12, (uint32_t)VECTOR(OTHER)) && came(OTHER));
    mini_expect(!vtd_remaps_interrupts());
    audits_well();
}

static void D4_other_units_and_entries(void **state)
{
    static const unsigned variants[] = {HOSTED_IOMMU_OLD_INTERRUPTS, HOSTED_IOMMU_REGISTERS,
                                        HOSTED_IOMMU_NONE};
    struct hosted_config config = mini_small;
    (void)state;
    iommu_run_intel(other_entries, "D4: interrupt entry 7 lets pass more than one source");
    iommu_run_intel(table_beyond_memory, "");
    for (unsigned i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        config.iommu = variants[i];
        mini_run_showing(&config, nothing_is_remapped, NULL, "");
    }
}

/* --- What is cached --- */

static void used_until_forgotten(void)
{
    begin();
    put(INDEX, 0, 0);
    mini_expect(sends(INDEX) && came(OWN));
    forget(INDEX + 1);
    iommu_do(FORGET_CONTEXTS, 0);
    iommu_do(FORGET_ALL, 0);
    mini_expect(sends(INDEX) && came(OWN));
    iommu_post(FORGET_ENTRY(INDEX), 0);
    mini_expect(sends(INDEX) && came(OWN)); /* it is only posted */
    uint32_t ticket = iommu_post_wait();
    while (!iommu_is_done(ticket)) {
    }
    mini_expect(!sends(INDEX) && blocked(0x22, DEVICE(iommu_tried), INDEX));
    put(INDEX, RAISES(OWN, 0), FROM(DEVICE(iommu_tried)));
    iommu_do(FORGET_INTERRUPTS, 0);
    put(INDEX, 0, 0);
    iommu_do(FORGET_INTERRUPTS, 0);
    mini_expect(!sends(INDEX) && blocked(0x22, DEVICE(iommu_tried), INDEX));
    put(INDEX, RAISES(OTHER, 0), FROM(OTHER_DEVICE)); /* the index is free */
    audits_well();
}

/* It may go by either. */
static void moved_without_forgetting(void)
{
    begin();
    iommu_put(table, 2 * INDEX, RAISES(OWN, 1));
    mini_expect(sends(INDEX) && came(OWN));
    forget(INDEX);
    mini_expect(sends(INDEX) && !came(OWN));
}

static void several_at_once(void)
{
    begin();
    put(INDEX, 0, 0);
    iommu_do(FORGET_ENTRY(INDEX ^ 8) | ENTRIES(3), 0); /* 8 to 15 */
    mini_expect(sends(INDEX) && came(OWN));
    iommu_do(FORGET_ENTRY(INDEX ^ 15) | ENTRIES(4), 0);
    mini_expect(!sends(INDEX));
}

static void absence_is_cached(void)
{
    begin();
    put(INDEX + 1, RAISES(OWN, 0), FROM(DEVICE(1)));
    mini_expect(!sends(INDEX + 1) && blocked(0x22, DEVICE(1), INDEX + 1));
    forget(INDEX + 1);
    mini_expect(sends(INDEX + 1) && came(OWN));
}

static void unit_sees_old_memory(void)
{
    begin();
    iommu_put_hidden(table, 2 * INDEX, 0);
    forget(INDEX);
    mini_expect(sends(INDEX) && came(OWN));
    iommu_write_back(table); /* the write buffer has it */
    forget(INDEX);
    mini_expect(sends(INDEX) && came(OWN));
    iommu_flush_buffer();
    mini_expect(sends(INDEX) && came(OWN)); /* it may have cached it meanwhile */
    forget(INDEX);
    mini_expect(!sends(INDEX) && blocked(0x22, DEVICE(1), INDEX));
}

static void D4_what_is_cached_is_used_until_it_is_forgotten(void **state)
{
    (void)state;
    iommu_run_intel(used_until_forgotten, "");
    iommu_run_intel(moved_without_forgetting, "");
    iommu_tried = 0;
    mini_run_showing(&mini_small, several_at_once, NULL, "");
    iommu_tried = 1;
    mini_run_showing(&mini_small, absence_is_cached, NULL, "");
    mini_run_showing(&mini_small, unit_sees_old_memory, NULL, "");
}

static void index_used_again_too_early(void)
{
    begin();
    put(INDEX, 0, 0);
    put(INDEX, RAISES(OTHER, 0), FROM(OTHER_DEVICE));
}

static void index_used_again_after_another_was_forgotten(void)
{
    begin();
    put(INDEX, 0, 0);
    forget(INDEX + 1);
    put(INDEX, RAISES(OTHER, 0), FROM(OTHER_DEVICE));
}

static void index_used_again_while_it_is_posted(void)
{
    begin();
    put(INDEX, 0, 0);
    iommu_post(FORGET_ENTRY(INDEX), 0);
    put(INDEX, RAISES(OTHER, 0), FROM(OTHER_DEVICE));
}

static void another_vector_of_the_same_device(void)
{
    begin();
    mini_expect(hal_irq_message_open(OTHER + 1, DEVICE(iommu_tried)));
    iommu_put(table, 2 * INDEX, RAISES(OTHER + 1, 0));
}

static void stale_entry_of_a_closed_message(void)
{
    begin();
    put(INDEX, 0, 0);
    hal_irq_message_close(OWN);
    audits_badly();
    mini_expect(sends(INDEX) && came(OWN)); /* delivered, and reported */
}

static void D4_missed_forgetting_is_reported(void **state)
{
    (void)state;
    iommu_run_intel(index_used_again_too_early, "D4: interrupt entry 7 is used again");
    iommu_run_intel(index_used_again_after_another_was_forgotten, "D4: interrupt entry 7 is used again");
    iommu_run_intel(index_used_again_while_it_is_posted, "D4: interrupt entry 7 is used again");
    iommu_run_intel(another_vector_of_the_same_device, "D4: interrupt entry 7 is used again");
    iommu_run_intel(stale_entry_of_a_closed_message, "D4: device");
}

/* --- What a driver must not do --- */

static void entry_of_nobody(void)
{
    begin();
    put(INDEX + 1, RAISES(OTHER, 0), FROM(DEVICE(iommu_tried))); /* another's vector */
    forget(INDEX + 1);
    audits_badly();
    mini_expect(sends(INDEX + 1));
}

static void entry_that_stays(void)
{
    begin();
    hal_irq_message_close(OWN);
    audits_badly();
    mini_expect(sends(INDEX));
}

static void exception_vector(void)
{
    begin();
    put(INDEX + 1, UINT64_C(1) | 14 << 16 | (uint64_t)ioapic_apic_id(0) << 40, FROM(DEVICE(iommu_tried)));
    forget(INDEX + 1);
    mini_expect(sends(INDEX + 1));
}

static void anyone_passes(void)
{
    begin();
    put(INDEX + 1, RAISES(OWN, 0), DEVICE(iommu_tried));
}

static void lowest_priority(void)
{
    begin();
    put(INDEX + 1, RAISES(OWN, 0) | 1 << 5, FROM(DEVICE(iommu_tried)));
}

static void all_cpus(void)
{
    begin();
    put(INDEX + 1, RAISES(OWN, 0) | UINT64_C(0xff) << 40, FROM(DEVICE(iommu_tried)));
}

static void half_an_entry(void)
{
    begin();
    iommu_put(table, 2 * INDEX + 1, FROM(OTHER_DEVICE));
}

static void table_that_is_not_forgotten(void)
{
    begin();
    use_table();
    audits_badly();
    mini_expect(send(OTHER_DEVICE, WINDOW | ioapic_apic_id(0) << 12, (uint32_t)VECTOR(OTHER)) && came(OTHER));
    iommu_do(FORGET_INTERRUPTS, 0);
    mini_expect(!send(OTHER_DEVICE, WINDOW | ioapic_apic_id(0) << 12, (uint32_t)VECTOR(OTHER)));
}

static void remapping_switched_off(void)
{
    begin();
    iommu_command(REMAPS, false);
    audits_badly();
    mini_expect(send(OTHER_DEVICE, WINDOW | ioapic_apic_id(0) << 12, (uint32_t)VECTOR(OTHER)) && came(OTHER));
}

static void old_format_let_through(void)
{
    begin();
    iommu_command(OLD_FORMAT, true);
    audits_badly();
    mini_expect(send(OTHER_DEVICE, WINDOW | ioapic_apic_id(0) << 12, (uint32_t)VECTOR(OTHER)) && came(OTHER));
}

static void table_is_no_table(void)
{
    begin();
    table = mini_take_frame(HAL_FRAME_UNTYPED);
    use_table();
}

static void D4_planted_mistakes_are_reported(void **state)
{
    (void)state;
    iommu_run_intel(entry_of_nobody, "D4: device");
    iommu_run_intel(entry_that_stays, "D4: device");
    iommu_run_intel(exception_vector, "D4: device");
    iommu_run_intel(anyone_passes, "D4: interrupt entry 8 lets pass more");
    iommu_run_intel(lowest_priority, "D4: interrupt entry 8 is not of fixed");
    iommu_run_intel(all_cpus, "D4: interrupt entry 8 goes to no CPU");
    iommu_run_intel(half_an_entry, "HAL: check_edit: half");
    iommu_run_intel(table_that_is_not_forgotten, "");
    iommu_run_intel(remapping_switched_off, "HAL: write_command");
    iommu_run_intel(old_format_let_through, "HAL: write_command");
    iommu_run_intel(table_is_no_table, "HAL: vtd_interrupts_give");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D4_device_raises_what_its_entry_says),
        cmocka_unit_test(D4_other_units_and_entries),
        cmocka_unit_test(D4_what_is_cached_is_used_until_it_is_forgotten),
        cmocka_unit_test(D4_missed_forgetting_is_reported),
        cmocka_unit_test(D4_planted_mistakes_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

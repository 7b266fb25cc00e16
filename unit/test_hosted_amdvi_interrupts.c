/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt remapping of AMD's units of the hosted machine (hal/hosted/amdvi_interrupts.c, amdvi_message.c),
 * told what to do by their registers: who may raise what, what is used until it is forgotten, and planted
 * mistakes that the model promises to see.
 */
#include "hal/cpu.h"
#include "hal/ioapic.h"
#include "hosted_amdvi.h"

#define WINDOW UINT64_C(0xfee00000)
/* The driver's tables: not in use, since it has none open. */
#define TABLE(n)       ((UINT64_C(1) << 41) + AMDVI_TABLE_SIZE + (n) * UINT64_C(1024))
#define BLOCKED        UINT64_C(1)
#define COUNTS(length) (UINT64_C(1) | (uint64_t)(length) << 1 | UINT64_C(2) << 60)
#define GOES_BY(n)     (TABLE(n) | COUNTS(8))
#define AS_SENT        (UINT64_C(1) | UINT64_C(1) << 60)
#define PAGE_FAULT     2u

#define OWN          50u
#define OTHER        51u /* of another device of the unit */
#define VECTOR(n)    (IOAPIC_VECTOR_FIRST + (n))
#define DEV          DEVICE(iommu_tried)
#define OTHER_DEVICE ((uint16_t)(DEV ^ 1))
#define RAISES(source, cpu)                                                                                  \
    (UINT32_C(1) | (uint32_t)ioapic_apic_id(cpu) << 8 | (uint32_t)VECTOR(source) << 16)

/* Violations are those of each of AMD's units. */
static void run(void (*body)(void), const char *violation)
{
    for (iommu_tried = AMD_FIRST; iommu_tried < UNITS_TRIED; iommu_tried++) {
        iommu_run_tried(&mini_small, body, violation);
    }
}

static void set_word(uint16_t device, uint64_t word)
{
    remap_store(hal_paddr(amdvi_device_at(device).value + 16), word);
}

static void put(unsigned table, unsigned index, uint32_t entry)
{
    hal_paddr_t at = hal_paddr(TABLE(table) + index / 2 * UINT64_C(8));
    uint64_t kept = remap_load(at) & ~((uint64_t)UINT32_MAX << index % 2 * 32);
    remap_store(at, kept | (uint64_t)entry << index % 2 * 32);
}

static void fence(void)
{
    uint32_t ticket = iommu_post_wait();
    while (!iommu_is_done(ticket)) {
    }
}

static void forget_entries(uint16_t device)
{
    iommu_post_amd(AMD_ENTRIES(device), 0);
    fence();
}

static void forget_device(uint16_t device)
{
    iommu_post_amd(AMD_SOURCE(device), 0);
    fence();
}

static void forget(uint16_t device)
{
    forget_device(device);
    forget_entries(device);
}

/* The device may raise its source on this CPU. */
static void begin(void)
{
    iommu_unit = iommu_tried % 2;
    iommu_queue_begin();
    mini_expect(hal_irq_message_open(OWN, DEV) && hal_irq_message_open(OTHER, OTHER_DEVICE));
    put(0, VECTOR(OWN), RAISES(OWN, 0));
    set_word(DEV, GOES_BY(0));
    forget(DEV);
}

static bool sends(uint16_t device, uint32_t data)
{
    return hosted_message(device, WINDOW, data);
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

static bool raises_its_own(void)
{
    return sends(DEV, VECTOR(OWN)) && came(OWN);
}

static bool blocked(uint16_t device, uint32_t data)
{
    return !sends(device, data) && amdvi_last_event() == PAGE_FAULT;
}

static void audits(bool well)
{
    uint32_t before = mini_audit_lines;
    mini_audit();
    mini_expect(mini_audit_lines == before + (well ? 0 : 1));
}

/* --- Who may raise what --- */

static void passes_or_not(void)
{
    uint32_t data = VECTOR(OWN);
    begin();
    mini_expect(raises_its_own());
    mini_expect(sends(DEV, VECTOR(OWN) | 1 << 14) &&
                came(OWN)); /* as it pleases, but for what is looked at */
    mini_expect(hosted_dma(DEV, WINDOW, &data, sizeof data, true) && came(OWN));
    mini_expect(amdvi_last_event() == 0);
    mini_expect(blocked(OTHER_DEVICE, VECTOR(OWN)) && blocked(DEV, VECTOR(OTHER)) && blocked(DEV, 14));
    mini_expect(blocked(DEV, VECTOR(OWN) | 0x100)); /* beyond the table */
    for (unsigned type = 2; type < 8; type++) {
        mini_expect(blocked(DEV, VECTOR(OWN) | type << 8)); /* SMI, NMI, INIT, ExtINT */
    }
    mini_expect(!hosted_message(DEV, WINDOW | ioapic_apic_id(0) << 12, VECTOR(OWN)));
    mini_expect(!hosted_message(DEV, UINT64_C(0x1fee00000), VECTOR(OWN)));
    put(0, VECTOR(OWN), RAISES(OWN, 1));
    forget_entries(DEV);
    uint32_t before = atomic_u32_load_acquire(&mini_irq_count);
    mini_expect(sends(DEV, VECTOR(OWN)));
    while (atomic_u32_load_acquire(&mini_irq_count) == before) {
        hal_point(HAL_POINT_RELAX, NULL);
    }
    mini_expect(atomic_u32_load_acquire(&mini_irq_cpu) == 1);
    audits(true);
}

/* With neither I/O APICs that firmware knows, nor any unit. */
static void nothing_is_remapped(void)
{
    mini_expect(hosted_message(DEVICE(0), WINDOW | ioapic_apic_id(0) << 12, VECTOR(OWN)) && came(OWN));
    mini_expect(!amdvi_remaps_interrupts());
    audits(true);
}

static void D4_device_raises_what_its_table_says(void **state)
{
    struct hosted_config config = mini_small;
    (void)state;
    run(passes_or_not, "");
    config.iommu = HOSTED_IOMMU_AMD | HOSTED_IOMMU_OLD_INTERRUPTS;
    mini_run_showing(&config, nothing_is_remapped, NULL, "");
    config.iommu = HOSTED_IOMMU_AMD | HOSTED_IOMMU_NONE;
    mini_run_showing(&config, nothing_is_remapped, NULL, "");
}

/* --- What is cached --- */

static void entries_are_used_until_forgotten(void)
{
    begin();
    put(0, VECTOR(OWN), 0);
    mini_expect(raises_its_own());
    forget(OTHER_DEVICE);
    forget_device(DEV);
    mini_expect(raises_its_own());
    iommu_post_amd(AMD_ENTRIES(DEV), 0);
    mini_expect(raises_its_own()); /* it is only posted */
    fence();
    mini_expect(blocked(DEV, VECTOR(OWN)));
    put(0, VECTOR(OWN), RAISES(OWN, 0));
    mini_expect(blocked(DEV, VECTOR(OWN))); /* that there is none is cached as well */
    iommu_post_amd(AMD_ALL, 0);
    fence();
    mini_expect(raises_its_own());
    audits(true);
}

static void tables_are_used_until_forgotten(void)
{
    begin();
    set_word(DEV, BLOCKED);
    mini_expect(raises_its_own());
    forget_entries(DEV);
    mini_expect(raises_its_own()); /* found by what it has of the device table */
    iommu_post_amd(AMD_SOURCE(DEV), 0);
    mini_expect(raises_its_own());
    fence();
    mini_expect(blocked(DEV, VECTOR(OWN)));
    put(0, VECTOR(OWN), 0);
    set_word(DEV, GOES_BY(0));
    forget_device(DEV);
    mini_expect(raises_its_own()); /* it may have cached entries before it forgot that */
    set_word(DEV, BLOCKED);
    forget(DEV);
    put(0, VECTOR(OTHER), RAISES(OTHER, 0));
    set_word(OTHER_DEVICE, GOES_BY(0));                /* the table is free */
    mini_expect(blocked(OTHER_DEVICE, VECTOR(OTHER))); /* that it has none is cached */
    forget(OTHER_DEVICE);
    mini_expect(sends(OTHER_DEVICE, VECTOR(OTHER)) && came(OTHER) && blocked(DEV, VECTOR(OTHER)));
    audits(true);
}

/* Entries that it found by the device table are cached for themselves. */
static void entries_outlive_their_table(void)
{
    begin();
    set_word(DEV, BLOCKED);
    forget_device(DEV);
    mini_expect(blocked(DEV, VECTOR(OWN)));
    put(0, VECTOR(OWN), 0);
    set_word(DEV, GOES_BY(0));
    forget_device(DEV);
    mini_expect(raises_its_own());
    forget_entries(DEV);
    mini_expect(blocked(DEV, VECTOR(OWN)));
}

/* By an entry of the device table that is cached still, entries are cached again. */
static void forgotten_in_the_wrong_order(void)
{
    begin();
    set_word(DEV, BLOCKED);
    forget_entries(DEV);
    forget_device(DEV);
    hal_irq_message_close(OWN);
    audits(false);
}

static void D4_what_is_cached_is_used_until_it_is_forgotten(void **state)
{
    (void)state;
    run(entries_are_used_until_forgotten, "");
    run(tables_are_used_until_forgotten, "");
    run(entries_outlive_their_table, "");
    run(forgotten_in_the_wrong_order, "");
}

static void table_used_again_too_early(void)
{
    begin();
    put(0, VECTOR(OWN), 0);
    set_word(DEV, BLOCKED);
    forget_entries(DEV);
    set_word(OTHER_DEVICE, GOES_BY(0));
}

static void entry_in_a_table_that_may_be_cached(void)
{
    begin();
    put(0, VECTOR(OWN), 0);
    set_word(DEV, BLOCKED);
    forget_entries(DEV);
    put(0, VECTOR(OTHER), RAISES(OTHER, 0));
}

static void table_used_again_while_it_is_posted(void)
{
    begin();
    set_word(DEV, BLOCKED);
    iommu_post_amd(AMD_SOURCE(DEV), 0);
    set_word(OTHER_DEVICE, GOES_BY(0));
}

static void two_have_a_table(void)
{
    begin();
    set_word(OTHER_DEVICE, GOES_BY(0));
}

static void another_vector_by_the_same_entry(void)
{
    begin();
    mini_expect(hal_irq_message_open(OTHER + 1, DEV));
    put(0, VECTOR(OWN), RAISES(OTHER + 1, 0));
}

static void stale_entry_of_a_closed_message(void)
{
    begin();
    put(0, VECTOR(OWN), 0);
    hal_irq_message_close(OWN);
    audits(false);
    mini_expect(raises_its_own()); /* delivered, and reported */
}

static void D4_missed_forgetting_is_reported(void **state)
{
    (void)state;
    run(table_used_again_too_early, "D4: interrupt table 0 is used again");
    run(entry_in_a_table_that_may_be_cached, "D4: interrupt table 0 is used again");
    run(table_used_again_while_it_is_posted, "D4: interrupt table 0 is used again");
    run(two_have_a_table, "D4: devices ");
    run(another_vector_by_the_same_entry, "D4: interrupt entry 114 is used again");
    run(stale_entry_of_a_closed_message, "D4: device ");
}

/* --- What a driver must not do --- */

static void entry_of_nobody(void)
{
    begin();
    put(0, VECTOR(OTHER), RAISES(OTHER, 0)); /* another's vector */
    forget_entries(DEV);
    audits(false);
    mini_expect(sends(DEV, VECTOR(OTHER)));
}

static void entry_that_stays(void)
{
    begin();
    hal_irq_message_close(OWN);
    audits(false);
    mini_expect(raises_its_own());
}

static void exception_vector(void)
{
    begin();
    put(0, 14, UINT32_C(1) | ioapic_apic_id(0) << 8 | 14 << 16);
    forget_entries(DEV);
    mini_expect(sends(DEV, 14));
}

static void lowest_priority(void)
{
    begin();
    put(0, VECTOR(OTHER), RAISES(OTHER, 0) | 1 << 2);
    forget_entries(DEV);
    mini_expect(blocked(DEV, VECTOR(OTHER))); /* Keel's own would not be */
}

static void all_cpus(void)
{
    begin();
    put(0, VECTOR(OTHER), RAISES(OTHER, 0) | 0xff << 8);
}

static void passes_as_sent(uint64_t word, uint32_t data)
{
    begin();
    set_word(OTHER_DEVICE, word);
    audits(false);
    forget(OTHER_DEVICE);
    mini_expect(hosted_message(OTHER_DEVICE, WINDOW | ioapic_apic_id(0) << 12, data) && came(OTHER));
}

static void not_valid(void)
{
    passes_as_sent(0, VECTOR(OTHER));
}

static void passed_on(void)
{
    passes_as_sent(AS_SENT, VECTOR(OTHER));
}

static void nmi_passed_on(void)
{
    passes_as_sent(BLOCKED | UINT64_C(1) << 58, VECTOR(OTHER) | 4 << 8);
}

static void another_length(void)
{
    begin();
    set_word(OTHER_DEVICE, TABLE(1) | COUNTS(7));
}

static void table_elsewhere(void)
{
    begin();
    set_word(OTHER_DEVICE, mini_take_frame(HAL_FRAME_UNTYPED).value | COUNTS(8));
    forget(OTHER_DEVICE);
    mini_expect(blocked(OTHER_DEVICE, VECTOR(OTHER)));
}

static void reserved_bits(void)
{
    begin();
    set_word(OTHER_DEVICE, BLOCKED | UINT64_C(1) << 52);
}

static void device_table_that_is_set_again(void)
{
    begin();
    amdvi_write(iommu_unit, AMD_TABLE, amdvi_device_at(0).value | 511);
    audits(false);
    mini_expect(hosted_message(OTHER_DEVICE, WINDOW | ioapic_apic_id(0) << 12, VECTOR(OTHER)) && came(OTHER));
    forget(OTHER_DEVICE);
    mini_expect(hosted_message(OTHER_DEVICE, WINDOW | ioapic_apic_id(0) << 12, VECTOR(OTHER)) && came(OTHER));
    iommu_post_amd(AMD_ALL, 0);
    fence();
    mini_expect(blocked(OTHER_DEVICE, VECTOR(OTHER)));
    audits(true);
}

static void D4_planted_mistakes_are_reported(void **state)
{
    (void)state;
    run(entry_of_nobody, "D4: device");
    run(entry_that_stays, "D4: device");
    run(exception_vector, "D4: device");
    run(lowest_priority, "D4: interrupt entry 115 is not of fixed");
    run(all_cpus, "D4: interrupt entry 115 goes to no CPU");
    run(not_valid, "D4: the device table's entry lets device");
    run(passed_on, "D4: the device table's entry lets device");
    run(nmi_passed_on, "D4: the device table's entry lets device");
    run(another_length, "HAL: amdvi_interrupts_edit_word: the table of interrupts is not the driver's");
    run(table_elsewhere, "HAL: amdvi_interrupts_edit_word: the table of interrupts is not the driver's");
    run(reserved_bits, "HAL: amdvi_interrupts_edit_word: reserved bits");
    run(device_table_that_is_set_again, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D4_device_raises_what_its_table_says),
        cmocka_unit_test(D4_what_is_cached_is_used_until_it_is_forgotten),
        cmocka_unit_test(D4_missed_forgetting_is_reported),
        cmocka_unit_test(D4_planted_mistakes_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

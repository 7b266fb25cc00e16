/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI: the multiple APIC description table (ACPI 6.4, 5.2.12). See hal/acpi.h.
 */
#include "acpi_bytes.h"

enum {
    MADT_LOCAL_APIC = 36,
    MADT_ENTRIES = 44,
};

/* Entry types and their sizes (table 5.21). */
enum {
    ENTRY_HEADER_SIZE = 2,
    ENTRY_LOCAL_APIC = 0,
    ENTRY_LOCAL_APIC_SIZE = 8,
    ENTRY_IOAPIC = 1,
    ENTRY_IOAPIC_SIZE = 12,
    ENTRY_SOURCE_OVERRIDE = 2,
    ENTRY_SOURCE_OVERRIDE_SIZE = 10,
    ENTRY_NMI_SOURCE = 3,
    ENTRY_NMI_SOURCE_SIZE = 8,
    ENTRY_ADDRESS_OVERRIDE = 5,
    ENTRY_ADDRESS_OVERRIDE_SIZE = 12,
    ENTRY_X2APIC = 9,
    ENTRY_X2APIC_SIZE = 16,
    ENTRY_SIZE_MAX = 16, /* of what is read here */
};

#define FLAG_ENABLED UINT32_C(1)

static void add_cpu(struct acpi_cpus *cpus, uint32_t apic_id, uint32_t flags)
{
    if ((flags & FLAG_ENABLED) == 0) {
        return;
    }
    for (unsigned i = 0; i < cpus->listed_count; i++) {
        if (cpus->apic_id[i] == apic_id) {
            return;
        }
    }
    cpus->enabled_count++;
    if (cpus->listed_count < HAL_CPU_MAX) {
        cpus->apic_id[cpus->listed_count++] = apic_id;
    }
}

/* The bytes that an entry of this type must have; 0: a type of no interest. */
static uint32_t size_needed(uint8_t type)
{
    switch (type) {
    case ENTRY_LOCAL_APIC:
        return ENTRY_LOCAL_APIC_SIZE;
    case ENTRY_IOAPIC:
        return ENTRY_IOAPIC_SIZE;
    case ENTRY_SOURCE_OVERRIDE:
        return ENTRY_SOURCE_OVERRIDE_SIZE;
    case ENTRY_NMI_SOURCE:
        return ENTRY_NMI_SOURCE_SIZE;
    case ENTRY_ADDRESS_OVERRIDE:
        return ENTRY_ADDRESS_OVERRIDE_SIZE;
    case ENTRY_X2APIC:
        return ENTRY_X2APIC_SIZE;
    default:
        return 0;
    }
}

static void take_cpu(void *context, const uint8_t *entry)
{
    struct acpi_cpus *cpus = context;

    switch (entry[0]) {
    case ENTRY_LOCAL_APIC:
        add_cpu(cpus, entry[3], acpi_le32(entry + 4));
        break;
    case ENTRY_ADDRESS_OVERRIDE:
        cpus->local_apic = acpi_le64(entry + 4);
        break;
    case ENTRY_X2APIC:
        add_cpu(cpus, acpi_le32(entry + 4), acpi_le32(entry + 8));
        break;
    default:
        break;
    }
}

/* Hands every entry of a type of interest to `take`. False: the table is broken from some entry on. */
static bool for_each_entry(const struct acpi_memory *memory, const struct acpi_table *madt,
                           void (*take)(void *context, const uint8_t *entry), void *context)
{
    uint32_t offset = MADT_ENTRIES;

    /* Each turn moves on by at least the two header bytes, so a table of bounded length ends the loop. */
    while (offset < madt->length) {
        uint8_t entry[ENTRY_SIZE_MAX] = {0};
        uint32_t needed;

        if (!acpi_read(memory, madt, offset, entry, ENTRY_HEADER_SIZE)) {
            return false;
        }
        if (entry[1] < ENTRY_HEADER_SIZE || entry[1] > madt->length - offset) {
            return false;
        }
        needed = size_needed(entry[0]);
        if (entry[1] < needed || !acpi_read(memory, madt, offset, entry, needed)) {
            return false;
        }
        if (needed != 0) {
            take(context, entry);
        }
        offset += entry[1];
    }
    return true;
}

bool acpi_parse_madt(const struct acpi_memory *memory, const struct acpi_table *madt, struct acpi_cpus *cpus)
{
    uint8_t address[4];

    cpus->local_apic = 0;
    cpus->enabled_count = 0;
    cpus->listed_count = 0;
    if (!acpi_read(memory, madt, MADT_LOCAL_APIC, address, sizeof(address)) || madt->length < MADT_ENTRIES) {
        return false;
    }
    cpus->local_apic = acpi_le32(address);
    return for_each_entry(memory, madt, take_cpu, cpus);
}

/* MPS INTI flags (table 5.26): 0 in either field means what is usual on the bus, which for ISA is an active
 * high edge. */
#define INTI_LOW   3u
#define INTI_LEVEL 3u

static void override_legacy(struct acpi_interrupts *interrupts, uint8_t irq, uint32_t source, uint16_t inti)
{
    if (irq < ACPI_LEGACY_IRQ_COUNT) {
        interrupts->legacy[irq].source = source;
        interrupts->legacy[irq].low = (inti & 3) == INTI_LOW;
        interrupts->legacy[irq].level = (inti >> 2 & 3) == INTI_LEVEL;
    }
}

static void take_interrupt(void *context, const uint8_t *entry)
{
    struct acpi_interrupts *interrupts = context;

    switch (entry[0]) {
    case ENTRY_IOAPIC:
        if (interrupts->ioapic_count < ACPI_IOAPICS_MAX) {
            interrupts->ioapics[interrupts->ioapic_count++] =
                (struct acpi_ioapic){acpi_le32(entry + 4), acpi_le32(entry + 8), entry[2]};
        } else {
            interrupts->ioapics_left_out++;
        }
        break;
    case ENTRY_SOURCE_OVERRIDE:
        override_legacy(interrupts, entry[3], acpi_le32(entry + 4), acpi_le16(entry + 8));
        break;
    case ENTRY_NMI_SOURCE:
        if (interrupts->nmi_count < ACPI_LEGACY_IRQ_COUNT) {
            interrupts->nmi[interrupts->nmi_count++] = acpi_le32(entry + 4);
        }
        break;
    default:
        break;
    }
}

bool acpi_parse_interrupts(const struct acpi_memory *memory, const struct acpi_table *madt,
                           struct acpi_interrupts *interrupts)
{
    interrupts->ioapic_count = 0;
    interrupts->ioapics_left_out = 0;
    interrupts->nmi_count = 0;
    for (unsigned irq = 0; irq < ACPI_LEGACY_IRQ_COUNT; irq++) {
        interrupts->legacy[irq] = (struct acpi_legacy_irq){.source = irq, .level = false, .low = false};
    }
    return for_each_entry(memory, madt, take_interrupt, interrupts);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The I/O APICs' registers, behind an index and a window (82093AA data sheet, 3.1), for hal/ioapic.h.
 */
#include "hal/ioapic.h"

#include "parts.h"
#include "percpu.h"

_Static_assert(IOAPIC_VECTOR_FIRST > X86_VECTOR_PIC + 15 &&
                   IOAPIC_VECTOR_FIRST + HAL_IRQ_SOURCES_MAX <= X86_VECTOR_TIMER,
               "vectors of sources are nobody else's");
_Static_assert(X86_FIXED_IOMMU - X86_FIXED_IOAPIC == ACPI_IOAPICS_MAX, "each unit has a page");

enum {
    WINDOW = 0x10 / 4, /* what the index, in the first register, names */
    END = 0x40 / 4,    /* of an interrupt: its vector */
    REGISTERS_SIZE = 0x44,
};

static volatile uint32_t *units[ACPI_IOAPICS_MAX]; /* NULL: firmware names no registers there */

uint32_t ioapic_read(unsigned unit, uint8_t index)
{
    if (units[unit] == NULL) {
        return UINT32_MAX;
    }
    units[unit][0] = index;
    return units[unit][WINDOW];
}

void ioapic_write(unsigned unit, uint8_t index, uint32_t value)
{
    units[unit][0] = index;
    units[unit][WINDOW] = value;
}

void ioapic_write_end(unsigned unit, uint8_t vector)
{
    units[unit][END] = vector;
}

uint32_t ioapic_apic_id(unsigned cpu)
{
    return x86_cpu_at(cpu)->apic_id;
}

void x86_ioapic_init(const struct acpi_interrupts *interrupts)
{
    for (unsigned unit = 0; unit < interrupts->ioapic_count && unit < ACPI_IOAPICS_MAX; unit++) {
        const uint64_t address = interrupts->ioapics[unit].address;

        if (address % 4 == 0 && address % HAL_PAGE_SIZE <= HAL_PAGE_SIZE - REGISTERS_SIZE &&
            x86_is_register(address)) {
            units[unit] = x86_map_registers(X86_FIXED_IOAPIC + unit, address);
        } else {
            x86_print("keel: the I/O APIC at %x is no device's\n", address);
        }
    }
    if (interrupts->ioapics_left_out != 0) {
        x86_print("keel: irq: WARNING: %u I/O APICs more than there is room for: they stay as firmware left "
                  "them\n",
                  (uint64_t)interrupts->ioapics_left_out);
    }
    ioapic_init(interrupts);
}

struct hal_irq_counts hal_irq_counts(unsigned cpu)
{
    const struct x86_cpu *of = x86_cpu_at(cpu);

    return (struct hal_irq_counts){.nmi = *(const volatile uint64_t *)&of->nmi_count,
                                   .stray = *(const volatile uint64_t *)&of->stray_interrupt_count};
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/remap_interrupt.h: at most one maker's driver remaps interrupts.
 */
#include "hal/remap_interrupt.h"

#include "hal/amdvi.h"
#include "hal/vtd.h"

/* VT-d specification 4.0, 5.1.5.1. */
#define VTD_ENTRY_REMAPPED (UINT32_C(1) << 16)
#define VTD_ENTRY_INDEX    17

bool remap_interrupts_on(void)
{
    return amdvi_remaps_interrupts() || vtd_remaps_interrupts();
}

bool remap_interrupt_can_hold(uint16_t source_id)
{
    return !amdvi_remaps_interrupts() || amdvi_interrupt_can_hold(source_id);
}

bool remap_interrupt_set(unsigned source, uint16_t source_id, uint8_t vector, uint32_t apic_id, bool level)
{
    return amdvi_remaps_interrupts() ? amdvi_interrupt_set(source, source_id, apic_id)
                                     : vtd_interrupt_set(source, source_id, vector, apic_id, level);
}

bool remap_interrupt_clear(unsigned source)
{
    return amdvi_remaps_interrupts() ? amdvi_interrupt_clear(source) : vtd_interrupt_clear(source);
}

bool remap_interrupt_is_set(unsigned source)
{
    return amdvi_remaps_interrupts() ? amdvi_interrupt_is_set(source) : vtd_interrupt_is_set(source);
}

bool remap_interrupt_is_for(unsigned source, uint16_t source_id)
{
    return amdvi_remaps_interrupts() ? amdvi_interrupt_is_for(source, source_id)
                                     : vtd_interrupt_is_for(source, source_id);
}

void remap_interrupt_message(unsigned source, uint64_t *address, uint32_t *data)
{
    if (amdvi_remaps_interrupts()) {
        amdvi_interrupt_message(source, address, data);
    } else {
        vtd_interrupt_message(source, address, data);
    }
}

bool remap_ioapic_source(uint8_t id, uint16_t *source_id)
{
    return amdvi_remaps_interrupts() ? amdvi_ioapic_source(id, source_id) : vtd_ioapic_source(id, source_id);
}

/* AMD's go by the vector, which stands in the low half; the destination is left out. */
uint32_t remap_ioapic_entry(unsigned source)
{
    return amdvi_remaps_interrupts() ? 0 : VTD_ENTRY_REMAPPED | source << VTD_ENTRY_INDEX;
}

bool remap_ioapic_loses_levels(void)
{
    return amdvi_remaps_interrupts();
}

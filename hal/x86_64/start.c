/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From the loader to core, on the boot CPU. The order matters: a console and an IDT first, so that any
 * mistake has a report; own page tables next, so that the loader's memory is no longer needed; then
 * everything else.
 */
#include "hal/boot.h"
#include "hal/machine.h"
#include "insn.h"
#include "parts.h"

static void leave_loader(const struct handoff *handoff)
{
    x86_memory_init(handoff);
    x86_tables_init(handoff);
}

/* What needs memory of the backend's own, and then the memory map, which says what is left. */
static void collect(const struct handoff *handoff, struct hal_boot *boot)
{
    struct acpi_cpus cpus;
    struct acpi_interrupts interrupts;

    x86_symbols_init(x86_physical(handoff->kernel_file.base), handoff->kernel_file.size);
    x86_firmware_init(handoff->rsdp, &cpus, &interrupts);
    x86_apic_init(); /* before it is asked which registers no device of firmware's may reach */
    x86_iommu_init(handoff, &interrupts);
    boot->cpus_present = x86_cpus_init(&cpus);
    x86_ioapic_init(&interrupts);
    x86_pci_init();
    vtd_cover();
    x86_secondaries_prepare(handoff);
    x86_regions_init(handoff, boot);
}

static void start_devices(struct hal_boot *boot)
{
    x86_power_init(boot->command_line, boot->command_line_size);
    x86_timer_init(x86_clock_init(boot->command_line, boot->command_line_size));
    boot->wall_time = x86_wall_time();
    x86_control_report(0);
    x86_secondaries_start();
}

void x86_start(uint64_t handoff_address)
{
    static struct hal_boot boot;
    const struct handoff *handoff = (const struct handoff *)handoff_address;

    x86_serial_init();
    x86_features_find();
    x86_descriptors_init();
    x86_control_init();
    leave_loader(handoff);
    handoff = x86_physical(handoff_address);
    x86_syscall_init();
    x86_vector_registers_init();
    collect(handoff, &boot);
    start_devices(&boot);
    hal_upcall_boot(&boot);
}

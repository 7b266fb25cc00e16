/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What ACPI says, read once at start-up. A machine without usable tables still runs: with one CPU, with time
 * measured by the 8254, without a century in its date, and without soft power-off.
 */
#include <string.h>

#include "hal/machine.h"
#include "parts.h"

struct acpi_power x86_power;
bool x86_can_sleep;
uint8_t x86_sleep_type[2];
uint64_t x86_hpet_address;
struct acpi_dmar x86_dmar;
struct acpi_ivrs x86_ivrs;
struct acpi_ecam x86_ecam;
struct x86_range x86_ecam_windows[ACPI_ECAM_WINDOWS_MAX];
unsigned x86_ecam_window_count;

/* Tables lie in RAM that the linear map holds, or they are not read. */
static bool read_physical(void *context, uint64_t physical, void *to, size_t size)
{
    (void)context;
    if (!x86_memory_is_mapped(physical, size)) {
        return false;
    }
    memcpy(to, x86_physical(physical), size);
    return true;
}

static const struct acpi_memory memory = {read_physical, NULL};

/* The MADT says both. */
static void read_cpus(const struct acpi_root *root, struct acpi_cpus *cpus,
                      struct acpi_interrupts *interrupts)
{
    struct acpi_table madt;

    if (!acpi_find_table(&memory, root, "APIC", 0, &madt)) {
        x86_print("keel: ACPI has no usable MADT; other CPUs and interrupt lines stay unknown\n");
    } else if (!acpi_parse_madt(&memory, &madt, cpus) || !acpi_parse_interrupts(&memory, &madt, interrupts)) {
        x86_print("keel: the ACPI MADT is broken; other CPUs and interrupt lines may stay unknown\n");
    }
}

static void read_power(const struct acpi_root *root)
{
    struct acpi_table fadt, dsdt;

    if (!acpi_find_table(&memory, root, "FACP", 0, &fadt) || !acpi_parse_fadt(&memory, &fadt, &x86_power)) {
        x86_print("keel: ACPI has no usable FADT; no soft power-off\n");
        return;
    }
    x86_can_sleep = x86_power.pm1a_control != 0 && acpi_check_table(&memory, x86_power.dsdt, "DSDT", &dsdt) &&
                    acpi_find_s5(&memory, &dsdt, x86_sleep_type);
}

static void read_hpet(const struct acpi_root *root)
{
    struct acpi_table hpet;

    if (acpi_find_table(&memory, root, "HPET", 0, &hpet) &&
        !acpi_parse_hpet(&memory, &hpet, &x86_hpet_address)) {
        x86_print("keel: ACPI names no usable HPET\n");
        x86_hpet_address = 0;
    }
}

/* What follows in a broken table may be one more unit. */
static void read_dmar(const struct acpi_root *root)
{
    struct acpi_table dmar;

    if (acpi_find_table(&memory, root, "DMAR", 0, &dmar) && !acpi_parse_dmar(&memory, &dmar, &x86_dmar)) {
        x86_print("keel: iommu: WARNING: the ACPI DMAR is broken; more units may stay unknown\n");
        x86_dmar.units_left_out++;
    }
}

static void read_ivrs(const struct acpi_root *root)
{
    struct acpi_table ivrs;

    if (acpi_find_table(&memory, root, "IVRS", 0, &ivrs) && !acpi_parse_ivrs(&memory, &ivrs, &x86_ivrs)) {
        x86_print("keel: iommu: WARNING: the ACPI IVRS is broken; more units may stay unknown\n");
        x86_ivrs.units_left_out++;
    }
}

static void read_ecam(const struct acpi_root *root)
{
    struct acpi_table mcfg;
    uint64_t first, last;

    if (!acpi_find_table(&memory, root, "MCFG", 0, &mcfg)) {
        return;
    }
    while (acpi_mcfg_window(&memory, &mcfg, x86_ecam_window_count, &first, &last)) {
        x86_ecam_windows[x86_ecam_window_count++] = (struct x86_range){first, last + 1};
    }
    if (!acpi_parse_mcfg(&memory, &mcfg, &x86_ecam)) {
        x86_print("keel: ACPI names no usable PCI configuration space\n");
        x86_ecam.address = 0;
    }
}

void x86_firmware_init(uint64_t rsdp, struct acpi_cpus *cpus, struct acpi_interrupts *interrupts)
{
    struct acpi_root root;

    memset(cpus, 0, sizeof(*cpus));
    memset(interrupts, 0, sizeof(*interrupts));
    if (!acpi_find_root(&memory, rsdp, &root)) {
        x86_print("keel: no usable ACPI tables\n");
        return;
    }
    read_cpus(&root, cpus, interrupts);
    read_power(&root);
    read_hpet(&root);
    read_dmar(&root);
    read_ivrs(&root);
    read_ecam(&root);
}

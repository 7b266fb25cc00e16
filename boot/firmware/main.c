/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the firmware leaves to be done on a machine that it knows too little of: OVMF in Bochs makes no ACPI
 * tables and leaves the I/O APIC off. Stands as BOOTX64.EFI before Keel's loader, which it starts:
 *
 *   \keel\acpi.bin    the tables (boot/acpi_tables.py), installed
 *   \keel\x2apic      if there is such a file, the local APIC is switched to x2APIC mode
 *   \keel\loader.efi  Keel's loader
 */
#include "../loader/loader.h"

#define TABLES_SIZE_MAX LOADER_PAGE_SIZE
#define LOADER_SIZE_MAX (UINT64_C(16) << 20)
#define RSDP_XSDT       24u /* ACPI 6.4, table 5.3 */

static EFI_GUID acpi_20_guid = ACPI_20_TABLE_GUID;
static EFI_GUID loaded_image_guid = LOADED_IMAGE_PROTOCOL;

/* The tables name their own addresses: those of the page that the XSDT is in, with the root pointer first. */
static EFI_STATUS install_tables(const struct loader *loader)
{
    struct handoff_range file;
    EFI_PHYSICAL_ADDRESS page;
    EFI_STATUS status = loader_read_file(loader, L"\\keel\\acpi.bin", TABLES_SIZE_MAX, &file);

    if (EFI_ERROR(status) || file.size < RSDP_XSDT + sizeof(page)) {
        loader_say(loader, "\\keel\\acpi.bin cannot be read", NULL);
        return EFI_LOAD_ERROR;
    }
    memcpy(&page, (const unsigned char *)file.base + RSDP_XSDT, sizeof(page));
    page -= page % LOADER_PAGE_SIZE;
    status = loader->boot->AllocatePages(AllocateAddress, EfiACPIReclaimMemory, 1, &page);
    if (EFI_ERROR(status)) {
        loader_say(loader, "the memory for the ACPI tables is taken", NULL);
        return status;
    }
    memcpy((void *)page, (const void *)file.base, file.size);
    status = loader->boot->InstallConfigurationTable(&acpi_20_guid, (void *)page);
    if (EFI_ERROR(status)) {
        loader_say(loader, "the firmware does not take the ACPI tables", NULL);
    }
    return status;
}

static void write_port_32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

/* The APIC control register of the PIIX3, bus 0, device 1, function 0 (82371SB data sheet, 2.2). */
static void enable_ioapic(void)
{
    enum { ADDRESS = 0xcf8, DATA = 0xcfc, REGISTER = 0x4c, ENABLE = 1 << 24 };
    uint32_t value;

    write_port_32(ADDRESS, UINT32_C(0x80000000) | 1u << 11 | REGISTER);
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)DATA));
    write_port_32(DATA, value | ENABLE);
}

/* As firmware does it that hands over many CPUs (Intel SDM vol. 3A, 10.12.1). */
static void enter_x2apic(void)
{
    enum { APIC_BASE = 0x1b, X2APIC = 1 << 10 };
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(APIC_BASE));
    __asm__ volatile("wrmsr" : : "a"(low | X2APIC), "d"(high), "c"(APIC_BASE) : "memory");
}

/* The loader looks for its files where it thinks that it comes from. */
static EFI_STATUS start_loader(const struct loader *loader)
{
    struct handoff_range file;
    EFI_HANDLE image = NULL;
    EFI_LOADED_IMAGE *loaded;
    EFI_STATUS status = loader_read_file(loader, L"\\keel\\loader.efi", LOADER_SIZE_MAX, &file);

    if (!EFI_ERROR(status)) {
        status = loader->boot->LoadImage(FALSE, loader->image, NULL, (void *)file.base, file.size, &image);
    }
    if (!EFI_ERROR(status)) {
        status = loader->boot->HandleProtocol(image, &loaded_image_guid, (void **)&loaded);
    }
    if (EFI_ERROR(status)) {
        loader_say(loader, "\\keel\\loader.efi cannot be started", NULL);
        return status;
    }
    loaded->DeviceHandle = loader->volume;
    return loader->boot->StartImage(image, NULL, NULL);
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    struct loader loader;
    struct handoff_range nothing;
    EFI_STATUS status = loader_open(&loader, image, system);

    if (EFI_ERROR(status)) {
        return status;
    }
    status = install_tables(&loader);
    if (EFI_ERROR(status)) {
        return status;
    }
    enable_ioapic();
    if (!EFI_ERROR(loader_read_file(&loader, L"\\keel\\x2apic", 0, &nothing))) {
        enter_x2apic();
    }
    return start_loader(&loader);
}

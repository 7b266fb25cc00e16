/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the kernel wants to know of the firmware: the ACPI root pointer and the framebuffer.
 */
#include "loader.h"

static EFI_GUID acpi_20_guid = ACPI_20_TABLE_GUID;
static EFI_GUID acpi_10_guid = ACPI_TABLE_GUID;
static EFI_GUID graphics_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;

static uint64_t find_table(const struct loader *loader, const EFI_GUID *guid)
{
    for (UINTN i = 0; i < loader->system->NumberOfTableEntries; i++) {
        const EFI_CONFIGURATION_TABLE *table = &loader->system->ConfigurationTable[i];

        if (memcmp(&table->VendorGuid, guid, sizeof(*guid)) == 0) {
            return (uint64_t)table->VendorTable;
        }
    }
    return 0;
}

uint64_t loader_find_rsdp(const struct loader *loader)
{
    const uint64_t rsdp = find_table(loader, &acpi_20_guid);

    return rsdp != 0 ? rsdp : find_table(loader, &acpi_10_guid);
}

/* A machine without graphics, or with a mode that has no linear framebuffer, leaves the zeroes. */
void loader_find_framebuffer(const struct loader *loader, struct handoff_framebuffer *framebuffer)
{
    EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics = NULL;
    const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info;

    if (EFI_ERROR(loader->boot->LocateProtocol(&graphics_guid, NULL, (void **)&graphics))) {
        return;
    }
    if (graphics->Mode == NULL || graphics->Mode->Info == NULL) {
        return;
    }
    info = graphics->Mode->Info;
    if (info->PixelFormat >= PixelBltOnly) {
        return;
    }
    *framebuffer = (struct handoff_framebuffer){
        .base = graphics->Mode->FrameBufferBase,
        .size = graphics->Mode->FrameBufferSize,
        .width = info->HorizontalResolution,
        .height = info->VerticalResolution,
        .pixels_per_line = info->PixelsPerScanLine,
        .format = (uint32_t)info->PixelFormat,
    };
}

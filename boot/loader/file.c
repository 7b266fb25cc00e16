/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The volume that the loader was started from, and its files (UEFI 2.10, 13.4 and 13.5).
 */
#include "loader.h"

static EFI_GUID loaded_image_guid = LOADED_IMAGE_PROTOCOL;
static EFI_GUID file_system_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
static EFI_GUID file_info_guid = EFI_FILE_INFO_ID;

EFI_STATUS loader_open(struct loader *loader, EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    EFI_LOADED_IMAGE *loaded;
    EFI_STATUS status;

    *loader = (struct loader){.image = image, .system = system, .boot = system->BootServices};
    status = loader->boot->HandleProtocol(image, &loaded_image_guid, (void **)&loaded);
    if (EFI_ERROR(status)) {
        loader_say(loader, "the firmware does not say where this program comes from", NULL);
        return status;
    }
    loader->image_base = (uint64_t)loaded->ImageBase;
    loader->image_size = loaded->ImageSize;
    loader->volume = loaded->DeviceHandle;
    return EFI_SUCCESS;
}

/* The name follows the fixed part of EFI_FILE_INFO; ours are short. */
struct file_info {
    _Alignas(8) unsigned char bytes[sizeof(EFI_FILE_INFO) + 256 * sizeof(CHAR16)];
};

static EFI_STATUS file_size(EFI_FILE_PROTOCOL *file, uint64_t *size)
{
    struct file_info buffer;
    UINTN length = sizeof(buffer.bytes);
    const EFI_STATUS status = file->GetInfo(file, &file_info_guid, &length, buffer.bytes);

    if (!EFI_ERROR(status)) {
        *size = ((const EFI_FILE_INFO *)(const void *)buffer.bytes)->FileSize;
    }
    return status;
}

/* Firmware may answer with fewer bytes than asked for; an answer of none before the end is an error. */
static EFI_STATUS read_all(EFI_FILE_PROTOCOL *file, unsigned char *to, uint64_t size)
{
    while (size > 0) {
        UINTN part = size;
        const EFI_STATUS status = file->Read(file, &part, to);

        if (EFI_ERROR(status)) {
            return status;
        }
        if (part == 0 || part > size) {
            return EFI_DEVICE_ERROR;
        }
        to += part;
        size -= part;
    }
    return EFI_SUCCESS;
}

static EFI_STATUS read_opened(const struct loader *loader, EFI_FILE_PROTOCOL *file, uint64_t limit,
                              struct handoff_range *range)
{
    uint64_t size = 0;
    unsigned char *memory;
    EFI_STATUS status = file_size(file, &size);

    if (EFI_ERROR(status) || size == 0) {
        return status;
    }
    if (size > limit) {
        return EFI_BAD_BUFFER_SIZE;
    }
    memory = loader_pages(loader, loader_pages_for(size));
    if (memory == NULL) {
        return EFI_OUT_OF_RESOURCES;
    }
    status = read_all(file, memory, size);
    if (EFI_ERROR(status)) {
        return status;
    }
    range->base = (uint64_t)memory;
    range->size = size;
    return EFI_SUCCESS;
}

EFI_STATUS loader_read_file(const struct loader *loader, CHAR16 *path, uint64_t limit,
                            struct handoff_range *range)
{
    EFI_FILE_IO_INTERFACE *volume;
    EFI_FILE_PROTOCOL *root, *file;
    EFI_STATUS status;

    *range = (struct handoff_range){0, 0};
    status = loader->boot->HandleProtocol(loader->volume, &file_system_guid, (void **)&volume);
    if (EFI_ERROR(status)) {
        return status;
    }
    status = volume->OpenVolume(volume, &root);
    if (EFI_ERROR(status)) {
        return status;
    }
    status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
    if (!EFI_ERROR(status)) {
        status = read_opened(loader, file, limit, range);
        file->Close(file);
    }
    root->Close(root);
    return status;
}

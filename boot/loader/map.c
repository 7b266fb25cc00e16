/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The firmware's memory map: reading it, leaving boot services with it, handing it on (UEFI 2.10, 7.2
 * and 7.4).
 */
#include "loader.h"

/* Descriptors that the map may grow by while it is in use: our own allocations split free memory. */
#define MAP_SLACK 64u
/* ExitBootServices refuses a map that is not the newest; firmware events may change it between the two calls.
 */
#define EXIT_ATTEMPTS 4u

static EFI_STATUS read_map(const struct loader *loader, struct memory_map *map)
{
    UINT32 version;

    map->size = map->capacity;
    return loader->boot->GetMemoryMap(&map->size, map->descriptors, &map->key, &map->descriptor_size,
                                      &version);
}

EFI_STATUS loader_map_open(const struct loader *loader, struct memory_map *map)
{
    UINT32 version;
    EFI_STATUS status;

    *map = (struct memory_map){0};
    status = loader->boot->GetMemoryMap(&map->size, NULL, &map->key, &map->descriptor_size, &version);
    if (status != EFI_BUFFER_TOO_SMALL) {
        return EFI_ERROR(status) ? status : EFI_DEVICE_ERROR;
    }
    if (map->descriptor_size < sizeof(EFI_MEMORY_DESCRIPTOR)) {
        return EFI_INCOMPATIBLE_VERSION;
    }
    map->capacity = map->size + MAP_SLACK * map->descriptor_size;
    map->descriptors = loader_pages(loader, loader_pages_for(map->capacity));
    if (map->descriptors == NULL) {
        return EFI_OUT_OF_RESOURCES;
    }
    return read_map(loader, map);
}

const EFI_MEMORY_DESCRIPTOR *loader_map_at(const struct memory_map *map, UINTN index)
{
    if (index >= map->size / map->descriptor_size) {
        return NULL;
    }
    return (const EFI_MEMORY_DESCRIPTOR *)((const char *)map->descriptors + index * map->descriptor_size);
}

UINTN loader_map_capacity(const struct memory_map *map)
{
    return map->capacity / map->descriptor_size;
}

EFI_STATUS loader_map_exit(const struct loader *loader, struct memory_map *map)
{
    EFI_STATUS status = EFI_DEVICE_ERROR;

    /* After a first refusal only these two calls are allowed any more, so nothing is printed here. */
    for (unsigned attempt = 0; attempt < EXIT_ATTEMPTS; attempt++) {
        status = read_map(loader, map);
        if (EFI_ERROR(status)) {
            return status;
        }
        status = loader->boot->ExitBootServices(loader->image, map->key);
        if (!EFI_ERROR(status)) {
            return EFI_SUCCESS;
        }
    }
    return status;
}

static enum handoff_memory_type convert_type(UINT32 type)
{
    switch (type) {
    case EfiConventionalMemory:
    case EfiBootServicesCode:
    case EfiBootServicesData:
        return HANDOFF_FREE;
    case EfiLoaderCode:
    case EfiLoaderData:
        return HANDOFF_LOADER;
    case EfiACPIReclaimMemory:
    case EfiACPIMemoryNVS:
        return HANDOFF_ACPI;
    case EfiMemoryMappedIO:
    case EfiMemoryMappedIOPortSpace:
        return HANDOFF_MMIO;
    case EfiUnusableMemory:
        return HANDOFF_UNUSABLE;
    default:
        return HANDOFF_OTHER;
    }
}

bool loader_map_is_ram(const EFI_MEMORY_DESCRIPTOR *descriptor)
{
    const enum handoff_memory_type type = convert_type(descriptor->Type);

    return type == HANDOFF_FREE || type == HANDOFF_LOADER || type == HANDOFF_ACPI;
}

uint32_t loader_map_convert(const struct memory_map *map, struct handoff_region *regions, UINTN capacity)
{
    uint32_t count = 0;
    const EFI_MEMORY_DESCRIPTOR *descriptor;

    for (UINTN i = 0; (descriptor = loader_map_at(map, i)) != NULL && count < capacity; i++) {
        regions[count++] = (struct handoff_region){
            .base = descriptor->PhysicalStart,
            .size = descriptor->NumberOfPages * LOADER_PAGE_SIZE,
            .type = (uint64_t)convert_type(descriptor->Type),
        };
    }
    return count;
}

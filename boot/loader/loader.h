/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The UEFI loader's parts. Order of work, in main.c: read the files, check and place the kernel, find
 * firmware's tables, build page tables, leave boot services, enter the kernel as boot/handoff.h says.
 * Everything that can fail stands before the exit from boot services, where a sentence on the console still
 * reaches the user.
 *
 * Built for the firmware's calling convention; memory is identity-mapped, so a pointer is a physical address.
 */
#ifndef LOADER_H
#define LOADER_H

#include <efi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../handoff.h"

#define LOADER_PAGE_SIZE UINT64_C(4096)

struct loader {
    EFI_HANDLE image;
    EFI_SYSTEM_TABLE *system;
    EFI_BOOT_SERVICES *boot;
    uint64_t image_base, image_size; /* where the loader itself lies */
    EFI_HANDLE volume;               /* where it was started from */
};

/* console.c: prints "keel loader: ", the parts up to NULL, end of line. */
void loader_say(const struct loader *loader, ...);
/* A number in hexadecimal for loader_say; the text lives in `buffer`. */
#define LOADER_HEX_SIZE 20
const char *loader_hex(char buffer[LOADER_HEX_SIZE], uint64_t value);

/* allocate.c: what a freestanding compiler expects to find, */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);
/* and zeroed pages typed EfiLoaderData; NULL when there are none. */
void *loader_pages(const struct loader *loader, uint64_t page_count);
static inline uint64_t loader_pages_for(uint64_t bytes)
{
    return bytes / LOADER_PAGE_SIZE + (bytes % LOADER_PAGE_SIZE != 0);
}

/* file.c: sets up `loader` for the application `image`, or says why it cannot; */
EFI_STATUS loader_open(struct loader *loader, EFI_HANDLE image, EFI_SYSTEM_TABLE *system);
/* reads a whole file of the start volume into pages of its own. EFI_NOT_FOUND where there is none,
 * EFI_BAD_BUFFER_SIZE where it is longer than `limit`. An empty file gives {0, 0}. */
EFI_STATUS loader_read_file(const struct loader *loader, CHAR16 *path, uint64_t limit,
                            struct handoff_range *file);

/* elf.c: what the kernel file asks for. Pure: touches nothing but its arguments. */
#define LOADER_SEGMENTS_MAX 8u
struct kernel_segment {
    uint64_t virtual_base, memory_size; /* both multiples of the page size */
    uint64_t file_offset, file_size;
    bool write, execute;
};
struct kernel_plan {
    struct kernel_segment segments[LOADER_SEGMENTS_MAX]; /* ascending, disjoint */
    unsigned segment_count;
    uint64_t virtual_base, size; /* from the first segment's first byte to the last one's end */
    uint64_t entry;
};
/* NULL: the plan is good. Otherwise the reason why the file cannot be loaded, as a sentence. */
const char *loader_check_kernel(const unsigned char *file, uint64_t size, struct kernel_plan *plan);
/* Copies the segments to `memory` (plan->size bytes, zeroed). */
void loader_place_kernel(const unsigned char *file, const struct kernel_plan *plan, unsigned char *memory);

/* firmware.c */
uint64_t loader_find_rsdp(const struct loader *loader);
void loader_find_framebuffer(const struct loader *loader, struct handoff_framebuffer *framebuffer);

/* map.c: the firmware's memory map. */
struct memory_map {
    EFI_MEMORY_DESCRIPTOR *descriptors;
    UINTN size, capacity, descriptor_size, key;
};
/* Makes room for the map and reads it once. */
EFI_STATUS loader_map_open(const struct loader *loader, struct memory_map *map);
/* Descriptor `index`, or NULL past the end. The firmware's descriptors may be longer than the structure. */
const EFI_MEMORY_DESCRIPTOR *loader_map_at(const struct memory_map *map, UINTN index);
UINTN loader_map_capacity(const struct memory_map *map); /* descriptors that there is room for */
/* Leaves boot services; `map` is then the final one. */
EFI_STATUS loader_map_exit(const struct loader *loader, struct memory_map *map);
/* Writes the final map as regions; answers how many. */
uint32_t loader_map_convert(const struct memory_map *map, struct handoff_region *regions, UINTN capacity);
bool loader_map_is_ram(const EFI_MEMORY_DESCRIPTOR *descriptor);

/* paging.c: page tables for the handoff; 0 when memory ran out. */
uint64_t loader_build_tables(const struct loader *loader, const struct memory_map *map,
                             const struct kernel_plan *plan, uint64_t kernel_memory);

/* cpu.c: NULL: this CPU can run the kernel; otherwise what it lacks. */
const char *loader_check_cpu(void);

/* enter.S: loads the tables, switches to the stack that ends at `stack_top` and jumps to the kernel. */
_Noreturn void loader_enter(uint64_t root, uint64_t stack_top, const struct handoff *handoff, uint64_t entry);

#endif

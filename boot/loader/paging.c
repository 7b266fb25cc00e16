/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The page tables with which the kernel is entered: RAM mapped to itself in 2 MiB pages, the kernel's
 * segments at their linked addresses in 4 KiB pages with their own rights (Intel SDM vol. 3A, 4.5). They live
 * only until the kernel has made its own.
 */
#include "loader.h"

#define PTE_PRESENT (UINT64_C(1) << 0)
#define PTE_WRITE   (UINT64_C(1) << 1)
#define PTE_LARGE   (UINT64_C(1) << 7)
#define PTE_NX      (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

#define LARGE_SHIFT 21u
#define LARGE_SIZE  (UINT64_C(1) << LARGE_SHIFT)
/* RAM above this cannot be mapped to itself in the lower half. */
#define IDENTITY_END (UINT64_C(1) << 47)

/* The entry for `va` at `level` (0: a page, 1: 2 MiB), with the tables above it made; NULL without memory. */
static uint64_t *entry_at(const struct loader *loader, uint64_t *root, uint64_t va, unsigned level)
{
    uint64_t *table = root;

    for (unsigned at = 3; at > level; at--) {
        uint64_t *entry = &table[(va >> (12 + 9 * at)) & 511];

        if (*entry == 0) {
            void *page = loader_pages(loader, 1);
            if (page == NULL) {
                return NULL;
            }
            *entry = (uint64_t)page | PTE_PRESENT | PTE_WRITE;
        }
        table = (uint64_t *)(*entry & PTE_ADDRESS);
    }
    return &table[(va >> (12 + 9 * level)) & 511];
}

/* Only the loader's own code is ever executed below the kernel, by loader_enter. */
static bool holds_loader(const struct loader *loader, uint64_t large_page)
{
    return large_page < loader->image_base + loader->image_size &&
           loader->image_base < large_page + LARGE_SIZE;
}

static bool map_identity(const struct loader *loader, uint64_t *root, uint64_t base, uint64_t size)
{
    uint64_t page = base & ~(LARGE_SIZE - 1);

    if (base >= IDENTITY_END || size > IDENTITY_END - base) {
        return true;
    }
    for (; page < base + size; page += LARGE_SIZE) {
        uint64_t *entry = entry_at(loader, root, page, 1);

        if (entry == NULL) {
            return false;
        }
        *entry = page | PTE_PRESENT | PTE_WRITE | PTE_LARGE | (holds_loader(loader, page) ? 0 : PTE_NX);
    }
    return true;
}

static bool map_segment(const struct loader *loader, uint64_t *root, const struct kernel_segment *segment,
                        uint64_t memory)
{
    const uint64_t rights = (segment->write ? PTE_WRITE : 0) | (segment->execute ? 0 : PTE_NX);

    for (uint64_t offset = 0; offset < segment->memory_size; offset += LOADER_PAGE_SIZE) {
        uint64_t *entry = entry_at(loader, root, segment->virtual_base + offset, 0);

        if (entry == NULL) {
            return false;
        }
        *entry = (memory + offset) | PTE_PRESENT | rights;
    }
    return true;
}

uint64_t loader_build_tables(const struct loader *loader, const struct memory_map *map,
                             const struct kernel_plan *plan, uint64_t kernel_memory)
{
    uint64_t *root = loader_pages(loader, 1);
    const EFI_MEMORY_DESCRIPTOR *descriptor;

    if (root == NULL) {
        return 0;
    }
    for (UINTN i = 0; (descriptor = loader_map_at(map, i)) != NULL; i++) {
        if (loader_map_is_ram(descriptor) && !map_identity(loader, root, descriptor->PhysicalStart,
                                                           descriptor->NumberOfPages * LOADER_PAGE_SIZE)) {
            return 0;
        }
    }
    for (unsigned i = 0; i < plan->segment_count; i++) {
        const struct kernel_segment *segment = &plan->segments[i];

        if (!map_segment(loader, root, segment,
                         kernel_memory + (segment->virtual_base - plan->virtual_base))) {
            return 0;
        }
    }
    return (uint64_t)root;
}

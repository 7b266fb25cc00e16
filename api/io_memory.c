/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Calls of keel/io_memory.h.
 */
#include "core/io_memory.h"

#include "calls.h"
#include "core/space.h"
#include "keel/io_memory.h"
#include "mappings.h"
#include "reference.h"

_Static_assert((unsigned)KEEL_CACHE_WRITE_BACK == HAL_CACHE_WRITE_BACK &&
                   (unsigned)KEEL_CACHE_WRITE_COMBINING == HAL_CACHE_WRITE_COMBINING &&
                   (unsigned)KEEL_CACHE_WRITE_THROUGH == HAL_CACHE_WRITE_THROUGH &&
                   (unsigned)KEEL_CACHE_UNCACHED == HAL_CACHE_UNCACHED,
               "one numbering on both sides of the border");

keel_status_t call_io_memory_acquire(uint64_t physical, uint64_t size, uint32_t cache, uint64_t *io)
{
    if (size == 0 || size - 1 > UINT64_MAX - physical || cache == KEEL_CACHE_WRITE_BACK ||
        cache > KEEL_CACHE_UNCACHED) {
        return KEEL_E_INVALID;
    }
    return io_memory_acquire(physical, size, (enum hal_cache)cache, io);
}

REFERENCE_CALLS(io_memory, object.ref)

keel_status_t call_io_memory_info(struct io_memory *io, struct keel_io_memory_info *info)
{
    info->address = io->address;
    info->size = io->size;
    info->first_page = io_memory_first_page(io).value;
    info->page_count = io_memory_page_count(io);
    info->cache = (uint32_t)io->cache;
    info->reserved = 0;
    return KEEL_OK;
}

/* The whole access is inside the range, so no wider one reaches a neighbour's byte (D5, A5). */
static bool is_access(const struct io_memory *io, uint64_t offset, uint32_t width)
{
    return (width == 1 || width == 2 || width == 4 || width == 8) && offset < io->size &&
           width <= io->size - offset && (io->address + offset) % width == 0;
}

keel_status_t call_io_memory_read(struct io_memory *io, uint64_t offset, uint32_t width, uint64_t *value)
{
    if (!is_access(io, offset, width)) {
        return KEEL_E_INVALID;
    }
    *value = io_memory_read(io, offset, width);
    return KEEL_OK;
}

keel_status_t call_io_memory_write(struct io_memory *io, uint64_t offset, uint32_t width, uint64_t value)
{
    if (!is_access(io, offset, width)) {
        return KEEL_E_INVALID;
    }
    io_memory_write(io, offset, width, value);
    return KEEL_OK;
}

/* Physical address of page `index`, if `page_count` pages from there on are inside the range and the rights
 * fit. */
static keel_status_t check_pages(const struct io_memory *io, uint64_t index, uint64_t page_count,
                                 uint32_t rights, hal_paddr_t *first, unsigned *prot)
{
    uint64_t pages = io_memory_page_count(io);
    if (page_count == 0 || index >= pages || page_count > pages - index) {
        return KEEL_E_INVALID;
    }
    *first = hal_paddr_add(io_memory_first_page(io), index * KEEL_PAGE_SIZE);
    keel_status_t status = rights_to_prot(rights, prot);
    return status == KEEL_OK && (rights & KEEL_EXEC) != 0 ? KEEL_E_DENIED : status;
}

keel_status_t call_space_map_io(struct space *space, uint64_t va, struct io_memory *io, uint64_t index,
                                uint64_t page_count, uint32_t rights)
{
    hal_paddr_t first;
    unsigned prot;
    if (!pages_valid(va, page_count)) {
        return KEEL_E_INVALID;
    }
    keel_status_t status = check_pages(io, index, page_count, rights, &first, &prot);
    return status == KEEL_OK ? space_map_io(space, va, io, first, page_count, prot) : status;
}

keel_status_t call_cursor_map_io(struct cursor *cursor, struct io_memory *io, uint64_t index,
                                 uint64_t page_count, uint32_t rights)
{
    hal_paddr_t first;
    unsigned prot;
    keel_status_t status = cursor_check(cursor, page_count);
    if (status == KEEL_OK) {
        status = check_pages(io, index, page_count, rights, &first, &prot);
    }
    return status == KEEL_OK ? cursor_map_io(cursor, io, first, page_count, prot) : status;
}

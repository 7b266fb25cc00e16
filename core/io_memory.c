/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O memory, see core/io_memory.h.
 */
#include "core/io_memory.h"

#include "core/assert.h"
#include "core/spinlock.h"
#include "hal/io.h"

#define OFFERS_MAX 16u

/* What can be acquired. Constant once tasks run. */
static struct hal_io_range offers[OFFERS_MAX];
static size_t offer_count;

static struct spinlock lock; /* address and size of all objects */

static bool overlap(uint64_t base, uint64_t size, uint64_t other_base, uint64_t other_size)
{
    return base < other_base ? other_base - base < size : base - other_base < other_size;
}

/* Does the memory map call a part of it RAM, of whatever kind? A map that is not whole might. */
static bool is_ram(const struct memmap *map, const struct hal_io_range *range)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct hal_region *region = &map->regions[i];
        if (region->kind != HAL_REGION_MMIO && region->kind != HAL_REGION_RESERVED &&
            overlap(range->base, range->size, region->base, region->size)) {
            return true;
        }
    }
    return map->truncated;
}

void io_memory_init(const struct hal_boot *boot, const struct memmap *map)
{
    spinlock_init(&lock);
    offer_count = 0;
    for (size_t i = 0; i < boot->io_range_count && offer_count < OFFERS_MAX; i++) {
        const struct hal_io_range *range = &boot->io_ranges[i];
        CORE_ASSERT(range->base % HAL_PAGE_SIZE == 0 && range->size % HAL_PAGE_SIZE == 0);
        CORE_ASSERT(range->base < MEMMAP_ADDRESS_END && range->size <= MEMMAP_ADDRESS_END - range->base);
        if (!is_ram(map, range)) {
            offers[offer_count++] = *range;
        }
    }
}

static bool is_offered(uint64_t address, uint64_t size)
{
    for (size_t i = 0; i < offer_count; i++) {
        uint64_t offset = address - offers[i].base;
        if (offset < offers[i].size && size <= offers[i].size - offset) {
            return true;
        }
    }
    return false;
}

static struct io_memory *slot_at(uint32_t index)
{
    return (struct io_memory *)object_at(OBJECT_IO_MEMORY, index);
}

/* The lock is held. */
static bool is_taken(uint64_t address, uint64_t size)
{
    for (uint32_t i = 0; i < object_slots(OBJECT_IO_MEMORY); i++) {
        const struct io_memory *io = slot_at(i);
        if (io->size > 0 && overlap(address, size, io->address, io->size)) {
            return true;
        }
    }
    return false;
}

keel_status_t io_memory_acquire_bar(uint64_t address, uint64_t size, enum hal_cache cache, uint64_t *handle)
{
    CORE_ASSERT(size > 0 && size - 1 <= UINT64_MAX - address);
    CORE_ASSERT(cache != HAL_CACHE_WRITE_BACK);
    struct object *object = object_claim(OBJECT_IO_MEMORY);
    if (object == NULL) {
        return KEEL_E_LIMIT;
    }
    struct io_memory *io = (struct io_memory *)object;
    io->cache = cache;
    bool interrupts = spinlock_acquire(&lock);
    bool taken = is_taken(address, size);
    if (!taken) {
        io->address = address;
        io->size = size;
    }
    spinlock_release(&lock, interrupts);
    if (taken) {
        ref_unclaim(&object->ref);
        return KEEL_E_BUSY;
    }
    *handle = object_handle(OBJECT_IO_MEMORY, object);
    ref_publish(&object->ref, 1, true);
    return KEEL_OK;
}

keel_status_t io_memory_acquire(uint64_t address, uint64_t size, enum hal_cache cache, uint64_t *handle)
{
    return is_offered(address, size) ? io_memory_acquire_bar(address, size, cache, handle) : KEEL_E_DENIED;
}

void io_memory_put(struct io_memory *io)
{
    if (!ref_put(&io->object.ref)) {
        return;
    }
    uint64_t page_count = io_memory_page_count(io);
    if (page_count > 0) {
        hal_io_release(io_memory_first_page(io), page_count, io->cache);
    }
    bool interrupts = spinlock_acquire(&lock);
    io->size = 0;
    spinlock_release(&lock, interrupts);
    ref_finish(&io->object.ref);
}

hal_paddr_t io_memory_first_page(const struct io_memory *io)
{
    return hal_paddr((io->address + HAL_PAGE_SIZE - 1) & ~(HAL_PAGE_SIZE - 1));
}

uint64_t io_memory_page_count(const struct io_memory *io)
{
    uint64_t first = io_memory_first_page(io).value, end = (io->address + io->size) & ~(HAL_PAGE_SIZE - 1);
    return first < end ? (end - first) >> HAL_PAGE_SHIFT : 0;
}

static bool has_page(const struct io_memory *io, hal_paddr_t page)
{
    return (page.value - io_memory_first_page(io).value) >> HAL_PAGE_SHIFT < io_memory_page_count(io);
}

/* A5. A page that lies in the range in part may be in others as well, whose policies differ. Nobody maps it,
 * so one policy for all of them is enough. */
static enum hal_cache cache_at(const struct io_memory *io, hal_paddr_t at)
{
    hal_paddr_t page = hal_paddr(at.value & ~(HAL_PAGE_SIZE - 1));
    return has_page(io, page) ? io->cache : HAL_CACHE_UNCACHED;
}

static hal_paddr_t address_of(const struct io_memory *io, uint64_t offset, unsigned width)
{
    hal_paddr_t at = hal_paddr(io->address + offset);
    CORE_ASSERT(offset < io->size && width <= io->size - offset && at.value % width == 0);
    return at;
}

uint64_t io_memory_read(const struct io_memory *io, uint64_t offset, unsigned width)
{
    hal_paddr_t at = address_of(io, offset, width);
    return hal_io_read(at, width, cache_at(io, at));
}

void io_memory_write(const struct io_memory *io, uint64_t offset, unsigned width, uint64_t value)
{
    hal_paddr_t at = address_of(io, offset, width);
    hal_io_write(at, width, value, cache_at(io, at));
}

keel_status_t io_memory_hold_pages(struct io_memory *io, hal_paddr_t first, uint64_t page_count)
{
    CORE_ASSERT(page_count > 0 && first.value % HAL_PAGE_SIZE == 0);
    CORE_ASSERT(has_page(io, first) &&
                has_page(io, hal_paddr_add(first, (page_count - 1) << HAL_PAGE_SHIFT)));
    for (uint64_t i = 0; i < page_count; i++) {
        keel_status_t status = ref_get(&io->object.ref);
        if (status != KEEL_OK) {
            for (; i > 0; i--) {
                io_memory_put(io);
            }
            return status;
        }
    }
    return KEEL_OK;
}

/* Ranges are exclusive, so there is one at most. */
struct io_memory *io_memory_peek(hal_paddr_t page)
{
    for (uint32_t i = 0; i < object_slots(OBJECT_IO_MEMORY); i++) {
        struct io_memory *io = slot_at(i);
        if (io->size > 0 && has_page(io, page)) {
            return io;
        }
    }
    return NULL;
}

void io_memory_put_page(hal_paddr_t page)
{
    bool interrupts = spinlock_acquire(&lock);
    struct io_memory *io = io_memory_peek(page);
    spinlock_release(&lock, interrupts);
    CORE_ASSERT(io != NULL); /* the mapping's reference kept its range */
    io_memory_put(io);
}

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O memory: ranges of physical address space that are no RAM and that the machine calls harmless
 * (hal/boot.h), or parts of BARs of PCI devices (core/pci.h). A range belongs to one object, to the byte; how
 * CPUs cache it is chosen once, so that no page is ever mapped in two ways at a time (Intel SDM vol.
 * 3A, 11.12.4): nor by core's own accesses, which reach a page that other ranges may share uncached, whoever
 * makes them and whatever the range's policy.
 *
 * Only a page that lies wholly inside the range can be mapped: the rest of a page that it shares belongs to
 * somebody else, or to nobody (A5). Each page mapped holds a reference on the object. There is no frame
 * behind such a page; which object it is of, the ranges themselves say. The range is free for others when the
 * last reference is gone, which is after every CPU has forgotten the mapping.
 */
#ifndef CORE_IO_MEMORY_H
#define CORE_IO_MEMORY_H

#include "core/memmap.h"
#include "core/object.h"
#include "hal/mmu.h"

struct io_memory {
    struct object object; /* first */
    uint64_t address,
        size; /* in bytes; size 0: the slot has no range. Changed under the lock of all ranges */
    enum hal_cache cache;
    uint32_t audit_holds; /* mappings that the audit has met */
};

/* Boot CPU, once: what the machine offers and is no RAM. */
void io_memory_init(const struct hal_boot *boot, const struct memmap *map);

/* [address, address + size) for one object: not empty, ends by 2^64; the cache policy is not WRITE_BACK.
 * E_DENIED: not inside one range that the machine offers; E_BUSY: shares a byte with another object's;
 * E_LIMIT.
 */
keel_status_t io_memory_acquire(uint64_t address, uint64_t size, enum hal_cache cache, uint64_t *handle);
/* The same for a part of a BAR that core/pci.c gives out, in place of a range that the machine offers. */
keel_status_t io_memory_acquire_bar(uint64_t address, uint64_t size, enum hal_cache cache, uint64_t *handle);
void io_memory_put(struct io_memory *io);

/* The pages that lie wholly inside the range. */
hal_paddr_t io_memory_first_page(const struct io_memory *io);
uint64_t io_memory_page_count(const struct io_memory *io);

/* One access of `width` bytes, 1, 2, 4 or 8, inside the range, at a physical address that is a multiple of
 * it. Bits of `value` beyond the width are left out. */
uint64_t io_memory_read(const struct io_memory *io, uint64_t offset, unsigned width);
void io_memory_write(const struct io_memory *io, uint64_t offset, unsigned width, uint64_t value);

/* One more reference for each page of a mapping; the caller holds one besides. E_LIMIT: none. */
keel_status_t io_memory_hold_pages(struct io_memory *io, hal_paddr_t first, uint64_t page_count);
/* Drops the reference of the mapping of a page. */
void io_memory_put_page(hal_paddr_t page);

/* The live object in whose range the page lies wholly, NULL if none. For the audit: frozen. */
struct io_memory *io_memory_peek(hal_paddr_t page);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O memory: device memory outside RAM, by physical address. A client acquires a range of bytes,
 * exclusively, reads and writes it by calls, and maps pages of it into address spaces.
 *
 * Only what the machine names as harmless can be acquired here: everything else, and all RAM, is E_DENIED
 * (D5). What BARs of PCI devices lead to is acquired by keel/pci.h.
 * Only pages that lie wholly inside the acquired range can be mapped (A5): of a range that begins or ends
 * inside a page, that page cannot, and a range without a whole page cannot be mapped at all.
 *
 * Mapped I/O memory is never executable. How CPUs cache it is chosen with the range and the same for all
 * mappings of it. Each mapped page holds a reference on the range; the range is free for others again when
 * the last reference is gone. Its contents are the device's: whoever acquires it next finds what the last one
 * left. Mappings are unmapped, protected, queried and aged as others are (keel/space.h); they are never
 * promoted. Context of all: task; of ref, release and info also atomic; of read and write also irq.
 */
#ifndef KEEL_IO_MEMORY_H
#define KEEL_IO_MEMORY_H

#include "keel/space.h"

struct keel_io_memory_info {
    uint64_t address, size; /* as acquired */
    uint64_t first_page;    /* physical address of page 0, the first that lies wholly inside */
    uint64_t page_count;    /* pages that do; 0: none can be mapped */
    uint32_t cache;         /* KEEL_CACHE_* */
    uint32_t reserved;      /* 0 */
};

/* Acquires `size` bytes at the physical address. `cache`: any KEEL_CACHE_* but WRITE_BACK, which is for RAM.
 * Errors: E_INVALID (size 0, the range wraps, no such cache policy), E_DENIED (not wholly inside one range
 * that the machine offers), E_BUSY (a byte of it is acquired already), E_LIMIT (too many ranges). */
keel_status_t keel_io_memory_acquire(uint64_t physical, uint64_t size, uint32_t cache, keel_io_memory_t *io);
keel_status_t keel_io_memory_ref(keel_io_memory_t io);
/* Drops one reference. Mappings stay, and keep the range, until they are unmapped. */
keel_status_t keel_io_memory_release(keel_io_memory_t io);
keel_status_t keel_io_memory_info(keel_io_memory_t io, struct keel_io_memory_info *info);

/* One access of `width` bytes, 1, 2, 4 or 8, `offset` bytes after the beginning of the range, wherever that
 * is. What is read may be anything; what is written is cut to the width. A page that lies in the range in
 * part is reached uncached, whatever was chosen. Uncached, calls of one task reach the device in their order,
 * and writes after what the task has written to memory before. Errors: E_BAD_HANDLE, E_INVALID (width, not
 * wholly inside the range, the physical address is no multiple of the width; NULL), E_LIMIT (references). */
keel_status_t keel_io_memory_read(keel_io_memory_t io, uint64_t offset, uint32_t width, uint64_t *value);
keel_status_t keel_io_memory_write(keel_io_memory_t io, uint64_t offset, uint32_t width, uint64_t value);

/* Maps pages [index, index + page_count) of the range (as keel_io_memory_info counts them) from `va` on, all
 * or none. Errors: E_BAD_HANDLE, E_INVALID (address, rights, pages outside the range), E_DENIED (EXEC),
 * E_EXISTS, E_NO_MEMORY (page table), E_LIMIT (references), E_BUSY. */
keel_status_t keel_space_map_io(keel_space_t space, uint64_t va, keel_io_memory_t io, uint64_t index,
                                uint64_t page_count, uint32_t rights);

#endif

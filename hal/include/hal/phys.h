/* SPDX-License-Identifier: BSD-2-Clause
 *
 * HAL contract: raw memory by physical address. These are the only places where core touches memory that it
 * does not own as a C object. All addresses given are RAM inside the boot memory map; core guarantees it.
 *
 * The copy primitives behave as if each byte were moved exactly once, in any order, whatever other CPUs, user
 * programs or devices do to it meanwhile (M4): they are not C accesses to the physical side, so the compiler
 * may neither repeat nor invent one. Ranges may cross frames (contiguous physical memory).
 */
#ifndef HAL_PHYS_H
#define HAL_PHYS_H

#include "hal/types.h"

void hal_phys_read(void *to, hal_paddr_t from, size_t size);
void hal_phys_write(hal_paddr_t to, const void *from, size_t size);
void hal_phys_zero(hal_paddr_t to, size_t size);

/* One access of `width` bytes, 1, 2, 4 or 8, in one piece; the address is a multiple of it. No later access
 * of this CPU comes before the load, no earlier one after the store. */
uint64_t hal_phys_load(hal_paddr_t from, unsigned width);
void hal_phys_store(hal_paddr_t to, unsigned width, uint64_t value);

/* The C address of memory that core owns as objects (frame metadata, object pools, vector images): frames
 * that `hal_frame_use` last called HAL_FRAME_OBJECT. Contiguous physically means contiguous here. */
void *hal_phys_object(hal_paddr_t address);

/* The other way: the physical address that a C address has through hal_phys_object. Safe for every value,
 * also one that is no pointer at all. False: none. True says nothing about what is there, or whether RAM is.
 */
bool hal_phys_of_object(const void *object, hal_paddr_t *address);

/* Zeroes `size` bytes of an OBJECT frame, rounded up to whole words; `start` is a multiple of 16. A copy
 * primitive: not a C access, so it may race with others. */
void hal_object_clear(hal_paddr_t start, size_t size);

/* `size` bytes of an OBJECT frame hold nothing for the time being (`poisoned`; a multiple of 16), or do
 * again; `start` is a multiple of 16. On the real machine this does nothing; a backend that checks reports
 * plain C accesses meanwhile. The copy primitives may go on. */
void hal_object_poison(hal_paddr_t start, size_t size, bool poisoned);

/* What a frame may be touched with from now on. On the real machine this does nothing. A backend that checks
 * uses it to poison: an UNUSED frame must not be touched at all and must not be reachable by any table, TLB
 * or device (M1, A2: report on the spot if one is); UNTYPED only by the copy primitives and user mappings;
 * TABLE only by hal/mmu.h; STACK only through the kernel window; OBJECT also by plain C accesses. The boot
 * state of all frames in USABLE regions is UNUSED, of all others RESERVED (copy primitives allowed, for the
 * initrd); frames of RECLAIMABLE regions may become UNUSED later, once. */
enum hal_frame_use {
    HAL_FRAME_UNUSED,
    HAL_FRAME_UNTYPED,
    HAL_FRAME_TABLE,
    HAL_FRAME_STACK,
    HAL_FRAME_OBJECT,
    HAL_FRAME_RESERVED,
};
void hal_frame_use(hal_paddr_t first, uint64_t frame_count, enum hal_frame_use use);

#endif

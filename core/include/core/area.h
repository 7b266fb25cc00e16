/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel virtual areas: ranges of the kernel window, each between unmapped guard pages.
 *
 * The window's addresses are handed out in granules of 64 KiB, first fit, from one bitmap: what is given back
 * is whole again at once, and a search looks at each granule once at most. An area is its guard granules and,
 * above them, those of its pages; what follows is the guard of the next area or free, so there is a guard on
 * both sides. Which area a granule belongs to is kept beside, where a fault's report finds it without a lock.
 *
 * A table of the lowest level covers 2 MiB, a span. The spans that an area touches get theirs when the area
 * is made, so that mapping cannot fail later (M8), and lose them with the last area. Order, for addresses,
 * frames and tables alike (A2): entry cleared, every CPU has flushed and said so, only then free. Until the
 * table of a span is free, no address of it is given out. The one table above the spans stays for good.
 */
#ifndef CORE_AREA_H
#define CORE_AREA_H

#include "core/frame.h"

/* What areas may take of the window: as much as every machine backs. */
#define AREA_WINDOW_SIZE   (UINT64_C(1) << 30)
#define AREA_GRANULE_PAGES UINT64_C(16)
#define AREA_OWNER_MAX     UINT32_C(0x7fffffff)

struct area {
    uint64_t base; /* address of the first page; below it lies the guard */
    uint64_t page_count;
    uint32_t first, granules; /* what it takes of the window, guard included */
    uint32_t mapped;          /* pages, under the lock */
};

/* Boot CPU, once. */
void area_init(void);

/* Takes addresses for `page_count` pages above at least `guard_count` guard pages, both 1 or more, and makes
 * the tables. `owner` (1..AREA_OWNER_MAX) is what area_guard_owner answers. E_LIMIT: no such run of addresses
 * is free; E_NO_MEMORY. No lock held. */
keel_status_t area_create(uint64_t page_count, uint64_t guard_count, uint32_t owner, struct area *area);
/* Gives the addresses back. Nothing is mapped any more. No lock held. */
void area_destroy(struct area *area);

/* Maps `count` frames from `first` on at the area's page `page` and following, for the kernel to read and
 * write. They are STACK or OBJECT, and nothing is mapped there yet. */
void area_map(struct area *area, uint64_t page, struct frame *first, uint64_t count);
/* Unmaps pages everywhere (A2): afterwards the frames are out of every CPU's reach. No lock held. */
void area_unmap(struct area *area, uint64_t page, uint64_t count);

/* The owner of the area in whose guard `va` lies; 0: none. Takes no lock, any context. */
uint32_t area_guard_owner(uint64_t va);

#endif

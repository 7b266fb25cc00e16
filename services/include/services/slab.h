/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The default slab allocator: a magazine of free slots for each CPU and size class, which that CPU uses
 * without any lock, and behind them one depot that all CPUs share. Slots move between the two by half a
 * magazine, so the depot's lock is taken once in many calls at most.
 *
 * The depot knows each slab by a page of its own: one bit a slot, set while the depot has the slot. A page
 * with some set stands in its class's list of partial pages, one with all set in the list of whole pages.
 * Beyond SERVICES_SLAB_SPARE whole pages a class, they are given up, one each time that a slot is freed.
 * Slabs beyond SERVICES_SLAB_PAGES are not taken in: Keel keeps them to itself.
 */
#ifndef SERVICES_SLAB_H
#define SERVICES_SLAB_H

#include <stdatomic.h>
#include <stdint.h>

#include "keel/slab_policy.h"

#define SERVICES_SLAB_CPUS     64u
#define SERVICES_SLAB_MAGAZINE 30u /* slots */
#define SERVICES_SLAB_PAGES    8192u
#define SERVICES_SLAB_BUCKETS  4096u
#define SERVICES_SLAB_SPARE    1u

struct services_slab_magazine {
    uint64_t count;
    uint64_t tokens[SERVICES_SLAB_MAGAZINE +
                    1]; /* used from the second on: the first is what an empty one gives */
};

/* Names of pages are indexes + 1, 0 is none. */
struct services_slab_page {
    uint64_t first; /* token of slot 0 */
    uint64_t free[KEEL_SLAB_SLOTS_MAX / 64];
    uint16_t next, previous; /* in its list; `next` also among unused pages */
    uint16_t bucket_next;
    uint8_t size_class, slots, free_count;
};

struct services_slab_class {
    uint16_t partial, whole; /* lists */
    uint32_t whole_count;
};

struct services_slab {
    struct services_slab_magazine magazines[SERVICES_SLAB_CPUS][KEEL_SLAB_CLASSES];

    atomic_uint locked; /* 1: somebody holds what follows */
    struct services_slab_class classes[KEEL_SLAB_CLASSES];
    struct services_slab_page pages[SERVICES_SLAB_PAGES];
    uint16_t buckets[SERVICES_SLAB_BUCKETS];
    uint16_t unused, fresh; /* pages to reuse; pages ever used */
};

/* Prepares `slab`, which is zeroed, and gives the policy over it. No slab is known yet. */
struct keel_slab_allocator services_slab_policy(struct services_slab *slab);

#endif

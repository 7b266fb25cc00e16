/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Address spaces of users. Each is a root table; the tables below its lower half have a lock each
 * (core/range.h). A leaf entry holds a reference on each of its frames, taken before the entry is written and
 * dropped after every CPU has forgotten it (M1, A2).
 *
 * A CPU that leaves a space keeps what it has cached of it, under the tag that it loaded the root with
 * (hal/mmu.h), as long as no other space needs the tag and nobody asks it to forget something. `cpus` has a
 * bit for every CPU that has the space among its tagged ones: set before, cleared after.
 */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "core/frame.h"
#include "core/object.h"
#include "hal/mmu.h"

struct io_memory;

struct space {
    struct object object; /* first */
    hal_paddr_t root;     /* of a TABLE frame of its own */
    atomic_u64_t cpus;
};

struct space_mapping {
    uint64_t va; /* of the page asked for, or found */
    hal_paddr_t frame;
    unsigned level; /* of the leaf: it maps hal_pt_span(level) bytes */
    unsigned prot;  /* HAL_PROT_* */
    bool accessed, dirty;
    enum hal_cache cache; /* not WRITE_BACK: it is I/O memory */
};

/* E_NO_MEMORY, E_LIMIT. */
keel_status_t space_create(uint64_t *handle);
/* The last reference's end waits for CPUs that keep translations of it. No spinlock held. */
void space_put(struct space *space);

/* Operations on a range. Addresses and rights have been checked: whole pages inside the user range, prot with
 * HAL_PROT_USER. Each locks the range, acts as core/mapping.h says, and frees tables that it empties. E_BUSY:
 * a cursor keeps tables of the range. Those that count pages count none unless KEEL_OK. */
keel_status_t space_map(struct space *space, uint64_t va, struct frame *first, uint64_t page_count,
                        unsigned prot);
keel_status_t space_map_io(struct space *space, uint64_t va, struct io_memory *io, hal_paddr_t first,
                           uint64_t page_count, unsigned prot);
keel_status_t space_unmap(struct space *space, uint64_t va, uint64_t page_count, uint64_t *unmapped);
keel_status_t space_protect(struct space *space, uint64_t va, uint64_t page_count, unsigned prot,
                            uint64_t *changed);
keel_status_t space_age(struct space *space, uint64_t va, uint64_t page_count, uint64_t bits, uint64_t *aged);
keel_status_t space_promote(struct space *space, uint64_t va, uint64_t page_count, uint64_t *promoted);

/* What is mapped at `va`; the first that is in [va, end). No lock: each answer was true at some moment of the
 * call. E_NOT_FOUND. */
keel_status_t space_query(struct space *space, uint64_t va, struct space_mapping *mapping);
keel_status_t space_find(struct space *space, uint64_t va, uint64_t end, struct space_mapping *mapping);

/* Can `va` be reached by now, though an access found that it could not? Then the access is made again, since
 * it may have come while the size of a page changed. */
bool space_grants(struct space *space, uint64_t va, bool write);

/* Frees what tables on the way to `va` are empty, from `level` up. Ends where a cursor keeps the table above:
 * an empty one stays linked there until somebody comes by again. */
void space_prune(struct space *space, uint64_t va, unsigned level);

/* Returns when no CPU has translations of [va, end) that are not in the tables any more. No spinlock held. */
void space_flush(struct space *space, uint64_t va, uint64_t end);

/* This CPU forgets its translations of a range of the space; all that it has of the space if another one is
 * loaded. Interrupts off. */
void space_forget(struct space *space, uint64_t va, uint64_t page_count);

/* Loads the space (NULL: none) on this CPU. Interrupts off. */
void space_load(struct space *space);

#endif

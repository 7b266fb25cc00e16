/* SPDX-License-Identifier: BSD-2-Clause
 *
 * User address spaces. Access to the memory of the active one: keel/user_memory.h.
 *
 * Addresses are multiples of KEEL_PAGE_SIZE and whole ranges lie in KEEL_USER_START..KEEL_USER_END
 * (keel/user_regs.h). When a call that withdraws a right returns, no CPU can use that right any more (A2).
 * Calls on disjoint ranges run in parallel; calls on overlapping ones wait for each other, but not for a
 * cursor (keel/cursor.h): E_BUSY says that one keeps tables of the range. Context of all: task; of ref and
 * release also atomic.
 */
#ifndef KEEL_SPACE_H
#define KEEL_SPACE_H

#include "keel/frame.h"
#include "keel/user_regs.h"

/* Rights of a mapping. READ is required (the hardware cannot withhold it); WRITE and EXEC exclude each other
 * (A4). */
enum {
    KEEL_READ = 1u << 0,
    KEEL_WRITE = 1u << 1,
    KEEL_EXEC = 1u << 2,
};

/* Marks that a CPU sets when it uses a mapping. */
enum {
    KEEL_ACCESSED = 1u << 0,
    KEEL_DIRTY = 1u << 1,
};

/* How CPUs cache what is mapped: RAM write-back, I/O memory (keel/io_memory.h) in one of the other ways. */
enum {
    KEEL_CACHE_WRITE_BACK = 0,
    KEEL_CACHE_WRITE_COMBINING = 1, /* writes may be delayed, joined and reordered: frame buffers */
    KEEL_CACHE_WRITE_THROUGH = 2,   /* reads may come from a cache */
    KEEL_CACHE_UNCACHED = 3,        /* every access as it is, in order: registers */
};

struct keel_mapping {
    uint64_t va;         /* of the page */
    uint64_t address;    /* physical, of its frame or page of I/O memory */
    uint64_t page_count; /* pages that the same entry maps: 1, 512 or 512 * 512 */
    uint32_t rights;     /* KEEL_READ | ... */
    uint32_t accessed;   /* 1: some CPU used the entry */
    uint32_t dirty;      /* 1: some CPU wrote through it */
    uint32_t cache;      /* KEEL_CACHE_* */
};

/* An empty space, one reference. Errors: E_NO_MEMORY, E_LIMIT, E_INVALID. */
keel_status_t keel_space_create(keel_space_t *space);
keel_status_t keel_space_ref(keel_space_t space);
/* Drops one reference. The space ends when nobody holds it, no task has it active and no cursor is open in
 * it; its mappings go with it. That end waits until every CPU has forgotten its translations, for no task. */
keel_status_t keel_space_release(keel_space_t space);

/* Maps one frame at `va`; the mapping holds a reference. Errors: E_BAD_HANDLE, E_INVALID (address, rights),
 * E_DENIED (WRITE and EXEC), E_EXISTS, E_NO_MEMORY (page table), E_LIMIT (references), E_BUSY. */
keel_status_t keel_space_map(keel_space_t space, uint64_t va, keel_frame_t frame, uint32_t rights);

/* Maps frames [index, index + page_count) of a segment from `va` on, all or none; each mapped page holds a
 * reference on its frame. Pages of 2 MiB and 1 GiB are used where address, frames and length allow it.
 * Errors: as above; E_INVALID also for frames outside the segment. */
keel_status_t keel_space_map_segment(keel_space_t space, uint64_t va, keel_segment_t segment, uint64_t index,
                                     uint64_t page_count, uint32_t rights);

/* Unmaps what is mapped in [va, va + page_count pages); holes are fine. `unmapped` gets the pages that were.
 * The frames lose the mappings' references only after every CPU has forgotten them; tables that become empty
 * are freed (beside a cursor that keeps the table above: by the next call that unmaps there, at the latest
 * with the space). A large page that lies in the range in part is split first. Errors: E_BAD_HANDLE,
 * E_INVALID, E_NO_MEMORY (to split), E_BUSY. */
keel_status_t keel_space_unmap(keel_space_t space, uint64_t va, uint64_t page_count, uint64_t *unmapped);

/* Gives every page mapped in the range new rights; holes are fine. `changed` gets all pages that are mapped
 * there, also those that had these rights. Errors: E_BAD_HANDLE, E_INVALID, E_DENIED (WRITE and EXEC; EXEC
 * where I/O memory is mapped), E_NO_MEMORY (to split), E_BUSY. */
keel_status_t keel_space_protect(keel_space_t space, uint64_t va, uint64_t page_count, uint32_t rights,
                                 uint64_t *changed);

/* Takes marks (KEEL_ACCESSED, KEEL_DIRTY) off the mappings in the range; `aged` gets the pages that had one
 * of them. A large page that lies in the range in part keeps its marks. Errors: E_BAD_HANDLE, E_INVALID,
 * E_BUSY. */
keel_status_t keel_space_age(keel_space_t space, uint64_t va, uint64_t page_count, uint32_t marks,
                             uint64_t *aged);

/* Maps anew with large pages what can be: whole 2 MiB or 1 GiB in the range, of neighbouring frames, with
 * equal rights. `promoted` gets the pages that are mapped by a larger entry than before. Errors:
 * E_BAD_HANDLE, E_INVALID, E_BUSY. */
keel_status_t keel_space_promote(keel_space_t space, uint64_t va, uint64_t page_count, uint64_t *promoted);

/* What is mapped at `va` (any address in the user range). This and the next call wait for nobody, but for the
 * moment in which a page of another size takes the place of one: the answer was true at some moment of the
 * call. Errors: E_BAD_HANDLE, E_INVALID, E_NOT_FOUND. */
keel_status_t keel_space_query(keel_space_t space, uint64_t va, struct keel_mapping *mapping);

/* The first page mapped in the range. Errors: E_BAD_HANDLE, E_INVALID, E_NOT_FOUND. */
keel_status_t keel_space_find_next(keel_space_t space, uint64_t va, uint64_t page_count,
                                   struct keel_mapping *mapping);

/* Makes `space` the calling task's active space; the zero handle: none. The task holds a reference until it
 * changes again or exits. Errors: E_BAD_HANDLE, E_LIMIT. */
keel_status_t keel_space_activate(keel_space_t space);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * User address spaces. Access to the memory of the active one: keel/user_memory.h.
 *
 * Addresses are multiples of KEEL_PAGE_SIZE and whole ranges lie in KEEL_USER_START..KEEL_USER_END
 * (keel/user_regs.h). When a call that withdraws a right returns, no CPU can use that right any more (A2).
 * Context of all: task.
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

struct keel_mapping {
    uint64_t address;  /* physical, of the frame */
    uint32_t rights;   /* KEEL_READ | ... */
    uint32_t accessed; /* 1: some CPU used the mapping */
    uint32_t dirty;    /* 1: some CPU wrote through it */
    uint32_t reserved; /* 0 */
};

/* An empty space, one reference. Errors: E_NO_MEMORY, E_LIMIT, E_INVALID. */
keel_status_t keel_space_create(keel_space_t *space);
keel_status_t keel_space_ref(keel_space_t space);
/* Drops one reference. The space ends when nobody holds it and no task has it active; its mappings go with
 * it. Page tables that unmapping empties stay until then. */
keel_status_t keel_space_release(keel_space_t space);

/* Maps one frame at `va`; the mapping holds a reference. Errors: E_BAD_HANDLE, E_INVALID (address, rights),
 * E_DENIED (WRITE and EXEC), E_EXISTS, E_NO_MEMORY (page table), E_LIMIT (references). */
keel_status_t keel_space_map(keel_space_t space, uint64_t va, keel_frame_t frame, uint32_t rights);

/* Unmaps what is mapped in [va, va + page_count pages); holes are fine. `unmapped` gets the pages that were.
 * The frames lose the mappings' references only after every CPU has forgotten them. Errors: E_BAD_HANDLE,
 * E_INVALID. */
keel_status_t keel_space_unmap(keel_space_t space, uint64_t va, uint64_t page_count, uint64_t *unmapped);

/* Gives every page mapped in the range new rights; holes are fine. `changed` gets the pages mapped there.
 * Errors: E_BAD_HANDLE, E_INVALID, E_DENIED. */
keel_status_t keel_space_protect(keel_space_t space, uint64_t va, uint64_t page_count, uint32_t rights,
                                 uint64_t *changed);

/* What is mapped at `va` (any address in the user range). Errors: E_BAD_HANDLE, E_INVALID, E_NOT_FOUND. */
keel_status_t keel_space_query(keel_space_t space, uint64_t va, struct keel_mapping *mapping);

/* Makes `space` the calling task's active space; the zero handle: none. The task holds a reference until it
 * changes again or exits. Errors: E_BAD_HANDLE, E_LIMIT. */
keel_status_t keel_space_activate(keel_space_t space);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Address spaces of users. Each is a root table; `lock` protects every table below its lower half. A leaf
 * entry holds a reference on its frame, taken before the entry is written and dropped after every CPU has
 * forgotten it (M1, A2). `cpus` has a bit for every CPU that may hold translations of it: set before the CPU
 * loads the root, cleared after it loaded another one.
 */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "core/frame.h"
#include "core/object.h"
#include "core/spinlock.h"

struct space {
    struct object object; /* first */
    struct spinlock lock;
    struct frame *root;
    atomic_u64_t cpus;
};

struct space_mapping {
    hal_paddr_t frame;
    unsigned prot; /* HAL_PROT_* */
    bool accessed, dirty;
};

/* E_NO_MEMORY, E_LIMIT. */
keel_status_t space_create(uint64_t *handle);
void space_put(struct space *space);

/* Addresses and rights have been checked: whole pages inside the user range, prot with HAL_PROT_USER. */
keel_status_t space_map(struct space *space, uint64_t va, struct frame *frame, unsigned prot);
uint64_t space_unmap(struct space *space, uint64_t va, uint64_t page_count);
uint64_t space_protect(struct space *space, uint64_t va, uint64_t page_count, unsigned prot);
keel_status_t space_query(struct space *space, uint64_t va, struct space_mapping *mapping);

/* Loads the space (NULL: none) on this CPU. Interrupts off. */
void space_load(struct space *space);

#endif

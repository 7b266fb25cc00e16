/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pages: contents that belong to one process or more, in a frame or not. No more than BUDGET of them have a
 * frame at a time.
 *
 *            page_frame             page_frame
 *   ABSENT ------------> RESIDENT <------------ STORED
 *          <------------          ------------>
 *           evict, as it            evict, changed
 *           was at first            and compressible
 *
 * One lock guards all of this, the slots of all processes, and every mapping that is made or withdrawn. It is
 * never held while user memory is accessed: that may fault, and the fault handler takes it.
 */
#ifndef PAGER_PAGES_H
#define PAGER_PAGES_H

#include "pager.h"
#include "store.h"

#define PAGES_MAX 1024u

enum page_state { PAGE_UNUSED, PAGE_ABSENT, PAGE_STORED, PAGE_RESIDENT };

struct page {
    enum page_state state;
    bool shared;   /* all owners write to the same page; otherwise the first one to write gets a copy */
    bool forked;   /* had more than one owner, and none has got it for itself since */
    bool modified; /* is no longer what it was at first: bytes of the ELF file, or zeroes */
    uint32_t slot, owner_count;
    uint32_t place;     /* STORED */
    keel_frame_t frame; /* RESIDENT */
};

struct page_counts {
    uint32_t resident, resident_most;
    uint32_t held, held_most; /* pages whose contents are kept somewhere, in a frame or in the store */
    uint64_t stored, brought_back, copied, taken_over;
};
extern struct page_counts page_counts;
extern struct page pages[PAGES_MAX]; /* 0 stays unused: it means none */

void pages_lock(void);
void pages_unlock(void);

/* All under the lock. A new page, ABSENT, with one owner; 0: there is none left. */
uint16_t page_new(uint32_t slot, bool shared);
/* An owner less; the last one's page ends. */
void page_drop(uint16_t number);
/* Gives the page a frame with its contents, for a process of `program`. Another page may lose its own. False:
 * there is no memory. */
bool page_frame(uint16_t number, const struct program *program);
/* A new page with the contents of this one, RESIDENT; 0: there is no memory. */
uint16_t page_copy(uint16_t number, const struct program *program);

/* pages.c, for evict.c. RESIDENT and STORED pages count as held. */
void page_set_state(struct page *page, enum page_state state);
void page_release_frame(struct page *page);
/* evict.c: takes the page out of one address space: nobody touches it there without a fault, and it is known
 * whether anybody wrote to it. */
void page_unmap(uint16_t number, const struct process *process);
/* A frame within the budget, zeroed. False: there is none, and no page can be evicted. */
bool evict_for_frame(keel_frame_t *frame);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which page loses its frame when another needs one, and how. See pages.h.
 */
#include "pages.h"

static uint16_t clock_hand;
static struct page_contents scratch; /* under the lock */

/* Has a program touched the page since it was mapped or since the last look? The look takes every owner's
 * mark off. */
static bool accessed(uint16_t number)
{
    uint64_t touched = 0;
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *process = &processes[i];
        uint64_t aged = 0;
        if (process->state == PROCESS_RUNNING && process->slots[pages[number].slot].page == number &&
            keel_space_age(process->space, slot_address(pages[number].slot), 1, KEEL_ACCESSED, &aged) ==
                KEEL_OK) {
            touched += aged;
        }
    }
    return touched != 0;
}

/* The right to write goes first, so that no write can come after the look at the dirty bit. */
void page_unmap(uint16_t number, const struct process *process)
{
    uint64_t va = slot_address(pages[number].slot), count;
    struct keel_mapping mapping;
    (void)keel_space_protect(process->space, va, 1, KEEL_READ, &count);
    if (keel_space_query(process->space, va, &mapping) == KEEL_OK) {
        pages[number].modified |= mapping.dirty != 0;
        (void)keel_space_unmap(process->space, va, 1, &count);
    }
}

/* Takes the page out of every address space. */
static void withdraw(uint16_t number)
{
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i].state == PROCESS_RUNNING && processes[i].slots[pages[number].slot].page == number) {
            page_unmap(number, &processes[i]);
        }
    }
}

/* Takes the page's frame away. False: its contents cannot be kept anywhere else. */
static bool evict(uint16_t number)
{
    struct page *page = &pages[number];
    withdraw(number);
    if (!page->modified) {
        page_release_frame(page);
        page_set_state(page, PAGE_ABSENT);
        return true;
    }
    if (keel_frame_read(page->frame, 0, &scratch, sizeof(scratch)) != KEEL_OK ||
        !store_put(&scratch, &page->place)) {
        return false; /* the next one who touches it finds it here */
    }
    page_release_frame(page);
    page_set_state(page, PAGE_STORED);
    page_counts.stored++;
    return true;
}

/* The clock algorithm: a page that was touched since the hand came by gets another turn; one that was not is
 * evicted. In the last turn any page is: other CPUs may touch pages as fast as the hand comes by. */
static bool evict_one(void)
{
    for (uint32_t looks = 0; looks < 3 * PAGES_MAX; looks++) {
        clock_hand = (uint16_t)((clock_hand + 1u) % PAGES_MAX);
        if (pages[clock_hand].state != PAGE_RESIDENT || (looks < 2 * PAGES_MAX && accessed(clock_hand))) {
            continue;
        }
        if (evict(clock_hand)) {
            return true;
        }
    }
    return false;
}

bool evict_for_frame(keel_frame_t *frame)
{
    while (page_counts.resident >= BUDGET || keel_frame_alloc(frame) != KEEL_OK) {
        if (!evict_one()) {
            return false;
        }
    }
    page_counts.resident++;
    if (page_counts.resident > page_counts.resident_most) {
        page_counts.resident_most = page_counts.resident;
    }
    return true;
}

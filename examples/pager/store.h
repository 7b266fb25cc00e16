/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where pages go that have no frame: this kernel's swap device, in its own memory. A page is kept as runs of
 * equal words, so it takes an eighth of a frame at most; a page that needs more is not taken.
 */
#ifndef PAGER_STORE_H
#define PAGER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_WORDS     512u
#define STORE_RUNS_MAX 32u

struct page_contents {
    uint64_t words[PAGE_WORDS];
};

/* Keeps the contents; `place` gets where. False: they do not compress, or the store is full. */
bool store_put(const struct page_contents *contents, uint32_t *place);
void store_get(uint32_t place, struct page_contents *contents);
void store_drop(uint32_t place);

#endif

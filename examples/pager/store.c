/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See store.h. Called under the lock of pages.h.
 */
#include "store.h"

#define PLACES 512u

struct run {
    uint64_t word;
    uint32_t count;
};

struct place {
    uint32_t run_count; /* 0: free */
    struct run runs[STORE_RUNS_MAX];
};

static struct place places[PLACES];

/* The contents as runs. False: there are too many. */
static bool compress(const struct page_contents *contents, struct place *place)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < PAGE_WORDS; i++) {
        if (count > 0 && place->runs[count - 1].word == contents->words[i]) {
            place->runs[count - 1].count++;
        } else if (count == STORE_RUNS_MAX) {
            return false;
        } else {
            place->runs[count] = (struct run){.word = contents->words[i], .count = 1};
            count++;
        }
    }
    place->run_count = count;
    return true;
}

bool store_put(const struct page_contents *contents, uint32_t *where)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        if (places[i].run_count == 0) {
            *where = i;
            return compress(contents, &places[i]);
        }
    }
    return false;
}

void store_get(uint32_t where, struct page_contents *contents)
{
    const struct place *place = &places[where];
    uint32_t next = 0;
    for (uint32_t i = 0; i < place->run_count; i++) {
        for (uint32_t j = 0; j < place->runs[i].count; j++) {
            contents->words[next++] = place->runs[i].word;
        }
    }
}

void store_drop(uint32_t where)
{
    places[where].run_count = 0;
}

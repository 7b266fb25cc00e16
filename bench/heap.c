/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heap: pairs of allocation and release.
 */
#include "keel/keel.h"

#include "kernel.h"
#include "measure.h"

static void run_64(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        void *pointer = NULL;
        must(keel_heap_alloc(64, 16, &pointer), "heap_alloc");
        use_memory(pointer);
        (void)keel_heap_free(pointer);
    }
}

const struct measure heap_measures[] = {
    {.name = "heap_64", .things = 1, .operations = 50000, .run = run_64},
    {.name = NULL},
};

/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a harness has its tasks share without order, as clients may: ThreadSanitizer is told, where it is
 * there.
 */
#ifndef FUZZ_BENIGN_H
#define FUZZ_BENIGN_H

#include <stddef.h>

__attribute__((weak)) void AnnotateBenignRaceSized(const char *file, int line, const volatile void *address,
                                                   size_t size, const char *what);

/* Whoever races for these bytes, it is the harness's own race. Before a run; once is enough. */
static inline void benign_race(const volatile void *address, size_t size)
{
    if (AnnotateBenignRaceSized != NULL) {
        AnnotateBenignRaceSized(__FILE__, __LINE__, address, size, "the harness's");
    }
}

#endif

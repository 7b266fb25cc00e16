/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A measure: one thing that is done again and again, Keel's or a peer's. Each file of measures ends in one
 * list; bench.c names the lists.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>

struct measure {
    const char *name;
    uint64_t things;         /* what one operation handles (pages, ...): figures are for one of them */
    uint64_t operations;     /* of one timed repetition */
    void (*prepare)(void);   /* once, before the first run; may be NULL */
    void (*run)(uint64_t n); /* n operations; leaves everything as it found it */
};

/* A list ends with a measure without a name. */
extern const struct measure bulk_measures[], call_measures[], copy_measures[], frame_measures[],
    heap_measures[], peer_measures[], space_measures[];

/* Mapped pages for the measures that need some: a space of their own, active, with one frame mapped readable
 * and writable at every page of [va, va + page_count pages). */
struct bench_space {
    uint64_t handle; /* of the space */
    uint64_t frame;  /* handle of the frame */
};
struct bench_space bench_space_make(uint64_t va, uint64_t page_count);

/* Makes the compiler believe that `pointer`'s memory is used. */
static inline void use_memory(void *pointer)
{
    __asm__ volatile("" : : "r"(pointer) : "memory");
}

#endif

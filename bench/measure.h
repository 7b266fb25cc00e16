/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A measure: one thing that is done again and again, Keel's or a peer's. Each file of measures ends in one
 * list; the kernels, memory.c and tasks.c, name their lists.
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

/* A list ends with a measure without a name. Those of memory.c, of tasks.c, of both: */
extern const struct measure bulk_measures[], call_measures[], copy_measures[], frame_measures[],
    heap_measures[], peer_measures[], space_measures[];
extern const struct measure ck_measures[], lock_measures[], lock_peer_measures[], switch_measures[],
    switch_peer_measures[];
extern const struct measure yardstick_measures[];

/* Does what report.py asks for on the command line, with the measures of `lists` (which NULL ends), and
 * prints it as words:
 *
 *   bench.policy=default|fair  injects the policies of services/ first; fair: with that scheduler
 *   bench.time=A,B,...         runs the measures in turn: "time NAME NS", nanoseconds of one thing
 *   bench.repetitions=N        does so N times (default: 11)
 *   bench.count=A              prepares and runs measure A, for callgrind to count: "counted THINGS
 *                              FLUSHES PAGES" say what was handled, and the flushes of the whole run
 *   bench.scale=N              does so with N times its operations (default: 1)
 */
void bench_run(const struct measure *const *lists);

/* Nanoseconds of the host, from an unknown beginning. */
uint64_t bench_time(void);

/* Mapped pages for the measures that need some: a space of their own, active, with one frame mapped readable
 * and writable at every page of [va, va + page_count pages). */
struct bench_space {
    uint64_t handle; /* of the space */
    uint64_t frame;  /* handle of the frame */
};
struct bench_space bench_space_make(uint64_t va, uint64_t page_count);

/* A task that runs `entry` beside the caller. */
struct bench_partner {
    uint64_t handle; /* of the task */
};
struct bench_partner bench_partner_start(void (*entry)(uint64_t n), uint64_t n);
/* Waits for its end. */
void bench_partner_join(struct bench_partner partner);

/* `run` on two CPUs at once, by the caller and by a task, or by the caller and a thread of the host's, where
 * the caller is held against locks of the host. Both begin together; returns when both have ended. */
void bench_both(void (*run)(uint64_t n), uint64_t n);
void bench_host_both(void (*run)(uint64_t n), uint64_t n);

/* A symbol of a shared library, as the function that `function` points to is one. Gives up if it is not
 * there. */
void bench_find(void *library, const char *name, void *function);
void *bench_load(const char *file);

/* Makes the compiler believe that `pointer`'s memory is used. */
static inline void use_memory(void *pointer)
{
    __asm__ volatile("" : : "r"(pointer) : "memory");
}

#endif

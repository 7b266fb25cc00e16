/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tests of a client's code. A test is a function that runs as the first task of a fresh hosted machine, in
 * the place of the kernel's keel_main. Around it the frame boots the machine; afterwards it looks whether
 * anything that the test made is left (handles, tasks, frames, heap memory), audits the whole machine, and
 * fails the test for what the machine or a sanitizer has seen.
 *
 * Static variables live on from test to test: a test sets those that it uses.
 */
#ifndef KEEL_TEST_TEST_H
#define KEEL_TEST_TEST_H

#include <stddef.h>

#include "keel_test/bodies.h"
#include "keel_test/checks.h"

/* Zero means the default wherever one is named. */
struct keel_test {
    const char *name;
    void (*body)(void);
    uint64_t ram_size;        /* bytes, whole pages; default 16 MiB, 1 MiB where it explores */
    unsigned cpus;            /* 1..8; default 2 */
    const char *command_line; /* NULL: none */
    const void *initrd;       /* NULL: none */
    size_t initrd_size;
    unsigned seeds;       /* this many more runs, randomly interleaved, with seeds 1, 2, ... */
    bool explore;         /* every schedule within `bound` preemptions (keel_test/race.h); nothing else */
    unsigned bound;       /* 0 is no preemption, and switches only where a CPU waits */
    bool devices;         /* it explores with PCI and remapping units, which other tests have anyway */
    bool lends_slabs;     /* a slab allocator is injected, and may keep empty slabs at the end */
    bool leaves_things;   /* no look for what is left */
    uint32_t lock_orders; /* circles in the order of locks that the test means to make */
};

/* The first fields of an entry: `{KEEL_TEST(function), .seeds = 4}`. */
#define KEEL_TEST(function) .name = #function, .body = (function)

/* For main(): runs the tests, or what ./keel explore asks for; answers the exit status. An argument picks
 * those whose name matches it ("put_*"). UNIT_SEED=n in the environment runs seed n alone; UNIT_STOP=1 ends
 * the program at the first failure; UNIT_BOUND=n explores within n preemptions at most; UNIT_STORES=n has
 * each CPU keep back up to n atomic stores. */
#define keel_test_main(tests, argc, argv)                                                                    \
    keel_test_main_of((tests), sizeof(tests) / sizeof((tests)[0]), (argc), (argv))
int keel_test_main_of(const struct keel_test *tests, size_t count, int argc, char **argv);

#endif

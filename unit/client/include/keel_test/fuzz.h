/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz targets of a client's code, for libFuzzer and AFL++. The target defines `keel_fuzzer`; its body runs
 * as the first task of a fresh hosted machine for each input, in the place of the kernel's keel_main, and
 * makes of the input what it likes: calls of the client's functions, bytes for a parser, what a device or a
 * user program does. A failed check, anything that is left afterwards (handles, tasks, frames, heap memory),
 * a violation that the audit or the machine finds, a sanitizer's report, a deadlock or a livelock is a
 * finding.
 *
 * The frame takes the input's first two bytes for itself: the interleaving of the CPUs (0: switches only
 * where a CPU waits), and, from 128 on, little memory, so that KEEL_E_NO_MEMORY comes. An input is always run
 * the same way. Static variables live on from input to input: the body sets those that it uses.
 */
#ifndef KEEL_TEST_FUZZ_H
#define KEEL_TEST_FUZZ_H

#include <stddef.h>

#include "keel_test/bodies.h"
#include "keel_test/checks.h"

/* Zero means the default wherever one is named. */
struct keel_fuzzer {
    void (*body)(void);
    uint64_t ram_size;  /* bytes, whole pages, where memory is not little; default 2 MiB */
    unsigned cpus;      /* 1..8; default 2 */
    bool lends_slabs;   /* as in struct keel_test */
    bool leaves_things; /* likewise */
};

extern const struct keel_fuzzer keel_fuzzer;

/* The input from the third byte on, each byte once; zeroes past its end. */
size_t fuzz_left(void);
uint8_t fuzz_byte(void);
/* Little-endian, of 1 to 8 bytes. */
uint64_t fuzz_number(unsigned size);
/* Copies at most `size` bytes, and answers how many there were. */
size_t fuzz_bytes(void *buffer, size_t size);

/* KEEL_PRINT is in the environment (./keel replay): whether the body may say what it makes of the input. */
bool fuzz_prints(void);

#endif

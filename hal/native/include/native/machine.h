/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The native machine as those see it who start it and measure it.
 */
#ifndef NATIVE_MACHINE_H
#define NATIVE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define NATIVE_CPU_MAX 8u

struct native_config {
    uint64_t ram_size;  /* bytes, whole pages, at least 1 MiB */
    unsigned cpu_count; /* 1..NATIVE_CPU_MAX */
    /* Timer interrupts reach tasks that run. Without, timers fire only where a CPU waits, and a run on one
     * CPU executes the same instructions each time. */
    bool ticks;
    const char *command_line; /* or NULL */
};

/* Boots the kernel on the calling thread; the process ends with the machine. */
_Noreturn void native_run(const struct native_config *config);

/* Flushes that were made so far, on all CPUs together. Exact where no other CPU flushes meanwhile. */
struct native_flushes {
    uint64_t operations; /* range flushes, full flushes and loads of a root */
    uint64_t pages;      /* named by range flushes */
};
struct native_flushes native_flushes(void);

#endif
